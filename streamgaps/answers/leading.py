"""The rule `leading`: the words yes and no, and where there are both, the one that begins the text or is announced."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streamgaps.answers.rule import ANSWERS, DOTTED_I, Rule, blanks_before
from streamgaps.answers.strict import strict, strict_evidence
from streamgaps.model import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamgaps.answers.rule import Span

__all__ = ["LEADING", "leading"]

_LETTERS = {"A": Answer.YES, "a": Answer.YES, "B": Answer.NO, "b": Answer.NO}
_AROUND_LETTER = " \t\r\n.,;:!?()[]{}\"'"
# What follows a repetition cannot begin with what is repeated: the time stays linear.
_offers_both = re.compile(r"[\W_]*(?:(?ai:yes)\s+(?ai:or)\s+(?ai:no)|(?ai:no)\s+(?ai:or)\s+(?ai:yes))[\W_]*").fullmatch
# For texts in lower case.
_begins_with = re.compile(r"[\W_]*(yes|no)\b").match
_AFTER_ANSWER = re.compile(r"answer(?<!\wanswer)(?:\s*is)?[\W_]*(yes|no)\b")
_BOTH = Answer.BOTH

_DOTLESS_I = "\u0131"
"""A letter without a meaning here. It replaces the one whose lower case ends with a character of no word: that would
make a word of what follows."""


def leading(text: str) -> Answer:
    """Take yes or no if only one of them is there, else the one that the text begins with, or that follows "answer".

    The first of these that decides:

    1. If `</think>` is in the text, only what follows the first one is read.
    2. The lone letter A is yes and B is no, whatever blanks and punctuation `.,;:!?()[]{}"'` are around it.
    3. A text that says nothing but "yes or no", or "no or yes", says both.
    4. If only one of the words `yes` and `no` is there, that is the answer; if none is, neither.
    5. A text that begins with one of them, after anything that is no letter or digit, says that one.
    6. If the word follows "answer", "answer is" or "answer:", and wherever it does it is the same one, it is that.
    7. Else the text says both.

    The rule is that by which the evaluation of vision-language models in NVIDIA's TAO Toolkit computes its accuracy;
    it has one outcome for what is neither or both here. These words are made of ASCII letters only: a long s (U+017F)
    is not an s here, nor a dotless i (U+0131) an i, though `re.IGNORECASE` thinks so.

    >>> leading("B.")
    <Answer.NO: 'no'>
    >>> leading("Yes, there is no doubt.")
    <Answer.YES: 'yes'>
    >>> leading("It may be a yes. But my final answer is: **No**")
    <Answer.NO: 'no'>
    >>> leading("<think>Yes?</think> no")
    <Answer.NO: 'no'>
    >>> leading("Yes or no?")
    <Answer.BOTH: 'both'>
    """
    _, is_behind, rest = text.partition("</think>")
    text = (rest if is_behind else text).strip().replace(DOTTED_I, _DOTLESS_I)
    letter = _LETTERS.get(text.strip(_AROUND_LETTER))
    if letter:
        return letter
    if _offers_both(text):  # though with underscores around they are no words
        return _BOTH
    answer = strict(text)
    return _settle(text.lower()) if answer is _BOTH else answer


def _settle(text: str) -> Answer:
    """Apply the steps from 5 on of `leading` to a text in lower case that has both words."""
    first = _begins_with(text)
    if first:
        return ANSWERS[first[1]]
    said = set(_AFTER_ANSWER.findall(text))
    return ANSWERS[said.pop()] if len(said) == 1 else _BOTH


def _leading_evidence(text: str) -> Iterable[Span]:
    """Find the words by the same steps as `leading`."""
    _, is_behind, rest = text.partition("</think>")
    begin = len(text) - len(rest) if is_behind else 0
    begin += blanks_before(text[begin:])
    read = text[begin:].rstrip().replace(DOTTED_I, _DOTLESS_I)
    return ((begin + start, begin + end) for start, end in _evidence_in(read))


def _evidence_in(text: str) -> Iterable[Span]:
    letter = text.strip(_AROUND_LETTER)
    if letter in _LETTERS:
        place = text.index(letter)
        return [(place, place + 1)]
    if _offers_both(text):
        return (word.span() for word in re.finditer("(?ai:yes|no)", text))
    return _settling(text) if strict(text) is _BOTH else strict_evidence(text)


def _settling(text: str) -> Iterable[Span]:
    lower = text.lower()
    first = _begins_with(lower)
    if first:
        return [first.span(1)]
    if _settle(lower) is _BOTH:
        return strict_evidence(text)
    return (word.span(1) for word in _AFTER_ANSWER.finditer(lower))


LEADING = Rule("leading", leading, _leading_evidence)
