"""Prediction -> ParsedPrediction: what its texts say, by which rule."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from streamgaps.answers.final_answer import final_answer
from streamgaps.answers.rules import RULES
from streamgaps.exceptions import ConfigurationError
from streamgaps.model import Answer, answers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.model import Answers, ParsedPrediction, Prediction

    Rule = Callable[[str], Any]

__all__ = ["DEFAULT", "LONGEST", "MOST", "MOST_TRUTHS", "Reading", "label_key", "parse", "remember", "truth_reader"]

# To get a member from its class takes 0.1 µs in Python 3.11, and its hash as long.
_YES, _NO, _NEITHER, _UNFINISHED = Answer.YES, Answer.NO, Answer.NEITHER, Answer.UNFINISHED

LONGEST = 256
"""Texts of more characters are not remembered: to find one again costs a third of what it costs to read it."""

MOST = 4096
"""How many responses are remembered."""

MOST_TRUTHS = 1024
"""How many texts of the ground truth are remembered for each answer: with the responses, at the worst 11 MB."""


class Reading(NamedTuple):
    """How answers are read."""

    rule: str | Rule = "strict"
    """For responses: the name of a rule, or a function that gives an `Answer`, `"yes"`, `"no"`, a truth value, or None
    for neither."""
    gt_rule: str | Rule = "strict"
    """The same for the ground truth."""
    final_answer: bool = False
    """Whether only the final answer of a response is read."""
    labels: tuple[tuple[str, Answer], ...] = ()
    """What values of the ground truth mean, by their `label_key`; those that are not here are left to the rule."""
    reads_gt_of_unclear: bool = False
    """Whether the ground truth is read where the response is unclear."""


DEFAULT = Reading()


def parse(predictions: Iterable[Prediction], *, reading: Reading = DEFAULT) -> Iterator[ParsedPrediction]:
    """Read the answers of each prediction: the response, and where that is clear the ground truth.

    What is no text has no answer: it is `NEITHER` here, and `classify` refuses it.
    """
    # A user's rule need not be a pure function: what it said in one run is not kept for the next.
    is_known = isinstance(reading.rule, str) and isinstance(reading.gt_rule, str)
    reader = _reader(reading) if is_known else _Reader(reading)
    remembered, after, longest = reader.remembered, reader.after, LONGEST
    read_response, answers_with = reader.response, reader.answers
    for prediction in predictions:
        response = prediction.response
        if type(response) is not str:
            yield prediction, _NO_TEXT
            continue
        known = remembered.get(response) if len(response) <= longest else None
        if known is None:
            known = after[id(read_response(response))]
            if len(remembered) < MOST:  # asked here, too: where it is full, it is full for most records
                remember(remembered, response, known, MOST)
        try:
            answers = known.get(prediction.gt)
        except TypeError:  # a list or the like
            answers = None
        yield prediction, answers or answers_with(known, prediction.gt)


_Value = TypeVar("_Value")
_NO_TEXT = answers_of(_NEITHER, None)


class _After(dict[str, "Answers"]):
    """What a response that says one thing comes to with each ground truth, by the text of that.

    Args:
        said: what the response says.
    """

    def __init__(self, said: Answer) -> None:
        super().__init__()
        self.said = said


class _Reader:
    """Reads answers, and remembers them.

    Short texts repeat: for each response it is remembered what it says with each ground truth, by the text of that.
    """

    def __init__(self, reading: Reading) -> None:
        self.response = _response_rule(reading)
        self._gt_rule = _rule(reading.gt_rule)
        self._labels = dict(reading.labels)
        self._reads_gt_of_unclear = reading.reads_gt_of_unclear
        self.remembered: dict[str, _After] = {}
        self.after = {id(said): _After(said) for said in Answer}

    def answers(self, after: _After, gt: object) -> Answers:
        """Return what a response that is read comes to with a ground truth, whatever that is; remember it."""
        said = after.said
        if said is _YES or said is _NO:
            answers = answers_of(said, self.gt(gt))
        else:
            truth = self.gt(gt) if self._reads_gt_of_unclear else None
            answers = answers_of(said, truth if truth is _YES or truth is _NO else None)
        if isinstance(gt, str):
            remember(after, gt, answers, MOST_TRUTHS)
        return answers

    def gt(self, value: object) -> Answer:
        """Read a ground truth, whatever it is."""
        if self._labels:
            answer = self._labels.get(label_key(value))
            if answer is not None:
                return answer
        return self._gt_rule(value) if isinstance(value, str) else _NEITHER


def remember(memory: dict[str, _Value], text: str, value: _Value, most: int) -> None:
    """Keep what a text comes to, if it is not long and there are fewer than `most`.

    Texts that repeat show up early. Evicting old ones would cost time for nothing where every text is new.
    """
    if len(memory) < most and len(text) <= LONGEST:
        memory[text] = value


def truth_reader(reading: Reading) -> Callable[[object], Answer]:
    """Return what reads a ground truth, whatever it is; what is no text, and no label, is `NEITHER`."""
    return _Reader(reading).gt


@lru_cache(maxsize=1)  # it lives as long as the process
def _reader(reading: Reading) -> _Reader:
    """Return the reader for this, which knows what it has read before: for another range of the input, say."""
    return _Reader(reading)


def _response_rule(reading: Reading) -> Callable[[str], Answer]:
    rule = _rule(reading.rule)
    if not reading.final_answer:
        return rule

    def read_final_answer(text: str) -> Answer:
        final = final_answer(text)
        return _UNFINISHED if final is None else rule(final)

    return read_final_answer


def _rule(rule: str | Rule) -> Callable[[str], Answer]:
    if isinstance(rule, str):
        return RULES[rule]

    def read_with(text: str) -> Answer:
        return _as_answer(rule(text), rule)

    return read_with


def _as_answer(said: object, rule: Rule) -> Answer:
    """Take what a rule of the user's gives."""
    if isinstance(said, Answer):
        return said
    if said is None:
        return _NEITHER
    if isinstance(said, bool):
        return _YES if said else _NO
    try:
        return Answer(said)
    except ValueError as error:
        message = (
            f"the rule {getattr(rule, '__name__', rule)!r} gave {said!r}: it must give an Answer, 'yes', 'no', True, "
            "False, or None where a text says neither"
        )
        raise ConfigurationError(message) from error


def label_key(value: object) -> str:
    """Return by what a ground truth is found among labels: a text without case and outer blanks, numbers by value.

    >>> [label_key(value) for value in ("Entailment ", 1, 1.0, "1", True, "true", None)]
    ['entailment', '1', '1', '1', 'true', 'true', 'null']
    """
    if isinstance(value, str):
        return value.strip().lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if isinstance(value, (dict, list)) else json.dumps(value)  # no label is empty
