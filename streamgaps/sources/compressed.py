"""Blocks of bytes, compressed or not -> blocks of content.

Not the file classes of the standard library (`gzip.open` and its like): they take a second member that is
damaged for something that may follow, and leave it out without a word.
"""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from streamgaps.exceptions import ConfigurationError, MalformedInputError, UnsupportedInputError, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["LONGEST_MAGIC", "compression", "decompressed"]

_MOST_BYTES = 64 * 1024  # how much is taken, and given, at once
_MEMORY_LOG = 27
_MEMORY_LIMIT = 1 << _MEMORY_LOG  # 128 MiB, twice what `xz -9` needs, and all that `zstd --ultra -22` does

_TOO_MUCH_MEMORY = ("memory usage limit", "too much memory")
_NOT_SUPPORTED = ("unsupported", "dictionary")


class _Decompressor(Protocol):
    """What decompresses one member, as the classes of the standard library do."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """Decompresses one member: zlib's object in the form that those of the other formats have."""

    def __init__(self) -> None:
        import zlib  # noqa: PLC0415 -- only where it is needed

        self._inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: with gzip's head and checksum
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        block = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        # A full block: there may be more to come, even where all input is consumed.
        self.needs_input = len(block) < max_length
        return block


def _gzip() -> tuple[_Decompressor, type[Exception]]:
    import zlib  # noqa: PLC0415 -- only where it is needed, as below

    return _Gzip(), zlib.error


def _bzip2() -> tuple[_Decompressor, type[Exception]]:
    import bz2  # noqa: PLC0415

    return bz2.BZ2Decompressor(), OSError


def _xz() -> tuple[_Decompressor, type[Exception]]:
    import lzma  # noqa: PLC0415

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_LIMIT), lzma.LZMAError


def _zstd() -> tuple[_Decompressor, type[Exception]]:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415
    else:
        from backports import zstd  # noqa: PLC0415

    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _MEMORY_LOG}
    return zstd.ZstdDecompressor(options=options), zstd.ZstdError


class _Format(NamedTuple):
    """A way to compress.

    Attributes:
        name: what messages call it.
        magics: how a member may begin: for each of its first bytes those that may stand there.
        open: returns what decompresses one member, and the error that it raises.
        padding: of how many zero bytes a multiple may stand behind a member; 0 if none may.
    """

    name: str
    magics: tuple[tuple[bytes, ...], ...]
    open: Callable[[], tuple[_Decompressor, type[Exception]]]
    padding: int

    def is_begun(self, head: bytes) -> bool:
        """Say whether a member begins so."""
        return any(len(head) >= len(magic) and _fits(head, magic) for magic in self.magics)

    def may_begin(self, head: bytes) -> bool:
        """Say whether a member could begin so, if there were more of it."""
        return any(len(head) < len(magic) and _fits(head, magic) for magic in self.magics)


def _fits(head: bytes, magic: tuple[bytes, ...]) -> bool:
    return all(byte in allowed for byte, allowed in zip(head, magic, strict=False))


def _each(magic: bytes) -> tuple[bytes, ...]:
    return tuple(magic[at : at + 1] for at in range(len(magic)))


# RFC 1952; bzip2 has no standard, its manual names the bytes; "The .xz File Format"; RFC 8878, where what may be
# skipped ("skippable frames") counts as a member here.
_FORMATS = (
    _Format("gzip", (_each(b"\x1f\x8b"),), _gzip, padding=1),
    _Format("bzip2", ((*_each(b"BZh"), b"123456789"),), _bzip2, padding=0),
    _Format("xz", (_each(b"\xfd7zXZ\0"),), _xz, padding=4),
    _Format(
        "zstd",
        (_each(b"\x28\xb5\x2f\xfd"), (bytes(range(0x50, 0x60)), *_each(b"\x2a\x4d\x18"))),
        _zstd,
        padding=0,
    ),
)

LONGEST_MAGIC = max(len(magic) for form in _FORMATS for magic in form.magics)
"""How many of an input's first bytes always tell whether it is compressed."""


def compression(head: bytes) -> str | None:
    """Return the name of the format of what begins so; None if it is not compressed."""
    form = _format(head)
    return form and form.name


def _format(head: bytes) -> _Format | None:
    return next((form for form in _FORMATS if form.is_begun(head)), None)


def decompressed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress an input if it is gzip, bzip2, xz or zstd, which its first bytes tell; its name does not count.

    Nothing is read before the first block is asked for.

    What is not compressed is passed on in the blocks in which it comes. Of what is compressed no more than 64 KiB are
    given at once, and no more input is taken than that takes; to decompress xz and zstd may take up to 128 MiB of
    memory. All members are read, one after the other, and nothing else may follow them but zero bytes: any number
    after gzip, a multiple of four after xz. When an error is raised, all blocks before it have been given; of the one
    at fault nothing.

    An input that is cut exactly between two members cannot be told from one that is whole. Damage is found by
    checksums; that of zstd is optional, though the program `zstd` writes it.

    Raises:
        MalformedInputError: the data is cut short or damaged, or something else follows it.
        UnsupportedInputError: it takes too much memory, or its library cannot do it.
        ConfigurationError: this Python lacks the module for the format.
    """
    blocks = iter(blocks)
    head = b""
    for block in blocks:
        head += block
        if not any(form.may_begin(head) for form in _FORMATS):
            break
    whole = chain([head] if head else [], blocks)
    form = _format(head)
    yield from whole if form is None else _members(form, _Input(whole))


class _Input:
    """The compressed bytes.

    Attributes:
        taken: how many were taken.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._pieces = (block[at : at + _MOST_BYTES] for block in blocks for at in range(0, len(block), _MOST_BYTES))
        self._returned = b""
        self.taken = 0

    def take(self) -> bytes:
        """Take the next piece; nothing at the end."""
        piece = self._returned or next(self._pieces, b"")
        self._returned = b""
        self.taken += len(piece)
        return piece

    def give_back(self, data: bytes) -> None:
        """Have the end of what was taken last be taken next."""
        self._returned = data
        self.taken -= len(data)


def _members(form: _Format, data: _Input) -> Iterator[bytes]:
    yield from _member(form, data)
    while _has_another(form, data):
        yield from _member(form, data)


def _member(form: _Format, data: _Input) -> Iterator[bytes]:
    decompressor, refusal = _open(form)
    at = data.taken
    while not decompressor.eof:
        piece = b""
        if decompressor.needs_input:
            at = data.taken
            piece = data.take()
            if not piece:
                raise _cut(form, data)
        try:
            block = decompressor.decompress(piece, _MOST_BYTES)
        except refusal as error:
            raise _refused(form, at, error) from error
        if block:
            yield block
    data.give_back(decompressor.unused_data)


def _open(form: _Format) -> tuple[_Decompressor, type[Exception]]:
    try:
        return form.open()
    except ImportError as error:
        message = f"to read {form.name} data takes the module {error.name}, which this Python lacks; install it"
        raise ConfigurationError(message) from error


def _has_another(form: _Format, data: _Input) -> bool:
    """Say whether another member follows."""
    head = _behind_padding(form, data) if form.padding else data.take()
    while form.may_begin(head) and (more := data.take()):
        head += more
    data.give_back(head)
    if form.may_begin(head) and head:
        data.take()
        raise _cut(form, data)
    if head and not form.is_begun(head):
        message = f"what follows the {form.name} data, from byte {data.taken} of the input on, is no {form.name} data"
        raise MalformedInputError(message)
    return bool(head)


def _behind_padding(form: _Format, data: _Input) -> bytes:
    """Take the next piece without the zero bytes that it begins with."""
    zeros = 0
    head = data.take()
    while head.startswith(b"\0"):
        rest = head.lstrip(b"\0")
        zeros += len(head) - len(rest)
        head = rest or data.take()
    if zeros % form.padding:
        message = (
            f"the {form.name} data is damaged: {zeros} zero bytes follow it, which is no multiple of {form.padding}"
        )
        raise MalformedInputError(message)
    return head


def _cut(form: _Format, data: _Input) -> MalformedInputError:
    message = f"the {form.name} data is cut short after {data.taken} bytes of it; copy or download it again"
    return MalformedInputError(message)


def _refused(form: _Format, at: int, error: Exception) -> MalformedInputError:
    words = reason(error)
    if any(part in words.lower() for part in _TOO_MUCH_MEMORY):
        limit = f"{_MEMORY_LIMIT >> 20} MiB"
        message = f"to decompress the {form.name} data takes more than {limit} of memory; compress it with less"
        return UnsupportedInputError(message)
    if any(part in words.lower() for part in _NOT_SUPPORTED):
        return UnsupportedInputError(f"the {form.name} data cannot be decompressed: {words}")
    return MalformedInputError(f"the {form.name} data is damaged at about byte {at} of it: {words}")
