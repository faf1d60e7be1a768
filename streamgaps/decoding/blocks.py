"""Bytes -> items, as many at a time as a block of input holds. msgspec's decoder has its one door here.

A block must be cut where an item ends, and no scanner of ours could find such a place as fast as one can be
guessed. A guess is proved by decoding: if X begins where an item of the array begins, and `[X]` is valid JSON,
then an item ends where X ends. For JSON can be read from left to right in one way only: whoever has read `[X`
is in the same state, whatever follows. A wrong guess gives invalid JSON: it costs time, and never an item. The same
goes for records that follow one another.

What msgspec refuses, Python's own `json` decides, item by item: NaN and infinities, lone surrogates, records that
lack a field, and all that is wrong.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import msgspec

from streamgaps.decoding.exact import State, int_limit
from streamgaps.decoding.refused import BLANK, BOM, RefusedError, too_long
from streamgaps.exceptions import MalformedInputError, UnsupportedInputError
from streamgaps.model import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Required  # from the type checker; Python has it from 3.11 on

    from streamgaps.decoding.exact import Decoded
    from streamgaps.exceptions import InputError

__all__ = ["GIANT_BYTES", "BlockReader", "Place", "bytes_of", "decode_utf8", "is_cut"]

GIANT_BYTES = 8 * 1024 * 1024
"""How much is collected of an item before its end is in sight; a longer one is left to the reader of events."""

_EIGHT_DIGITS = re.compile(rb"\d{8}")
_NOT_FOR_MSGSPEC = (msgspec.MsgspecError, ValueError, RecursionError)


class Decoders(NamedTuple):
    """What makes predictions of JSON."""

    array: Callable[[bytes], list[Any]]
    """Takes an array of items."""
    records: Callable[[bytes], list[Any]]
    """Takes items that follow one another."""


@lru_cache(maxsize=8)
def _decoders(row: type[Prediction]) -> Decoders:
    array: Any = list[row]  # type: ignore[valid-type]  # the type is made of the user's fields
    return Decoders(msgspec.json.Decoder(array).decode, msgspec.json.Decoder(row).decode_lines)


class Place(TypedDict, total=False):
    """Where a reader begins, and with what; see `BlockReader`."""

    max_record_bytes: Required[int]
    row: type[Prediction]
    inside: bool
    offset: int
    items: int


class BlockReader(ABC):
    """Takes items out of the bytes of an input, as `json.load` would.

    Feed it the input block by block. It keeps what is incomplete: as a rule less than two blocks, and up to 4 MiB, or
    the item under way, where it is hard to tell where an item ends.

    Args:
        max_record_bytes: how long an item may be.
        row: what an item becomes that has what it needs.
        inside: whether an item begins where the input does.
        offset: the place in the input of the first byte that it is fed.
        items: how many items there are before it.

    Attributes:
        offset: the first byte that is not decoded yet; no item is open there.
        items: how many items there are before it.
        line: the line that it is on, counted from 1; None where that says nothing.
    """

    line: int | None = None
    PATIENCE = 256 * 1024
    """How much may wait for the end of an item to be guessed before it is decoded item by item."""
    LONGEST_TRY = 1024 * 1024
    """How much is decoded at most of an item that may not be complete."""

    def __init__(
        self,
        *,
        max_record_bytes: int,
        row: type[Prediction] = Prediction,
        inside: bool = False,
        offset: int = 0,
        items: int = 0,
    ) -> None:
        self.offset = offset
        self.items = items
        self._max_record_bytes = max_record_bytes
        self._decoders = _decoders(row)
        self._state = State.NEXT if inside else None
        self._error: RefusedError | None = None
        self._blocks: list[bytes] = []
        self._size = 0
        self._patience = self.PATIENCE
        self._idle_until = 0

    @property
    def fed(self) -> int:
        """The place in the input behind what was fed last."""
        return self.offset + self._size

    @property
    def is_between(self) -> bool:
        """Whether an item may begin at `offset`: behind the comma between two of an array."""
        return self._state is State.NEXT and self._error is None

    @property
    def is_clean(self) -> bool:
        """Whether that is so, and all that was fed is decoded."""
        return self.is_between and not self._size

    @property
    def error(self) -> InputError | None:
        """Why the items end here; None as long as they may go on."""
        return self._error.as_input_error(self.items) if self._error else None

    @property
    def has_ended(self) -> bool:
        """Whether all that was fed is decoded, and is a whole input."""
        return not self._size and self._state is State.ENDED and self._error is None

    @abstractmethod
    def _guess(self, block: bytes) -> int:
        """Guess where in a block an item ends; return the place of what follows it, or -1."""

    @abstractmethod
    def _decode_to(self, end: int) -> list[Any]:
        """Decode what waits up to what was guessed to follow an item in the last block; nothing if none ends there."""

    @abstractmethod
    def _decode_each(self, *, is_end: bool, is_whole: bool = False) -> list[Any]:
        """Decode what waits item by item, and keep what is incomplete; but not if it is a whole item, or the end.

        What is wrong further than `LONGEST_TRY` in an item is said only then. For to an item without end in sight the
        reader of events may object sooner, and who it is that objects is to depend on how long the item is.
        """

    def feed(self, block: bytes) -> list[Any]:
        """Take the next block, and return the items that are complete now.

        They are `Prediction`s if all of them can be; else values as `json.load` gives them.
        """
        self._blocks.append(block)
        self._size += len(block)
        if self._state in (State.FIRST, State.NEXT):
            guess = self._guess(block) if self._size >= self._idle_until else -1
            if guess >= 0:
                items = self._decode_to(guess)
                if items:
                    return items
                # Guess again when there is twice as much: the time for an item stays proportional to its length.
                self._idle_until = 2 * self._size
            is_long = self._size > self._max_record_bytes
            if self._size < self._patience and not is_long and (guess < 0 or self._size > self.LONGEST_TRY):
                return []
        return self._decode_each(is_end=False)

    def settle(self) -> list[Any]:
        """Return the items that are complete, supposing that the next one begins behind what was fed."""
        return []

    def finish(self) -> list[Any]:
        """Return the last items; the input ends here. `error` is set if it must not."""
        return [] if self._error else self._decode_each(is_end=True)

    def waits_for_more_than(self, size: int) -> bool:
        """Whether what waits is longer than that, and an object, an array or a string without end so far."""
        return (
            self._size > size
            and self._error is None
            and self._state in (State.FIRST, State.NEXT)
            and self._size - self._blanks() > size
            and self._blocks[0].lstrip(BLANK)[:1] in (b"{", b"[", b'"')
        )

    def cut(self, block: bytes, size: int) -> list[bytes]:
        """Cut the next block where the item that waits would become longer than that.

        So whether an item is found to be that long depends on its length, and not on where blocks end.
        """
        if self._size + len(block) <= size:
            return [block]
        room = size + 1 + self._blanks() - self._size
        return [block[:room], block[room:]] if 0 < room < len(block) else [block]

    def _blanks(self) -> int:
        """Count the blanks before the item that waits."""
        return len(self._blocks[0]) - len(self._blocks[0].lstrip(BLANK)) if self._blocks else 0

    def take(self) -> bytes:
        """Give away what is waiting, for somebody else to read an item; then `resume`. It begins at `offset`."""
        data = b"".join(self._blocks)
        item = data.lstrip(BLANK)
        self._pass(data[: len(data) - len(item)])
        self._keep(b"")
        return item

    def decode_one(self, item: bytes) -> list[Any]:
        """Decode an item that was taken, and whose end is known; feed what is behind it."""
        self._patience, self._idle_until = self.PATIENCE, 0
        items = self._decode(self._decoders.array, b"[%b]" % item)
        if not items or len(item) > self._max_record_bytes:
            self._keep(item)
            return self._decode_each(is_end=False, is_whole=True)
        self._pass(item, items=1)
        self._state = self._after_item
        return items

    def resume(self, offset: int, *, lines: int, is_lost: bool) -> None:
        """Go on after an item that somebody else has read; feed what is behind it.

        Args:
            offset: where it ended.
            lines: how many line feeds it had.
            is_lost: whether it did not end, but was found to be no JSON, so that the next line is to be found.
        """
        self._patience, self._idle_until = self.PATIENCE, 0
        self._pass(b"\n" * lines, items=1)
        self.offset = offset
        self._state = State.LOST if is_lost else self._after_item

    def line_of(self, index: int) -> int | None:  # noqa: ARG002 -- for those who know
        """Return the line on which one of the items begins that were returned last; None where that says nothing."""
        return None

    _after_item = State.NEXT
    """Where one is behind an item."""

    def _pass(self, data: bytes, *, items: int = 0) -> None:
        """Go on behind these bytes, which have so many items."""
        self.offset += len(data)
        self.items += items

    def _keep(self, data: bytes) -> None:
        self._blocks = [data] if data else []
        self._size = len(data)

    def _found(self, length: int) -> None:
        """Be as patient as items of this length, together, ask for."""
        self._patience = min(max(self.PATIENCE, 2 * length), GIANT_BYTES // 2)
        self._idle_until = 0

    def _found_none(self) -> None:
        # Values take ten times the memory of their text: what is long is left to the reader of events.
        self._patience = 2 * self._size if self._size <= self.LONGEST_TRY else sys.maxsize

    def _decode(self, decode: Callable[[bytes], list[Any]], data: bytes) -> list[Any]:
        """Decode, or return nothing if that is not for msgspec."""
        if not _is_for_msgspec(data):
            return []
        try:
            return decode(data)
        except _NOT_FOR_MSGSPEC:
            return []

    def _without_bom(self, data: bytes, *, is_end: bool) -> bytes | None:
        """Return what the input begins with behind a byte-order mark and blanks; None if that is not known yet."""
        if self.offset == 0 and data.startswith(BOM):
            self.offset, data = len(BOM), data[len(BOM) :]
        elif self.offset == 0 and BOM.startswith(data) and not is_end:
            return None
        inside = data.lstrip(BLANK)
        self._pass(data[: len(data) - len(inside)])
        self._keep(inside)
        return inside

    def _what_is_wrong(
        self,
        decoded: Decoded,
        text: str,
        data: bytes,
        broken: UnicodeDecodeError | None,
        *,
        is_end: bool,
        furthest: int,
    ) -> RefusedError | None:
        """Say what is wrong with what was decoded, or with what waits behind it."""
        if decoded.problem is not None:
            at, reason, kind, _ = decoded.problem
            return RefusedError(kind, reason, self.offset + bytes_of(text, at))
        used = bytes_of(text, decoded.at)
        if broken is not None and (is_end or not is_cut(broken)) and broken.start - used <= furthest:
            return RefusedError(MalformedInputError, f"invalid UTF-8 ({broken.reason})", self.offset + broken.start)
        if len(data) - used > self._max_record_bytes and decoded.state in (State.FIRST, State.NEXT):
            reason = too_long(self.items + len(decoded.items), self._max_record_bytes)
            return RefusedError(UnsupportedInputError, reason, self.offset + used)
        return None


def _is_for_msgspec(data: bytes) -> bool:
    """Say whether msgspec refuses what `json` refuses.

    In the fields that it ignores, it takes any bytes for text, and numbers too long for Python to convert.
    """
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
    limit = int_limit()
    # Of a number that is too long, this sample has eight digits in a row; of other data, as good as never.
    return not limit or _EIGHT_DIGITS.search(data[:: limit // 8]) is None


def decode_utf8(data: bytes) -> tuple[str, UnicodeDecodeError | None]:
    """Decode up to the first byte that is not UTF-8, or is only the beginning of a character."""
    try:
        return data.decode(), None
    except UnicodeDecodeError as error:
        return data[: error.start].decode(), error


def is_cut(error: UnicodeDecodeError) -> bool:
    """Say whether the text ends inside a character."""
    return error.reason == "unexpected end of data" and error.end == len(error.object)


def bytes_of(text: str, end: int) -> int:
    """Return how many bytes the text has up to that character."""
    return end if text.isascii() else len(text[:end].encode())
