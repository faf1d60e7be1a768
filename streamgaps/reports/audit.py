"""Audit -> lines for people, or a document for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamgaps.metrics import METRICS
from streamgaps.reports.metrics import describe
from streamgaps.reports.text import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamgaps.auditing import Audit, Disagreement, RuleReading
    from streamgaps.model import Answer

__all__ = ["document", "lines", "spread"]

SCHEMA_VERSION = 1


def spread(audit: Audit, metric: str = "accuracy") -> tuple[RuleReading, RuleReading] | None:
    """Return the rules by which a metric is lowest and highest, of equals the first; None if there is no value.

    Args:
        audit: what each rule makes of the predictions.
        metric: a name out of `METRICS`.
    """
    found = [(value, one) for one in audit.rules if (value := METRICS[metric].formula(one.confusion)) is not None]
    if not found:
        return None
    return min(found, key=lambda pair: pair[0])[1], max(found, key=lambda pair: pair[0])[1]


def lines(audit: Audit) -> Iterator[str]:
    """Yield the lines of a text, without their ends.

    Texts of the input are in them as they are: whoever shows the lines on a terminal makes each printable.
    """
    yield from table(_rows(audit), numbers=range(1, 8)).splitlines()
    yield f"Samples: {audit.samples:,}. An unclear answer counts as wrong, and is neither FP nor FN."
    for reason, count in sorted(audit.skipped.items()):
        yield f"Skipped: {reason.words}: {count:,}"
    if audit.unused_labels:
        yield f"Labels without a prediction: {audit.unused_labels:,}"
    if audit.ambiguous_labels:
        yield f"Keys given more than once: {audit.ambiguous_labels:,}"
    yield ""
    if audit.disagreements:
        shown = len(audit.disagreements)
        which = "each" if shown == audit.patterns else f"{shown} of them"
        ways = "1 way" if audit.patterns == 1 else f"{audit.patterns:,} ways"
        yield (
            f"The rules differ on {audit.disagreeing:,} of {audit.samples:,} samples, in {ways}. "
            f"The first sample of {which}:"
        )
        for sample in audit.disagreements:
            yield from _shown(sample)
        yield ""
    yield _verdict(audit)


def _rows(audit: Audit) -> list[tuple[str, ...]]:
    head = ("Rule", "Yes", "No", "Unclear", "FP", "FN", "Accuracy", "F1")
    default = audit.rules[0]
    rows = [
        (
            f"{one.rule} (default)" if one is default else one.rule,
            *(f"{count:,}" for count in (one.yes, one.no, one.unclear)),
            *(f"{count:,}" for count in (one.confusion.false_positives, one.confusion.false_negatives)),
            *(_number(METRICS[name].formula(one.confusion)) for name in ("accuracy", "f1")),
        )
        for one in audit.rules
    ]
    return [head, *rows]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _shown(sample: Disagreement) -> Iterator[str]:
    where = f"item {sample.index}" if sample.source is None else f"{sample.source}: item {sample.index}"
    what = where if sample.video_id is None else f"{where}, {sample.video_id}"
    alike = "1 sample" if sample.samples == 1 else f"{sample.samples:,} samples"
    yield f"- {what} (truth {sample.truth.value}; {alike} like this)"
    yield f"  response: {sample.response}"
    read = (
        (answer, ", ".join(rule for rule, said_by_it in sample.answers.items() if said_by_it is answer))
        for answer in dict.fromkeys(sample.answers.values())
    )
    yield f"  read as {'; '.join(f'{answer.value} by {rules}' for answer, rules in read)}"


def _verdict(audit: Audit) -> str:
    ends = spread(audit)
    if ends is None:
        return "No accuracy: there is no prediction with a clear truth."
    low, high = ends
    least, most = (_number(METRICS["accuracy"].formula(one.confusion)) for one in ends)
    if low is high:
        return f"Accuracy is {least} by every rule."
    return f"Accuracy moves from {least} ({low.rule}) to {most} ({high.rule}) by the rule alone."


def document(audit: Audit) -> dict[str, Any]:
    """Return what `streamgaps audit --json` prints.

    Returns:
        For each rule the counts and rates that `kpi_metrics.json` has for a run; a rate that is not defined is None.
    """
    ends = spread(audit)
    return {
        "schema_version": SCHEMA_VERSION,
        "records": audit.records,
        "samples": audit.samples,
        "skipped": [
            {"field": reason.field, "reason": reason.why, "count": count}
            for reason, count in sorted(audit.skipped.items())
        ],
        "unused_labels": audit.unused_labels,
        "ambiguous_labels": audit.ambiguous_labels,
        "default_rule": audit.rules[0].rule,
        "rules": [
            {"rule": one.rule, "yes": one.yes, "no": one.no, "unclear": one.unclear, **describe(one.confusion)}
            for one in audit.rules
        ],
        "lowest_accuracy": None if ends is None else ends[0].rule,
        "highest_accuracy": None if ends is None else ends[1].rule,
        "disagreeing": audit.disagreeing,
        "patterns": audit.patterns,
        "disagreements": [_sample(sample) for sample in audit.disagreements],
    }


def _sample(sample: Disagreement) -> dict[str, Any]:
    return {
        "index": sample.index,
        "source": sample.source,
        "video_id": sample.video_id,
        "response": sample.response,
        "truth": sample.truth.value,
        "samples": sample.samples,
        "answers": _values(sample.answers),
    }


def _values(answers: Mapping[str, Answer]) -> dict[str, str]:
    return {rule: answer.value for rule, answer in answers.items()}
