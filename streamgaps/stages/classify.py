"""ParsedPrediction -> gap or nothing; each is counted as correct, FP, FN or skipped."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from streamgaps.exceptions import RecordError
from streamgaps.fields import MISSING
from streamgaps.model import Answer, ErrorType, Gap, Invalid, Skip, SkipReason
from streamgaps.stages.validate import EXCERPT, not_a_text
from streamgaps.stages.write import encode_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.model import ParsedPrediction, Prediction, Tally

__all__ = ["DEFAULT", "Policy", "Skipping", "Unclear", "classify"]


class Unclear(str, Enum):
    """What becomes of an unclear response, or of an unclear ground truth."""

    SKIP = "skip"
    """It is skipped."""
    GAP = "gap"
    """Against a clear ground truth the response counts as wrong; else it is skipped."""
    ERROR = "error"
    """It ends the run."""


class Policy(NamedTuple):
    """What becomes of predictions that cannot be compared."""

    unclear: Unclear = Unclear.SKIP
    skips_invalid: bool = False
    """Whether what is no text where there should be one is skipped, and no error."""
    keeps_records: bool = False
    """Whether a `Skip` holds what is known of the prediction."""


DEFAULT = Policy()

_REASONS = {
    (field, answer.name): SkipReason(field, answer.value)
    for field in ("response", "gt")
    for answer in (Answer.NEITHER, Answer.BOTH, Answer.UNFINISHED)
}


def classify(
    parsed: Iterable[ParsedPrediction],
    *,
    tally: Tally,
    resolve: Callable[[int, str], str],
    on_skip: Callable[[Skip], None],
    policy: Policy = DEFAULT,
    first: int = 0,
) -> Iterator[Gap]:
    """Compare each response with its ground truth, count it, and yield the contradictions.

    Args:
        parsed: predictions whose answers are read, in the order of the input.
        tally: where each prediction is counted; up to date whenever a gap is yielded or a skip told, and at the end.
        resolve: gives the absolute path of item `index`'s `video_id`; asked for gaps only.
        on_skip: told of every prediction that is skipped.
        policy: what becomes of predictions that cannot be compared.
        first: the place in the input of the first prediction.

    Raises:
        RecordError: a text that has to be read is not a string; or what is unclear is to be an error.
    """
    yes, no = Answer.YES, Answer.NO
    false_positive, false_negative = ErrorType.FP, ErrorType.FN
    skipping = Skipping(tally, on_skip, policy)
    skips_unclear = policy.unclear is not Unclear.GAP
    index = first - 1
    true_positives = true_negatives = 0  # those not in the tally yet: to count there takes three times as long
    try:
        for prediction, (response, gt, _) in parsed:
            if response is gt:
                if gt is yes:
                    true_positives += 1
                    continue
                if gt is no:
                    true_negatives += 1
                    continue
            tally.true_positives += true_positives
            tally.true_negatives += true_negatives
            index += true_positives + true_negatives + 1
            true_positives = true_negatives = 0
            unclear = response is not yes and response is not no
            has_truth = gt is yes or gt is no
            if unclear and (skips_unclear or not has_truth):
                skipping.skip_unclear(index, prediction, "response", response)
                continue
            if not has_truth:
                skipping.skip_unclear(index, prediction, "gt", cast("Answer", gt))  # None only beside unclear responses
                continue
            video_id = prediction.video_id
            if type(video_id) is not str and not skipping.is_text(index, prediction, "video_id"):
                continue
            video_id = resolve(index, video_id)
            if gt is no:
                tally.false_positives += 1
                error_type = false_positive
            else:
                tally.false_negatives += 1
                error_type = false_negative
            tally.unclear += unclear
            yield Gap(
                index,
                video_id,
                error_type,
                prediction.question,
                prediction.gt,
                prediction.response,
                prediction.carried,
                unclear,
            )
    finally:
        tally.true_positives += true_positives
        tally.true_negatives += true_negatives


class Skipping:
    """Counts what is not compared, and tells of it."""

    def __init__(self, tally: Tally, on_skip: Callable[[Skip], None], policy: Policy) -> None:
        self._tally = tally
        self._on_skip = on_skip
        self._policy = policy

    def skip_unclear(self, index: int, prediction: Prediction, field: str, answer: Answer) -> None:
        """Skip a prediction whose `"response"` or `"gt"` is unclear, or is no text; or raise RecordError."""
        if isinstance(prediction, Invalid):
            self._skip(index, prediction, prediction.reason, prediction.text)
            return
        if not self.is_text(index, prediction, field):
            return
        reason = _REASONS[field, answer.name]
        text = getattr(prediction, field)
        if self._policy.unclear is Unclear.ERROR:
            message = f"item {index}: the {reason.words}: {text[:EXCERPT]!r}; --unclear skip goes on without it"
            raise RecordError(message, index=index, field=field)
        self._skip(index, prediction, reason, text)

    def is_text(self, index: int, prediction: Prediction, field: str) -> bool:
        """Say whether a field that has to be read can be; if not, skip the prediction, or raise RecordError."""
        value = getattr(prediction, field)
        if isinstance(value, str):
            return True
        if not self._policy.skips_invalid:
            raise not_a_text(index, prediction, field)
        self._skip(index, prediction, SkipReason(field, "null" if value is None else "not a string"), "")
        return False

    def _skip(self, index: int, prediction: Prediction, reason: SkipReason, text: str) -> None:
        self._tally.skipped[reason] += 1
        record = encode_record(index, _record(prediction)) if self._policy.keeps_records else None
        video_id = None if prediction.video_id is MISSING else prediction.video_id
        self._on_skip(Skip(index, video_id, reason, text[:EXCERPT], record=record))


def _record(prediction: Prediction) -> dict[str, Any]:
    """Return what is known of a prediction, under the names that a gap has."""
    if isinstance(prediction, Invalid):
        if prediction.found is None:
            return {"text": prediction.text}
        prediction = prediction.found
    known = {
        "video_id": prediction.video_id,
        "question": prediction.question,
        "ground_truth": prediction.gt,
        "response": prediction.response,
    }
    return {name: value for name, value in known.items() if value is not MISSING} | (prediction.carried or {})
