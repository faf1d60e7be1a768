"""Where records were and where they are in the confusion matrix -> what changed, and how surely."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from streamgaps.metrics import METRICS, QUANTILE
from streamgaps.survey import CELLS, Confusion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streamgaps.metrics import Interval

__all__ = [
    "ABSENT",
    "CORRECT",
    "FALSE_NEGATIVE",
    "FALSE_POSITIVE",
    "STATES",
    "UNCLEAR",
    "UNCOMPARED",
    "Changes",
    "ComparedRun",
    "Comparison",
    "Difference",
    "GroupChanges",
    "McNemar",
    "mcnemar",
    "state_of_gap",
]

ABSENT = CELLS
"""The state of a record that a run does not have; the others are its places in a `Confusion`."""

STATES = CELLS + 1


def _states(*names: str) -> tuple[int, ...]:
    return tuple(map(Confusion.__struct_fields__.index, names))


CORRECT = _states("true_positives", "true_negatives")
WRONG = FALSE_POSITIVE, FALSE_NEGATIVE = _states("false_positives", "false_negatives")
UNCLEAR = UNCLEAR_POSITIVE, UNCLEAR_NEGATIVE = _states("unclear_positives", "unclear_negatives")
UNCOMPARED = _states("uncompared")
_POSITIVE = _states("true_positives", "false_negatives", "unclear_positives")
_NEGATIVE = _states("true_negatives", "false_positives", "unclear_negatives")


def state_of_gap(error_type: str, *, is_unclear: bool) -> int:
    """Return the state of a gap, by what its line says."""
    if is_unclear:
        return UNCLEAR_NEGATIVE if error_type == "FP" else UNCLEAR_POSITIVE
    return FALSE_POSITIVE if error_type == "FP" else FALSE_NEGATIVE


_MOST_EXACT = 10_000
"""Up to so many pairs that differ, McNemar's test is exact; that takes some milliseconds."""

_MOST_CHANGE = {"matthews_correlation": 2.0}
"""How far a metric can change, other than from 0 to 1."""

_PARTS = 1000
"""In how many steps one record is divided to find how a metric changes with it."""


class McNemar(NamedTuple):
    """McNemar's test of whether two runs are right equally often, by the records on which they differ."""

    worse: int
    """Records that OLD has right, and NEW wrong."""
    better: int
    """Records that OLD has wrong, and NEW right."""
    p_value: float
    """How likely so uneven a split is if both are equally good; two-sided."""
    is_exact: bool


def mcnemar(worse: int, better: int) -> McNemar:
    """Test whether of the records on which two runs differ as many got worse as got better.

    Exact, by the binomial distribution, up to 10,000 of them; beyond, by the chi-square distribution (McNemar,
    Psychometrika 12, 1947) with continuity correction (Edwards, Psychometrika 13, 1948).

    >>> mcnemar(1, 5).p_value
    0.21875
    """
    total, fewer = worse + better, min(worse, better)
    if total > _MOST_EXACT:
        statistic = max(0, abs(worse - better) - 1) ** 2 / total
        return McNemar(worse, better, math.erfc(math.sqrt(statistic / 2)), is_exact=False)
    ways, tail = 1, 0
    for chosen in range(fewer + 1):
        tail += ways
        ways = ways * (total - chosen) // (chosen + 1)
    return McNemar(worse, better, min(1.0, 2 * tail / 2**total), is_exact=True)


class Difference(NamedTuple):
    """A metric of two runs over the same records."""

    old: float | None
    """None where it is not defined, as in the others."""
    new: float | None
    change: float | None
    """NEW less OLD."""
    interval: Interval | None
    """The 95 % interval of the change; None too where no record that matters to the metric changed: nothing is then
    known of how it varies."""


class Changes(NamedTuple):
    """How many records were in one state in OLD, and are in another in NEW.

    What is said of gaps (fixed, new, still there, flipped, no longer compared) counts no gap twice, and none that only
    one of two complete runs has.
    """

    counts: tuple[int, ...]
    """By the state in OLD, times `STATES`, plus the state in NEW."""
    is_complete: bool = True
    """Whether all records of the runs are here. If only their gaps are, a record that is `ABSENT` is no gap there:
    correct, skipped or not there at all."""
    unclear_is_gap: bool = False
    """Whether unclear responses count as gaps."""

    def states(self) -> Iterator[tuple[int, int, int]]:
        """Yield the state in OLD, that in NEW, and how many records have both, where there are some."""
        for code, count in enumerate(self.counts):
            if count:
                yield *divmod(code, STATES), count

    def count(self, holds: Callable[[int, int], bool]) -> int:
        """Count the records of whose states something holds."""
        return sum(count for old, new, count in self.states() if holds(old, new))

    def is_gap(self, state: int) -> bool:
        """Say whether a record in that state is a gap."""
        return state in WRONG or (self.unclear_is_gap and state in UNCLEAR)

    def is_new(self, old: int, new: int) -> bool:
        """Say whether a record is a regression: no gap in OLD, and one in NEW."""
        return self.is_gap(new) and not self.is_gap(old) and (old != ABSENT or not self.is_complete)

    def is_fixed(self, old: int, new: int) -> bool:
        """Say whether a record is a gap in OLD, and correct in NEW; or no gap there, where nothing else is known."""
        return self.is_gap(old) and (new in CORRECT or (new == ABSENT and not self.is_complete))

    def _are_gaps(self, old: int, new: int) -> bool:
        return self.is_gap(old) and self.is_gap(new)

    @property
    def matched(self) -> int:
        """Records that both runs have."""
        return self.count(lambda old, new: ABSENT not in (old, new))

    @property
    def only_old(self) -> int:
        """Records that only OLD has."""
        return self.count(lambda _, new: new == ABSENT)

    @property
    def only_new(self) -> int:
        """Records that only NEW has."""
        return self.count(lambda old, _: old == ABSENT)

    @property
    def fixed(self) -> int:
        """Gaps in OLD that are correct in NEW."""
        return self.count(self.is_fixed)

    @property
    def new(self) -> int:
        """Gaps in NEW that were none in OLD: the regressions."""
        return self.count(self.is_new)

    @property
    def still(self) -> int:
        """Gaps in both, of the same kind."""
        return self.count(lambda old, new: self._are_gaps(old, new) and (old in _POSITIVE) == (new in _POSITIVE))

    @property
    def false_positives_to_negatives(self) -> int:
        """Gaps that were false positives and are false negatives: their truth changed."""
        return self.count(lambda old, new: self._are_gaps(old, new) and old in _NEGATIVE and new in _POSITIVE)

    @property
    def false_negatives_to_positives(self) -> int:
        """Gaps that were false negatives and are false positives: their truth changed."""
        return self.count(lambda old, new: self._are_gaps(old, new) and old in _POSITIVE and new in _NEGATIVE)

    @property
    def no_longer_compared(self) -> int:
        """Gaps in OLD that NEW has, but neither as gaps nor as correct: the response or the truth is unclear now."""
        lost = (*UNCLEAR, *UNCOMPARED)
        return self.count(lambda old, new: self.is_gap(old) and new in lost and not self.is_gap(new))

    @property
    def became_unclear(self) -> int:
        """Responses that are unclear in NEW, and were not in OLD."""
        return self.count(lambda old, new: old in (*CORRECT, *WRONG) and new in UNCLEAR)

    @property
    def became_clear(self) -> int:
        """Responses that were unclear in OLD, and are not in NEW."""
        return self.count(lambda old, new: old in UNCLEAR and new in (*CORRECT, *WRONG))

    @property
    def truth_changed(self) -> int:
        """Records whose truth is another one in NEW; each run is judged by its own."""
        return self.count(
            lambda old, new: (old in _POSITIVE and new in _NEGATIVE) or (old in _NEGATIVE and new in _POSITIVE)
        )

    @property
    def before(self) -> Confusion:
        """How the records that both runs have came out in OLD."""
        return self._margin(lambda old, _: old)

    @property
    def after(self) -> Confusion:
        """How the records that both runs have came out in NEW."""
        return self._margin(lambda _, new: new)

    def _margin(self, side: Callable[[int, int], int]) -> Confusion:
        cells = [0] * CELLS
        for old, new, count in self.states():
            if ABSENT not in (old, new):
                cells[side(old, new)] += count
        return Confusion(*cells)

    def mcnemar(self) -> McNemar:
        """Test whether the runs are right equally often; an unclear response is wrong.

        Where only gaps are known, whatever is no gap counts as right.
        """
        if not self.is_complete:
            return mcnemar(self.new, self.fixed)
        wrong = (*WRONG, *UNCLEAR)
        return mcnemar(
            self.count(lambda old, new: old in CORRECT and new in wrong),
            self.count(lambda old, new: old in wrong and new in CORRECT),
        )

    def differences(self) -> dict[str, Difference]:
        """Return how each metric of `METRICS` changed, over the records that both runs have."""
        return {name: self.difference(name) for name in METRICS}

    def difference(self, name: str) -> Difference:
        """Return how a metric changed, with the interval that the delta method gives for paired records.

        The metric is a function f of the counts n of a confusion matrix. With h(i, j) = df/dn(j) in NEW less df/dn(i)
        in OLD, the change has the variance sum n(i, j) h(i, j)², where n(i, j) records went from place i to place j
        (the joint multinomial distribution; Agresti, Categorical Data Analysis, 3rd edition, 16.1; what is to be taken
        off there, (sum n(i, j) h(i, j))² / N, is 0, as no metric changes with the number of records). For a share of
        all records that is Wald's interval for paired shares. Records count as independent of one another, and as
        many: with a few of them the interval is too narrow.
        """
        formula = METRICS[name].formula
        before, after = self.before, self.after
        old, new = formula(before), formula(after)
        if old is None or new is None:
            return Difference(old, new, None, None)
        reach = self._reach(_slopes(name, before), _slopes(name, after))
        most = _MOST_CHANGE.get(name, 1.0)
        change = new - old
        interval = None if reach is None else (max(-most, change - reach), min(most, change + reach))
        return Difference(old, new, change, interval)

    def _reach(self, before: list[float] | None, after: list[float] | None) -> float | None:
        """Return how far the interval of a change reaches; None where that is not known."""
        if before is None or after is None:
            return None
        pairs = [(count, after[new] - before[old]) for old, new, count in self.states() if ABSENT not in (old, new)]
        variance = math.fsum(count * slope**2 for count, slope in pairs)
        return QUANTILE * math.sqrt(variance) or None


def _slopes(name: str, counts: Confusion) -> list[float] | None:
    """Return how fast a metric changes with each count; None if somewhere near it is not defined.

    Metrics do not change when all counts are multiplied: so a thousandth of a record can be added as a whole one.
    """
    formula = METRICS[name].formula
    cells = [_PARTS * getattr(counts, field) for field in Confusion.__struct_fields__]
    slopes = []
    for place in range(CELLS):
        more, less = (formula(_with(cells, place, step)) for step in (1, -1))
        if more is None or less is None:
            return None
        slopes.append((more - less) * _PARTS / 2)
    return slopes


def _with(cells: list[int], place: int, step: int) -> Confusion:
    cells = [*cells]
    cells[place] += step
    return Confusion(*cells)


class ComparedRun(NamedTuple):
    """One of the runs that are compared."""

    name: str
    """What it is called: as was asked for, else by its file or folder."""
    records: int
    """How many records it has; of a results folder, how many gaps."""
    seen: Confusion
    """How these came out."""
    whole: Confusion | None
    """How all predictions came out; None if that is not known, as of a results folder without `kpi_metrics.json`."""
    repeated: int
    """Records with a key that an earlier record has: the k-th of a key is matched with the k-th of the other run."""
    without_key: int
    """Records that have no key, which match nothing; they are no predictions, and were to be skipped."""
    read_by: Mapping[str, object] = MappingProxyType({})
    """Of a results folder with `kpi_metrics.json`: by which options it was read, where they decide what is a gap."""


class GroupChanges(NamedTuple):
    """One value of a field, and what changed in the records that have it."""

    value: object
    """The value; of a long one the beginning, with an ellipsis. None also where the field is missing."""
    changes: Changes
    is_other: bool = False
    """Whether this is what is left of all values that are not told apart."""


class Comparison(NamedTuple):
    """What `compare` finds."""

    on: tuple[str, ...]
    """The fields by which records are matched."""
    runs: tuple[ComparedRun, ...]
    """The runs in their order; the first is the baseline."""
    steps: tuple[Changes, ...]
    """What changed from each run to the next one."""
    groups: dict[str, list[GroupChanges]]
    """For each field that makes groups, what changed from the last run but one to the last, the worst first: where most
    gaps are new, beyond those that are fixed."""

    @property
    def changes(self) -> Changes:
        """What changed from the last run but one to the last."""
        return self.steps[-1]

    @property
    def is_complete(self) -> bool:
        """Whether the runs are predictions, and not results folders, which hold gaps only."""
        return self.changes.is_complete
