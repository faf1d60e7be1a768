from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamgaps.answers.final_answer import final_answer
from tests import plainly

TAGS = ["<think>", "</think>", "<answer>", "</answer>"]
SPELLINGS = ["<THINK>", "</Think>", "<aNswer>", "</ANSWER>"]
NO_TAGS = ["<thin\u212a>", "<an\u017fwer>", "</ answer>", "<think", "answer>", "<", "</", ">", "\u0130", "\ud800", "\0"]
TEXTS = st.lists(st.sampled_from([*TAGS * 2, *SPELLINGS, *NO_TAGS, "yes", "no", " ", "\n"])).map("".join)


@pytest.mark.parametrize(
    "text", ["", " ", "No", "a < b, yes", "<b>no</b>", "<thin\u212a>no", "<an\u017fwer>no</answer >"]
)
def test_a_text_without_tags_is_its_own_final_answer(text: str) -> None:
    """Whatever else is in it, and if it is blank."""
    assert text == final_answer(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>yes</think>\nno", "\nno"),
        ("yes</think>no", "no"),
        ("<THINK>yes</Think>no", "no"),
        ("<think>a</think>yes<think>b</think>no", "no"),
        ("<think>a<think>b</think>no", "no"),
        ("<think>a</think>b</think>no", "no"),
    ],
)
def test_what_follows_the_last_thought_counts(text: str, answer: str) -> None:
    """With or without a tag that opens it."""
    assert answer == final_answer(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>yes</think> So: <answer> no </answer> Good bye.", " no "),
        ("<answer>yes</answer><ANSWER>no</answer>", "no"),
        ("<answer>no</answer></answer>", "no"),
        ("<answer>yes<answer>no</answer></answer>", "no"),
        ("<answer>no</answer><answer>yes", "no"),
        ("<think>So it is <answer>no</answer>", "no"),
        ("<think><answer>no</answer></think>yes", "no"),
    ],
)
def test_the_last_pair_counts_before_anything_else(text: str, answer: str) -> None:
    """Of nested ones the innermost; among the thoughts, too."""
    assert answer == final_answer(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("no</answer>", "no"),
        ("<think>yes</think>no</answer>yes</answer>", "no"),
        ("yes</answer></think>no", "no"),
        ("<think>yes</think><answer>no", "no"),
        ("<answer>yes<answer>no", "no"),
        ("no</answer><answer>yes", "no"),
        ("<think>In <answer> tags!</think>no</answer>", "no"),
        ("<answer>yes</think>no", "no"),
        ("yes</answer></think>yes<answer>no", "no"),
    ],
)
def test_one_tag_of_a_pair_is_enough(text: str, answer: str) -> None:
    """It ends or begins what follows the last thought; before that, it is nothing."""
    assert answer == final_answer(text)


@pytest.mark.parametrize(
    "text",
    [
        "<think>yes",
        "<think>a</think>no<think>yes",
        "<think>yes</answer>",
        "<think><answer>yes",
        "<answer>yes<think></answer>",
        "yes</think>",
        "yes</think> \n",
        "yes</think></answer>",
        "yes</think><answer> ",
        "<answer>yes</answer><answer> </answer>",
    ],
)
def test_a_text_that_breaks_off_has_no_final_answer(text: str) -> None:
    """While the model thinks, or before it says anything."""
    assert final_answer(text) is None


@given(TEXTS)
@example("</answer><answer></think></answer>")
def test_any_arrangement_has_the_answer_that_the_docstring_says(text: str) -> None:
    """However odd it is."""
    assert plainly.final_answer(text) == final_answer(text)
