"""Bytes -> items, as many at a time as a block of input holds. msgspec's decoder has its one door here.

A block must be cut where an item ends, and no scanner of ours could find such a place as fast as one can be
guessed. A guess is proved by decoding: if X begins where an item of the array begins, and `[X]` is valid JSON,
then an item ends where X ends. For JSON can be read from left to right in one way only: whoever has read `[X`
is in the same state, whatever follows. A wrong guess gives invalid JSON: it costs time, and never an item.

What msgspec refuses, Python's own `json` decides, item by item: NaN and infinities, lone surrogates, records that
lack a field, and all that is wrong.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from streamgaps.exceptions import MalformedInputError, UnsupportedInputError
from streamgaps.model import Prediction
from streamgaps.stages.exact import State, decode_items, int_limit
from streamgaps.stages.refused import BLANK, BOM, CUT, RefusedError, refused_top_level, too_long

if TYPE_CHECKING:
    from streamgaps.exceptions import InputError
    from streamgaps.stages.exact import Decoded

__all__ = ["GIANT_BYTES", "ArrayReader"]

GIANT_BYTES = 8 * 1024 * 1024
"""How much is collected of an item before its end is in sight; a longer one is left to the reader of events."""

_ANY_SEPARATOR = b"},"
# The end of an item, the comma, the beginning of the next and its first key: as good as never inside an item.
_SEPARATOR = re.compile(rb'\}[ \t\n\r]{0,64},[ \t\n\r]{0,64}\{[ \t\n\r]{0,64}"[^"\\]{0,64}"')
_EIGHT_DIGITS = re.compile(rb"\d{8}")

_FIRST_NON_ASCII = 0x80
_LONGEST_CHARACTER = 4  # bytes of UTF-8

_NOT_FOR_MSGSPEC = (msgspec.MsgspecError, ValueError, RecursionError)
_decode = msgspec.json.Decoder(list[Prediction]).decode


class ArrayReader:
    """Takes the items of a JSON array out of its bytes, as `json.load` would.

    Feed it the input block by block. It keeps what is incomplete: as a rule less than two blocks, and up to 4 MiB, or
    the item under way, where it is hard to tell where an item ends.

    Args:
        max_record_bytes: how long an item may be.
        inside: whether the input begins in the array, where an item begins, and not with it.
        offset: the place in the input of the first byte that it is fed.
        items: how many items there are before it.
        separator: what most likely stands between two items and nowhere else, from the end of the one.

    Attributes:
        offset: the first byte that is not decoded yet; no item is open there.
        items: how many items there are before it.
        separator: as above, or as it was learned since.
    """

    PATIENCE = 256 * 1024
    """How much may wait for a separator before it is decoded item by item."""
    LONGEST_TRY = 1024 * 1024
    """How much is decoded at most of an item that may not be complete."""

    def __init__(
        self,
        *,
        max_record_bytes: int,
        inside: bool = False,
        offset: int = 0,
        items: int = 0,
        separator: bytes = _ANY_SEPARATOR,
    ) -> None:
        self.offset = offset
        self.items = items
        self.separator = separator
        self._max_record_bytes = max_record_bytes
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
    def has_learned(self) -> bool:
        """Whether `separator` was seen between two items."""
        return self.separator != _ANY_SEPARATOR

    @property
    def is_behind_comma(self) -> bool:
        """Whether the byte at `offset` follows the comma between two items."""
        return self._state is State.NEXT and self._error is None

    @property
    def is_clean(self) -> bool:
        """Whether that is so, and all that was fed is decoded."""
        return self.is_behind_comma and not self._size

    @property
    def has_ended(self) -> bool:
        """Whether the array is complete, and nothing follows it."""
        return not self._size and self._state is State.ENDED and self._error is None

    @property
    def error(self) -> InputError | None:
        """Why the items end here; None as long as they may go on."""
        return self._error.as_input_error(self.items) if self._error else None

    def feed(self, block: bytes) -> list[Any]:
        """Take the next block, and return the items that are complete now.

        They are `Prediction`s if all of them can be; else values as `json.load` gives them.
        """
        self._blocks.append(block)
        self._size += len(block)
        if self._state in (State.FIRST, State.NEXT):
            guess = block.rfind(self.separator) if self._size >= self._idle_until else -1
            if guess >= 0:
                items = self._decode_to(guess + self.separator.index(b","))
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
        block = self._blocks[-1].rstrip(BLANK) if self._blocks else b""
        if self._state in (State.FIRST, State.NEXT) and block.endswith(b","):
            return self._decode_to(len(block) - 1)
        return []

    def finish(self) -> list[Any]:
        """Return the last items; the input ends here. `error` is set if the array does not."""
        if self._error:
            return []
        block = self._blocks[-1].rstrip(BLANK) if self._blocks else b""
        if self._state in (State.FIRST, State.NEXT) and block.endswith(b"]"):
            items = self._decode_to(len(block) - 1)
            if items:
                self._state = State.ENDED
                self.offset += self._size  # blanks
                self._keep(b"")
                return items
        return self._decode_each(is_end=True)

    def waits_for_more_than(self, size: int) -> bool:
        """Whether what waits is longer than that, and an object, an array or a string without end so far."""
        return (
            self._size > size
            and self._error is None
            and self._state in (State.FIRST, State.NEXT)
            and self._blocks[0].lstrip(BLANK)[:1] in (b"{", b"[", b'"')
        )

    def take(self) -> bytes:
        """Give away what is waiting, for somebody else to read an item; then `resume`. It begins at `offset`."""
        data = b"".join(self._blocks)
        item = data.lstrip(BLANK)
        self.offset += len(data) - len(item)
        self._keep(b"")
        return item

    def decode_one(self, item: bytes) -> list[Any]:
        """Decode an item that was taken, and whose end is known; feed what is behind it."""
        self._patience, self._idle_until = self.PATIENCE, 0
        try:
            items: list[Any] = _decode(b"[%b]" % item) if _is_for_msgspec(item) else []
        except _NOT_FOR_MSGSPEC:
            items = []
        if not items or len(item) > self._max_record_bytes:
            self._keep(item)
            return self._decode_each(is_end=False)
        self.offset += len(item)
        self.items += 1
        self._state = State.AFTER
        return items

    def resume(self, offset: int, rest: bytes) -> list[Any]:
        """Go on after an item that somebody else has read, which ended at `offset`."""
        self.offset = offset
        self.items += 1
        self._state = State.AFTER
        return self.feed(rest)

    def _keep(self, data: bytes) -> None:
        self._blocks = [data] if data else []
        self._size = len(data)

    def _decode_to(self, end: int) -> list[Any]:
        """Decode what waits up to the comma or bracket at `end` in the last block; nothing if no item ends there."""
        block = self._blocks[-1]
        data = b"".join((b"[", *self._blocks[:-1], memoryview(block)[:end], b"]"))
        if len(data) - 2 > self._max_record_bytes or not _is_for_msgspec(data):
            return []
        try:
            items = _decode(data)
        except _NOT_FOR_MSGSPEC:
            return []
        if not items:
            return []
        if not self.has_learned:
            self._learn_separator(block, block.rfind(b"}", 0, end))
        self.offset += len(data) - 1  # without our brackets, and with the comma or bracket behind it
        self.items += len(items)
        self._state = State.NEXT
        self._keep(block[end + 1 :])
        self._patience = min(max(self.PATIENCE, 2 * len(data)), GIANT_BYTES // 2)
        self._idle_until = 0
        return items

    def _learn_separator(self, data: bytes, at: int) -> None:
        """Learn what follows the end of an item, if all of it is there."""
        found = _SEPARATOR.match(data, at)
        if found:
            self.separator = found[0]

    def _decode_each(self, *, is_end: bool) -> list[Any]:
        """Decode what waits item by item, and keep what is incomplete."""
        data = b"".join(self._blocks)
        self._keep(data)
        if self._state is None:
            data = self._enter(data, is_end=is_end)
        if self._state is None:
            return []
        text, broken = _decode_utf8(data)
        longest = self._max_record_bytes
        is_last = is_end and broken is None
        decoded = decode_items(text, self._state, is_end=is_last, longest=longest, index=self.items)
        self._error = self._what_is_wrong(decoded, text, data, broken, is_end=is_end)
        used = _bytes(text, decoded.at)
        self.offset += used
        self.items += len(decoded.items)
        self._state = decoded.state
        self._keep(data[used:])
        if decoded.items:
            self._patience, self._idle_until = self.PATIENCE, 0
            for end in decoded.ends[-2:]:  # what follows the last item may be cut
                self._learn_separator(data, _bytes(text, end) - 1)
        else:
            # Values take ten times the memory of their text: what is long is left to the reader of events.
            self._patience = 2 * self._size if self._size <= self.LONGEST_TRY else sys.maxsize
        return decoded.items

    def _enter(self, data: bytes, *, is_end: bool) -> bytes:
        """Go into the array, and return what waits there; or say why there is none."""
        if self.offset == 0 and data.startswith(BOM):
            self.offset, data = len(BOM), data[len(BOM) :]
        elif self.offset == 0 and BOM.startswith(data) and not is_end:
            return data
        inside = data.lstrip(BLANK)
        self.offset += len(data) - len(inside)
        self._keep(inside)
        if inside.startswith(b"["):
            self.offset += 1
            self._state = State.FIRST
        elif is_end or (inside and (inside[0] < _FIRST_NON_ASCII or len(inside) >= _LONGEST_CHARACTER)):
            self._error = refused_top_level(inside, self.offset)
        return inside[1:]

    def _what_is_wrong(
        self, decoded: Decoded, text: str, data: bytes, broken: UnicodeDecodeError | None, *, is_end: bool
    ) -> RefusedError | None:
        if decoded.problem is not None:
            at, reason, kind = decoded.problem
            return RefusedError(kind, reason, self.offset + _bytes(text, at))
        if broken is not None and (is_end or not _is_cut(broken)):
            return RefusedError(MalformedInputError, f"invalid UTF-8 ({broken.reason})", self.offset + broken.start)
        if is_end and decoded.state is not State.ENDED:
            return RefusedError(MalformedInputError, CUT, self.offset + len(data))
        used = _bytes(text, decoded.at)
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


def _decode_utf8(data: bytes) -> tuple[str, UnicodeDecodeError | None]:
    """Decode up to the first byte that is not UTF-8, or is only the beginning of a character."""
    try:
        return data.decode(), None
    except UnicodeDecodeError as error:
        return data[: error.start].decode(), error


def _is_cut(error: UnicodeDecodeError) -> bool:
    return error.reason == "unexpected end of data" and error.end == len(error.object)


def _bytes(text: str, end: int) -> int:
    """Return how many bytes the text has up to that character."""
    return end if text.isascii() else len(text[:end].encode())
