from __future__ import annotations

import pytest

from streamgaps import Answer, ErrorType, Gap, RecordError, Skip, SkipReason, Tally
from streamgaps.model import Answers, ParsedPrediction, Prediction
from streamgaps.stages.classify import classify
from streamgaps.stages.parse import parse

TEXT = {Answer.YES: "Yes", Answer.NO: "No", Answer.NEITHER: "?", Answer.BOTH: "yes or no"}


def parsed(response: Answer, gt: Answer | None, video_id: object = "v") -> ParsedPrediction:
    """Make a prediction whose texts fit the answers."""
    return Prediction(video_id, TEXT[response], TEXT[gt] if gt else None, "q"), Answers(response, gt)


def run(*predictions: ParsedPrediction) -> tuple[list[Gap], Tally, list[Skip]]:
    """Classify predictions."""
    tally = Tally()
    skips: list[Skip] = []
    gaps = list(classify(predictions, tally=tally, resolve=lambda item, path: f"/{item}/{path}", on_skip=skips.append))
    return gaps, tally, skips


def test_each_prediction_is_counted_once() -> None:
    """And gaps come out in order, with the raw texts."""
    gaps, tally, skips = run(
        parsed(Answer.YES, Answer.YES),
        parsed(Answer.NO, Answer.NO),
        parsed(Answer.YES, Answer.NO),
        parsed(Answer.NO, Answer.YES),
        parsed(Answer.BOTH, None),
        parsed(Answer.YES, Answer.NEITHER),
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
    _, _, skips = run((Prediction("v", "x" * 500, "no"), Answers(Answer.NEITHER, None)))
    assert ["x" * 80] == [skip.text for skip in skips]


def test_the_video_id_of_a_gap_must_be_a_text() -> None:
    """That of any other prediction is not looked at."""
    assert run(parsed(Answer.YES, Answer.YES, None), parsed(Answer.BOTH, None, 3))[1].records == 2
    with pytest.raises(RecordError, match="^item 0: 'video_id' must be a string, not null$"):
        run(parsed(Answer.YES, Answer.NO, None))


@pytest.mark.parametrize(("value", "name"), [(None, "null"), (True, "boolean"), (1, "number"), (["yes"], "array")])
def test_a_text_that_is_none_is_an_error(value: object, name: str) -> None:
    """Where it has to be read; it names the item, and all before it is counted."""
    good = Prediction("v", "no", "no")
    for field in ("response", "gt"):
        bad = Prediction("v", "no", "no")
        setattr(bad, field, value)
        tally = Tally()
        gaps = classify(parse([good, good, bad]), tally=tally, resolve=str, on_skip=print, first=5)  # type: ignore[arg-type]
        with pytest.raises(RecordError, match=f"^item 7: '{field}' must be a string, not {name}$"):
            list(gaps)
        assert (2, 2) == (tally.true_negatives, tally.records)


def test_the_tally_is_right_at_every_gap() -> None:
    """Whoever looks in between sees all that was counted."""
    right, wrong = Prediction("v", "yes", "yes"), Prediction("v", "yes", "no")
    tally = Tally(true_positives=10)
    gaps = classify(
        parse([right, right, wrong, right, wrong, right]), tally=tally, resolve=lambda _, path: path, on_skip=print
    )
    assert [(2, 13), (4, 15)] == [(gap.index, tally.records) for gap in gaps]
    assert tally.records == 16
