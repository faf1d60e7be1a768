"""What was found of a run: its records on disk, with their keys, states and groups, and the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamgaps.comparing.changes import ComparedRun
from streamgaps.survey import CELLS, Confusion, group_key, shown_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.comparing.matching import Records, Row

__all__ = ["Collected", "Groups"]


class Groups:
    """The groups of records, numbered: the same in all runs, and of each field no more than is allowed."""

    OTHER = -1

    def __init__(self, fields: tuple[str, ...], most: int) -> None:
        self.fields = fields
        self._most = most
        self.values: list[list[object]] = [[] for _ in fields]
        """The values of each field by their numbers; of a long one the beginning."""
        self._numbers: list[dict[str | bytes, int]] = [{} for _ in fields]

    def number(self, field: int, value: object) -> int:
        """Return the number of a value's group; -1 for all those that are not told apart."""
        numbers = self._numbers[field]
        key, beginning = group_key(value)
        number = numbers.get(key)
        if number is None:
            if len(numbers) >= self._most:
                return self.OTHER
            number = numbers[key] = len(numbers)
            self.values[field].append(shown_value(key, beginning))
        return number


class Collected:
    """What is found of a run: its records on disk, and the counts."""

    def __init__(self, name: str, records: Records) -> None:
        self.name = name
        self.records = records
        self.count = 0
        self.cells = [0] * CELLS
        self.whole: Confusion | None = None
        self.repeated = 0
        self.without_key = 0
        self.read_by: dict[str, object] = {}

    def add(self, key: bytes | None, state: int, groups: Iterable[int]) -> None:
        """Count a record, and keep it if it has a key."""
        self.cells[state] += 1
        if key is None:
            self.without_key += 1
        else:
            self.records.add(key, state, self.count, groups)
        self.count += 1

    def by_key(self) -> Iterator[Row]:
        """Yield the records by key, and count those whose key was there before."""
        self.repeated, last = 0, None
        for row in self.records.by_key():
            if row[0] == last:
                self.repeated += 1
            last = row[0]
            yield row

    def run(self) -> ComparedRun:
        """Return the counts."""
        seen = Confusion(*self.cells)
        return ComparedRun(self.name, self.count, seen, self.whole, self.repeated, self.without_key, self.read_by)
