"""The whole job in memory, as plainly as it can be said; it shares no code with the package."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Expected(NamedTuple):
    """What a run must come to."""

    gaps: list[dict[str, Any]]
    skipped: list[tuple[int, str, str]]
    correct: int
    places: list[int]
    """Which record each gap is."""


def answer(text: str) -> str:
    """Return yes, no, neither or both."""
    words = [word for word in ("yes", "no") if re.search(rf"\b{word}\b", text.lower())]
    return {0: "neither", 1: "".join(words), 2: "both"}[len(words)]


def expect(
    records: list[dict[str, Any]],
    videos_dir: str,
    *,
    rule: Callable[[str], str] = answer,
    gt_rule: Callable[[str], str] = answer,
    unclear_is_gap: bool = False,
) -> Expected:
    """Judge records that have all they need, by the strict rule unless it is another one."""
    found = Expected([], [], 0, [])
    for index, record in enumerate(records):
        response, truth = rule(record["response"]), gt_rule(record["gt"])
        is_unclear = response not in ("yes", "no")
        if is_unclear and (truth not in ("yes", "no") or not unclear_is_gap):
            found.skipped.append((index, "response", response))
        elif truth not in ("yes", "no"):
            found.skipped.append((index, "gt", truth))
        elif truth == response:
            found = found._replace(correct=found.correct + 1)
        else:
            url = re.match("[A-Za-z][A-Za-z0-9+.-]+://", record["video_id"])
            gap = {
                "video_id": record["video_id"] if url else str((Path(videos_dir) / record["video_id"]).resolve()),
                "error_type": "FP" if truth == "no" else "FN",
                "question": record.get("question", ""),
                "ground_truth": record["gt"],
                "response": record["response"],
            }
            found.gaps.append(gap | ({"unclear": True} if is_unclear else {}))
            found.places.append(index)
    return found
