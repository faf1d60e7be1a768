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
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.exceptions import InputError, RecordError, SourceError, reason
from streamgaps.fields import MISSING, Fields, carried_name, layout_of
from streamgaps.model import Prediction
from streamgaps.paths import is_url, url_below
from streamgaps.signals import STOPPING, signal_mask
from streamgaps.sources.source import open_source
from streamgaps.stages.join import Found, key_bytes
from streamgaps.stages.read import read
from streamgaps.stages.validate import EXCERPT, json_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamgaps.sources.source import Input
    from streamgaps.stages.read import Shape

__all__ = ["SETTINGS", "Index", "IndexFile", "Marks", "index_labels", "index_videos", "temporary_folder"]

_ON_LABEL = "ON CONFLICT (key) DO UPDATE SET ambiguous = 1"
_ON_VIDEO = "ON CONFLICT (key) DO UPDATE SET ambiguous = ambiguous OR video_id IS NOT excluded.video_id"
# The index is made anew by each run, and lost with it: there is nothing to recover. 8 MiB of it are kept in memory.
SETTINGS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192; PRAGMA temp_store = FILE;"


class IndexFile(NamedTuple):
    """An index on disk, and what it was made of."""

    name: str
    """What messages call the file that was indexed."""
    path: str
    names: tuple[str, ...]
    """What it has for a key: fields, by the names that they have in a `Prediction`."""
    records: int = 0
    """How many records the file has."""
    bases: tuple[str, ...] = ()
    """The absolute path that relative videos are relative to: as it is given, and with links followed."""


@contextmanager
def temporary_folder(given: str | None = None) -> Iterator[str]:
    """Make a folder for indices, which is gone at the end. The variable `TMPDIR` says where.

    Args:
        given: a folder that somebody else has made, to be used instead.

    Raises:
        SourceError: it cannot be made; later, an index in it cannot be written or read.
    """
    made = None
    try:
        # Signals wait while it is made and removed, for nobody else would ever do that; but not in between, where a
        # generator may be left alone, and others choose which signals wait.
        if given is not None:
            yield given
            return
        with signal_mask("SIG_BLOCK", STOPPING):
            made = _made_folder()
        yield made.name
    except sqlite3.Error as error:
        folder = f"temporary folder {tempfile.gettempdir()}" if given is None else f"folder {given}"
        where = "; TMPDIR names another folder" if given is None else ""
        message = f"the index in the {folder} failed: {error}{where}"
        raise SourceError(message) from error
    finally:
        if made is not None:
            with signal_mask("SIG_BLOCK", STOPPING):
                made.cleanup()


def _made_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="streamgaps-", ignore_cleanup_errors=True)
    except OSError as error:
        message = f"no temporary folder for the index can be made: {reason(error)}; TMPDIR names another place"
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
    with _opened(index.path) as database:
        database.create_function("place", 2, lambda base, cell: _place(base, _value(cell)), deterministic=True)
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
            shown = shape.fields.shown("key")
            wrong = f"missing {shown}" if key is MISSING else f"{shown} is no string and no whole number"
            message = f"item {number}: {wrong}{'' if key is MISSING else f', but {json_type(key)}'}"
            raise RecordError(message, index=number, field="key")
        try:
            return (spelled, number, *map(_cell, values(record)))
        except RecursionError as error:
            message = f"item {number}: a value is nested too deeply to be joined"
            raise RecordError(message, index=number) from error

    count = 0
    with _opened(index.path) as database, open_source(source) as opened:
        database.executescript(
            "CREATE TABLE entries "
            f"(key BLOB PRIMARY KEY, number INTEGER, {names}, ambiguous INTEGER DEFAULT 0) WITHOUT ROWID"
        )
        statement = f"INSERT INTO entries (key, number, {names}) VALUES (?, ?{places}) {on_conflict}"  # noqa: S608 -- all of it ours
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


def _cell(value: object) -> object:
    """Return how a value is kept: a text as it is, any other as JSON, what is not there as NULL."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return json.dumps(value).encode()
        return value
    return None if value is MISSING else json.dumps(value).encode()


def _value(cell: Any) -> Any:  # noqa: ANN401 -- any JSON value
    return json.loads(cell) if isinstance(cell, bytes) else cell


def _shown(key: bytes) -> str:
    text = key[1:].decode("utf-8", "surrogatepass")[:EXCERPT]
    return repr(text) if key.startswith(b"s") else text


def _place(base: str, video: str) -> bytes:
    """Return the path of a video without links being followed, or its URL."""
    if is_url(video):
        return video.encode("utf-8", "surrogatepass")
    if is_url(base) and not video.startswith("/"):
        return url_below(base, video).encode("utf-8", "surrogatepass")
    return os.path.normpath(os.path.join(base, video)).encode("utf-8", "surrogatepass")  # noqa: PTH118


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SETTINGS)
        yield database


class Index:
    """An index, to be looked into by one thread.

    Attributes:
        name: what messages call the file that was indexed.
    """

    def __init__(self, file: IndexFile) -> None:
        self.name = file.name
        self._base = next(iter(file.bases), "")
        self._database = sqlite3.connect(
            f"{Path(file.path).absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._database.execute("PRAGMA cache_size = -8192")
        self._names = file.names
        self._query = f"SELECT number, ambiguous, {', '.join(file.names)} FROM entries WHERE key = ?"  # noqa: S608 -- names of ours

    def find(self, key: bytes) -> Found | None:
        """Return what the file has for a key."""
        row = self._database.execute(self._query, (key,)).fetchone()
        if row is None:
            return None
        number, ambiguous, *cells = row
        try:
            values = {name: _value(cell) for name, cell in zip(self._names, cells, strict=True) if cell is not None}
        except RecursionError as error:
            message = f"{self.name}: what it has for the key {_shown(key)} is nested too deeply to be joined"
            raise InputError(message) from error
        return Found(number, bool(ambiguous), values)

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

    def ambiguous(self) -> int:
        """Return how many keys are given more than once."""
        with _opened(self._file.path) as database:
            (count,) = database.execute("SELECT COUNT(*) FROM entries WHERE ambiguous").fetchone()
            return int(count)

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
