from __future__ import annotations

import pytest

from streamgaps import Answer, ErrorType, Gap, RecordError, Skip, SkipReason, Tally
from streamgaps.model import ParsedPrediction, Prediction
from streamgaps.stages.classify import classify

TEXT = {Answer.YES: "Yes", Answer.NO: "No", Answer.NEITHER: "?", Answer.BOTH: "yes or no"}


def parsed(item: int, response: Answer, gt: Answer | None, video_id: object = "v") -> ParsedPrediction:
    """Make a prediction whose texts fit the answers."""
    return ParsedPrediction(Prediction(item, video_id, TEXT[response], TEXT[gt] if gt else None, "q"), response, gt)


def run(*predictions: ParsedPrediction) -> tuple[list[Gap], Tally, list[Skip]]:
    """Classify predictions."""
    tally = Tally()
    skips: list[Skip] = []
    gaps = list(classify(predictions, tally=tally, resolve=lambda item, path: f"/{item}/{path}", on_skip=skips.append))
    return gaps, tally, skips


def test_each_prediction_is_counted_once() -> None:
    """And gaps come out in order, with the raw texts."""
    gaps, tally, skips = run(
        parsed(0, Answer.YES, Answer.YES),
        parsed(1, Answer.NO, Answer.NO),
        parsed(2, Answer.YES, Answer.NO),
        parsed(3, Answer.NO, Answer.YES),
        parsed(4, Answer.BOTH, None),
        parsed(5, Answer.YES, Answer.NEITHER),
    )
    assert [
        Gap(2, "/2/v", ErrorType.FP, "q", "No", "Yes"),
        Gap(3, "/3/v", ErrorType.FN, "q", "Yes", "No"),
    ] == gaps
    reasons = [SkipReason("response", "both"), SkipReason("gt", "neither")]
    assert [Skip(4, "v", reasons[0], "yes or no"), Skip(5, "v", reasons[1], "?")] == skips
    assert (1, 1, 1, 1) == (tally.true_positives, tally.true_negatives, tally.false_positives, tally.false_negatives)
    assert dict.fromkeys(reasons, 1) == tally.skipped
    assert tally.records == 6


def test_a_warning_shows_80_characters() -> None:
    """However long the text is."""
    prediction = Prediction(0, "v", "x" * 500, "no", "")
    _, _, skips = run(ParsedPrediction(prediction, Answer.NEITHER, None))
    assert ["x" * 80] == [skip.text for skip in skips]


def test_the_video_id_of_a_gap_must_be_a_text() -> None:
    """That of any other prediction is not looked at."""
    assert run(parsed(0, Answer.YES, Answer.YES, None), parsed(1, Answer.BOTH, None, 3))[1].records == 2
    with pytest.raises(RecordError, match="^item 2: 'video_id' must be a string, not null$"):
        run(parsed(2, Answer.YES, Answer.NO, None))
