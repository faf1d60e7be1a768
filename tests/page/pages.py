"""Documents and gaps to make pages of, plain and hostile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from streamgaps.model import SkipReason, Tally
from streamgaps.page.html import new_sampler, render
from streamgaps.reports.metrics import document
from streamgaps.stages.write import encode_exactly
from streamgaps.survey import Survey

__all__ = ["HOSTILE", "gap", "metrics", "page"]

HOSTILE = [
    "<script>document.title = 'taken'</script>",
    '"><img src=x onerror="document.title = \'taken\'">',
    "</style></script></textarea><!-- ' onload=alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u2066",
    "nul\0bell\x07esc\x1b[2J",
    "lone \ud83d surrogate",
    "w" * 10_000,
    "javascript:alert(1)//x.mp4",
]
"""Texts that would like to be something else."""

_RUN = {
    "inputs": ["predictions.jsonl"],
    "rule": "strict",
    "gt_rule": "strict",
    "final_answer": False,
    "unclear": "skip",
    "versions": {"streamgaps": "1.2.3"},
}


def gap(number: int, kind: str = "FP", **more: object) -> dict[str, object]:
    """Return a gap."""
    said, truth = ("Yes, there is.", "B. No") if kind == "FP" else ("No, there is none.", "A. Yes")
    record = {"video_id": f"/data/{number}.mp4", "error_type": kind, "question": "Is there a collision?"}
    return {**record, "ground_truth": truth, "response": said, **more}


def metrics(
    gaps: Sequence[dict[str, Any]], fields: Sequence[str] = (), *, positive: str = "yes", **run: object
) -> dict[str, Any]:
    """Return what `kpi_metrics.json` says of these gaps, three right answers, two unclear ones, one without truth."""
    survey = Survey(tuple(fields))
    tally = Tally(true_positives=2, true_negatives=1, survey=survey)
    tally.skipped.update({SkipReason("response", "both"): 2, SkipReason("gt", "neither"): 1})
    answers = [(0, gap(0)), (0, gap(0)), (1, gap(0)), (4, gap(0)), (5, gap(0)), (6, gap(0))]
    for cell, one in [*answers, *((2 if one["error_type"] == "FP" else 3, one) for one in gaps)]:
        for row in [survey.row(n, one.get(field)) for n, field in enumerate(fields)] or survey.rest:
            row[cell] += 1
    tally.false_positives = sum(one["error_type"] == "FP" for one in gaps)
    tally.false_negatives = len(gaps) - tally.false_positives
    about = {**_RUN, "group_by": list(fields), **run}
    found: dict[str, Any] = json.loads("".join(document(tally, about=about, positive=positive)))
    return found


def page(gaps: Sequence[dict[str, Any]], document: dict[str, Any] | None = None, *, most: int = 200) -> str:
    """Make the page of these gaps."""
    sampler = new_sampler(most, rule=document and document["run"]["rule"])
    for one in gaps:
        sampler.add(encode_exactly(one) + b"\n")
    return render(document, sampler.samples(), counts=sampler.counts)
