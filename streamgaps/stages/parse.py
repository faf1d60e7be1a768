"""Text -> Answer, and Prediction -> ParsedPrediction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from streamgaps.model import Answer, Answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.model import ParsedPrediction, Prediction

__all__ = ["LONGEST", "MOST", "parse", "parse_answer"]

# `\byes\b` and `\bno\b`, written so that they begin with a literal, for which `re` can search quickly:
# a text of 1.5 kB takes 1 µs a word and not 30.
_YES, _NO = r"yes\b(?<!\wyes)", r"no\b(?<!\wno)"
_find_yes, _find_no = re.compile(_YES).search, re.compile(_NO).search
_find_yes_in_bytes, _find_no_in_bytes = re.compile(_YES.encode()).search, re.compile(_NO.encode()).search

_FIRST_NON_ASCII = 0x80


def parse_answer(text: str) -> Answer:
    r"""Read a yes/no answer by the strict rule.

    The text is lower-cased, and searched for the words `yes` and `no` between Unicode word
    boundaries. If exactly one of them is there, it is the answer. The rule is that of the
    `gap_analysis vlm_bcq` action of NVIDIA's TAO Toolkit.

    Lower-casing first is not the same as `re.IGNORECASE`, which takes a long s (U+017F) for an s.

    >>> parse_answer("Yes, there is a collision.")
    <Answer.YES: 'yes'>
    >>> parse_answer("B. No")
    <Answer.NO: 'no'>
    >>> parse_answer("nothing happened")
    <Answer.NEITHER: 'neither'>
    >>> parse_answer("Yes. No doubt.")
    <Answer.BOTH: 'both'>
    """
    if not text.isascii():
        return _parse_non_ascii(text)
    text = text.lower()
    return _answer(_find_yes(text) is not None, _find_no(text) is not None)


def _parse_non_ascii(text: str) -> Answer:
    """Look for the words in UTF-8, where lower-casing ASCII only is all it takes: 3 µs for 1.5 kB, and not 13.

    No letter beyond ASCII has a lower case in ASCII that is in one of the words. Only beside such a letter,
    where the word boundary depends on what it is, the rule is applied as it is written.
    """
    data = text.encode("utf-8", "surrogatepass").lower()
    yes, no = _find_yes_in_bytes(data), _find_no_in_bytes(data)
    if (yes and _touches_non_ascii(yes)) or (no and _touches_non_ascii(no)):
        text = text.lower()
        return _answer(_find_yes(text) is not None, _find_no(text) is not None)
    return _answer(yes is not None, no is not None)


def _touches_non_ascii(found: re.Match[bytes]) -> bool:
    around = found.string[max(0, found.start() - 1) : found.start()] + found.string[found.end() : found.end() + 1]
    return max(around, default=0) >= _FIRST_NON_ASCII


def _answer(yes: bool, no: bool) -> Answer:  # noqa: FBT001 -- which words are there
    if yes:
        return Answer.BOTH if no else Answer.YES
    return Answer.NO if no else Answer.NEITHER


LONGEST = 256
"""Texts of more characters are not remembered: to find one again costs a third of what it costs to read it."""

MOST = 4096
"""How many texts are remembered: with the texts of the ground truth, up to 5 MB of them."""

# Short texts repeat. What a response and a ground truth say together is found with two look-ups; that is two thirds
# of the time that it takes to look up each alone and to see whether the response is clear.
_remembered: dict[str, dict[str, Answers]] = {}
_ground_truths: dict[Answer, dict[str, Answers]] = {Answer.YES: {}, Answer.NO: {}}


def parse(predictions: Iterable[Prediction]) -> Iterator[ParsedPrediction]:
    """Read the answers of each prediction: the response, and where that is clear the ground truth.

    What is no text has no answer: it is `NEITHER` here, and `classify` refuses it.
    """
    remembered, longest = _remembered, LONGEST
    for prediction in predictions:
        response = prediction.response
        try:
            if len(response) <= longest:
                answers = remembered[response][prediction.gt]
            else:
                answers = _read(response, prediction.gt)
        except (KeyError, TypeError):  # TypeError: no text, but a number, a list or the like
            answers = _read(response, prediction.gt)
        yield prediction, answers


def _read(response: object, gt: object) -> Answers:
    """Read both answers, and remember them if they are short and clear."""
    said = _answer_of(response)
    ground_truths = _ground_truths.get(said)
    if ground_truths is None:
        return Answers(said, None)
    if isinstance(response, str) and len(response) <= LONGEST:
        _put(_remembered, response, ground_truths)
    if not isinstance(gt, str):
        return Answers(said, Answer.NEITHER)
    answers = ground_truths.get(gt) if len(gt) <= LONGEST else None
    if answers is None:
        answers = Answers(said, parse_answer(gt))
        if len(gt) <= LONGEST:
            _put(ground_truths, gt, answers)
    return answers


_Value = TypeVar("_Value")


def _put(memory: dict[str, _Value], text: str, value: _Value) -> None:
    if len(memory) >= MOST:
        memory.clear()
    memory[text] = value


def _answer_of(value: object) -> Answer:
    return parse_answer(value) if isinstance(value, str) else Answer.NEITHER
