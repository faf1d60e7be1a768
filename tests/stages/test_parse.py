from __future__ import annotations

import pytest
from hypothesis import given

from streamgaps import Answer, RecordError, parse_answer
from streamgaps.model import ParsedPrediction, Prediction
from streamgaps.stages.parse import parse
from tests import oracle
from tests.strategies import ANSWERS


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", Answer.YES),
        ("B. No", Answer.NO),
        ("no-one", Answer.NO),
        ("nothing happened", Answer.NEITHER),
        ("yes_", Answer.NEITHER),
        ("no²", Answer.NEITHER),
        ("no\u0301", Answer.NO),
        ("yes\u200bno", Answer.BOTH),
        ("Yes. No doubt.", Answer.BOTH),
        ("", Answer.NEITHER),
        ("ye\u017f", Answer.NEITHER),
        ("是yes", Answer.NEITHER),
    ],
)
def test_the_strict_rule(text: str, answer: Answer) -> None:
    """Exactly one of the words, between Unicode word boundaries, after lower-casing."""
    assert answer is parse_answer(text)


@given(ANSWERS)
def test_the_strict_rule_is_two_searches(text: str) -> None:
    """For any text."""
    assert oracle.answer(text) == parse_answer(text).value


def test_the_ground_truth_is_read_only_where_the_response_is_clear() -> None:
    """What TAO accepts is accepted: a ground truth that is no text does no harm to an unclear response."""
    unclear = Prediction(0, "v", "maybe", None, "")
    clear = Prediction(1, "v", "yes", "no", "")
    expected = [ParsedPrediction(unclear, Answer.NEITHER, None), ParsedPrediction(clear, Answer.YES, Answer.NO)]
    assert expected == list(parse([unclear, clear]))


@pytest.mark.parametrize(("value", "name"), [(None, "null"), (True, "boolean"), (1, "number"), (["yes"], "array")])
def test_a_text_that_is_none_is_an_error(value: object, name: str) -> None:
    """`true` and `1` are never taken for yes."""
    with pytest.raises(RecordError, match=f"^item 7: 'response' must be a string, not {name}$"):
        list(parse([Prediction(7, "v", value, "no", "")]))
    with pytest.raises(RecordError, match=f"^item 7: 'gt' must be a string, not {name}$"):
        list(parse([Prediction(7, "v", "no", value, "")]))
