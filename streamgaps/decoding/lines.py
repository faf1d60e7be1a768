"""Records that follow one another, as in JSON Lines, by blocks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from streamgaps.decoding.blocks import BlockReader, bytes_of, decode_utf8
from streamgaps.decoding.exact import EXCERPT, State, decode_records
from streamgaps.model import Broken

if TYPE_CHECKING:
    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.decoding.blocks import Place
    from streamgaps.decoding.refused import RefusedError

__all__ = ["LinesReader"]


class LinesReader(BlockReader):
    """Takes JSON records out of the bytes in which they follow one another.

    As a rule each is on a line of its own; but several may share a line, and one may take several lines. A record
    is found without delay if its line is complete.

    Args:
        line: the number of the line, from 1 on, on which the first byte is that it is fed.
        skips_broken: whether a line in which something is no JSON gives a `Broken` instead of an error.
        **place: as for `BlockReader`.

    Attributes:
        line: the number of the line that `offset` is on.
    """

    line: int

    def __init__(
        self,
        *,
        line: int = 1,
        skips_broken: bool = False,
        **place: Unpack[Place],
    ) -> None:
        super().__init__(**place)
        self.line = line
        self._skips_broken = skips_broken
        self._latest: list[tuple[range, int, bytes]] = []

    def line_of(self, index: int) -> int | None:
        """Return the line on which one of the records begins that were returned last; or the next one."""
        if index == self.items:
            return self.line
        for items, line, data in self._latest:
            if index in items:
                text, _ = decode_utf8(data)
                starts = decode_records(
                    text, is_end=True, longest=len(data), index=items.start, skips_broken=self._skips_broken
                ).starts
                at = items.index(index)
                return line + text.count("\n", 0, starts[at]) if at < len(starts) else None
        return None

    def feed(self, block: bytes) -> list[Any]:
        """Take the next block, and return the records that are complete now."""
        self._latest = []
        return super().feed(block)

    def finish(self) -> list[Any]:
        """Return the last records; the input ends here. `error` is set if it must not."""
        self._latest = []
        return super().finish()

    def waits_for_more_than(self, size: int) -> bool:
        """Whether what waits is longer than that, and an object, an array or a string without end so far."""
        return super().waits_for_more_than(max(size, EXCERPT))  # so much of a broken line is waited for

    def _pass(self, data: bytes, *, items: int = 0) -> None:
        if items:
            self._latest.append((range(self.items, self.items + items), self.line, data))
        self.line += data.count(b"\n")
        super()._pass(data, items=items)

    def _guess(self, block: bytes) -> int:
        return block.rfind(b"\n")

    def _decode_to(self, end: int) -> list[Any]:
        block = self._blocks[-1]
        data = b"".join((*self._blocks[:-1], memoryview(block)[: end + 1]))
        items = [] if len(data) > self._max_record_bytes else self._decode(self._decoders.records, data)
        if not items:
            return []
        self._pass(data, items=len(items))
        self._keep(block[end + 1 :])
        self._found(len(data))
        return items

    def _decode_each(self, *, is_end: bool, is_whole: bool = False) -> list[Any]:
        self._keep(b"".join(self._blocks))
        if self._state is None:
            if self._without_bom(self._blocks[0] if self._blocks else b"", is_end=is_end) is None:
                return []
            self._state = State.NEXT
        items = self._decode_lines(is_end=is_end, is_whole=is_whole)
        while self._state is State.LOST and self._find_line():
            items += self._decode_lines(is_end=is_end, is_whole=is_whole)
        if is_end and self._error is None:
            self._state = State.ENDED
        return items

    def _find_line(self) -> bool:
        """Go on where the next line begins, if it is there."""
        data = b"".join(self._blocks)
        end = data.find(b"\n") + 1
        if end:
            self._state = State.NEXT
        self._pass(data[: end or len(data)])
        self._keep(data[end or len(data) :])
        return end > 0

    def _decode_lines(self, *, is_end: bool, is_whole: bool) -> list[Any]:
        if self._state is not State.NEXT:
            return []
        data = b"".join(self._blocks)
        text, broken = decode_utf8(data)
        furthest = sys.maxsize if is_end or is_whole else self.LONGEST_TRY
        decoded = decode_records(
            text,
            is_end=is_end and broken is None,
            longest=self._max_record_bytes,
            index=self.items,
            skips_broken=self._skips_broken,
            furthest=furthest,
        )
        wrong = self._what_is_wrong(decoded, text, data, broken, is_end=is_end, furthest=furthest)
        items, used, self._state = decoded.items, bytes_of(text, decoded.at), decoded.state
        if self._state is State.LOST:
            wrong = None  # whatever it is, it is on a line of which a record is broken already
        elif self._skips_broken and _is_at(wrong, broken, self.offset):
            wrong = None
            line = data[used:].partition(b"\n")[0]
            # Else wait until there is enough of the line to be shown.
            if is_end or len(line) >= EXCERPT or len(line) < len(data) - used:
                items = [*items, Broken("invalid UTF-8", line[:EXCERPT])]
                used, self._state = used + len(line), State.LOST
        if wrong is not None:
            wrong.line = self.line + data.count(b"\n", 0, wrong.offset - self.offset)
        self._error = wrong
        self._pass(data[:used], items=len(items))
        self._keep(data[used:])
        if items:
            self._found(0)
        else:
            self._found_none()
        return items


def _is_at(wrong: RefusedError | None, broken: UnicodeDecodeError | None, offset: int) -> bool:
    """Say whether what is wrong is that a text is not UTF-8."""
    return wrong is not None and broken is not None and wrong.offset == offset + broken.start
