"""The plain-text report, and the summary of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamgaps.model import SkipReason, Tally

__all__ = ["report", "said", "summary"]


def report(tally: Tally) -> str:
    """Render `kpi_gaps_report.txt`, byte for byte as NVIDIA TAO's `gap_analysis vlm_bcq` does."""
    rows = [
        ("Error Type", "Count", "Description"),
        ("FP", str(tally.false_positives), "model said yes, ground truth no"),
        ("FN", str(tally.false_negatives), "model said no, ground truth yes"),
        ("Total", str(tally.gaps), ""),
    ]
    return "KPI Gaps Report (binary ground truth: yes/no)\n" + _table(rows)


def summary(tally: Tally) -> str:
    """Render the counts of a run: every record read is in exactly one of the rows above their sum."""
    rows = [
        ("Outcome", "Records"),
        ("Correct", f"{tally.correct:,}"),
        ("False positives (FP)", f"{tally.false_positives:,}"),
        ("False negatives (FN)", f"{tally.false_negatives:,}"),
    ]
    rows += [(f"Skipped: {said(reason)}", f"{count:,}") for reason, count in sorted(tally.skipped.items())]
    rows.append(("Records read", f"{tally.records:,}"))
    if tally.unclear:
        rows.append(("Of FP and FN: unclear responses", f"{tally.unclear:,}"))
    if tally.unused_labels:
        rows.append(("Labels without a prediction", f"{tally.unused_labels:,}"))
    if tally.ambiguous_labels:
        rows.append(("Keys given more than once", f"{tally.ambiguous_labels:,}"))
    return _table(rows)


_SUBJECTS = {"gt": "ground truth", "gap": "gap", "key": "key", "record": "record"}
_SAID = {
    "neither": "says neither yes nor no",
    "both": "says both yes and no",
    "no final answer": "has no final answer",
    "null": "is null",
    "no match": "has no match",
    "several matches": "has several matches",
    "duplicate": "of the same video and question",
}


def said(reason: SkipReason) -> str:
    """Return why a sample was skipped, in words.

    >>> from streamgaps.model import SkipReason
    >>> said(SkipReason("gt", "neither"))
    'ground truth says neither yes nor no'
    """
    return f"{_SUBJECTS.get(reason.field, reason.field)} {_SAID.get(reason.why, f'is {reason.why}')}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Draw a frame around rows of cells, the first of them the head. Left-aligned, as wide as the widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+\n"
    lines = [
        "|" + "|".join(f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True)) + "|\n" for row in rows
    ]
    return rule + lines[0] + rule + "".join(lines[1:]) + rule
