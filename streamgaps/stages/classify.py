"""ParsedPrediction -> Gap or nothing. The only place that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamgaps.model import Answer, ErrorType, Gap, Skip, SkipReason
from streamgaps.stages.validate import require_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.model import ParsedPrediction, Prediction, Tally

__all__ = ["EXCERPT", "classify"]

EXCERPT = 80
"""How many characters of an unclear text its warning shows."""


def classify(
    parsed: Iterable[ParsedPrediction],
    *,
    tally: Tally,
    resolve: Callable[[int, str], str],
    on_skip: Callable[[Skip], None],
) -> Iterator[Gap]:
    """Compare each response with its ground truth, count it, and yield the contradictions.

    Args:
        parsed: predictions whose answers are read.
        tally: where each prediction is counted, before its gap is yielded.
        resolve: gives the absolute path of item `index`'s `video_id`; asked for gaps only.
        on_skip: told of every prediction that is skipped.

    Raises:
        RecordError: the `video_id` of a gap is not a string.
    """
    for prediction, response, gt in parsed:
        if gt is None:
            _skip(prediction, "response", response, tally, on_skip)
        elif gt is Answer.NEITHER or gt is Answer.BOTH:
            _skip(prediction, "gt", gt, tally, on_skip)
        elif response is gt:
            if gt is Answer.YES:
                tally.true_positives += 1
            else:
                tally.true_negatives += 1
        elif response is Answer.YES:
            gap = _gap(prediction, ErrorType.FP, resolve)
            tally.false_positives += 1
            yield gap
        else:
            gap = _gap(prediction, ErrorType.FN, resolve)
            tally.false_negatives += 1
            yield gap


def _gap(prediction: Prediction, error_type: ErrorType, resolve: Callable[[int, str], str]) -> Gap:
    video_id = require_text(prediction, "video_id")
    return Gap(
        index=prediction.item,
        video_id=resolve(prediction.item, video_id),
        error_type=error_type,
        question=prediction.question,
        ground_truth=require_text(prediction, "gt"),
        response=require_text(prediction, "response"),
    )


def _skip(prediction: Prediction, field: str, answer: Answer, tally: Tally, on_skip: Callable[[Skip], None]) -> None:
    reason = SkipReason(field, answer.value)
    tally.skipped[reason] += 1
    on_skip(Skip(prediction.item, prediction.video_id, reason, require_text(prediction, field)[:EXCERPT]))
