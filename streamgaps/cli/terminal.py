"""Texts from outside -> texts that a terminal shows, and does not obey."""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from streamgaps import system
from streamgaps.exceptions import OutputError, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["print_out", "printable", "printable_json", "shown_on_terminal"]

# Control characters, C1 ones too, and what reverses the direction of text: a terminal obeys them.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Make control characters visible, so that a text from outside stays on its line and in its place."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def printable_json(text: str) -> str:
    """Write them as escapes where they stand in JSON, which then means the same; the ends of lines stay."""
    return _UNPRINTABLE.sub(lambda found: "\n" if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def shown_on_terminal(file: BinaryIO) -> BinaryIO:
    """Return a file that passes JSON Lines on to a terminal, printable."""
    return cast("BinaryIO", _Terminal(file))


def print_out(pieces: Iterable[str]) -> None:
    """Write a text to standard output.

    Raises:
        OutputError: it cannot be written, or standard output is closed.
        BrokenPipeError: whoever reads it went away.
    """
    try:
        with io.BufferedWriter(cast("io.RawIOBase", system.standard_file(1, "<stdout>"))) as file:
            for piece in pieces:
                file.write(piece.encode("utf-8", "backslashreplace"))
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"<stdout>: cannot be written: {reason(error)}"
        raise OutputError(message) from error


class _Terminal:
    def __init__(self, file: BinaryIO) -> None:
        self.name = file.name
        self._write: Callable[[bytes], int | None] = file.write
        self._decoder: Any = codecs.getincrementaldecoder("utf-8")()  # what is written may be cut inside a character

    def write(self, data: bytes) -> int:
        rest = printable_json(self._decoder.decode(data)).encode()
        while rest:
            written = self._write(rest)
            if written is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            rest = rest[written:]
        return len(data)

    def flush(self) -> None:
        """Do nothing: nothing waits here."""
