from __future__ import annotations

import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamgaps.answers.leading import leading
from streamgaps.answers.rules import RULES, summary
from streamgaps.answers.simple import exact, first_word, mme, pope, startswith
from streamgaps.answers.strict import _END, LONG, strict
from streamgaps.model import Answer
from tests import oracle, plainly
from tests.strategies import ANSWERS

YES, NO, NEITHER, BOTH = Answer.YES, Answer.NO, Answer.NEITHER, Answer.BOTH

# What the rules look for, and what is almost that.
PIECES = [
    *("yes", "no", "Yes", "NO", "or", "Or", "answer", "Answer", "final answer", "is", "IS", "</think>", "<think>"),
    *("A", "b", "not", "nothing", "eyes", "x", "ye\u017f", "an\u017fwer", "i\u017f", "\u0130s", "\u0131s", "\u0130"),
    *(" ", " ", " ", "  ", "\n", "\x1c", "\u3000", ".", ",", ":", "**", "_", "-", "(", '"', "\u0301", "\u00b2", "\0"),
    "\ud800",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
HOSTILE = ["", " ", "\0", "\ud800", "yes\udfff", "\u0130", "\U0010ffff", "\x85\u2028", " " * 999, "</think>" * 99]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", YES),
        ("B. No", NO),
        ("no-one", NO),
        ("nothing happened", NEITHER),
        ("yes_", NEITHER),
        ("no\u00b2", NEITHER),
        ("no\u0301", NO),
        ("yes\u200bno", BOTH),
        ("Yes. No doubt.", BOTH),
        ("", NEITHER),
        ("ye\u017f", NEITHER),
        ("\u662fyes", NEITHER),
    ],
)
def test_the_strict_rule(text: str, answer: Answer) -> None:
    """Exactly one of the words, between Unicode word boundaries, after lower-casing."""
    assert answer is strict(text)


@given(ANSWERS | TEXTS)
def test_the_strict_rule_is_two_searches(text: str) -> None:
    """For any text."""
    assert oracle.answer(text) == strict(text).value


@given(
    st.text() | ANSWERS, st.text() | ANSWERS, st.sampled_from(["", " ", ".", "\u2026", "\u201c", "\u0130", "\u00b2"])
)
def test_long_texts_are_read_by_the_same_strict_rule(before: str, after: str, beside: str) -> None:
    """Whatever stands beside the words, and however much."""
    for word in ("yes", "NO", "No", "yES", "nothing"):
        text = before + beside + word + beside + after
        for long in (text, " " * LONG + text, text + "a" * LONG, "\u4e2d" * LONG + text):
            assert oracle.answer(long) == strict(long).value


@pytest.mark.parametrize("before", ["x", " ", "_", "\u00e9", "\u201c"])
def test_a_word_where_the_search_of_the_end_begins_is_judged_by_what_is_before_it(before: str) -> None:
    """Though that is not searched itself."""
    for behind in range(_END - 8, _END + 2):
        for word in ("yes", "no"):
            text = "a " * LONG + before + word + " " * behind
            assert oracle.answer(text) == strict(text).value


def test_no_letter_beyond_ascii_becomes_one_of_the_words() -> None:
    """So that it is enough to lower-case ASCII where they are looked for."""
    letters = set("yesno")
    lowered = {chr(code).lower() for code in range(128, sys.maxunicode + 1)}
    assert not [text for text in lowered if letters & set(text)]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{}yes", "No{}", "{} no"])
def test_every_neighbour_is_judged_as_python_does(text: str) -> None:
    """Whether it is a part of the word."""
    texts = [text.format(chr(code)) for code in range(sys.maxunicode + 1)]
    word = re.compile(r"\b(?:yes|no)\b")
    assert [bool(word.search(text.lower())) for text in texts] == [strict(text) is not NEITHER for text in texts]


@pytest.mark.slow
def test_the_leading_rule_judges_every_neighbour_before_it_is_lower_cased() -> None:
    """It differs from the strict rule for one letter, whose lower case ends with a character of no word."""
    texts = [f"{chr(code)}no" for code in range(sys.maxunicode + 1)]
    word = re.compile(r"\bno\b")
    assert [bool(word.search(text)) for text in texts] == [leading(text) is not NEITHER for text in texts]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("A", YES),
        ("[a]", YES),
        (" (b). ", NO),
        ("\u3000A\u3000", YES),
        ("A\u3000.", NEITHER),
        ("*A*", NEITHER),
        ("A yes", YES),
        ("yes or no", BOTH),
        ("Yes  or\t\tno.", BOTH),
        ("__No\n OR yes?!", BOTH),
        ("Yes or no? Yes!", YES),
        ("yes, or no", YES),
        ("maybe", NEITHER),
        ("no, No, NO", NO),
        ("**Yes, there is no way.", YES),
        ("_Yes, there is no way.", NO),
        ("_Yes, there is no yes.", YES),
        ("yes_ maybe no yes", BOTH),
        ("So yes, no? The answer is **no**.", NO),
        ("So yes, no? Answer\n:\n no. The final answer  is: No", NO),
        ("So yes, no? answeris: no", NO),
        ("So yes, no? answer_yes", YES),
        ("So yes, no? answer is: yes, and the answer: no", BOTH),
        ("So yes, no? myanswer yes", BOTH),
        ("So yes, no? answer: is yes", BOTH),
        ("So yes, no? answers yes", BOTH),
        ("So yes, no? answer nothing", BOTH),
        ("<think>no</think>yes", YES),
        ("x</think>yes</think>no", YES),
        ("yes</THINK>no", YES),
        ("no</think>", NEITHER),
        ("ye\u017f no", NO),
        ("So yes, no? an\u017fwer yes", BOTH),
        ("So yes, no? answer \u0131s yes", BOTH),
        ("\u0130no", NEITHER),
    ],
)
def test_the_leading_rule(text: str, answer: Answer) -> None:
    """The first step that decides, decides."""
    assert answer is leading(text)
    assert answer.value == plainly.leading(text)


@given(TEXTS | ANSWERS | st.text())
@example("no or yes_")
@example("So yes, no? answer\x1cis\x1cno")
def test_the_leading_rule_is_what_its_steps_say(text: str) -> None:
    """For any text."""
    assert plainly.leading(text) == leading(text).value


@given(TEXTS.map(lambda text: "So yes, no? " + text))
def test_the_leading_rule_looks_behind_every_answer(text: str) -> None:
    """Where the text has both words, and begins with neither."""
    assert plainly.leading(text) == leading(text).value


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes, no.", YES),
        ("\n**NO**", NO),
        ("yes\u0301", YES),
        ("_yes_", NEITHER),
        ("no\u00b2", NEITHER),
        ("nothing", NEITHER),
        ("It is yes", NEITHER),
        ("ye\u017f", NEITHER),
        ("...", NEITHER),
        ("", NEITHER),
    ],
)
def test_the_rule_of_the_first_word(text: str, answer: Answer) -> None:
    """Whatever follows."""
    assert answer is first_word(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("yes", YES),
        ("\u3000NO\n", NO),
        ("yes.", NEITHER),
        ("no no", NEITHER),
        ("n o", NEITHER),
        ("ye\u017f", NEITHER),
        ("", NEITHER),
    ],
)
def test_the_exact_rule(text: str, answer: Answer) -> None:
    """Nothing but blanks may be around the word."""
    assert answer is exact(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes, no", YES),
        ("\n NO, yes", NO),
        ("Nothing", NO),
        ("yesterday", YES),
        ("*yes", NEITHER),
        ("It is yes", NEITHER),
        ("ye", NEITHER),
        ("", NEITHER),
    ],
)
def test_the_rule_of_the_first_letters(text: str, answer: Answer) -> None:
    """Whatever word they begin."""
    assert answer is startswith(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("No", NO),
        ("no, there is none", NO),
        ("It is not, yes", NO),
        ("n,o", NO),
        ("a no\tb no", NO),
        ("NO", YES),
        ("Not at all", YES),
        ("no!", YES),
        ("no\n", YES),
        ("nothing", YES),
        ("Well. No", YES),
        (".no", YES),
        ("", YES),
    ],
)
def test_the_rule_of_pope(text: str, answer: Answer) -> None:
    """Three words in the first sentence are no, and all else is yes."""
    assert answer is pope(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" YES ", YES),
        ("no", NO),
        ("Eyes", YES),
        ("know", NO),
        ("nono yes", NO),
        ("**no", NO),
        ("**yes", NEITHER),
        ("***no", NEITHER),
        ("\n\n\n\n\nno", NO),
        ("\u0130yes", NEITHER),
        ("ye\u017f", NEITHER),
        ("", NEITHER),
    ],
)
def test_the_rule_of_mme(text: str, answer: Answer) -> None:
    """Four characters are looked at; yes is looked for first."""
    assert answer is mme(text)


def test_the_rules_have_their_names_in_order() -> None:
    """Those of the functions, the default first."""
    assert ["strict", "leading", "first-word", "exact", "startswith", "pope", "mme"] == list(RULES)
    assert [name.replace("-", "_") for name in RULES] == [rule.__name__ for rule in RULES.values()]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_takes_any_text(name: str) -> None:
    """And says what it says when it is applied in no hurry."""

    @given(TEXTS | st.text() | st.text(st.characters(categories=["Cs", "Cc", "Zs"])) | st.sampled_from(HOSTILE))
    def takes_any(text: str) -> None:
        assert plainly.RULES[name](text) == RULES[name](text).value

    takes_any()


@pytest.mark.parametrize("name", RULES)
def test_a_summary_is_one_sentence(name: str) -> None:
    """The first line of the docstring."""
    line = summary(RULES[name])
    assert line.endswith(".")
    assert len(line.splitlines()) == 1
    assert line in (RULES[name].__doc__ or "")


def test_a_rule_without_a_docstring_has_no_summary() -> None:
    """As when Python runs with -OO."""

    def rule(_: str) -> Answer:
        return YES

    assert not summary(rule)
