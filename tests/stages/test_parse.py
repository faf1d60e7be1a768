from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import Answer, ConfigurationError, parse_answer
from streamgaps.answers.final_answer import final_answer
from streamgaps.answers.rules import RULES
from streamgaps.model import Answers, Prediction, answers_of
from streamgaps.stages import parse as parse_module
from streamgaps.stages.parse import DEFAULT, LONGEST, MOST, MOST_TRUTHS, Reading, label_key, parse
from tests import oracle
from tests.strategies import ANSWERS, JSON

CLEAR = (Answer.YES, Answer.NO)
LABELS = (("1", Answer.YES), ("true", Answer.YES), ("entailment", Answer.YES), ("0", Answer.NO), ("null", Answer.NO))


def read(response: object, gt: object, reading: Reading = DEFAULT) -> tuple[Answer, Answer | None]:
    """Read one prediction."""
    (_, (said, truth, _)) = next(parse([Prediction("v", response, gt)], reading=reading))
    return said, truth


def test_the_ground_truth_is_read_only_where_the_response_is_clear() -> None:
    """What TAO accepts is accepted: a ground truth that is no text does no harm to an unclear response."""
    unclear, clear = Prediction("v", "maybe", None), Prediction("v", "yes", "no")
    expected = [(unclear, answers_of(Answer.NEITHER, None)), (clear, answers_of(Answer.YES, Answer.NO))]
    assert expected == list(parse([unclear, clear]))


@pytest.mark.parametrize("value", [None, True, 1, 1.5, ["yes"], ["yes"] * 300, {"yes": 1}, {}])
def test_what_is_no_text_has_no_answer(value: object) -> None:
    """`true` and `1` are never taken for yes; to refuse it is the business of the stage that counts."""
    assert (Answer.NEITHER, None) == read(value, "no")
    for response in ("no", "no" + " " * 300):
        assert (Answer.NO, Answer.NEITHER) == read(response, value)


@given(st.lists(st.tuples(ANSWERS, ANSWERS)), st.booleans())
def test_what_is_remembered_is_what_would_be_read(texts: list[tuple[str, str]], are_long: bool) -> None:
    """Each pair of texts, whatever came before it."""
    padding = " " * LONGEST if are_long else ""
    predictions = [Prediction("v", response + padding, gt) for response, gt in texts * 2]
    for prediction, (response, truth, _) in parse(predictions):
        assert oracle.answer(prediction.response) == response.value
        unclear = response in (Answer.NEITHER, Answer.BOTH)
        assert truth is None if unclear else truth is parse_answer(prediction.gt)


def test_no_more_than_so_many_texts_are_remembered() -> None:
    """Whatever comes, the memory for it is bounded."""
    numbers = range(3 * MOST)
    for texts in ([f"no {number}" for number in numbers], ["yes" + " " * LONGEST + str(number) for number in numbers]):
        list(parse(Prediction("v", text, text) for text in texts))
        reader = parse_module._reader(parse_module.DEFAULT)
        memories: list[dict[str, Any]] = [reader.remembered, *reader.after.values()]
        assert all(len(memory) <= MOST for memory in memories)
        assert sum(map(len, memories)) <= MOST + len(Answer) * MOST_TRUTHS
        assert all(len(text) <= LONGEST for memory in memories for text in memory)


# Rules ----------------------------------------------------------------------------------------------------------------

# Texts that no two rules read alike.
TELLING = ["Yes", "No", "no yes", "A", "**Yes**", "Yes, no doubt.", "know", "The answer is no, not yes", "not", ""]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_reads_the_response_and_no_more(name: str) -> None:
    """The ground truth has a rule of its own."""
    assert len(RULES) == len({tuple(rule(text) for text in TELLING) for rule in RULES.values()})
    for text in TELLING:
        said = RULES[name](text)
        expected = parse_answer(text)
        assert (said, Answer.YES if said in CLEAR else None) == read(text, "yes", Reading(rule=name))
        assert (Answer.NO, RULES[name](text)) == read("no", text, Reading(gt_rule=name))
        assert (Answer.NO, expected) == read("no", text, Reading(rule=name))
        assert (expected, Answer.YES if expected in CLEAR else None) == read(text, "yes", Reading(gt_rule=name))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("<think>no, no</think>Yes", Answer.YES),
        ("Yes <answer>no</answer> yes", Answer.NO),
        ("<think>Yes", Answer.UNFINISHED),
        ("<think>Yes</think>", Answer.UNFINISHED),
        ("yes no", Answer.BOTH),
        ("Yes", Answer.YES),
    ],
)
@pytest.mark.parametrize("rule", ["strict", RULES["strict"]])
def test_only_the_final_answer_of_a_response_is_read(
    response: str, expected: Answer, rule: str | Callable[[str], Answer]
) -> None:
    """If that is asked for, by any rule; of a ground truth always all."""
    gt = "yes <answer>no</answer>"
    reading = Reading(rule=rule, final_answer=True)
    assert (expected, Answer.BOTH if expected in CLEAR else None) == read(response, gt, reading)
    assert (Answer.BOTH, None) == read(gt, "yes")


@pytest.mark.parametrize(
    ("said", "expected"),
    [(answer, answer) for answer in Answer]
    + [("yes", Answer.YES), ("no", Answer.NO), (True, Answer.YES), (False, Answer.NO), (None, Answer.NEITHER)],
)
def test_a_function_is_a_rule(said: object, expected: Answer) -> None:
    """It gives an answer, or its name, or says whether it is yes, or nothing."""
    reading = Reading(rule=lambda _: said)
    assert (expected, Answer.NO if expected in CLEAR else None) == read("any", "no", reading)
    assert (Answer.NO, expected) == read("no", "any", Reading(gt_rule=lambda _: said))


@pytest.mark.parametrize("said", ["Yes", "", "maybe", 1, 0, 1.0, b"yes", ["yes"], {}, object])
def test_a_function_that_gives_something_else_is_no_rule(said: object) -> None:
    """The error names it, and says what it gave and what it may give."""

    def my_rule(_: str) -> object:
        return said

    for reading in (Reading(rule=my_rule), Reading(gt_rule=my_rule)):
        with pytest.raises(ConfigurationError, match="^the rule 'my_rule' gave ") as caught:
            read("yes", "no", reading)
        wanted = "it must give an Answer, 'yes', 'no', True, False, or None where a text says neither"
        assert f"the rule 'my_rule' gave {said!r}: {wanted}" == str(caught.value)


@pytest.mark.parametrize("error", [TypeError, AttributeError, KeyError, ValueError])
def test_an_error_in_a_rule_is_not_swallowed(error: type[Exception]) -> None:
    """Not even one that a response would raise that is no text."""

    def fails(_: str) -> Answer:
        message = "mine"
        raise error(message)

    for reading in (Reading(rule=fails), Reading(gt_rule=fails)):
        with pytest.raises(error, match="mine"):
            read("yes", "no", reading)


def test_a_rule_sees_texts_only() -> None:
    """Whatever is in the input."""
    seen: list[object] = []
    reading = Reading(rule=seen.append, gt_rule=seen.append, labels=LABELS)
    values: list[object] = [None, 1, 1.5, True, ["yes"], {"yes": 1}, "text"]
    list(parse([Prediction("v", value, value) for value in values], reading=reading))
    assert {"text"} == set(seen)


def test_a_rule_of_the_user_is_not_remembered_from_run_to_run() -> None:
    """What it goes by may have changed."""
    said = ["yes", "no"]
    reading = Reading(rule=lambda _: said[0])
    assert Answer.YES is read("any", "no", reading)[0]
    said.reverse()
    assert Answer.NO is read("any", "no", reading)[0]


# Labels ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, Answer.YES),
        (1.0, Answer.YES),
        ("1", Answer.YES),
        (" 1\n", Answer.YES),
        (True, Answer.YES),
        ("TRUE", Answer.YES),
        ("Entailment ", Answer.YES),
        (0, Answer.NO),
        (-0.0, Answer.NO),
        (None, Answer.NO),
        ("Null", Answer.NO),
        ("Yes", Answer.YES),
        ("yes, 1", Answer.YES),
        ("no entailment", Answer.NO),
        (False, Answer.NEITHER),
        ("1.0", Answer.NEITHER),
        ("01", Answer.NEITHER),
        (1.5, Answer.NEITHER),
        (2, Answer.NEITHER),
        (float("nan"), Answer.NEITHER),
        (float("inf"), Answer.NEITHER),
        ("", Answer.NEITHER),
        ([1], Answer.NEITHER),
        ({}, Answer.NEITHER),
    ],
)
def test_a_label_says_what_a_ground_truth_means(value: object, expected: Answer) -> None:
    """By value: 1 is 1.0 and "1", and not true. What is no label is left to the rule, if it is a text."""
    reading = Reading(labels=LABELS)
    assert (Answer.NO, expected) == read("no", value, reading)
    assert (Answer.NO, expected) == read("no" + " " * LONGEST, value, reading)


def test_a_label_goes_before_the_rule() -> None:
    """And is for the ground truth alone: a response has no labels."""
    reading = Reading(labels=(("no", Answer.YES), ("yes", Answer.NO)), gt_rule="exact")
    assert (Answer.NO, Answer.YES) == read("no", "No", reading)
    assert (Answer.YES, Answer.NO) == read("yes", " yes ", reading)
    assert (Answer.NEITHER, None) == read(1, "yes", Reading(labels=LABELS))
    assert (Answer.NEITHER, None) == read("entailment", "yes", Reading(labels=LABELS))


@given(JSON)
def test_any_value_has_a_label_key(value: object) -> None:
    """Which is empty for what can be no label, and the same for the same value in other words."""
    key = label_key(value)
    if isinstance(value, (list, dict)):
        assert key == ""
    elif isinstance(value, str):
        assert key == label_key(f" {value}\n".lower())
    else:
        assert key == label_key(json.loads(json.dumps(value))) != ""
        if type(value) is int and abs(value) <= 2**53:
            assert key == label_key(float(value)) == label_key(str(value))


# What is unclear ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unclear", ["maybe", "yes or no", "<think>"])
@pytest.mark.parametrize(
    ("gt", "expected"),
    [("Yes", Answer.YES), ("no.", Answer.NO), (1, Answer.YES), (None, Answer.NO), ("?", None), ([], None)],
)
def test_the_ground_truth_of_an_unclear_response_is_read_where_it_is_wanted(
    unclear: str, gt: object, expected: Answer | None
) -> None:
    """If it is not clear either, it is left out: the response is what there is to say about it."""
    reading = Reading(final_answer=True, labels=LABELS)
    response, truth = read(unclear, gt, reading._replace(reads_gt_of_unclear=True))
    assert response not in CLEAR
    assert expected is truth
    assert (response, None) == read(unclear, gt, reading)


@pytest.mark.parametrize("value", [None, 1, True, ["yes"], {}])
def test_of_a_response_that_is_no_text_the_ground_truth_is_never_read(value: object) -> None:
    """It is not unclear, but invalid."""
    assert (Answer.NEITHER, None) == read(value, "yes", Reading(reads_gt_of_unclear=True))


# What is remembered ---------------------------------------------------------------------------------------------------


def count_words(text: str) -> bool | None:
    """Take a single word for yes, none for no, and more for neither."""
    return {0: False, 1: True}.get(len(text.split()))


READINGS = st.builds(
    Reading,
    rule=st.sampled_from([*RULES, count_words]),
    gt_rule=st.sampled_from([*RULES, count_words]),
    final_answer=st.booleans(),
    labels=st.sampled_from([(), LABELS, (("yes", Answer.NO),)]),
    reads_gt_of_unclear=st.booleans(),
)
RESPONSES = ANSWERS | st.sampled_from(["<think>yes</think>no", "<answer>yes", "<think>", None, 1, True, ["yes"]])
TRUTHS: st.SearchStrategy[Any] = ANSWERS | st.sampled_from(
    [1, 1.0, True, False, 0, None, "1", "TRUE", "entailment", [], {}]
)


@given(READINGS, st.lists(st.tuples(RESPONSES, TRUTHS), max_size=8), st.booleans())
def test_by_any_reading_what_is_remembered_is_what_would_be_read(
    reading: Reading, pairs: list[tuple[Any, Any]], are_long: bool
) -> None:
    """Each pair of values, whatever came before it, in this run or in another."""
    padding = " " * LONGEST if are_long else ""
    pairs = [(response + padding if isinstance(response, str) else response, gt) for response, gt in pairs]
    predictions = [Prediction("v", response, gt) for response, gt in pairs * 2]
    expected = [plain(prediction, reading) for prediction in predictions]
    assert expected == [answers for _, answers in parse(predictions, reading=reading)]


def plain(prediction: Prediction, reading: Reading) -> Answers:
    """Read both answers with nothing remembered."""
    response = Answer.NEITHER
    if isinstance(prediction.response, str):
        text = final_answer(prediction.response) if reading.final_answer else prediction.response
        response = Answer.UNFINISHED if text is None else said(reading.rule, text)
    wants_gt = response in CLEAR or (reading.reads_gt_of_unclear and isinstance(prediction.response, str))
    if not wants_gt:
        return answers_of(response, None)
    gt = dict(reading.labels).get(label_key(prediction.gt))
    if gt is None:
        gt = said(reading.gt_rule, prediction.gt) if isinstance(prediction.gt, str) else Answer.NEITHER
    return answers_of(response, gt if response in CLEAR or gt in CLEAR else None)


def said(rule: str | Callable[[str], Any], text: str) -> Answer:
    """Apply a rule."""
    if isinstance(rule, str):
        return RULES[rule](text)
    answer: dict[bool | None, Answer] = {True: Answer.YES, False: Answer.NO, None: Answer.NEITHER}
    return answer[rule(text)]


@pytest.mark.parametrize("gt", [1, True, "no" * 200])
def test_each_response_is_read_once(gt: object) -> None:
    """Whatever the ground truth is."""
    read: list[str] = []

    def rule(text: str) -> str:
        read.append(text)
        return "yes"

    texts = [f"answer {number}" for number in range(10)]
    predictions = [Prediction("v", text, gt) for text in texts]
    found = list(parse(predictions, reading=Reading(rule=rule)))
    assert texts == read
    assert [answers[0] for _, answers in found] == [Answer.YES] * 10


@pytest.mark.parametrize("error", [TypeError, AttributeError])
def test_an_error_of_a_rule_comes_through_at_once(error: type[Exception]) -> None:
    """It is not taken for that of a text that is none."""
    calls: list[str] = []

    def rule(text: str) -> str:
        calls.append(text)
        raise error

    with pytest.raises(error):
        list(parse([Prediction("v", "Yes.", "no")], reading=Reading(rule=rule)))
    assert ["Yes."] == calls
