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
_YES_WORD, _NO_WORD = r"yes\b(?<!\wyes)", r"no\b(?<!\wno)"
_find_yes, _find_no = re.compile(_YES_WORD).search, re.compile(_NO_WORD).search
_find_yes_in_bytes, _find_no_in_bytes = re.compile(_YES_WORD.encode()).search, re.compile(_NO_WORD.encode()).search
# To get a member from its class takes 0.1 µs in Python 3.11, and its hash as long.
_YES, _NO, _NEITHER, _BOTH = Answer.YES, Answer.NO, Answer.NEITHER, Answer.BOTH

_YES_FIRST = frozenset(("yes", "yes.", "yes,", "yes "))
_NO_FIRST = frozenset(("no", "no.", "no,", "no "))

_FIRST_NON_ASCII = 0x80

_END = 64
"""How many characters of a long text are searched before all of it is."""

LONGEST = 256
"""Texts of more characters are not remembered: to find one again costs a third of what it costs to read it."""

MOST = 4096
"""How many texts are remembered: with the texts of the ground truth, at the worst 14 MB of them."""


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
    if len(text) > LONGEST:
        # After long reasoning the answer comes last: this saves a third of the time.
        last = len(text) - _END
        yes = (_find_yes(text, last) or _find_yes(text)) is not None
        return _answer(yes, (_find_no(text, last) or _find_no(text)) is not None)
    # Most short texts begin with the answer, and do not have the letters of the other: 0.4 µs, and not 0.9.
    yes = "yes" in text and (text[:4] in _YES_FIRST or _find_yes(text) is not None)
    if "no" in text and (text[:3] in _NO_FIRST or _find_no(text) is not None):
        return _BOTH if yes else _NO
    return _YES if yes else _NEITHER


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
        return _BOTH if no else _YES
    return _NO if no else _NEITHER


# Short texts repeat: for each response that is clear, what it says with each ground truth, by the ground truth's text.
_remembered: dict[str, dict[str, Answers]] = {}
_after_yes: dict[str, Answers] = {}
_after_no: dict[str, Answers] = {}


def parse(predictions: Iterable[Prediction]) -> Iterator[ParsedPrediction]:
    """Read the answers of each prediction: the response, and where that is clear the ground truth.

    What is no text has no answer: it is `NEITHER` here, and `classify` refuses it.
    """
    remembered, after_yes, after_no, longest = _remembered, _after_yes, _after_no, LONGEST
    for prediction in predictions:
        response = prediction.response
        answers = None
        try:
            known = remembered.get(response) if len(response) <= longest else None
            if known is None:
                said = parse_answer(response)
                if said is _YES or said is _NO:
                    known = after_yes if said is _YES else after_no
                    if len(remembered) < MOST:
                        _remember(remembered, response, known)
            if known is not None:
                answers = known.get(prediction.gt)
        except (TypeError, AttributeError):  # not a text, but a number, a list or the like
            pass
        yield prediction, answers or _read(response, prediction.gt)


def _read(response: object, gt: object) -> Answers:
    """Read both answers, whatever they are."""
    said = parse_answer(response) if isinstance(response, str) else _NEITHER
    if said is not _YES and said is not _NO:
        return Answers(said, None)
    if not isinstance(gt, str):
        return Answers(said, _NEITHER)
    answers = Answers(said, parse_answer(gt))
    _remember(_after_yes if said is _YES else _after_no, gt, answers)
    return answers


_Value = TypeVar("_Value")


def _remember(memory: dict[str, _Value], text: str, value: _Value) -> None:
    # What repeats comes soon. To make room for other texts takes time for nothing where each is new.
    if len(memory) < MOST and len(text) <= LONGEST:
        memory[text] = value
