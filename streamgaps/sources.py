"""What to read -> blocks of bytes."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from streamgaps.exceptions import SourceError, SourceNotFoundError, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BLOCK_BYTES", "Identity", "RegularFile", "Source", "iter_range", "open_range", "open_source", "unchanged"]

_NOT_BYTES = {
    str: "open in text mode; open it in mode 'rb'",
    type(None): "not ready; open it in blocking mode",
}

BLOCK_BYTES = 64 * 1024
"""How much is read at once."""


class Source(NamedTuple):
    """An input that is open.

    Attributes:
        name: what messages call it: its path as given, or `<stream>`.
        blocks: its content, read as it is asked for; raises SourceError where reading fails.
        file: the same for reading in ranges; None if that cannot be, as with a pipe.
    """

    name: str
    blocks: Iterator[bytes]
    file: RegularFile | None = None


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
        blocks = _read_blocks(file, name)
        regular = _regular(name, file)
        yield Source(name, blocks if regular is None else unchanged(blocks, regular), regular)


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


class Identity(NamedTuple):
    """What tells whether a file is the one that it was."""

    device: int
    number: int
    size: int
    modified_ns: int


class RegularFile:
    """A file that can be read in ranges, by several processes.

    Attributes:
        name: its path as given.
        identity: what it was when it was opened.
    """

    def __init__(self, name: str, identity: Identity, file: BinaryIO) -> None:
        self.name = name
        self.identity = identity
        self._file = file

    def read(self, size: int, offset: int) -> bytes:
        """Read up to `size` bytes from a place on.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            return os.pread(self._file.fileno(), size, offset)
        except OSError as error:
            message = f"{self.name}: reading failed at byte {offset}: {reason(error)}"
            raise SourceError(message) from error

    def check_unchanged(self) -> None:
        """Check that the file is still what it was: half of an old and half of a new one is neither.

        Raises:
            SourceError: it changed.
        """
        if self.identity != _identity(self._file):
            message = f"{self.name}: changed while it was read; run again when nothing writes to it any more"
            raise SourceError(message)


def _identity(file: BinaryIO) -> Identity:
    status = os.fstat(file.fileno())
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _regular(name: str, file: BinaryIO) -> RegularFile | None:
    is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    return RegularFile(name, _identity(file), file) if is_regular and hasattr(os, "pread") else None


@contextmanager
def open_range(name: str, identity: Identity, start: int, end: int) -> Iterator[Iterator[bytes]]:
    """Open a file once more, and give a range of it in blocks.

    Raises:
        SourceError: it cannot be opened, or is another file now. Later: it cannot be read.
    """
    with _open(name) as file:
        regular = RegularFile(name, identity, file)
        regular.check_unchanged()
        yield iter_range(regular, start, lambda _: end)


def iter_range(file: RegularFile, start: int, next_end: Callable[[int], int]) -> Iterator[bytes]:
    """Yield a file from a place on, in the blocks in which it would be read from its beginning.

    Args:
        file: what to read.
        start: where to begin.
        next_end: where, at the latest, a block that begins at a given place must end; there, to end altogether.
    """
    offset = start
    while True:
        end = min(next_end(offset), offset - offset % BLOCK_BYTES + BLOCK_BYTES)
        block = file.read(end - offset, offset) if end > offset else b""
        if not block:
            return
        offset += len(block)
        yield block


def unchanged(blocks: Iterator[bytes], file: RegularFile) -> Iterator[bytes]:
    """Pass the blocks on, and check behind the last of them that the file has not changed."""
    yield from blocks
    file.check_unchanged()
