"""What to read -> blocks of bytes."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from streamgaps.exceptions import SourceError, SourceNotFoundError, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BLOCK_BYTES", "Source", "open_source"]

_NOT_BYTES = {
    str: "open in text mode; open it in mode 'rb'",
    type(None): "not ready; open it in blocking mode",
}

BLOCK_BYTES = 64 * 1024
"""How much is read at once."""


@dataclass(frozen=True)
class Source:
    """An input that is open.

    Attributes:
        name: what messages call it: its path as given, or `<stream>`.
        blocks: its content, read as it is asked for; raises SourceError where reading fails.
    """

    name: str
    blocks: Iterator[bytes]


@contextmanager
def open_source(predictions: str | os.PathLike[str] | BinaryIO) -> Iterator[Source]:
    """Open a path, or take a binary file that is open already; only the former is closed again.

    Raises:
        SourceNotFoundError: the path does not exist.
        SourceError: it cannot be opened. Later, from the blocks: it cannot be read, or changed meanwhile.
    """
    if not isinstance(predictions, (str, os.PathLike)):
        name = getattr(predictions, "name", None)
        name = name if isinstance(name, str) else "<stream>"
        yield Source(name, _read_blocks(predictions, name))
        return
    name = os.fspath(predictions)
    with _open(name) as file:
        before = os.fstat(file.fileno())
        blocks = _read_blocks(file, name)
        yield Source(name, _unchanged(blocks, file, before, name) if stat.S_ISREG(before.st_mode) else blocks)


def _open(name: str) -> BinaryIO:
    try:
        # Unbuffered: blocks are larger than a buffer, which would only copy them once more.
        file = Path(name).open("rb", buffering=0)  # noqa: SIM115 -- the caller closes it
    except FileNotFoundError as error:
        message = f"{name}: there is no such file"
        raise SourceNotFoundError(message) from error
    except (OSError, ValueError) as error:
        message = f"{name}: cannot be opened: {reason(error)}"
        raise SourceError(message) from error
    return cast("BinaryIO", file)


def _read_blocks(file: BinaryIO, name: str) -> Iterator[bytes]:
    # Some files can hand out what has arrived, and need not wait for a whole block.
    read = getattr(file, "read1", file.read)
    offset = 0
    while True:
        try:
            block = read(BLOCK_BYTES)
        except Exception as error:  # a file of the caller's may raise anything, as gzip's and lzma's do
            message = f"{name}: reading failed at byte {offset}: {reason(error)}"
            raise SourceError(message) from error
        if not isinstance(block, bytes):
            message = f"{name}: the input is {_NOT_BYTES.get(type(block), 'no binary file')}"
            raise SourceError(message)
        if not block:
            return
        offset += len(block)
        yield block


def _unchanged(blocks: Iterator[bytes], file: BinaryIO, before: os.stat_result, name: str) -> Iterator[bytes]:
    """Check at the end that the file is the one that was opened: half of an old and half of a new one is neither."""
    yield from blocks
    after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        message = f"{name}: changed while it was read; run again when nothing writes to it any more"
        raise SourceError(message)
