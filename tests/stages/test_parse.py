from __future__ import annotations

import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import Answer, parse_answer
from streamgaps.model import Prediction
from streamgaps.stages import parse as parse_module
from streamgaps.stages.parse import _END, LONGEST, MOST, parse
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


@given(
    st.text() | ANSWERS, st.text() | ANSWERS, st.sampled_from(["", " ", ".", "\u2026", "\u201c", "\u0130", "\u00b2"])
)
def test_long_texts_are_read_by_the_same_rule(before: str, after: str, beside: str) -> None:
    """Whatever stands beside the words, and however much."""
    for word in ("yes", "NO", "No", "yES", "nothing"):
        text = before + beside + word + beside + after
        for long in (text, " " * 300 + text, text + "a" * 300, "\u4e2d" * 300 + text):
            assert oracle.answer(long) == parse_answer(long).value


@pytest.mark.parametrize("before", ["x", " ", "_", "\u00e9", "\u201c"])
def test_a_word_where_the_search_of_the_end_begins_is_judged_by_what_is_before_it(before: str) -> None:
    """Though that is not searched itself."""
    for behind in range(_END - 8, _END + 2):
        for word in ("yes", "no"):
            text = "a " * LONGEST + before + word + " " * behind
            assert oracle.answer(text) == parse_answer(text).value


def test_no_letter_beyond_ascii_becomes_one_of_the_words() -> None:
    """So that it is enough to lower-case ASCII where they are looked for."""
    letters = set("yesno")
    lowered = {chr(code).lower() for code in range(128, sys.maxunicode + 1)}
    assert not [text for text in lowered if letters & set(text)]


@pytest.mark.parametrize("text", ["{}yes", "No{}", "{} no"])
def test_every_neighbour_is_judged_as_python_does(text: str) -> None:
    """Whether it is a part of the word."""
    texts = [text.format(chr(code)) for code in range(sys.maxunicode + 1)]
    word = re.compile(r"\b(?:yes|no)\b")
    expected = [bool(word.search(text.lower())) for text in texts]
    assert expected == [parse_answer(text) is not Answer.NEITHER for text in texts]


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
        memories: list[dict[str, Any]] = [
            parse_module._remembered,
            parse_module._after_yes,
            parse_module._after_no,
        ]
        assert all(len(memory) <= MOST for memory in memories)
        assert all(len(text) <= LONGEST for memory in memories for text in memory)
