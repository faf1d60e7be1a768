"""Files beside the predictions -> indices by key, on disk.

What such a file says is looked up by key, in no order: so it must be known before the predictions are read. SQLite
keeps it, in a temporary folder, so that memory does not grow with it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from array import array
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from streamgaps.exceptions import InputError, RecordError, SourceError
from streamgaps.model import Prediction
from streamgaps.sources import open_source
from streamgaps.stages.fields import MISSING, Fields, layout_of
from streamgaps.stages.join import Found, key_bytes
from streamgaps.stages.read import read
from streamgaps.stages.validate import json_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamgaps.sources import Input
    from streamgaps.stages.read import Shape

__all__ = ["Index", "IndexFile", "Marks", "index_labels", "index_videos", "temporary_folder"]

_ENTRIES = """
    CREATE TABLE entries (key BLOB PRIMARY KEY, number INTEGER, value TEXT, ambiguous INTEGER DEFAULT 0) WITHOUT ROWID
"""
_ADD_LABEL = """
    INSERT INTO entries (key, number, value) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET ambiguous = 1
"""
_ADD_VIDEO = """
    INSERT INTO entries (key, number, value) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET ambiguous = ambiguous OR value IS NOT excluded.value
"""
# The index is made anew by each run, and lost with it: there is nothing to recover. 8 MiB of it are kept in memory.
_SETTINGS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192; PRAGMA temp_store = FILE;"


class IndexFile(NamedTuple):
    """An index on disk, and what it was made of."""

    name: str
    """What messages call the file that was indexed."""
    path: str
    records: int = 0
    """How many records the file has."""
    base: str = ""
    """The absolute path that relative videos are relative to."""


@contextmanager
def temporary_folder() -> Iterator[str]:
    """Make a folder for indices, which is gone at the end. The variable `TMPDIR` says where.

    Raises:
        SourceError: it cannot be made; later, an index in it cannot be written or read.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="streamgaps-", ignore_cleanup_errors=True) as folder:
            yield folder
    except sqlite3.Error as error:
        message = (
            f"the index in the temporary folder {tempfile.gettempdir()} failed: {error}; TMPDIR names another folder"
        )
        raise SourceError(message) from error


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
    names = {"gt": "gt", "video_id": "video_id", "question": "question"}
    names |= {name: name for name in (f"carried_{number}" for number in range(len(fields.carried)))}

    def value(label: Prediction) -> str:
        found = ((name, label.response if name == "gt" else getattr(label, name)) for name in names)
        return json.dumps({name: value for name, value in found if value is not MISSING})

    index = IndexFile("", os.path.join(folder, "labels.sqlite"))  # noqa: PTH118 -- a text for another library
    # Here it is the ground truth that must be there, as the response must be in a prediction.
    layout = fields._replace(response=fields.gt)
    index = _build(index, source, shape._replace(fields=layout), _ADD_LABEL, value, needs=fields.shown("gt"))
    if not allows_ambiguous:
        _refuse_ambiguous(index, "is given twice")
    return index


def index_videos(source: Input, folder: str, *, base: str, shape: Shape, allows_ambiguous: bool) -> IndexFile:
    """Index the videos of annotations in LLaVA's format by id: objects with `id` and `video`, or `image`.

    Args:
        source: JSON in any form that predictions may have.
        folder: where the index is put.
        base: the absolute path that the videos are relative to.
        shape: how the file is to be read.
        allows_ambiguous: whether an id with two different videos, or with none, is no error yet.

    Raises:
        InputError: it is refused; an annotation is no object, or has no id that is a string or a whole number; or an
            id has two different videos, or none.
        SourceError: it cannot be read.
    """

    def value(annotation: Prediction) -> str | None:
        video = annotation.question if annotation.response is MISSING else annotation.response
        return json.dumps(video) if isinstance(video, str) else None

    index = IndexFile("", os.path.join(folder, "videos.sqlite"), base=base)  # noqa: PTH118
    layout = Fields(response=("video",), question=("image",), key=("id",))  # an image stands where a question would
    index = _build(index, source, shape._replace(fields=layout), _ADD_VIDEO, value)
    with _opened(index.path) as database:
        database.create_function("place", 1, lambda value: _place(base, json.loads(value)), deterministic=True)
        database.execute("UPDATE entries SET ambiguous = 1 WHERE value IS NULL")
        database.execute("CREATE TABLE paths (path BLOB PRIMARY KEY) WITHOUT ROWID")
        database.execute("INSERT OR IGNORE INTO paths SELECT place(value) FROM entries WHERE value IS NOT NULL")
        database.commit()
    if not allows_ambiguous:
        _refuse_ambiguous(index, "has no video, or two different ones")
    return index


def _build(
    index: IndexFile,
    source: Input,
    shape: Shape,
    statement: str,
    value: Callable[[Prediction], str | None],
    *,
    needs: str | None = None,
) -> IndexFile:
    """Write the keys of a file, and what is wanted of its records, into a database."""
    layout = layout_of(shape.fields)

    def row(number: int, item: object) -> tuple[bytes, int, str | None]:
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
            shown = shape.fields.shown("key")
            wrong = f"missing {shown}" if key is MISSING else f"{shown} is no string and no whole number"
            message = f"item {number}: {wrong}{'' if key is MISSING else f', but {json_type(key)}'}"
            raise RecordError(message, index=number, field="key")
        return spelled, number, value(record)

    count = 0
    with _opened(index.path) as database, open_source(source) as opened:
        database.executescript(_SETTINGS + _ENTRIES)
        items = read(opened.blocks, shape)
        try:
            for batch in items:
                database.executemany(statement, map(row, range(count, count + len(batch)), batch))
                count += len(batch)
        except InputError as error:
            error.source = opened.name
            if isinstance(error, RecordError):
                error.line = items.line_of(error.index)
            raise
        database.commit()
    return index._replace(name=opened.name, records=count)


def _refuse_ambiguous(index: IndexFile, why: str) -> None:
    with _opened(index.path) as database:
        found = database.execute("SELECT key FROM entries WHERE ambiguous ORDER BY number LIMIT 1").fetchone()
        if found is not None:
            count = database.execute("SELECT COUNT(*) FROM entries WHERE ambiguous").fetchone()[0]
            others = f" (as are {count - 1:,} more)" if count > 1 else ""
            message = f"{index.name}: the key {_shown(found[0])} {why}{others}; --unmatched skip leaves its samples out"
            raise InputError(message)


def _shown(key: bytes) -> str:
    text = key[1:].decode("utf-8", "surrogatepass")
    return repr(text) if key.startswith(b"s") else text


def _place(base: str, video: str) -> bytes:
    """Return the path of a video without links being followed."""
    return os.path.normpath(os.path.join(base, video)).encode("utf-8", "surrogatepass")  # noqa: PTH118


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as database:
        yield database


class Index:
    """An index, to be looked into by one thread.

    Attributes:
        name: what messages call the file that was indexed.
    """

    def __init__(self, file: IndexFile) -> None:
        self.name = file.name
        self._base = file.base
        self._database = sqlite3.connect(f"{Path(file.path).as_uri()}?mode=ro&immutable=1", uri=True)
        self._database.execute("PRAGMA cache_size = -8192")

    def find(self, key: bytes) -> Found | None:
        """Return what the file has for a key."""
        row = self._database.execute("SELECT number, ambiguous, value FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        number, ambiguous, value = row
        return Found(number, bool(ambiguous), None if value is None else json.loads(value))

    def has_path(self, video_id: str) -> bool:
        """Say whether a text is the path of an annotated video."""
        place = _place(self._base, video_id)
        return self._database.execute("SELECT 1 FROM paths WHERE path = ?", (place,)).fetchone() is not None

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


class Marks:
    """Which records of an indexed file were used: one bit for each."""

    def __init__(self, file: IndexFile) -> None:
        self._file = file
        self._bits = bytearray(file.records // 8 + 1)

    def set(self, number: int) -> None:
        """Remember that a record was used."""
        self._bits[number >> 3] |= 1 << (number & 7)

    def set_all(self, numbers: bytes) -> None:
        """Remember many, given as machine words."""
        for number in array("Q", numbers):
            self.set(number)

    def unused(self) -> tuple[int, str]:
        """Return how many keys were not asked for, without the ambiguous ones, and the first of them."""
        with _opened(self._file.path) as database:
            database.create_function("is_set", 1, lambda number: self._bits[number >> 3] >> (number & 7) & 1)
            count, first = database.execute(
                "SELECT COUNT(*), MIN(number) FROM entries WHERE NOT ambiguous AND NOT is_set(number)"
            ).fetchone()
            if not count:
                return 0, ""
            (key,) = database.execute("SELECT key FROM entries WHERE number = ?", (first,)).fetchone()
            return count, _shown(key)
