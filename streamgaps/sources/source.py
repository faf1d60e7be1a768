"""An input -> blocks of bytes, decompressed."""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from streamgaps import system
from streamgaps.exceptions import InputError, SourceError, SourceNotFoundError, reason
from streamgaps.sources.compressed import LONGEST_MAGIC, compression, decompressed
from streamgaps.sources.inputs import is_url_input, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamgaps.sources.inputs import Input

__all__ = [
    "BLOCK_BYTES",
    "Identity",
    "RegularFile",
    "Source",
    "iter_range",
    "open_range",
    "open_source",
    "standard_input",
    "unchanged",
]

_NOT_BYTES = {
    str: "open in text mode; open it in mode 'rb'",
    type(None): "not ready; open it in blocking mode",
}

BLOCK_BYTES = 64 * 1024
"""How much is read at once."""


class Source(NamedTuple):
    """An input that is open.

    Attributes:
        name: what messages call it; see `name_of`.
        blocks: its content, decompressed, and read as it is asked for; raises SourceError where reading fails, and
            MalformedInputError where decompressing does.
        position: returns how many bytes of the input itself, compressed if it is, were read for the blocks so far.
        file: the same for reading in ranges; None if that cannot be, as with a pipe, or what is compressed or remote.
    """

    name: str
    blocks: Iterator[bytes]
    position: Callable[[], int]
    file: RegularFile | None = None


@contextmanager
def open_source(predictions: Input) -> Iterator[Source]:
    """Open a path or a URL, or take a binary file that is open already; only the former are closed again.

    What is compressed with gzip, bzip2, xz or zstd is decompressed, whatever its name is.

    Raises:
        SourceNotFoundError: the path or the URL does not exist.
        SourceError: it cannot be opened. Later, from the blocks: it cannot be read, or changed meanwhile.
        MalformedInputError: later, from the blocks: it is compressed, and is cut short or damaged.
        ConfigurationError: what it takes to read the URL is not installed.
    """
    if not isinstance(predictions, (str, os.PathLike)):
        name = name_of(predictions)
        with _watched(_regular_behind(predictions, name)) as regular:
            source = _streamed(predictions, name)
            yield source if regular is None else source._replace(blocks=unchanged(source.blocks, regular))
    elif is_url_input(predictions):
        from streamgaps.sources import remote  # noqa: PLC0415 -- many runs never need it

        with remote.open_url(predictions) as file:
            yield _streamed(file, file.name)
    else:
        name = os.fspath(predictions)
        with _opened(name) as file, _watched(_regular(name, file)) as regular:
            yield _streamed(file, name) if regular is None else _local(file, regular)


@contextmanager
def _watched(file: RegularFile | None) -> Iterator[RegularFile | None]:
    """Where an input is refused that somebody has written to meanwhile, say that: it is why, most likely."""
    try:
        yield file
    except InputError:
        if file is not None:
            file.check_unchanged()
        raise


def _streamed(file: BinaryIO, name: str) -> Source:
    content = _Blocks(file, name)
    return Source(name, decompressed(content), content.position)


def _local(file: BinaryIO, regular: RegularFile) -> Source:
    content = _Blocks(file, regular.name)
    if compression(regular.read(LONGEST_MAGIC, 0)) is None:
        return Source(regular.name, unchanged(iter(content), regular), content.position, regular)
    return Source(regular.name, unchanged(decompressed(content), regular), content.position)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    file = _open(name)
    try:
        yield file
    finally:
        with suppress(OSError):  # what is read is read
            file.close()


def _open(name: str) -> BinaryIO:
    try:
        return system.open_to_read(name)
    except FileNotFoundError as error:
        message = f"{name}: there is no such file"
        raise SourceNotFoundError(message) from error
    except (OSError, ValueError) as error:
        message = f"{name}: cannot be opened: {reason(error)}"
        raise SourceError(message) from error


def standard_input() -> BinaryIO:
    """Return the standard input, unbuffered; it stays open when the file is closed.

    Raises:
        SourceError: there is none.
    """
    name = "<stdin>"
    try:
        return system.standard_file(0, name)
    except OSError as error:
        message = f"{name}: cannot be opened: {reason(error)}"
        raise SourceError(message) from error


class _Blocks:
    """The blocks of a file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        # Some files can hand out what has arrived, and need not wait for a whole block.
        self._read = getattr(file, "read1", file.read)
        self._name = name
        self._position = 0

    def position(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                block = self._read(BLOCK_BYTES)
            except (SourceError, MemoryError):
                raise
            except Exception as error:  # a file of the caller's may raise anything, as gzip's and lzma's do
                message = f"{self._name}: reading failed at byte {self._position}: {reason(error)}"
                raise SourceError(message) from error
            if not isinstance(block, bytes):
                message = f"{self._name}: the input is {_NOT_BYTES.get(type(block), 'no binary file')}"
                raise SourceError(message)
            if not block:
                return
            self._position += len(block)
            yield block


class Identity(NamedTuple):
    """What tells whether a file is the one that it was."""

    device: int | None
    number: int | None
    size: int
    modified_ns: int

    def elsewhere(self) -> Identity:
        """Return what of it is the same on another machine."""
        return self._replace(device=None, number=None)

    def matches(self, other: Identity) -> bool:
        """Say whether it may be that of the same file."""
        return self == (other if self.device is not None else other.elsewhere())


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
            return system.pread(self._file.fileno(), size, offset)
        except OSError as error:
            message = f"{self.name}: reading failed at byte {offset}: {reason(error)}"
            raise SourceError(message) from error

    def check_unchanged(self) -> None:
        """Check that the file has not changed: a mix of two versions is neither.

        Raises:
            SourceError: it changed.
        """
        if not self.identity.matches(_identity(_status(self.name, self._file))):
            message = f"{self.name}: changed while it was read; run again when nothing writes to it any more"
            raise SourceError(message)


def _status(name: str, file: BinaryIO) -> os.stat_result:
    try:
        return system.fstat(file.fileno())
    except (OSError, ValueError) as error:
        message = f"{name}: reading failed: {reason(error)}"
        raise SourceError(message) from error


def _identity(status: os.stat_result) -> Identity:
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _regular(name: str, file: BinaryIO) -> RegularFile | None:
    """Return what can be read in ranges, if it can be."""
    status = _status(name, file)
    return RegularFile(name, _identity(status), file) if stat.S_ISREG(status.st_mode) else None


def _regular_behind(file: BinaryIO, name: str) -> RegularFile | None:
    """Return the regular file that standard input is, or what `open` has opened; None if it is anything else.

    No other object is asked for its descriptor: it may be that of something else, and with
    `tempfile.SpooledTemporaryFile` to ask for it writes all of it to the disk.
    """
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    if not isinstance(raw, (system.File, io.FileIO)) or raw.closed:
        return None
    return _regular(name, cast("BinaryIO", raw))


@contextmanager
def open_range(name: str, identity: Identity, start: int, end: int) -> Iterator[Iterator[bytes]]:
    """Open a file once more, and give a range of it in blocks.

    Raises:
        SourceError: it cannot be opened, or is another file now. Later: it cannot be read.
    """
    with _opened(name) as file:
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
