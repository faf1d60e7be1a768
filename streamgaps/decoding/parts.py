"""Long strings -> shorter ones, for ijson: it never has more than a part of a string.

The parser in ijson collects a string before it gives it, in a buffer that doubles, and does not look whether there is
memory for it: where there is none, the process dies. And it collects what nobody wants. So what it is given of a long
string has the string end and begin again, as the next of its kind: in `{"a": "12` and `34"}` a value becomes
`{"a": "12","":"34"}`, an item of an array `["12","34"]`, and a key `{"12":0,"34": 5}`. ijson checks all of it as
before, and whoever wants the string puts it together again.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from streamgaps.decoding.refused import BLANK, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.decoding.fence import Block

__all__ = ["LONGEST_PART", "Parts"]

LONGEST_PART = 256 * 1024
"""How long a string may be that is given whole, and a part of one; up to a block more."""

_IN_ARRAY = b'","', 0
_IN_VALUE = b'","":"', 1
_IN_KEY = b'":0,"', 1


class Parts:
    """The input in pieces in which no string is long: to be iterated once.

    Whoever takes ijson's events must ask for the rest of each string, unless he takes no notice of any event up to the
    end of the array or object that it is in.

    Args:
        blocks: the input. The next one is taken when all events of the one before are.
        longest: how long a part may be.
        opened: the brackets that are open where the blocks begin.
    """

    def __init__(self, blocks: Iterable[Block], longest: int = LONGEST_PART, *, opened: bytes = b"") -> None:
        self._longest = longest
        self._opened = opened
        self._fillers: int | None = None
        self._pieces = self._cut(blocks)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    @property
    def is_cut(self) -> bool:
        """Whether the string whose event came last goes on."""
        return self._fillers is not None

    def rest(self, events: Iterator[tuple[str, Any]]) -> Iterator[str]:
        """Take the events of the further parts of the string whose event came last; yield these parts."""
        while self._fillers is not None:
            _, part = next(islice(events, self._fillers, None))
            yield part

    def _cut(self, blocks: Iterable[Block]) -> Iterator[bytes]:
        waiting: list[bytes] = []
        try:
            yield from self._parts(blocks, waiting)
        except RefusedError:
            if waiting:  # what is wrong in there comes first
                yield b"".join(waiting)
            raise

    def _parts(self, blocks: Iterable[Block], waiting: list[bytes]) -> Iterator[bytes]:
        size = passed = 0
        begin: Block | None = None
        for block in blocks:
            waiting.append(block.data)
            size += len(block.data)
            goes_on = block.start.in_string and b'"' not in block.plain
            if not goes_on:
                begin = block
                self._opened = _still_open(self._opened, block.brackets)
            elif size < min(passed, self._longest):
                continue  # with each piece the parser looks at the whole of an unfinished string again
            piece, held = _whole_characters(b"".join(waiting))
            self._fillers = None
            # A string that is the whole input cannot begin again.
            if goes_on and begin is not None and self._opened and passed + size > self._longest:
                filler, self._fillers = self._filler(begin)
                piece, passed = filler + piece, 0
            passed = passed + size if goes_on else size
            if piece:  # to ijson, nothing is the end
                yield piece
            waiting[:], size = [held] * bool(held), len(held)

    def _filler(self, begin: Block) -> tuple[bytes, int]:
        """Return what ends the string that is open behind a block, and begins one; and how many events this gives."""
        before = begin.data[: begin.plain.rfind(b'"')].rstrip(BLANK)[-1:] or begin.start.before
        if before == b":":
            return _IN_VALUE
        return _IN_ARRAY if self._opened.endswith(b"[") else _IN_KEY


def _still_open(opened: bytes, brackets: bytes) -> bytes:
    """Return the brackets that are open behind some more."""
    still = bytearray(opened)
    # What opens and closes at once changes nothing; of records little is left.
    for bracket in brackets.replace(b"{}", b"").replace(b"[]", b""):
        if bracket in b"[{":
            still.append(bracket)
        else:
            del still[-1:]
    return bytes(still)


def _whole_characters(data: bytes) -> tuple[bytes, bytes]:
    """Split off a character of UTF-8 that goes on in the next block."""
    for length in range(1, min(4, len(data) + 1)):
        first = data[-length]
        if first & 0xC0 != 0x80:  # noqa: PLR2004 -- not one of the further bytes of a character
            needed = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)  # noqa: PLR2004 -- as UTF-8 is made
            return (data[:-length], data[-length:]) if length < needed else (data, b"")
    return data, b""
