"""Counts -> the numbers that the field reports, and `kpi_metrics.json`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streamgaps.model import Tally
    from streamgaps.survey import Confusion, Group, Survey

__all__ = [
    "GENERATOR",
    "METRICS",
    "QUANTILE",
    "Interval",
    "Metric",
    "describe",
    "document",
    "interval_of",
    "measure",
    "wilson",
    "worst_first",
]

SCHEMA_VERSION = 1

GENERATOR = "streamgaps"
"""What `kpi_metrics.json` says right at its beginning, so that it can be told from a file of somebody else's."""

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


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _share(label: str, share: Callable[[Confusion], tuple[int, int]], *, is_good: bool = True) -> Metric:
    return Metric(label, lambda counts: _ratio(*share(counts)), share, is_good)


def _balanced_accuracy(counts: Confusion) -> float | None:
    if not counts.positives or not counts.negatives:
        return None
    return (counts.true_positives / counts.positives + counts.true_negatives / counts.negatives) / 2


def _f1(counts: Confusion) -> float | None:
    # 2 TP / (answered positive + truly positive), the harmonic mean of precision and recall
    return _ratio(2 * counts.true_positives, counts.true_positives + counts.false_positives + counts.positives)


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
"""The metrics by their names in `kpi_metrics.json`."""


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


def describe(counts: Confusion, *, positive: str = "yes") -> dict[str, Any]:
    """Return all that `kpi_metrics.json` says of some predictions.

    Args:
        counts: with yes for the positive answer.
        positive: which answer is to count as the positive one: `"yes"` or `"no"`.

    Returns:
        The counts and rates under the names that NVIDIA TAO's loop reads, and more; a rate that is not defined is
        None. `intervals` has the lower and upper end at 95 % of each rate that is a share of a whole.
    """
    yes_answers, yes_truths = counts.true_positives + counts.false_positives, counts.positives
    if positive == "no":
        counts = counts.flipped()
    found: dict[str, Any] = {
        "total_samples": counts.samples,
        "parsed_predictions": counts.parsed,
        "unparseable_predictions": counts.unclear,
        "unparseable_positive_predictions": counts.unclear_positives,
        "unparseable_negative_predictions": counts.unclear_negatives,
        "positive_ground_truth": counts.positives,
        "negative_ground_truth": counts.negatives,
        "true_positives": counts.true_positives,
        "true_negatives": counts.true_negatives,
        "false_positives": counts.false_positives,
        "false_negatives": counts.false_negatives,
        "uncompared": counts.uncompared,
    }
    found |= measure(counts)
    found["yes_ratio_answers"] = _ratio(yes_answers, counts.parsed)
    found["yes_ratio_truth"] = _ratio(yes_truths, counts.samples)
    intervals = {name: interval_of(name, counts) for name, metric in METRICS.items() if metric.share is not None}
    intervals["yes_ratio_answers"] = wilson(yes_answers, counts.parsed)
    intervals["yes_ratio_truth"] = wilson(yes_truths, counts.samples)
    found["intervals"] = intervals
    return found


def worst_first(survey: Survey, field: str) -> list[Group]:
    """Return the groups of a field, the worst first, and last what is left of the others.

    The worst is the one whose accuracy is surely low: that with the lowest upper end of its 95 % interval. By the bare
    accuracy it would be some group with one sample. Groups of which nothing could be compared come behind the others.
    """

    def place(group: Group) -> tuple[bool, float, int]:
        interval = interval_of("accuracy", group.confusion)
        return (group.is_other, interval[1] if interval else 2.0, -group.confusion.samples)

    return sorted(survey.groups(field), key=place)


def document(
    tally: Tally, *, about: Mapping[str, Any], positive: str = "yes", most_groups: int | None = None
) -> Iterator[str]:
    """Write `kpi_metrics.json`, in pieces: with many groups it is long.

    Args:
        tally: the counts of the run, with its survey.
        about: what is to be known of the run.
        positive: which answer is the positive one.
        most_groups: how many groups of each field are written, the worst; all if None.
    """
    survey = tally.survey
    assert survey is not None  # noqa: S101 -- whoever wants the document has asked for one
    groups = {field: worst_first(survey, field) for field in survey.fields}
    head = {
        "schema_version": SCHEMA_VERSION,
        "generator": f"{GENERATOR} {__version__}",
        **describe(survey.total, positive=positive),
        "positive": positive,
        "records": tally.records,
        "gaps": {"FP": tally.false_positives, "FN": tally.false_negatives, "unclear": tally.unclear},
        "skipped": [
            {"field": reason.field, "reason": reason.why, "count": count}
            for reason, count in sorted(tally.skipped.items())
        ],
        "run": dict(about),
        "number_of_groups": {field: len(found) for field, found in groups.items()},
    }
    yield _json(head, indent=2).removesuffix("\n}") + ',\n  "groups": {'
    for number, (field, found) in enumerate(groups.items()):
        yield f"{',' if number else ''}\n    {_json(field)}: ["
        for place, group in enumerate(found[:most_groups]):
            row = {"value": group.value, **({"is_other": True} if group.is_other else {})}
            yield f"{',' if place else ''}\n      {_json(row | describe(group.confusion, positive=positive))}"
        yield "\n    ]"
    yield "\n  }\n}\n" if groups else "}\n}\n"


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)
