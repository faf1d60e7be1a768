"""Bytes -> items, event by event: slow, but what is ignored takes no memory. ijson has its one door here."""

from __future__ import annotations

import decimal
import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.decoding.exact import EXCERPT
from streamgaps.decoding.fence import end_of_item, follow, refuse
from streamgaps.decoding.locate import KEPT_BYTES, Recent
from streamgaps.decoding.parts import Parts
from streamgaps.decoding.refused import CUT, CUT_RECORD, RefusedError, too_long
from streamgaps.exceptions import SourceError, UnsupportedInputError
from streamgaps.model import Broken

# What this variable names would be loaded first, and may be missing or unfit; the back end is chosen below.
_unwanted = os.environ.pop("IJSON_BACKEND", None)
import ijson  # noqa: E402 -- only now

if _unwanted is not None:
    os.environ["IJSON_BACKEND"] = _unwanted


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from streamgaps.decoding.fence import Block

    Events = Iterator[tuple[str, Any]]

__all__ = ["BACKEND", "CLOSING", "OPENING", "Giant", "parse_events", "read_events", "read_giant", "skip"]

BACKEND = "yajl2_c"
"""The ijson back end. By name: left to itself ijson may choose one that loses data, as the ctypes ones do,
or that takes `+1.5` and `1_000` for numbers, as the one in Python does."""

OPENING = frozenset(("start_map", "start_array"))
"""The events with which an object or array begins."""
CLOSING = frozenset(("end_map", "end_array"))
"""Those with which it ends."""


def read_events(
    blocks: Iterable[bytes], *, fields: Collection[str], max_record_bytes: int, offset: int = 0, index: int = 0
) -> Iterator[Any]:
    """Decode the items of a JSON array, one at a time, as `json.load` would.

    Of an item that is an object only the wanted fields are kept, and of one that is an array nothing.

    Args:
        blocks: the input, in pieces of any size; read as items are asked for.
        fields: the names of the wanted fields.
        max_record_bytes: how long an item may be; it may be found out up to two blocks later.
        offset: the place in the input where the array begins.
        index: how many items there are before it.

    Memory: a few blocks, up to 4 MiB of the item under way, and twice the wanted fields in it.

    Raises:
        SourceError: ijson was installed without its C back end.
        NotAnArrayError: the top-level value is not an array.
        MalformedInputError: after every item before it, what is not JSON or not UTF-8, or an early end.
        UnsupportedInputError: after every item before it, JSON that ijson would read wrongly: lone
            surrogates, NaN and infinities, nesting of more than 1,000 levels, numbers of more than 4,300 digits,
            exponents of 18 digits, items of more than `max_record_bytes`.
    """
    recent = Recent(max_record_bytes, items=index)
    items = _items(Parts(recent.keep(refuse(follow(blocks)))), frozenset(fields))
    try:
        for item in _explained(items, recent.explain):
            recent.items += 1
            yield item
        if not recent.complete:
            words = "the array has no end"
            raise recent.explain(words)
    except RefusedError as refused:
        refused.offset += offset
        raise refused.as_input_error(recent.items) from refused.__cause__


class Giant(NamedTuple):
    """An item that was read out of the middle of an array."""

    item: Any
    end: int
    """The place in the input where it ends; if it is broken, where its line does, or a later place in it."""
    rest: bytes
    """What was read of the input behind it."""
    lines: int
    """How many line feeds are in it."""


def read_giant(
    blocks: Iterable[bytes],
    *,
    fields: Collection[str],
    max_record_bytes: int,
    offset: int,
    index: int,
    line: int | None = None,
    skips_broken: bool = False,
) -> Giant:
    """Read one item, and keep of it what `read_events` keeps.

    Args:
        blocks: the input from the item on; no more is taken than it needs.
        fields: the names of the wanted fields.
        max_record_bytes: how long the item may be.
        offset: the place in the input where it begins.
        index: its place among the items.
        line: the line on which it begins, if that is to be said.
        skips_broken: whether to give a `Broken` where it is no JSON.

    Raises:
        InputError: as for `read_events`.
        SourceError: ijson was installed without its C back end.
    """
    recent = Recent(sys.maxsize)
    keep = 0 if line is None else 4 * KEPT_BYTES if skips_broken else KEPT_BYTES
    tail = _Tail(blocks, max_record_bytes, too_long(index, max_record_bytes), keep=keep)
    items = _items(Parts(recent.keep(refuse(tail.follow()))), frozenset(fields))
    try:
        item = next(_explained(items, recent.explain))
        end = tail.end_of_item()
    except RefusedError as refused:
        # What `json` reads is no broken line, and what is in it no records: it is refused, and not skipped.
        if not skips_broken or refused.kind is UnsupportedInputError:
            if line is not None:
                lines = tail.lines_before(refused.offset)
                refused.line = None if lines is None else line + lines
                refused.reason = refused.reason.replace(CUT, CUT_RECORD)
            refused.offset += offset - len(_BRACKET)
            raise refused.as_input_error(index) from refused.__cause__
        if tail.has_lost_line:
            # What follows the first line was let go, and may hold good records: they are not to be lost silently.
            refused.line = line
            refused.reason = f"{refused.reason}, more than {keep:,} bytes behind the line on which the record begins"
            refused.offset += offset - len(_BRACKET)
            raise refused.as_input_error(index) from refused.__cause__
        first_line = tail.split(0)[1].partition(b"\n")[0]
        item = Broken(refused.reason, first_line[:EXCERPT])
        end = len(_BRACKET) + len(first_line)
    end, rest = tail.split(end)
    return Giant(item, offset - len(_BRACKET) + end, rest, tail.lines - rest.count(b"\n"))


_BRACKET = b"["


class _Tail:
    """Puts a bracket before an item, for ijson to find an array, and remembers the last blocks of it."""

    def __init__(self, blocks: Iterable[bytes], longest: int, too_long: str, *, keep: int) -> None:
        self._source = blocks
        self._keep = keep
        self._longest = longest
        self.too_long = RefusedError(UnsupportedInputError, too_long, len(_BRACKET))
        self.lines = 0
        self._line_end: int | None = None
        self._blocks: deque[bytes] = deque()
        self._first = self._taken = len(_BRACKET)
        self._last: Block | None = None

    def follow(self) -> Iterator[Block]:
        for block in follow(self._take()):
            self._last = block
            passed = block.start.offset if self._taken - self._first > self._keep else 0
            while self._blocks and self._first + len(self._blocks[0]) <= passed:
                self._first += len(self._blocks.popleft())
            yield block

    def _take(self) -> Iterator[bytes]:
        yield _BRACKET
        for block in self._source:
            self._check(self._taken)
            self._blocks.append(block)
            self._taken += len(block)
            self.lines += block.count(b"\n")
            if self._line_end is None and b"\n" in block:
                self._line_end = self._taken - len(block) + block.index(b"\n")
            yield block

    def _check(self, end: int) -> None:
        if end - len(_BRACKET) > self._longest:
            raise self.too_long

    @property
    def has_lost_line(self) -> bool:
        """Whether the end of the first line is no longer known, but was there."""
        return self._line_end is not None and self._line_end < self._first

    def end_of_item(self) -> int:
        """Return where the item ends; ijson has just told so, and has taken no further block."""
        assert self._last is not None  # noqa: S101 -- the item came out of it
        end = self._last.start.offset + end_of_item(self._last)
        self._check(end)
        return end

    def lines_before(self, offset: int) -> int | None:
        """Return how many line feeds there are before a place; None if that is no longer known."""
        if offset <= len(_BRACKET):
            return 0
        return None if offset < self._first else self.lines - self.split(offset)[1].count(b"\n")

    def split(self, end: int) -> tuple[int, bytes]:
        """Return what was taken from there on; or from a little later on, if that is no longer known."""
        end = max(end, self._first)
        return end, b"".join(self._blocks)[end - self._first :]


def parse_events(pieces: Iterator[bytes], explain: Callable[[str], RefusedError]) -> Events:
    """Parse JSON into ijson's events; an unfinished string behind its end is overlooked.

    Args:
        pieces: the input behind `refuse`; the next one is taken when all events of the one before are.
        explain: makes the error out of what ijson says.

    Raises:
        RefusedError: it is not JSON, or none that ijson can read.
        SourceError: ijson was installed without its C back end.
    """
    return _explained(_events(pieces), explain)


def _explained(items: Iterator[Any], explain: Callable[[str], RefusedError]) -> Iterator[Any]:
    try:
        yield from items
    except decimal.InvalidOperation as error:
        refused = explain("an exponent of 18 digits or more")
        refused.kind = UnsupportedInputError  # wherever it is: to `json` it is a number like any other
        raise refused from error
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise explain(_words(error)) from error


def _events(pieces: Iterator[bytes]) -> Events:
    return iter(_backend().basic_parse(_PieceFile(pieces)))


def _items(parts: Parts, wanted: Collection[str]) -> Iterator[Any]:
    """Put items together from events."""
    events = _events(parts)
    next(events, None)  # the beginning of the array
    for event, value in events:
        if event == "start_map":
            yield _object(events, wanted, parts)
        elif event == "start_array":
            skip(events)
            yield []
        elif event != "end_array":
            yield _built(event, value, events, parts)


def _object(events: Events, wanted: Collection[str], parts: Parts) -> dict[str, Any]:
    found = {}
    for event, key in events:
        if event == "end_map":
            break
        if parts.is_cut:
            key = _joined(key, events, parts)  # noqa: PLW2901 -- it was the beginning of the key
        event, value = next(events)  # noqa: PLW2901 -- a key is always followed by its value
        if key in wanted:
            found[key] = _built(event, value, events, parts)
        elif event in OPENING:
            skip(events)
        elif parts.is_cut:
            deque(parts.rest(events), maxlen=0)
    return found


def _joined(begin: str, events: Events, parts: Parts) -> str:
    texts = [begin]
    try:
        texts.extend(parts.rest(events))
        return "".join(texts)
    except MemoryError:
        texts.clear()  # they live as long as the error; to report it takes some memory, too
        raise


def skip(events: Events) -> None:
    """Take the events up to the end of what has just begun."""
    depth = 1
    for event, _ in events:
        if event in OPENING:
            depth += 1
        elif event in CLOSING:
            depth -= 1
            if not depth:
                return


def _built(event: str, value: Any, events: Events, parts: Parts) -> Any:  # noqa: ANN401 -- any JSON value
    """Build the value that begins with an event."""
    builder = ijson.ObjectBuilder()
    depth = 0
    while True:
        if parts.is_cut:
            value = _joined(value, events, parts)
        # What json.load makes of a number with a fraction is a float, and not ijson's Decimal.
        builder.event(event, float(value) if isinstance(value, decimal.Decimal) else value)
        depth += (event in OPENING) - (event in CLOSING)
        if not depth:
            return builder.value
        event, value = next(events)


def _backend() -> Any:  # noqa: ANN401 -- ijson's back ends are modules without types
    try:
        return ijson.get_backend(BACKEND)
    except ImportError as error:
        message = f"ijson's back end {BACKEND} is missing; install ijson from a wheel, or where a C compiler is"
        raise SourceError(message) from error


class _PieceFile:
    """Pieces as the binary file that ijson wants."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        """Return the next piece, of whatever size; `b""` at the end, or if nothing is asked for."""
        return next(self._pieces, b"") if size else b""


def _words(error: Exception) -> str:
    """Return what ijson says, without its drawing of the place."""
    words = error.args[0] if error.args else ""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return text.partition("\n")[0].rstrip(".")
