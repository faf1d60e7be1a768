"""Records with keys, in the order of two runs -> pairs of them, joined on disk.

SQLite sorts the records of each run by key, outside of memory, and they are merged. Nothing is looked up: for millions
of keys in no order that takes many times as long as to sort them.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

from streamgaps import system
from streamgaps.scratch import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Records", "key_of", "matched"]

Row = tuple[bytes, int, int]
"""The key of a record, its state, its number in the run; and the numbers of its groups behind that."""

_KEY_BYTES = 16
"""Two of twenty million different keys have the same digest of that length with a chance of 1 to 10^24."""

_BATCH = 4096
"""How many records are handed to SQLite at once: 1 MiB of them."""

_json = json.JSONEncoder(sort_keys=True, check_circular=False).encode  # what was JSON has no circles


def key_of(*values: object) -> bytes:
    """Return what a record is matched by: a digest of the values' JSON texts, with the keys of objects sorted.

    1, 1.0, true and "1" are four.

    Raises:
        RecursionError: a value is nested too deeply.
        TypeError: a value is not there.
    """
    # A JSON text says where it ends, so that it is beyond doubt where the next one begins.
    text = ",".join([_json(value) for value in values])
    return blake2b(text.encode("ascii"), digest_size=_KEY_BYTES).digest()


class Records:
    """The records of one run, in a file. Memory: 8 MiB for SQLite's cache, and as much to sort.

    Args:
        path: where the file is made.
        groups: of how many fields a record has groups.
    """

    def __init__(self, path: str, *, groups: int) -> None:
        self._path = path
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(SETTINGS)
        columns = "".join(f", group_{number}" for number in range(groups))
        self._columns = f"key, state, number{columns}"
        self._database.execute(f"CREATE TABLE records (number INTEGER PRIMARY KEY, key, state{columns})")
        self._database.execute("CREATE TABLE lines (number INTEGER PRIMARY KEY, line)")
        self._database.execute("BEGIN")  # and never commit: nothing has to survive a crash
        self._insert = f"INSERT INTO records ({self._columns}) VALUES (?, ?, ?{', ?' * groups})"  # noqa: S608 -- all of it ours
        self._waiting: list[tuple[bytes | int, ...]] = []

    def add(self, key: bytes, state: int, number: int, groups: Iterable[int]) -> None:
        """Add a record; the numbers of records go up."""
        self._waiting.append((key, state, number, *groups))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._database.executemany(self._insert, self._waiting)
        self._waiting.clear()

    def add_line(self, number: int, line: bytes) -> None:
        """Keep the line of a record that is a gap."""
        self._database.execute("INSERT INTO lines VALUES (?, ?)", (number, line))

    def by_key(self) -> Iterator[Row]:
        """Yield all records in the order of their keys, and those of one key in the order of the run."""
        self._flush()
        return iter(self._database.execute(f"SELECT {self._columns} FROM records ORDER BY key, number"))  # noqa: S608 -- all of it ours

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that were kept, with the numbers of their records, in the order of the run."""
        return iter(self._database.execute("SELECT number, line FROM lines ORDER BY number"))

    def close(self) -> None:
        """Let go of the file, and remove it; once more does nothing."""
        self._database.close()
        with suppress(FileNotFoundError):
            system.unlink(self._path)


def matched(old: Iterator[Row], new: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield pairs of records with the same key; None where a run has none (more).

    The k-th record of a key is matched with the k-th of the other run.

    Args:
        old: records in the order of their keys.
        new: the same of the other run.
    """
    one, other = next(old, None), next(new, None)
    while one is not None and other is not None:
        if one[0] == other[0]:
            yield one, other
            one, other = next(old, None), next(new, None)
        elif one[0] < other[0]:
            yield one, None
            one = next(old, None)
        else:
            yield None, other
            other = next(new, None)
    while one is not None:
        yield one, None
        one = next(old, None)
    while other is not None:
        yield None, other
        other = next(new, None)
