"""The items of a JSON array, by blocks."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from streamgaps.decoding.blocks import BlockReader, bytes_of, decode_utf8
from streamgaps.decoding.exact import State, decode_items
from streamgaps.decoding.refused import BLANK, CUT, RefusedError, refused_top_level
from streamgaps.exceptions import MalformedInputError

if TYPE_CHECKING:
    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.decoding.blocks import Place

__all__ = ["ArrayReader"]

_ANY_SEPARATOR = b"},"
# The end of an item, the comma, the beginning of the next and its first key: as good as never inside an item.
_SEPARATOR = re.compile(rb'\}[ \t\n\r]{0,64},[ \t\n\r]{0,64}\{[ \t\n\r]{0,64}"[^"\\]{0,64}"')

_FIRST_NON_ASCII = 0x80
_LONGEST_CHARACTER = 4  # bytes of UTF-8


class ArrayReader(BlockReader):
    """Takes the items of a JSON array out of its bytes.

    Args:
        separator: what most likely stands between two items and nowhere else, from the end of the one.
        **place: as for `BlockReader`.

    Attributes:
        separator: as above, or as it was learned since.
    """

    def __init__(
        self,
        *,
        separator: bytes = _ANY_SEPARATOR,
        **place: Unpack[Place],
    ) -> None:
        super().__init__(**place)
        self.separator = separator

    _after_item = State.AFTER

    @property
    def has_learned(self) -> bool:
        """Whether `separator` was seen between two items."""
        return self.separator != _ANY_SEPARATOR

    def settle(self) -> list[Any]:
        """Return the items that are complete, supposing that the next one begins behind what was fed."""
        block = self._blocks[-1].rstrip(BLANK) if self._blocks else b""
        if self._state in (State.FIRST, State.NEXT) and block.endswith(b","):
            return self._decode_to(len(block) - 1)
        return []

    def finish(self) -> list[Any]:
        """Return the last items; the input ends here. `error` is set if the array does not."""
        block = self._blocks[-1].rstrip(BLANK) if self._blocks else b""
        if self._error is None and self._state in (State.FIRST, State.NEXT) and block.endswith(b"]"):
            items = self._decode_to(len(block) - 1)
            if items:
                self._state = State.ENDED
                self.offset += self._size  # blanks
                self._keep(b"")
                return items
        return super().finish()

    def _guess(self, block: bytes) -> int:
        found = block.rfind(self.separator)
        return found + self.separator.index(b",") if found >= 0 else -1

    def _decode_to(self, end: int) -> list[Any]:
        """Decode what waits up to the comma or bracket at `end` in the last block; nothing if no item ends there."""
        block = self._blocks[-1]
        data = b"".join((b"[", *self._blocks[:-1], memoryview(block)[:end], b"]"))
        items = [] if len(data) - 2 > self._max_record_bytes else self._decode(self._decoders.array, data)
        if not items:
            return []
        if not self.has_learned:
            self._learn_separator(block, block.rfind(b"}", 0, end))
        self.offset += len(data) - 1  # without our brackets, and with the comma or bracket behind it
        self.items += len(items)
        self._state = State.NEXT
        self._keep(block[end + 1 :])
        self._found(len(data))
        return items

    def _learn_separator(self, data: bytes, at: int) -> None:
        """Learn what follows the end of an item, if all of it is there."""
        found = _SEPARATOR.match(data, at)
        if found:
            self.separator = found[0]

    def _decode_each(self, *, is_end: bool, is_whole: bool = False) -> list[Any]:
        data = b"".join(self._blocks)
        self._keep(data)
        if self._state is None:
            data = self._enter(data, is_end=is_end)
        if self._state is None:
            return []
        text, broken = decode_utf8(data)
        furthest = sys.maxsize if is_end or is_whole else self.LONGEST_TRY
        decoded = decode_items(
            text,
            self._state,
            is_end=is_end and broken is None,
            longest=self._max_record_bytes,
            index=self.items,
            furthest=furthest,
        )
        self._error = self._what_is_wrong(decoded, text, data, broken, is_end=is_end, furthest=furthest)
        if self._error is None and is_end and decoded.state is not State.ENDED:
            self._error = RefusedError(MalformedInputError, CUT, self.offset + len(data))
        used = bytes_of(text, decoded.at)
        self._pass(data[:used], items=len(decoded.items))
        self._state = decoded.state
        self._keep(data[used:])
        if decoded.items:
            self._found(0)
            for end in decoded.ends[-2:]:  # what follows the last item may be cut
                self._learn_separator(data, bytes_of(text, end) - 1)
        else:
            self._found_none()
        return decoded.items

    def _enter(self, data: bytes, *, is_end: bool) -> bytes:
        """Go into the array, and return what waits there; or say why there is none."""
        inside = self._without_bom(data, is_end=is_end)
        if inside is None:
            return data
        if inside.startswith(b"["):
            self.offset += 1
            self._state = State.FIRST
        elif is_end or (inside and (inside[0] < _FIRST_NON_ASCII or len(inside) >= _LONGEST_CHARACTER)):
            self._error = refused_top_level(inside, self.offset)
        return inside[1:]
