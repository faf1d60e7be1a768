"""An index on disk -> what it has for a key, and which of its records were asked for."""

from __future__ import annotations

import json
import os
import sqlite3
from array import array
from pathlib import Path
from typing import Any, NamedTuple

from streamgaps.exceptions import InputError
from streamgaps.fields import MISSING
from streamgaps.paths import is_url, url_below
from streamgaps.scratch import opened
from streamgaps.stages.join import Found
from streamgaps.stages.validate import EXCERPT

__all__ = ["Index", "IndexFile", "Marks", "cell_of", "place_of", "shown_key", "value_of"]


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
            values = {name: value_of(cell) for name, cell in zip(self._names, cells, strict=True) if cell is not None}
        except RecursionError as error:
            message = f"{self.name}: what it has for the key {shown_key(key)} is nested too deeply to be joined"
            raise InputError(message) from error
        return Found(number, bool(ambiguous), values)

    def has_path(self, video_id: str) -> bool:
        """Say whether a text is the path of an annotated video."""
        place = place_of(self._base, video_id)
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
        with opened(self._file.path) as database:
            (count,) = database.execute("SELECT COUNT(*) FROM entries WHERE ambiguous").fetchone()
            return int(count)

    def unused(self) -> tuple[int, str]:
        """Return how many keys were not asked for, without the ambiguous ones, and the first of them."""
        with opened(self._file.path) as database:
            database.create_function("is_set", 1, lambda number: self._bits[number >> 3] >> (number & 7) & 1)
            count, first = database.execute(
                "SELECT COUNT(*), MIN(number) FROM entries WHERE NOT ambiguous AND NOT is_set(number)"
            ).fetchone()
            if not count:
                return 0, ""
            (key,) = database.execute("SELECT key FROM entries WHERE number = ?", (first,)).fetchone()
            return count, shown_key(key)


def cell_of(value: object) -> object:
    """Return how a value is kept: a text as it is, any other as JSON, what is not there as NULL."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return json.dumps(value).encode()
        return value
    return None if value is MISSING else json.dumps(value).encode()


def value_of(cell: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """Return the value that is kept as this, but for what is not there."""
    return json.loads(cell) if isinstance(cell, bytes) else cell


def shown_key(key: bytes) -> str:
    """Return a key as messages show it."""
    text = key[1:].decode("utf-8", "surrogatepass")[:EXCERPT]
    return repr(text) if key.startswith(b"s") else text


def place_of(base: str, video: str) -> bytes:
    """Return the path of a video without links being followed, or its URL."""
    if is_url(video):
        return video.encode("utf-8", "surrogatepass")
    if is_url(base) and not video.startswith("/"):
        return url_below(base, video).encode("utf-8", "surrogatepass")
    return os.path.normpath(os.path.join(base, video)).encode("utf-8", "surrogatepass")  # noqa: PTH118
