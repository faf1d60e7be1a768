from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import RULES, Answer
from streamgaps.answers.final_answer import final_answer
from streamgaps.page.highlight import MOST, deciding

WORDS = ["yes", "Yes", "YES", "no", "No", "NO", "not", "nothing", "yesterday", "know", "A", "b", "answer", "is", "or"]
SEPARATORS = [
    "",
    " ",
    ", ",
    ".",
    ": ",
    "_",
    "\n",
    "-",
    "İ",
    "ı",
    "é",
    "ſ",
    "</think>",
    "<think>",
    "<answer>",
    "</answer>",
]
TEXTS = st.lists(st.sampled_from([*WORDS, *SEPARATORS])).map("".join) | st.text()


def marked(text: str, rule: str, *, final: bool = False) -> list[str]:
    """Return the words that are marked."""
    return [text[start:end] for start, end in deciding(text, rule, final_answer=final)]


def blanked(text: str, rule: str, *, final: bool = False) -> str:
    """Put letters without a meaning in place of what is marked."""
    for start, end in deciding(text, rule, final_answer=final):
        text = text[:start] + "x" * (end - start) + text[end:]
    return text


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("strict", "Yes, there is. YES!", ["Yes", "YES"]),
        ("strict", "Yes. No doubt.", ["Yes", "No"]),
        ("strict", "Nothing of yesterday", []),
        ("strict", "İİ yes İno", ["yes", "no"]),
        ("leading", "A yes. </think> It may be no.", ["no"]),
        ("leading", " (B). ", ["B"]),
        ("leading", "Yes or no?", ["Yes", "no"]),
        ("leading", "İ: yes", ["yes"]),
        ("leading", "Yes, there is no doubt.", ["Yes"]),
        ("leading", "It may be a yes. But my final answer is: **No**", ["No"]),
        ("leading", "Not yes, and not no", ["yes", "no"]),
        ("first-word", "**No**, yes would be wrong.", ["No"]),
        ("exact", " Yes\n", ["Yes"]),
        ("startswith", " NOTHING", ["NO"]),
        ("pope", "There is ,not, as far as I see, no collision. No.", ["not", "no"]),
        ("pope", "Yes", []),
        ("mme", '"Yes"', ["Yes"]),
        ("mme", "Know", ["no"]),
        ("mme", "İno no", ["no"]),
        ("mine", "Yes", []),
    ],
)
def test_the_words_that_decide_are_marked(rule: str, text: str, expected: list[str]) -> None:
    """As each rule goes by them."""
    assert expected == marked(text, rule)


def test_of_a_reasoning_model_only_the_final_answer_is_marked() -> None:
    """Where it is; and nothing if there is none."""
    text = "<think>yes, no</think>So: <answer>no</answer> no"
    (span,) = deciding(text, "strict", final_answer=True)
    assert (text.index("<answer>no") + len("<answer>"), "no") == (span[0], text[slice(*span)])
    assert [] == deciding("<think>yes", "strict", final_answer=True)


def test_what_a_rule_of_the_users_goes_by_is_not_known() -> None:
    """Nor is what no run has told."""
    assert [[], []] == [deciding("yes", rule) for rule in (lambda _: "yes", None)]


def test_so_many_words_are_marked_at_most() -> None:
    """Of a text that consists of them."""
    assert MOST == len(deciding("yes " * 5000, "strict"))


@given(TEXTS, st.sampled_from(list(RULES)), st.booleans())
def test_without_what_is_marked_the_rule_says_something_else(text: str, rule: str, final: bool) -> None:
    """Where one decides after the other, once all of them are gone; and nothing is marked where nothing is said."""

    def said(text: str) -> Answer:
        read = final_answer(text) if final else text
        return Answer.UNFINISHED if read is None else RULES[rule](read)

    before = said(text)
    nothing = {Answer.NEITHER, Answer.UNFINISHED} | ({Answer.YES} if rule == "pope" else set())
    assert (before in nothing) == (not marked(text, rule, final=final))
    while marked(text, rule, final=final):
        text = blanked(text, rule, final=final)
    assert said(text) in nothing


@given(TEXTS)
def test_strictly_read_all_that_is_marked_is_yes_or_no(text: str) -> None:
    """All that says it, so that the rule reads nothing more at all without."""
    assert {word.lower() for word in marked(text, "strict")} <= {"yes", "no"}
    assert Answer.NEITHER is RULES["strict"](blanked(text, "strict"))
