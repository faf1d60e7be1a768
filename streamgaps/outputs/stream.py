"""Gaps -> a file that is open already, such as standard output: they go there as they come."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from streamgaps.exceptions import OutputError, as_output_error

__all__ = ["Stream"]

_BUFFER_BYTES = 64 * 1024  # less than for files: somebody waits for it


class Stream:
    """A file that is somebody else's, written to in whole lines as long as it works, and then left alone.

    No `io.BufferedWriter`: one that is forgotten writes the rest of its buffer, even after an error.
    """

    def __init__(self, file: BinaryIO) -> None:
        name = getattr(file, "name", None)
        self._what = f"{name if isinstance(name, str) else '<stream>'}: the gaps"
        self._waiting = bytearray()
        self._is_whole = True
        if isinstance(file, io.TextIOBase):
            message = f"{self._what} cannot be written: it is open in text mode; open it in mode 'wb'"
            raise OutputError(message)
        if type(file) is io.BufferedWriter:
            # Standard output is one, and has the same fault.
            with as_output_error(self._what):
                file.flush()
            file = cast("BinaryIO", file.raw)
        self._file = file

    def write(self, data: bytes) -> int:
        """Take data; it is handed on as soon as there is much of it."""
        self._waiting += data
        if len(self._waiting) >= _BUFFER_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Hand on what is waiting.

        Raises:
            OutputError: it failed, or did so before.
            BrokenPipeError: nobody reads it any more.
        """
        if not self._is_whole:
            message = f"{self._what} cannot be written: it has failed before"
            raise OutputError(message)
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            self._is_whole = False  # whatever happens, a signal too
            with as_output_error(self._what):
                self._hand_on(data)
            self._is_whole = True

    def _hand_on(self, data: bytes) -> None:
        """Write all of it; only an unbuffered file says how much of it it has taken."""
        is_raw = isinstance(self._file, io.RawIOBase)
        at = 0
        while at < len(data):
            try:
                written: int | None = self._file.write(data[at : at + _BUFFER_BYTES])
            except TypeError as error:
                message = f"{self._what} cannot be written: it takes no bytes; open it in mode 'wb'"
                raise OutputError(message) from error
            if is_raw and not written:
                message = f"{self._what} cannot be written: it is not ready; open it in blocking mode"
                raise OutputError(message)
            at += written if is_raw and written else _BUFFER_BYTES
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()
