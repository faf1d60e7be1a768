"""Counts -> `kpi_metrics.json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from streamgaps import __version__
from streamgaps.metrics import METRICS, interval_of, measure, ratio, wilson, worst_first
from streamgaps.outputs.names import GENERATOR, GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamgaps.model import Tally
    from streamgaps.survey import Confusion

__all__ = ["describe", "document"]

SCHEMA_VERSION = 1


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
    found["yes_ratio_answers"] = ratio(yes_answers, counts.parsed)
    found["yes_ratio_truth"] = ratio(yes_truths, counts.samples)
    intervals = {name: interval_of(name, counts) for name, metric in METRICS.items() if metric.share is not None}
    intervals["yes_ratio_answers"] = wilson(yes_answers, counts.parsed)
    intervals["yes_ratio_truth"] = wilson(yes_truths, counts.samples)
    found["intervals"] = intervals
    return found


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
    yield _json(head, indent=2).removesuffix("\n}") + f",{GROUPS}{{"
    for number, (field, found) in enumerate(groups.items()):
        yield f"{',' if number else ''}\n    {_json(field)}: ["
        for place, group in enumerate(found[:most_groups]):
            row = {"value": group.value, **({"is_other": True} if group.is_other else {})}
            yield f"{',' if place else ''}\n      {_json(row | describe(group.confusion, positive=positive))}"
        yield "\n    ]"
    yield "\n  }\n}\n" if groups else "}\n}\n"


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)
