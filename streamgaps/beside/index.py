"""A file beside the predictions -> an index by key, on disk.

What such a file says is looked up by key, in no order: so it must be known before the predictions are read. SQLite
keeps it, in a temporary folder, so that memory does not grow with it.
"""

from __future__ import annotations

import os
from operator import attrgetter
from typing import TYPE_CHECKING

from streamgaps.beside.lookup import IndexFile, cell_of, place_of, shown_key, value_of
from streamgaps.exceptions import InputError, RecordError
from streamgaps.fields import MISSING, Fields, carried_name, layout_of
from streamgaps.model import Prediction
from streamgaps.scratch import opened
from streamgaps.sources.source import open_source
from streamgaps.stages.join import key_bytes, no_key
from streamgaps.stages.read import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamgaps.sources.inputs import Input
    from streamgaps.stages.read import Shape

__all__ = ["index_labels", "index_videos"]

_ON_LABEL = "ON CONFLICT (key) DO UPDATE SET ambiguous = 1"
_ON_VIDEO = "ON CONFLICT (key) DO UPDATE SET ambiguous = ambiguous OR video_id IS NOT excluded.video_id"


def index_labels(source: Input, folder: str, *, fields: Fields, shape: Shape, allows_ambiguous: bool) -> IndexFile:
    """Index the ground truth by key.

    Args:
        source: JSON in any form that predictions may have.
        folder: where the index is put.
        fields: the paths of the fields that are wanted, and of the key.
        shape: how the file is to be read.
        allows_ambiguous: whether a key that is given twice is no error yet.

    Raises:
        InputError: it is refused; a record is no object, has no ground truth, or no key that is a string or a whole
            number; or a key is given twice.
        SourceError: it cannot be read.
    """
    carried = (carried_name(number) for number in range(len(fields.carried)))
    path = os.path.join(folder, "labels.sqlite")  # noqa: PTH118 -- a text for another library
    index = IndexFile("", path, ("gt", "video_id", "question", *carried))
    # Here it is the ground truth that must be there, as the response must be in a prediction.
    shape = shape._replace(fields=fields._replace(response=fields.gt))
    values = attrgetter("response", *index.names[1:])
    index = _build(index, source, shape, _ON_LABEL, values, needs=fields.shown("gt"))
    if not allows_ambiguous:
        _refuse_ambiguous(index, "is given twice")
    return index


def index_videos(
    source: Input, folder: str, *, bases: tuple[str, ...], shape: Shape, allows_ambiguous: bool
) -> IndexFile:
    """Index the videos of annotations in LLaVA's format by id: objects with `id` and `video`, or `image`.

    Args:
        source: JSON in any form that predictions may have.
        folder: where the index is put.
        bases: the absolute paths that the videos are relative to, all of one folder.
        shape: how the file is to be read.
        allows_ambiguous: whether an id with two different videos, or with none, is no error yet.

    Raises:
        InputError: it is refused; an annotation is no object, or has no id that is a string or a whole number; or an
            id has two different videos, or none.
        SourceError: it cannot be read.
    """

    def values(annotation: Prediction) -> tuple[object]:
        video = annotation.question if annotation.response is MISSING else annotation.response
        return (video if isinstance(video, str) else MISSING,)

    index = IndexFile("", os.path.join(folder, "videos.sqlite"), ("video_id",), bases=bases)  # noqa: PTH118
    fields = Fields(response=("video",), question=("image",), key=("id",))  # an image stands where a question would
    index = _build(index, source, shape._replace(fields=fields), _ON_VIDEO, values)
    with opened(index.path) as database:
        database.create_function("place", 2, lambda base, cell: place_of(base, value_of(cell)), deterministic=True)
        database.execute("UPDATE entries SET ambiguous = 1 WHERE video_id IS NULL")
        database.execute("CREATE TABLE paths (path BLOB PRIMARY KEY) WITHOUT ROWID")
        for base in bases:
            database.execute(
                "INSERT OR IGNORE INTO paths SELECT place(?, video_id) FROM entries WHERE video_id IS NOT NULL", (base,)
            )
        database.commit()
    if not allows_ambiguous:
        _refuse_ambiguous(index, "has no video, or two different ones")
    return index


def _build(
    index: IndexFile,
    source: Input,
    shape: Shape,
    on_conflict: str,
    values: Callable[[Prediction], tuple[object, ...]],
    *,
    needs: str | None = None,
) -> IndexFile:
    """Write the keys of a file, and what is wanted of its records, into a database."""
    layout = layout_of(shape.fields)
    names = ", ".join(index.names)
    places = ", ?" * len(index.names)

    def row(number: int, item: object) -> tuple[object, ...]:
        if not isinstance(item, (Prediction, dict)):
            message = f"item {number} is not an object"
            raise RecordError(message, index=number)
        record = layout.fill(item) if isinstance(item, Prediction) else layout.make(item)
        if needs and record.response is MISSING:
            message = f"item {number}: missing {needs}"
            raise RecordError(message, index=number, field="gt")
        key = record.key  # type: ignore[attr-defined]  # a layout with a key has it
        spelled = key_bytes(key)
        if spelled is None:
            message = f"item {number}: {no_key(key, shape.fields.shown('key'))}"
            raise RecordError(message, index=number, field="key")
        try:
            return (spelled, number, *map(cell_of, values(record)))
        except RecursionError as error:
            message = f"item {number}: a value is nested too deeply to be joined"
            raise RecordError(message, index=number) from error

    count = 0
    with opened(index.path) as database, open_source(source) as opened_source:
        database.executescript(
            "CREATE TABLE entries "
            f"(key BLOB PRIMARY KEY, number INTEGER, {names}, ambiguous INTEGER DEFAULT 0) WITHOUT ROWID"
        )
        statement = f"INSERT INTO entries (key, number, {names}) VALUES (?, ?{places}) {on_conflict}"  # noqa: S608 -- all of it ours
        items = read(opened_source.blocks, shape)
        try:
            for batch in items:
                database.executemany(statement, map(row, range(count, count + len(batch)), batch))
                count += len(batch)
        except InputError as error:
            error.source = opened_source.name
            if isinstance(error, RecordError):
                error.line = items.line_of(error.index)
            raise
        database.commit()
    return index._replace(name=opened_source.name, records=count)


def _refuse_ambiguous(index: IndexFile, why: str) -> None:
    with opened(index.path) as database:
        found = database.execute("SELECT key FROM entries WHERE ambiguous ORDER BY number LIMIT 1").fetchone()
        if found is not None:
            count = database.execute("SELECT COUNT(*) FROM entries WHERE ambiguous").fetchone()[0]
            others = f" (as are {count - 1:,} more)" if count > 1 else ""
            message = (
                f"{index.name}: the key {shown_key(found[0])} {why}{others}; --unmatched skip leaves its samples out"
            )
            raise InputError(message)
