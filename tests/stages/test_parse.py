from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import Answer, parse_answer
from streamgaps.model import Prediction
from streamgaps.stages import parse as parse_module
from streamgaps.stages.parse import LONGEST, MOST, parse
from tests import oracle
from tests.strategies import ANSWERS


def test_the_ground_truth_is_read_only_where_the_response_is_clear() -> None:
    """What TAO accepts is accepted: a ground truth that is no text does no harm to an unclear response."""
    unclear, clear = Prediction("v", "maybe", None), Prediction("v", "yes", "no")
    expected = [(unclear, (Answer.NEITHER, None)), (clear, (Answer.YES, Answer.NO))]
    assert expected == list(parse([unclear, clear]))


@pytest.mark.parametrize("value", [None, True, 1, 1.5, ["yes"], ["yes"] * 300, {"yes": 1}, {}])
def test_what_is_no_text_has_no_answer(value: object) -> None:
    """`true` and `1` are never taken for yes; to refuse it is the business of the stage that counts."""
    assert (Answer.NEITHER, None) == next(parse([Prediction("v", value, "no")]))[1]
    for response in ("no", "no" + " " * 300):
        assert (Answer.NO, Answer.NEITHER) == next(parse([Prediction("v", response, value)]))[1]


@given(st.lists(st.tuples(ANSWERS, ANSWERS)), st.booleans())
def test_what_is_remembered_is_what_would_be_read(texts: list[tuple[str, str]], are_long: bool) -> None:
    """Each pair of texts, whatever came before it."""
    padding = " " * LONGEST if are_long else ""
    predictions = [Prediction("v", response + padding, gt) for response, gt in texts * 2]
    for prediction, (response, truth) in parse(predictions):
        assert oracle.answer(prediction.response) == response.value
        unclear = response in (Answer.NEITHER, Answer.BOTH)
        assert truth is None if unclear else truth is parse_answer(prediction.gt)


def test_no_more_than_so_many_texts_are_remembered() -> None:
    """Whatever comes, the memory for it is bounded."""
    numbers = range(3 * MOST)
    for texts in ([f"no {number}" for number in numbers], ["yes" + " " * LONGEST + str(number) for number in numbers]):
        list(parse(Prediction("v", text, text) for text in texts))
        reader = parse_module._reader(parse_module.DEFAULT)
        memories: list[dict[str, Any]] = [
            reader.remembered,
            reader.after_yes,
            reader.after_no,
        ]
        assert all(len(memory) <= MOST for memory in memories)
        assert all(len(text) <= LONGEST for memory in memories for text in memory)
