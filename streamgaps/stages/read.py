"""Bytes -> items: by blocks, and what is too long for that by events."""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.decoding.array import ArrayReader
from streamgaps.decoding.blocks import GIANT_BYTES
from streamgaps.decoding.exact import EXCERPT
from streamgaps.decoding.lines import LinesReader
from streamgaps.decoding.refused import BLANK, BOM
from streamgaps.fields import DEFAULT, layout_of
from streamgaps.model import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.decoding.blocks import BlockReader
    from streamgaps.fields import Fields

__all__ = ["MAX_RECORD_BYTES", "Format", "Items", "Reader", "Shape", "find_format", "make_reader", "read", "read_with"]

MAX_RECORD_BYTES = 1024 * 1024 * 1024
"""How long an item may be, unless the user says otherwise."""

_MOST_BLANKS = 1024 * 1024
"""Behind so many blanks an input is taken for an array."""


class Reader(str, Enum):
    """How to read."""

    AUTO = "auto"
    """By blocks; items of more than 8 MiB event by event."""
    IJSON = "ijson"
    """All event by event, with ijson."""


class Format(str, Enum):
    """How the records of an input are put together."""

    AUTO = "auto"
    """If it begins with an object, as for `JSONL`; else as for `ARRAY`."""
    ARRAY = "array"
    """One JSON array of them."""
    JSONL = "jsonl"
    """JSON Lines: one after the other, each on a line of its own as a rule."""


class Shape(NamedTuple):
    """What the input looks like, and how it is to be read."""

    format: Format = Format.AUTO
    prefix: str | None = None
    """Where in a JSON document the records are, as ijson names it: `results.item`; None if they are all there is."""
    reader: Reader = Reader.AUTO
    max_record_bytes: int = MAX_RECORD_BYTES
    """How long an item may be."""
    fields: Fields = DEFAULT
    """Which fields are wanted."""
    skips_broken: bool = False
    """Whether, of JSON Lines, a line in which something is no JSON gives a `Broken` instead of an error."""


def read(
    blocks: Iterable[bytes],
    shape: Shape = Shape(),  # noqa: B008 -- it cannot be changed
    *,
    behind: int | None = None,
    index: int = 0,
) -> Items:
    """Decode the items of an input, as `json.load` would, as many at a time as come at once.

    Args:
        blocks: the input, in pieces of any size; read as items are asked for.
        shape: what it looks like.
        behind: the place in the input where the blocks begin, behind an array under the prefix that somebody else has
            read; None if they are the whole input.
        index: how many items were read by then.

    Memory: a few blocks, and the item under way up to 8 MiB; of a longer one the wanted fields and the longest key.
    """
    return Items(iter(blocks), shape, behind, index)


class Items:
    """The items of an input: to be iterated once.

    Yields:
        Lists of items: all of them `Prediction`s of the wanted fields, or values as `json.load` gives them. Of an item
        that is read event by event only the wanted fields are kept.

    Raises:
        NotAnArrayError: the top-level value is not an array, or there is none under the prefix.
        MalformedInputError: after every item before it, what is not JSON or not UTF-8, or an early end.
        UnsupportedInputError: after every item before it, an item of more than `max_record_bytes`, numbers too long
            and nesting too deep for `json`, and what `read_events` cannot read where that is at work.
        SourceError: ijson is needed, and was installed without its C back end.

    Attributes:
        format: what the input was found to be, once it is begun.
    """

    def __init__(self, blocks: Iterator[bytes], shape: Shape, behind: int | None, index: int) -> None:
        self._blocks = blocks
        self._shape = shape
        self._behind = behind
        self._count = index
        self._line_of: Callable[[int], int | None] = _no_line
        self.format = shape.format
        self._batches = self._read()

    def line_of(self, index: int) -> int | None:
        """Return the line of an item that was yielded last; None where that says nothing."""
        return self._line_of(index)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Any]:
        return next(self._batches)

    def _read(self) -> Iterator[list[Any]]:
        shape = self._shape
        if shape.prefix is not None:
            self.format = Format.ARRAY
            yield from self._read_under(shape.prefix)
            return
        self.format, blocks = find_format(self._blocks, shape.format)
        if self.format is Format.ARRAY:
            yield from self._read_array(blocks, 0)
        elif shape.reader is Reader.AUTO:
            reader = make_reader(shape, self.format)
            self._line_of = reader.line_of
            yield from read_with(reader, blocks, shape)
        else:
            records = _Records(blocks, shape)
            self._line_of = records.line_of
            yield from records

    def _read_under(self, prefix: str) -> Iterator[list[Any]]:
        from streamgaps.decoding.prefix import ArraysUnder  # noqa: PLC0415 -- it loads ijson

        arrays = ArraysUnder(self._blocks, prefix, behind=self._behind)
        arrays.items = self._count
        for array in arrays:
            yield from self._read_array(array.blocks, array.offset)
            arrays.items = self._count

    def _read_array(self, blocks: Iterator[bytes], offset: int) -> Iterator[list[Any]]:
        if self._shape.reader is Reader.AUTO:
            reader = make_reader(self._shape, Format.ARRAY, offset=offset, items=self._count)
            yield from read_with(reader, blocks, self._shape)
            self._count = reader.items
            return
        from streamgaps.decoding.events import read_events  # noqa: PLC0415 -- most runs never need it

        for item in read_events(
            blocks,
            fields=layout_of(self._shape.fields).keys,
            max_record_bytes=self._shape.max_record_bytes,
            offset=offset,
            index=self._count,
        ):
            self._count += 1
            yield [item]


def _no_line(_: int) -> int | None:
    return None


def find_format(blocks: Iterator[bytes], wanted: Format) -> tuple[Format, Iterator[bytes]]:
    """Look at how an input begins, if its format is not known; return the format, and the whole input again."""
    if wanted is not Format.AUTO:
        return wanted, blocks
    begin = b""
    for block in blocks:
        begin += block
        inside = begin.removeprefix(BOM).lstrip(BLANK)
        if (inside and not BOM.startswith(begin)) or len(begin) > _MOST_BLANKS:
            break
    inside = begin.removeprefix(BOM).lstrip(BLANK)
    found = Format.JSONL if inside.startswith(b"{") else Format.ARRAY
    return found, chain([begin], blocks) if begin else blocks


def make_reader(shape: Shape, found: Format, **place: Any) -> BlockReader:  # noqa: ANN401 -- numbers and a separator
    """Make a block reader for an input, or, by its arguments, for a part of one."""
    row = layout_of(shape.fields).type
    if found is Format.JSONL:
        return LinesReader(max_record_bytes=shape.max_record_bytes, row=row, skips_broken=shape.skips_broken, **place)
    return ArrayReader(max_record_bytes=shape.max_record_bytes, row=row, **place)


def read_with(
    reader: BlockReader,
    blocks: Iterator[bytes],
    shape: Shape,
    *,
    giant_bytes: int = GIANT_BYTES,
    is_border: Callable[[int], bool] = lambda _: False,
) -> Iterator[list[Any]]:
    """Feed a reader, and yield the items; those that are too long for that are read by events.

    Args:
        reader: what to feed.
        blocks: the input from where the reader is.
        shape: what it looks like.
        giant_bytes: how long an item may be that is not read by events.
        is_border: whether to stop before this byte, if no item is open there or not; a block must end there.
    """
    for block in blocks:
        rest = deque([block])
        while rest:
            first, *others = reader.cut(rest.popleft(), giant_bytes)
            rest.extendleft(reversed(others))
            yield reader.feed(first)
            if reader.waits_for_more_than(giant_bytes):
                behind = yield from _giant(reader, chain(_taken_from(rest), blocks), shape)
                rest.extendleft(reversed(behind))
            if reader.error:
                raise reader.error
        if is_border(reader.fed):
            yield reader.settle()
            return
    yield reader.finish()
    if reader.error:
        raise reader.error


def _taken_from(pieces: deque[bytes]) -> Iterator[bytes]:
    while pieces:
        yield pieces.popleft()


def _giant(reader: BlockReader, blocks: Iterator[bytes], shape: Shape) -> Generator[list[Any], None, list[bytes]]:
    """Yield the item that waits, and return what was taken of the input behind it."""
    from streamgaps.decoding.events import read_giant  # noqa: PLC0415 -- it loads ijson
    from streamgaps.decoding.fence import length_of_item, pieces  # noqa: PLC0415

    waiting = reader.take()
    length = length_of_item(waiting)
    if length is not None:
        yield reader.decode_one(waiting[:length])
        return [*pieces(waiting[length:])]
    collected = pieces(waiting)
    giant = read_giant(
        chain(collected, blocks),  # in pieces: ijson has all events of one in memory at once
        fields=layout_of(shape.fields).keys,
        max_record_bytes=shape.max_record_bytes,
        offset=reader.offset,
        index=reader.items,
        line=reader.line,
        skips_broken=shape.skips_broken and isinstance(reader, LinesReader),
    )
    yield [giant.item]
    reader.resume(giant.end, lines=giant.lines, is_lost=isinstance(giant.item, Broken))
    return [*pieces(giant.rest), *collected]  # of a broken item, not all was looked at


class _Records:
    """JSON Lines, each object read by events; what is no object is no prediction, and is read as by blocks."""

    def __init__(self, blocks: Iterator[bytes], shape: Shape) -> None:
        self._pieces = _Pieces(blocks)
        self._shape = shape
        self._index = 0
        self._offset = 0
        self._line = 1
        self._line_of: Callable[[int], int | None] = _no_line

    def line_of(self, index: int) -> int | None:
        """Return the line on which a record begins that was yielded last."""
        return self._line_of(index)

    def __iter__(self) -> Iterator[list[Any]]:
        for piece in self._pieces:
            inside = piece.lstrip(BLANK) if self._offset or piece != BOM else b""
            self._pass(piece[: len(piece) - len(inside)])
            if not inside:
                continue
            self._pieces.push(inside)
            items = [self._object()] if inside[:1] in (b"{", b"[") else self._others()
            yield items
            self._index += len(items)

    def _pass(self, data: bytes) -> None:
        self._offset += len(data)
        self._line += data.count(b"\n")

    def _object(self) -> Any:  # noqa: ANN401 -- any JSON value
        from streamgaps.decoding.events import read_giant  # noqa: PLC0415 -- it loads ijson

        begin = self._line
        self._line_of = lambda _: begin
        giant = read_giant(
            self._pieces,
            fields=layout_of(self._shape.fields).keys,
            max_record_bytes=self._shape.max_record_bytes,
            offset=self._offset,
            index=self._index,
            line=self._line,
            skips_broken=self._shape.skips_broken,
        )
        self._offset = giant.end
        self._line += giant.lines
        self._pieces.push(giant.rest)
        return self._with_rest_of_line(giant.item) if isinstance(giant.item, Broken) else giant.item

    def _with_rest_of_line(self, broken: Broken) -> Broken:
        """Go on where the next line begins."""
        text = broken.text
        for piece in self._pieces:
            end = piece.find(b"\n") + 1
            if len(text) < EXCERPT:
                text += piece[: (end or len(piece) + 1) - 1]
            self._pass(piece[: end or len(piece)])
            if end:
                self._pieces.push(piece[end:])
                break
        return broken._replace(text=text[:EXCERPT])

    def _others(self) -> list[Any]:
        """Read what is no object and no array, up to the end of a line."""
        place: dict[str, Any] = {"inside": True, "offset": self._offset, "items": self._index, "line": self._line}
        reader = make_reader(self._shape, Format.JSONL, **place)
        self._line_of = reader.line_of
        items: list[Any] = []
        for piece in self._pieces:
            items += reader.feed(piece)
            if reader.error or (items and reader.is_between):
                break
        else:
            items += reader.finish()
        if reader.error and not items:
            raise reader.error
        rest = reader.take()
        self._offset, self._line = reader.offset, reader.line or 0
        self._pieces.push(rest)
        return items


class _Pieces:
    """An input in pieces that end with the line, of which some may be put back."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        from streamgaps.decoding.fence import without_bom  # noqa: PLC0415 -- the way of blocks does not need it

        self._blocks = without_bom(blocks)
        self._ready: deque[bytes] = deque()

    def push(self, data: bytes) -> None:
        """Put back what was not used."""
        if data:
            self._ready.extendleft(reversed(_lines(data)))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._ready:
            self._ready.extend(_lines(next(self._blocks)))
        return self._ready.popleft()


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)  # a carriage return ends one, too: no harm
