"""Bytes -> items: by blocks, and what is too long for that by events."""

from __future__ import annotations

from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Any

from streamgaps.model import Prediction
from streamgaps.stages.blocks import GIANT_BYTES, ArrayReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["MAX_RECORD_BYTES", "Reader", "read", "read_with"]

MAX_RECORD_BYTES = 1024 * 1024 * 1024
"""How long an item may be, unless the user says otherwise."""

_PIECE_BYTES = 64 * 1024


class Reader(str, Enum):
    """How to read."""

    AUTO = "auto"
    """By blocks; items of more than 8 MiB event by event."""
    IJSON = "ijson"
    """All event by event, with ijson."""


def read(
    blocks: Iterable[bytes], *, reader: Reader = Reader.AUTO, max_record_bytes: int = MAX_RECORD_BYTES
) -> Iterator[list[Any]]:
    """Decode the items of a JSON array, as `json.load` would, as many at a time as come at once.

    Args:
        blocks: the input, in pieces of any size; read as items are asked for.
        reader: how to read.
        max_record_bytes: how long an item may be.

    Yields:
        Lists of items: all of them `Prediction`s, or values as `json.load` gives them. Of an item that is read event
        by event only the fields of a `Prediction` are kept.

    Memory: a few blocks, and the item under way up to 8 MiB; of a longer one the wanted fields and the longest text.

    Raises:
        NotAnArrayError: the top-level value is not an array.
        MalformedInputError: after every item before it, what is not JSON or not UTF-8, or an early end.
        UnsupportedInputError: after every item before it, an item of more than `max_record_bytes`, numbers too long
            and nesting too deep for `json`, and what `read_events` cannot read where that is at work.
        SourceError: ijson is needed, and was installed without its C back end.
    """
    if reader is Reader.IJSON:
        from streamgaps.stages.events import read_events  # noqa: PLC0415 -- most runs never need it

        items = read_events(blocks, fields=Prediction.__struct_fields__, max_record_bytes=max_record_bytes)
        return ([item] for item in items)
    return read_with(ArrayReader(max_record_bytes=max_record_bytes), iter(blocks), max_record_bytes=max_record_bytes)


def read_with(
    array: ArrayReader,
    blocks: Iterator[bytes],
    *,
    max_record_bytes: int,
    giant_bytes: int = GIANT_BYTES,
    is_border: Callable[[int], bool] = lambda _: False,
) -> Iterator[list[Any]]:
    """Feed an array, and yield the items; those that are too long for that are read by events.

    Args:
        array: what to feed.
        blocks: the input from where the array is.
        max_record_bytes: how long an item may be.
        giant_bytes: how long an item may be that is not read by events.
        is_border: whether to stop before this byte, if no item is open there or not; a block must end there.
    """
    for block in blocks:
        yield array.feed(block)
        while array.waits_for_more_than(giant_bytes):
            yield from _giant(array, blocks, max_record_bytes)
        if array.error:
            raise array.error
        if is_border(array.fed):
            yield array.settle()
            return
    yield array.finish()
    if array.error:
        raise array.error


def _giant(array: ArrayReader, blocks: Iterator[bytes], max_record_bytes: int) -> Iterator[list[Any]]:
    from streamgaps.stages.events import read_giant  # noqa: PLC0415 -- it loads ijson
    from streamgaps.stages.fence import length_of_item  # noqa: PLC0415

    waiting = array.take()
    length = length_of_item(waiting)
    if length is not None:
        yield array.decode_one(waiting[:length])
        for piece in _pieces(waiting[length:]):
            if array.error is None:
                yield array.feed(piece)
        return
    giant = read_giant(
        chain(_pieces(waiting), blocks),
        fields=Prediction.__struct_fields__,
        max_record_bytes=max_record_bytes,
        offset=array.offset,
        index=array.items,
    )
    yield [giant.item]
    yield array.resume(giant.end, giant.rest)


def _pieces(data: bytes) -> Iterator[bytes]:
    """Cut what was collected into blocks again: ijson has all events of a piece in memory at once."""
    return (data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))
