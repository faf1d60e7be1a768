"""Confusion matrix -> the numbers that the field reports, with their intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamgaps.survey import Confusion, Group, Survey

__all__ = ["METRICS", "QUANTILE", "Interval", "Metric", "interval_of", "measure", "ratio", "wilson", "worst_first"]

QUANTILE = 1.959963984540054
"""The quantile of the standard normal distribution at 97.5 %: intervals are at 95 %."""

Interval = tuple[float, float]


class Metric(NamedTuple):
    """A metric of a confusion matrix.

    An unclear answer is wrong, whatever the truth is: a third answer beside yes and no, which no truth has. It is so
    in the evaluation of NVIDIA's TAO loop, and it is what scikit-learn computes for three labels.
    """

    label: str
    """What people call it."""
    formula: Callable[[Confusion], float | None]
    """Gives its value, from 0 to 1 (a correlation from -1); None where it is not defined, as a share of nothing is."""
    share: Callable[[Confusion], tuple[int, int]] | None = None
    """Gives the two counts of which it is the ratio; None if it is no share, and has no interval of that kind."""
    is_good: bool = True
    """Whether more is better."""


def ratio(part: int, whole: int) -> float | None:
    """Return a share; None of nothing."""
    return part / whole if whole else None


def _share(label: str, share: Callable[[Confusion], tuple[int, int]], *, is_good: bool = True) -> Metric:
    return Metric(label, lambda counts: ratio(*share(counts)), share, is_good)


def _balanced_accuracy(counts: Confusion) -> float | None:
    if not counts.positives or not counts.negatives:
        return None
    return (counts.true_positives / counts.positives + counts.true_negatives / counts.negatives) / 2


def _f1(counts: Confusion) -> float | None:
    # 2 TP / (answered positive + truly positive), the harmonic mean of precision and recall
    return ratio(2 * counts.true_positives, counts.true_positives + counts.false_positives + counts.positives)


def _correlation(counts: Confusion) -> float | None:
    """Return the Matthews correlation for three answers (Gorodkin 2004, R_K); the usual one if nothing is unclear."""
    answers = (
        counts.true_positives + counts.false_positives,
        counts.true_negatives + counts.false_negatives,
        counts.unclear,
    )
    truths = (counts.positives, counts.negatives, 0)
    square = counts.samples**2
    spread = (square - sum(count**2 for count in answers)) * (square - sum(count**2 for count in truths))
    if not spread:
        return None
    together = counts.correct * counts.samples - sum(one * other for one, other in zip(answers, truths, strict=True))
    return together / math.sqrt(spread)


METRICS: dict[str, Metric] = {
    "true_positive_rate": _share("True positive rate", lambda c: (c.true_positives, c.positives)),
    "true_negative_rate": _share("True negative rate", lambda c: (c.true_negatives, c.negatives)),
    "accuracy": _share("Accuracy", lambda c: (c.correct, c.samples)),
    "balanced_accuracy": Metric("Balanced accuracy", _balanced_accuracy),
    "accuracy_parsed": _share("Accuracy of clear answers", lambda c: (c.correct, c.parsed)),
    "precision": _share("Precision", lambda c: (c.true_positives, c.true_positives + c.false_positives)),
    "recall": _share("Recall", lambda c: (c.true_positives, c.positives)),
    "specificity": _share("Specificity", lambda c: (c.true_negatives, c.negatives)),
    "f1": Metric("F1", _f1),
    "matthews_correlation": Metric("Matthews correlation", _correlation),
    "unclear_rate": _share("Unclear answers", lambda c: (c.unclear, c.samples), is_good=False),
}
"""The metrics by their names."""


def measure(counts: Confusion) -> dict[str, float | None]:
    """Return each metric's value by its name; None where it is not defined."""
    return {name: metric.formula(counts) for name, metric in METRICS.items()}


def interval_of(name: str, counts: Confusion) -> Interval | None:
    """Return the 95 % interval of a metric; None where it is not defined, or no share of a whole."""
    share = METRICS[name].share
    return None if share is None else wilson(*share(counts))


def wilson(part: int, whole: int) -> Interval | None:
    """Return the 95 % score interval of a share (Wilson 1927); None for a share of nothing.

    >>> [round(end, 3) for end in wilson(9, 10) or ()]
    [0.596, 0.982]
    """
    if not whole:
        return None
    share, weight = part / whole, QUANTILE**2 / whole
    middle = share + weight / 2
    reach = math.sqrt(weight * share * (1 - share) + weight**2 / 4)
    low, high = (middle - reach) / (1 + weight), (middle + reach) / (1 + weight)
    # At the ends it touches 0 and 1, but for the last digits.
    return (0.0 if not part else max(0.0, low), 1.0 if part == whole else min(1.0, high))


def worst_first(survey: Survey, field: str) -> list[Group]:
    """Return the groups of a field, the worst first, and last what is left of the others.

    The worst is the one whose accuracy is surely low: that with the lowest upper end of its 95 % interval. By the bare
    accuracy it would be some group with one sample. Groups of which nothing could be compared come behind the others.
    """

    def place(group: Group) -> tuple[bool, float, int]:
        interval = interval_of("accuracy", group.confusion)
        return (group.is_other, interval[1] if interval else 2.0, -group.confusion.samples)

    return sorted(survey.groups(field), key=place)
