"""The plain-text report, and the summary of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from streamgaps.metrics import METRICS, wilson, worst_first
from streamgaps.model import Answer

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from streamgaps.model import Tally
    from streamgaps.survey import Group

__all__ = [
    "WORST",
    "Paint",
    "accuracy_of",
    "closing",
    "group_name",
    "report",
    "summary",
    "table",
]

Paint = Callable[[str, str], str]
"""Takes a text, and what kind of text it is."""

_UNCLEAR = {answer.value for answer in Answer} - {Answer.YES.value, Answer.NO.value}

_LONGEST_NAME = 60
"""How many characters of a group's name a line shows."""

WORST = 3
"""How many groups of a field are told of at the end."""


def _plain(text: str, _: str) -> str:
    return text


def report(tally: Tally) -> str:
    """Render `kpi_gaps_report.txt`, byte for byte as NVIDIA TAO's `gap_analysis vlm_bcq` does."""
    rows = [
        ("Error Type", "Count", "Description"),
        ("FP", str(tally.false_positives), "model said yes, ground truth no"),
        ("FN", str(tally.false_negatives), "model said no, ground truth yes"),
        ("Total", str(tally.gaps), ""),
    ]
    return "KPI Gaps Report (binary ground truth: yes/no)\n" + table(rows)


def summary(tally: Tally, *, paint: Paint = _plain) -> str:
    """Render the counts of a run: every record read is in exactly one of the rows above their sum.

    Args:
        tally: the counts.
        paint: colours a text by what it is: `"head"`, `"good"`, `"bad"` or `"odd"`.
    """
    counts = [
        ("Correct", tally.correct, "good"),
        ("False positives (FP)", tally.false_positives, "bad"),
        ("False negatives (FN)", tally.false_negatives, "bad"),
        *((f"Skipped: {reason.words}", count, "odd") for reason, count in sorted(tally.skipped.items())),
        ("Records read", tally.records, "head"),
    ]
    rows = [("Outcome", "Records", "Share")]
    rows += [(name, f"{count:,}", _percent(count, tally.records)) for name, count, _ in counts]
    more = [
        ("Of FP and FN: unclear responses", tally.unclear),
        ("Labels without a prediction", tally.unused_labels),
        ("Keys given more than once", tally.ambiguous_labels),
    ]
    rows += [(name, f"{count:,}", "") for name, count in more if count]
    kinds = ["head", *(kind if count else "" for _, count, kind in counts), *("" for _ in more)]
    return table(rows, numbers=(1, 2), paint=lambda row, text: paint(text, kinds[row]))


def closing(tally: Tally, *, positive: str = "yes") -> list[tuple[str, str]]:
    """Say how good the answers are: labels, and what stands behind them.

    The three worst groups are there if groups were asked for.

    Args:
        tally: the counts.
        positive: which answer is the positive one.
    """
    name, part, whole = accuracy_of(tally)
    survey = tally.survey
    if survey is None:
        found = [(METRICS[name].label, _rate(part, whole, f"of {whole:,} compared"))]
    else:
        total = survey.total if positive == "yes" else survey.total.flipped()
        what = f"of {whole:,} with a clear truth" + (", unclear responses wrong" if total.unclear else "")
        found = [(METRICS[name].label, _rate(part, whole, what))]
        label = "F1" if positive == "yes" else "F1 of no"
        found += [(label, f"{value:.4f}") for value in [METRICS["f1"].formula(total)] if value is not None]
    found.append(("Unclear", _unclear(tally)))
    if survey is not None:
        for field in survey.fields:
            found += [(f"Worst {field}", _group(group)) for group in worst_first(survey, field)[:WORST]]
    return found


def accuracy_of(tally: Tally) -> tuple[str, int, int]:
    """Return the accuracy of a run as far as it is known: the name of the metric, how many are correct, of how many.

    Where answers were counted against the truth, an unclear one is a wrong one. Elsewhere unclear responses that were
    skipped, whose truth nobody has read, are left out: that is another metric.
    """
    if tally.survey is not None:
        total = tally.survey.total
        return "accuracy", total.correct, total.samples
    repeats = tally.skipped.total() - tally.uncompared  # gaps, too, though they are left out
    name = "accuracy_parsed" if _skipped_as_unclear(tally) else "accuracy"
    return name, tally.correct, tally.correct + tally.gaps + repeats


def _skipped_as_unclear(tally: Tally) -> int:
    return sum(
        count for reason, count in tally.skipped.items() if reason.field == "response" and reason.why in _UNCLEAR
    )


def _unclear(tally: Tally) -> str:
    if tally.survey is not None:
        total = tally.survey.total
        return f"{_percent(total.unclear, total.samples) or 'none'} of {total.samples:,} with a clear truth"
    unclear = tally.unclear + _skipped_as_unclear(tally)
    return f"{_percent(unclear, tally.records) or 'none'} of {tally.records:,} responses"


def _group(group: Group) -> str:
    counts = group.confusion
    name = group_name(group.value, is_other=group.is_other)
    shown = name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"
    return f"{shown}: {_rate(counts.correct, counts.samples, f'of {counts.samples:,}')}"


def group_name(value: object, *, is_other: bool = False) -> str:
    """Return what a group is called: by its value, unless it is what is left of the others."""
    if is_other:
        return "(other)"
    if value is None:
        return "(none)"
    if value == "":
        return "(empty)"
    return value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False)


def _rate(part: int, whole: int, what: str) -> str:
    interval = wilson(part, whole)
    if interval is None:
        return f"not defined, {what}"
    low, high = interval
    return f"{100 * part / whole:.1f} % {what} (95 % interval: {100 * low:.1f} to {100 * high:.1f} %)"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def table(
    rows: Sequence[tuple[str, ...]],
    *,
    numbers: Container[int] = (),
    paint: Callable[[int, str], str] = lambda _, text: text,
) -> str:
    """Draw a frame around rows of cells, the first of them the head, each column as wide as its widest cell.

    Args:
        rows: the cells.
        numbers: which columns are aligned on the right; the others are on the left.
        paint: colours the text of a row.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+\n"

    def line(number: int, row: tuple[str, ...]) -> str:
        cells = (
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "|" + "|".join(f" {paint(number, cell)} " for cell in cells) + "|\n"

    lines = [line(number, row) for number, row in enumerate(rows)]
    return rule + lines[0] + rule + "".join(lines[1:]) + rule
