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


_REASONS = {
    (field, answer.name): SkipReason(field, answer.value)
    for field in ("response", "gt")
    for answer in (Answer.NEITHER, Answer.BOTH)
}


def classify(
    parsed: Iterable[ParsedPrediction],
    *,
    tally: Tally,
    resolve: Callable[[int, str], str],
    on_skip: Callable[[Skip], None],
    first: int = 0,
) -> Iterator[Gap]:
    """Compare each response with its ground truth, count it, and yield the contradictions.

    Args:
        parsed: predictions whose answers are read, in the order of the input.
        tally: where each prediction is counted; up to date whenever a gap is yielded or a skip told, and at the end.
        resolve: gives the absolute path of item `index`'s `video_id`; asked for gaps only.
        on_skip: told of every prediction that is skipped.
        first: the place in the input of the first prediction.

    Raises:
        RecordError: a text that has to be read is not a string.
    """
    yes, unclear = Answer.YES, (Answer.NEITHER, Answer.BOTH)
    false_positive, false_negative = ErrorType.FP, ErrorType.FN
    index = first - 1
    true_positives = true_negatives = 0  # those not in the tally yet: to count there takes three times as long
    try:
        for prediction, (response, gt) in parsed:
            if response is gt:
                if gt is yes:
                    true_positives += 1
                else:
                    true_negatives += 1
                continue
            tally.true_positives += true_positives
            tally.true_negatives += true_negatives
            index += true_positives + true_negatives + 1
            true_positives = true_negatives = 0
            if gt is None or gt in unclear:
                on_skip(_skip(index, prediction, response, gt, tally))
                continue
            video_id = prediction.video_id
            if type(video_id) is not str:
                video_id = require_text(index, prediction, "video_id")
            video_id = resolve(index, video_id)
            if response is yes:
                tally.false_positives += 1
                error_type = false_positive
            else:
                tally.false_negatives += 1
                error_type = false_negative
            yield Gap(index, video_id, error_type, prediction.question, prediction.gt, prediction.response)
    finally:
        tally.true_positives += true_positives
        tally.true_negatives += true_negatives


def _skip(index: int, prediction: Prediction, response: Answer, gt: Answer | None, tally: Tally) -> Skip:
    """Count a skip."""
    field, answer = ("response", response) if gt is None else ("gt", gt)
    text = require_text(index, prediction, field)
    reason = _REASONS[field, answer.name]
    tally.skipped[reason] += 1
    return Skip(index, prediction.video_id, reason, text[:EXCERPT])
