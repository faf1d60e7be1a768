r"""Blocks of a document -> blocks of the arrays in it that a prefix names.

A prefix is what ijson calls so: the names on the way to a value, joined by dots, where `item` stands for any item of
an array. `results.item` are the items of the array in `{"results": [...]}`, `item` those of a top-level array, and
`item.predictions.item` those of several arrays. Names are compared whole: `item` never means a key called "item", and
a dot in a key is written `\.`.

Around the arrays, ijson follows the document, behind the fence; the arrays themselves are for others to parse. ijson
does not tell where in the input its events are. But the fence knows how deep the arrays must lie, and cuts the input
behind each bracket there: what ijson finds has just been passed on. Behind an array a new parser begins, with a lead
that puts it where the array was.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.decoding.events import CLOSING, OPENING, parse_events, skip
from streamgaps.decoding.fence import Block, Place, follow, refuse, split
from streamgaps.decoding.locate import KEPT_BYTES, Recent
from streamgaps.decoding.parts import Parts
from streamgaps.decoding.refused import CUT, RefusedError
from streamgaps.exceptions import (
    ConfigurationError,
    InputError,
    MalformedInputError,
    NotAnArrayError,
    UnsupportedInputError,
)
from streamgaps.fields import parse_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Array", "ArraysUnder", "check_prefix", "first_array", "rest_of_array"]

_ITEM = "item"
_CUT = CUT.replace("array", "document")
_MOST_KEYS = 5  # that a message names
_LONGEST_KEY = 40

_KINDS = {
    "start_map": "an object",
    "start_array": "an array",
    "string": "a text",
    "number": "a number",
    "boolean": "a truth value",
    "null": "null",
}


def check_prefix(prefix: str) -> list[str]:
    """Return the names that a prefix is made of.

    Raises:
        ConfigurationError: it does not name the items of an array.
    """
    names = [*parse_path(prefix)]
    if names[-1] != _ITEM:
        message = (
            f"the prefix {prefix!r} (--prefix) does not end in 'item'; it must name the items of an array, as "
            "'results.item' does"
        )
        raise ConfigurationError(message)
    return names


class Array(NamedTuple):
    """An array in the input."""

    offset: int
    """The place in the input of its `[`."""
    blocks: Iterator[bytes]
    """From that byte up to its `]`, read as it is asked for. Its brackets are counted, and nothing else is checked: if
    it goes wrong, this is something without end, or that ends too early."""


class ArraysUnder:
    """The arrays in a JSON document whose items a prefix names, in order; to be iterated over once.

    Take all blocks of an array before the next array. When there are no more arrays, the document was read to its end,
    and is valid JSON, as far as the arrays are.

    Args:
        blocks: the input, in pieces of any size; read as arrays and their blocks are asked for.
        prefix: the names on the way to the items, joined by dots.
        behind: the place in the input where the blocks begin, behind the `]` of one of the arrays, which somebody else
            has read; None if they are the whole input.

    Attributes:
        items: how many items were read, for the messages of errors; set it as they are.

    Memory: a few blocks, up to 4 MiB of what is around the arrays, and the longest key there; or all of a document that
    is but a text.

    Raises:
        ConfigurationError: the prefix does not name the items of an array.
        SourceError: ijson was installed without its C back end.
        NotAnArrayError: while iterating, at the end: there is no such array.
        MalformedInputError: while iterating: the document is not JSON or not UTF-8, or ends early.
        UnsupportedInputError: while iterating: an object on the way has the same key twice, of which `json.load` would
            keep the last; or what `read_events` cannot read.
    """

    def __init__(self, blocks: Iterable[bytes], prefix: str, *, behind: int | None = None) -> None:
        self.items = 0
        self._prefix = prefix
        self._names = check_prefix(prefix)
        self._depth = len(self._names) - 1
        self._is_behind = behind is not None
        followed = follow(blocks) if behind is None else follow(blocks, _behind(behind, self._depth))
        self._blocks = split(followed, self._depth)
        self._is_open = False

    def __iter__(self) -> Iterator[Array]:
        try:
            while (offset := self._next()) is not None:
                self._is_behind = self._is_open = True
                array = Array(offset, self._take_array())
                yield array
                self._close(array)
        except RefusedError as refused:
            raise refused.as_input_error(self.items) from refused.__cause__

    def _next(self) -> int | None:
        """Follow the document up to the next array, and return its place; None at the end."""
        lead = _lead(self._names) if self._is_behind else b""
        passed = _Passed(lead)
        parts = Parts(passed.keep(refuse(self._blocks, is_array=False)), opened=lead and _opened(self._names))
        events = parse_events(chain([lead], parts) if lead else parts, passed.explain)
        path = _Path(self._names)
        if lead:
            path.find(events, passed, parts)
            next(events)  # the end of the array in the lead
        if path.find(events, passed, parts):
            return passed.end - 1
        passed.check_end()
        if lead:
            return None
        reason = f"there is no array at the prefix {self._prefix!r}{path.hint()}"
        raise RefusedError(NotAnArrayError, reason, 0)

    def _take_array(self) -> Iterator[bytes]:
        yield b"["
        for block in self._blocks:
            self._is_open = block.depth_behind > self._depth
            if block.data:
                yield block.data
            if not self._is_open:
                return

    def _close(self, array: Array) -> None:
        """Make sure that the array was taken to its end."""
        left = sum(map(len, array.blocks))
        if self._is_open or left:
            reason = "the array that begins here was not read to its end"
            raise RefusedError(MalformedInputError, reason, array.offset)


def first_array(blocks: Iterable[bytes], prefix: str) -> int | None:
    """Return the place of the first array that a prefix names, and read no further than the block it begins in.

    None if there is none before the document ends or goes wrong: whoever reads it will be told why.

    Raises:
        ConfigurationError: the prefix does not name the items of an array.
        SourceError: ijson was installed without its C back end.
    """
    try:
        return next(iter(ArraysUnder(blocks, prefix))).offset
    except InputError:
        return None


def rest_of_array(blocks: Iterable[bytes], offset: int, *, is_inside: bool) -> Iterator[bytes]:
    """Yield an array up to its `]`.

    Args:
        blocks: the input from a place on at which an item begins, or the array.
        offset: that place.
        is_inside: whether it is an item that begins there.
    """
    place = Place(offset, int(is_inside), in_string=False, before=b"," if is_inside else b"")
    for block in split(follow(blocks, place), 0):
        if block.data:
            yield block.data
            if block.depth_behind <= 0:
                return


def _behind(offset: int, depth: int) -> Place:
    return Place(offset, depth, in_string=False, before=b"]")


def _lead(names: list[str]) -> bytes:
    """Return a beginning that puts a parser where it stands behind the array."""
    opening = ("[" if name == _ITEM else f"{{{json.dumps(name)}:" for name in names)
    return ("".join(opening) + "]").encode()


def _opened(names: list[str]) -> bytes:
    """Return the brackets that are open behind the array."""
    return b"".join(b"[" if name == _ITEM else b"{" for name in names[:-1])


class _Path:
    """The way to the arrays. What is beside it is skipped, so that all that is open is on it."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._has_come: list[bool] = []
        """For each array and object that is open: whether the way has led on from it."""
        self._is_here = True  # in an object, since the last key
        self._instead: str | None = None
        self._keys: list[str] = []

    def find(self, events: Iterator[tuple[str, Any]], passed: _Passed, parts: Parts) -> bool:
        """Take the events up to the beginning of the next array; return whether there is one."""
        for event, value in events:
            if event == "map_key":
                self._take_key("".join((value, *parts.rest(events))), passed)
            elif event in CLOSING:
                self._has_come.pop()
                self._is_here = True
            elif self._is_here and event == self._wanted:
                if len(self._has_come) == len(self._names) - 1:
                    return True
                self._has_come.append(False)
            else:
                if self._is_here and self._instead is None:
                    self._instead = f"{self._where()} is {_KINDS[event]}"
                if event in OPENING:
                    skip(events)
                deque(parts.rest(events), maxlen=0)
        return False

    @property
    def _wanted(self) -> str:
        return "start_array" if self._names[len(self._has_come)] == _ITEM else "start_map"

    def _where(self) -> str:
        names = self._names[: len(self._has_come)]
        return repr(".".join(names)) if names else "the top level"

    def _take_key(self, key: str, passed: _Passed) -> None:
        if len(self._has_come) == 1 and len(self._keys) <= _MOST_KEYS:
            self._keys.append(key[:_LONGEST_KEY])
        self._is_here = key == self._names[len(self._has_come) - 1]
        if not self._is_here:
            return
        if self._has_come[-1]:
            reason = f"the key {key!r} is given twice in one object, and `json.load` would keep only the last"
            raise RefusedError(UnsupportedInputError, reason, passed.place_of(key))
        self._has_come[-1] = True

    def hint(self) -> str:
        """Say what is there and not an array, or else what there is at the top level."""
        if self._instead:
            return f": {self._instead}"
        if self._names[0] == _ITEM:
            return ""
        more = ", ..." if len(self._keys) > _MOST_KEYS else ""
        keys = ", ".join(map(repr, self._keys[:_MOST_KEYS])) + more
        return f": the top-level object has the keys {keys}" if keys else ": the top-level object is empty"


class _Passed:
    """What a parser was given of the input, to tell where it goes wrong."""

    def __init__(self, lead: bytes) -> None:
        self._kept: list[bytes] | None = [lead]
        self._size = 0
        self._is_end = False
        self._last = Block(b"", b"", b"", Place(0, 0, in_string=False, before=b""))

    @property
    def end(self) -> int:
        """The place behind it."""
        return self._last.start.offset + len(self._last.data)

    def keep(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Pass the blocks on, and keep what may be needed to explain an error."""
        for block in blocks:
            self._last = block
            if not block.data:
                self._is_end = True
                return
            self._size += len(block.data)
            if self._size > KEPT_BYTES:
                self._kept = None
            if self._kept is not None:
                self._kept.append(block.data)
            yield block

    def check_end(self) -> None:
        """Refuse an unfinished string at the end, which ijson overlooks."""
        if self._last.start.in_string:
            words = "a string behind the end of the document"
            raise self.explain(words)

    def explain(self, words: str) -> RefusedError:
        """Say what is wrong in what was passed on last, and where; to the block, if it is far from the beginning.

        Args:
            words: what ijson said, for when no more can be told.
        """
        if self._is_end and not self._last.start.before:
            return RefusedError(MalformedInputError, "nothing in it, where a JSON document must be", self.end)
        unexplained = RefusedError(MalformedInputError, _CUT if self._is_end else words, self._last.start.offset)
        if self._kept is None:
            return unexplained
        document = b"".join(self._kept)
        recent = Recent(sys.maxsize)
        blocks = [Block(document, b"", b"", Place(0, 0, in_string=False, before=b""))]
        if self._is_end:
            blocks.append(Block(b"", b"", b"", Place(len(document), 0, in_string=False, before=b"")))
        deque(recent.keep(blocks), maxlen=0)
        refused = recent.explain(words)
        if refused.reason == words:
            return unexplained
        reason = _CUT if refused.reason == CUT else refused.reason
        return RefusedError(refused.kind, reason, refused.offset + self.end - len(document))

    def place_of(self, key: str) -> int:
        """Return where that key, which has just been read, most likely is."""
        at = self._last.data.rfind(json.dumps(key).encode())
        return self._last.start.offset + max(0, at)
