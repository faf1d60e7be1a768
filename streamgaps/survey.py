"""What predictions say against the truth, counted for all of them and for groups of them, in bounded memory."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

__all__ = ["MAX_GROUPS", "NOTHING", "Confusion", "Group", "Survey", "group_key", "shown_value"]

MAX_GROUPS = 10_000
"""How many groups of a field are told apart, if nothing else is said."""

LONGEST_KEY = 256
"""Values of more characters are told apart by a digest: so the memory that a group takes is bounded."""

SHOWN = 160
"""How many characters of such a value are kept, to show it."""


class Confusion(msgspec.Struct, frozen=True):
    """The confusion matrix of yes/no answers, with unclear answers as a row of their own.

    Positive is what the truth says yes to, unless it was `flipped`.
    """

    true_positives: int = 0
    true_negatives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    unclear_positives: int = 0
    """Unclear responses where the truth is positive."""
    unclear_negatives: int = 0
    """Unclear responses where the truth is negative."""
    uncompared: int = 0
    """Predictions without a clear truth, and records that are no predictions: they say nothing of the model."""

    @property
    def correct(self) -> int:
        """Answers that agree with the truth."""
        return self.true_positives + self.true_negatives

    @property
    def parsed(self) -> int:
        """Answers that are clear, as is the truth."""
        return self.correct + self.false_positives + self.false_negatives

    @property
    def unclear(self) -> int:
        """Answers that are unclear, where the truth is not."""
        return self.unclear_positives + self.unclear_negatives

    @property
    def samples(self) -> int:
        """Predictions with a clear truth: all that the rates speak of."""
        return self.parsed + self.unclear

    @property
    def positives(self) -> int:
        """Predictions whose truth is positive."""
        return self.true_positives + self.false_negatives + self.unclear_positives

    @property
    def negatives(self) -> int:
        """Predictions whose truth is negative."""
        return self.true_negatives + self.false_positives + self.unclear_negatives

    def flipped(self) -> Confusion:
        """Return the same with the other answer as the positive one."""
        return Confusion(
            self.true_negatives,
            self.true_positives,
            self.false_negatives,
            self.false_positives,
            self.unclear_negatives,
            self.unclear_positives,
            self.uncompared,
        )

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(*map(sum, zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)))


NOTHING = b"null"
"""The key of a value that is null, or missing."""
CELLS = len(Confusion.__struct_fields__)

Key = str | bytes
"""What a group is told by: a short text by itself, any other value by its JSON text, a long one by its digest."""


class Group(NamedTuple):
    """One value of a field, and how its predictions came out."""

    value: Any
    """The value; of a long one the beginning, with an ellipsis. None also where the field is missing."""
    confusion: Confusion
    is_other: bool = False
    """Whether this is what is left of all values that are not told apart."""


class Survey(msgspec.Struct):
    """The counts of a run by group. Surveys of parts of an input add up, in their order, to the survey of the whole.

    Memory: at most `most` groups of each field, of about 1 KiB each.

    Attributes:
        fields: the names of the fields whose values make groups; each has groups of its own.
        most: how many groups of a field are told apart: those that come first. None: all.
        tables: for each field the counts of each group, in the order in which the groups came.
        rest: for each field the counts of all other values; behind them, the counts where there are no fields.
        beginnings: what long values begin with, by their digests.
    """

    fields: tuple[str, ...] = ()
    most: int | None = MAX_GROUPS
    tables: list[dict[Key, list[int]]] = msgspec.field(default_factory=list)
    rest: list[list[int]] = msgspec.field(default_factory=list)
    beginnings: dict[bytes, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rest:
            self.tables = [{} for _ in self.fields]
            self.rest = [[0] * CELLS for _ in (*self.fields, None)]

    def row(self, field: int, value: object) -> list[int]:
        """Return the counts of a value's group, to be counted on."""
        key, beginning = group_key(value)
        return self._row(field, key, beginning)

    def _row(self, field: int, key: Key, beginning: str | None) -> list[int]:
        table = self.tables[field]
        row = table.get(key)
        if row is None:
            if self.most is not None and len(table) >= self.most:
                return self.rest[field]
            row = table[key] = [0] * CELLS
            if beginning is not None and isinstance(key, bytes):
                self.beginnings[key] = beginning
        return row

    @property
    def total(self) -> Confusion:
        """The counts of all predictions."""
        # Each field's groups come to the same; to count the total beside them would take time for nothing.
        rows = [*self.tables[0].values(), self.rest[0]] if self.fields else [self.rest[-1]]
        return Confusion(*map(sum, zip(*rows, strict=True)))

    def groups(self, field: str) -> Iterator[Group]:
        """Yield the groups of a field in the order in which they came; what is left of the others comes last."""
        number = self.fields.index(field)
        for key, row in self.tables[number].items():
            yield Group(shown_value(key, self._beginning(key)), Confusion(*row))
        if any(self.rest[number]):
            yield Group(None, Confusion(*self.rest[number]), is_other=True)

    def _beginning(self, key: Key) -> str | None:
        return self.beginnings.get(key) if isinstance(key, bytes) else None

    def take(self) -> Survey:
        """Return what is counted so far, and begin anew; rows that `row` has given are then no part of it any more."""
        tables = [{key: [*row] for key, row in table.items()} for table in self.tables]
        taken = Survey(self.fields, self.most, tables, [[*row] for row in self.rest], {**self.beginnings})
        for table in self.tables:
            table.clear()
        for row in self.rest:
            row[:] = [0] * CELLS  # who counts may hold it
        self.beginnings.clear()
        return taken

    def __iadd__(self, other: Survey) -> Self:
        if other.fields != self.fields:
            message = f"surveys of other groups do not add up: {self.fields} and {other.fields}"
            raise ValueError(message)
        for field, table in enumerate(other.tables):
            for key, counts in table.items():
                _add(self._row(field, key, other._beginning(key)), counts)
        for row, counts in zip(self.rest, other.rest, strict=True):
            _add(row, counts)
        return self


def _add(row: list[int], counts: list[int]) -> None:
    row[:] = map(sum, zip(row, counts, strict=True))


def group_key(value: object) -> tuple[Key, str | None]:
    """Return what a value's group is told by, and what a long value begins with.

    Values are the same if their JSON texts are, with the keys of objects sorted: 1, 1.0, true and "1" are four.

    >>> group_key("Is there a collision?")
    ('Is there a collision?', None)
    >>> group_key(1), group_key(None)
    ((b'1', None), (b'null', None))

    What is nested too deeply for `json`, or not there at all, is in the group of null.
    """
    if isinstance(value, str):
        if len(value) <= LONGEST_KEY:
            return value, None
        return _digest("s", value), value[:SHOWN] + "…"
    if value is None or value is msgspec.UNSET:
        return NOTHING, None
    try:
        text = json.dumps(value, sort_keys=True)
    except RecursionError:  # nobody groups by that
        return NOTHING, None
    if len(text) <= LONGEST_KEY:
        return text.encode(), None
    return _digest("v", text), text[:SHOWN] + "…"


def shown_value(key: Key, beginning: str | None) -> Any:  # noqa: ANN401 -- any JSON value
    """Return the value of a group, or what a long one begins with; arguments are what `group_key` gives."""
    if beginning is not None:
        return beginning
    return key if isinstance(key, str) else json.loads(key, parse_constant=str)  # JSON has no NaN


def _digest(kind: str, text: str) -> bytes:
    return b"#" + blake2b((kind + text).encode("utf-8", "surrogatepass"), digest_size=32).digest()
