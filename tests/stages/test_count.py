from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import Answer, SkipReason, Tally, iter_gaps
from streamgaps.fields import MISSING, Fields, layout_of
from streamgaps.model import Invalid, ParsedPrediction, Prediction, answers_of
from streamgaps.settings import make_settings
from streamgaps.stages.count import count
from streamgaps.survey import CELLS, Confusion, Survey
from tests.strategies import JSON

UNCLEAR = [Answer.NEITHER, Answer.BOTH, Answer.UNFINISHED]
ANSWERS = st.builds(answers_of, st.sampled_from(Answer), st.none() | st.sampled_from(Answer))
LAYOUT = layout_of(Fields(carried=(("split", ("split",)),)))
ATTRIBUTES = ("question", "carried_0")


def predicted(question: object, split: object) -> Prediction:
    """Make a prediction that carries a field."""
    return LAYOUT.make({"video_id": "v", "response": "r", "gt": "g", "question": question, "split": split})


PAIRS = st.lists(
    st.tuples(st.builds(predicted, st.sampled_from(["a", "b", 1, None]) | JSON, JSON), ANSWERS), max_size=20
)


@pytest.mark.parametrize(
    ("response", "gt", "name"),
    [
        (Answer.YES, Answer.YES, "true_positives"),
        (Answer.NO, Answer.NO, "true_negatives"),
        (Answer.YES, Answer.NO, "false_positives"),
        (Answer.NO, Answer.YES, "false_negatives"),
        *((answer, Answer.YES, "unclear_positives") for answer in UNCLEAR),
        *((answer, Answer.NO, "unclear_negatives") for answer in UNCLEAR),
        *((answer, gt, "uncompared") for answer, gt in product(Answer, [*UNCLEAR, None])),
    ],
)
def test_each_pair_of_answers_has_its_cell(response: Answer, gt: Answer | None, name: str) -> None:
    """Alone, and in a stream."""
    answers = answers_of(response, gt)
    assert name == Confusion.__struct_fields__[answers[2]]
    survey = Survey()
    list(count([(predicted("", ""), answers)], survey, attributes=()))
    assert Confusion(**{name: 1}) == survey.total


@given(PAIRS, st.sampled_from([(), ("question",), ATTRIBUTES]))
def test_predictions_are_passed_on_as_they_are(pairs: list[ParsedPrediction], attributes: tuple[str, ...]) -> None:
    """The same ones, in their order, each of them counted before."""
    survey = Survey(attributes)
    for place, pair in enumerate(count(pairs, survey, attributes=attributes)):
        assert pairs[place] is pair
        total = survey.total
        assert place + 1 == total.samples + total.uncompared


@given(PAIRS)
def test_each_is_counted_in_the_group_of_its_value(pairs: list[ParsedPrediction]) -> None:
    """In each field; so the groups of any field come to the same total."""
    survey, expected = Survey(("question", "split")), Survey(("question", "split"))
    list(count(pairs, survey, attributes=ATTRIBUTES))
    row = [0] * CELLS
    for prediction, answers in pairs:
        for number, name in enumerate(ATTRIBUTES):
            expected.row(number, getattr(prediction, name))[answers[2]] += 1
        row[answers[2]] += 1
    assert expected == survey
    assert Confusion(*row) == survey.total
    for field in survey.fields:
        assert survey.total == sum((group.confusion for group in survey.groups(field)), Confusion())


@pytest.mark.parametrize(
    ("found", "values"),
    [(None, [None, None]), (predicted("q", MISSING), ["q", None]), (predicted("q", "s"), ["q", "s"])],
)
def test_what_is_no_prediction_counts_for_what_there_is_of_it(found: Prediction | None, values: list[Any]) -> None:
    """In the group of null where there is nothing."""
    item = Invalid("v", None, None, reason=SkipReason("gt", "missing"), found=found)
    survey = Survey(("question", "split"))
    list(count([(item, answers_of(Answer.NEITHER, None))], survey, attributes=ATTRIBUTES))
    groups = [next(survey.groups(field)) for field in survey.fields]
    assert [Confusion(uncompared=1)] * 2 == [group.confusion for group in groups]
    assert values == [group.value for group in groups]


def test_a_run_counts_the_truth_of_unclear_responses(tmp_path: Any) -> None:
    """Which it would not look at else; what is skipped is uncompared only without a clear truth."""
    path = tmp_path / "p.jsonl"
    rows = [("?", "yes"), ("?", "no"), ("?", "?"), ("yes", "?"), ("yes", "no")]
    path.write_text("".join(f'{{"video_id": "v", "response": "{response}", "gt": "{gt}"}}\n' for response, gt in rows))
    tally = Tally()
    gaps = list(iter_gaps(path, group_by="question", tally=tally, on_warning=lambda _: None))
    assert tally.survey is not None
    assert Confusion(0, 0, 1, 0, 1, 1, 2) == tally.survey.total
    assert (1, 4) == (len(gaps), tally.skipped.total())


def test_fields_that_make_groups_are_carried() -> None:
    """Whether they were asked for or not; the question always is there."""
    settings = make_settings({"group_by": ["question", "split", "kind"], "carry": ["kind=meta.kind"]})
    assert ("question", "carried_1", "carried_0") == settings.group_attributes
