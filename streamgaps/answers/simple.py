"""The rules that look once, at one place of a text: its first word, its first letters, its first sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streamgaps.answers.rule import ANSWERS, Rule, blanks_before, lowered
from streamgaps.model import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.answers.rule import Span

__all__ = ["EXACT", "FIRST_WORD", "MME", "POPE", "STARTSWITH", "exact", "first_word", "mme", "pope", "startswith"]

# To get a member from its class takes 0.1 µs in Python 3.11.
_YES, _NO, _NEITHER = Answer.YES, Answer.NO, Answer.NEITHER

# Bound once: Python 3.11 calls a method of an imported name a third slower.
_said = ANSWERS.get
_find_word = re.compile(r"\w+").search


def first_word(text: str) -> Answer:
    r"""Take the first word, if it is yes or no.

    A word is a run of letters, digits and underscores (`\w+`); its case does not matter. Many evaluation scripts
    have a rule like this one; it is nobody's in particular.

    >>> first_word("**No**, yes would be wrong.")
    <Answer.NO: 'no'>
    >>> first_word("The answer is yes.")
    <Answer.NEITHER: 'neither'>
    """
    word = _find_word(text)
    return _said(word[0].lower(), _NEITHER) if word else _NEITHER


def _first_word_evidence(text: str) -> Iterable[Span]:
    word = _find_word(text)
    return [word.span()] if word and word[0].lower() in ANSWERS else []


FIRST_WORD = Rule("first-word", first_word, _first_word_evidence)


def exact(text: str) -> Answer:
    r"""Take a text that is yes or no and nothing else.

    Its case, and blanks around it, do not matter. The rule is that of the POPE task of lmms-eval.

    >>> exact(" Yes\n")
    <Answer.YES: 'yes'>
    >>> exact("Yes.")
    <Answer.NEITHER: 'neither'>
    """
    return _said(text.strip().lower(), _NEITHER)


def _exact_evidence(text: str) -> Iterable[Span]:
    if exact(text) is _NEITHER:
        return []
    return [(blanks_before(text), len(text.rstrip()))]


EXACT = Rule("exact", exact, _exact_evidence)


def startswith(text: str) -> Answer:
    """Take a text that starts with the letters of yes or no.

    Its case, and blanks before it, do not matter; nor does what follows: "nothing" and "not sure" are no, and
    "yesterday" is yes. Many evaluation scripts have a rule like this one; it is nobody's in particular.

    >>> startswith(" NO. Yes would be wrong.")
    <Answer.NO: 'no'>
    >>> startswith("Nothing happened.")
    <Answer.NO: 'no'>
    >>> startswith("**Yes**")
    <Answer.NEITHER: 'neither'>
    """
    text = text.strip().lower()
    if text.startswith("yes"):
        return _YES
    return _NO if text.startswith("no") else _NEITHER


def _startswith_evidence(text: str) -> Iterable[Span]:
    answer = startswith(text)
    if answer is _NEITHER:
        return []
    begin = blanks_before(text)
    return [(begin, begin + len(answer.value))]


STARTSWITH = Rule("startswith", startswith, _startswith_evidence)


_POPE_NO = frozenset(("No", "not", "no"))


def pope(text: str) -> Answer:
    """Take no if one of the words No, not and no is in the first sentence, else yes.

    The first sentence is what is before the first full stop. Commas are dropped from it, and what is between single
    spaces is a word: "NO" and "no!" are none of the three, nor is a "no" beside a line break. Nothing is unclear: an
    empty text is yes. The rule is that of `evaluate.py` of the POPE benchmark (RUCAIBox/POPE).

    >>> pope("There is not, as far as I see, any collision.")
    <Answer.NO: 'no'>
    >>> pope("Hard to say. No.")
    <Answer.YES: 'yes'>
    >>> pope("")
    <Answer.YES: 'yes'>
    """
    words = text.partition(".")[0].replace(",", "").split(" ")
    return _YES if _POPE_NO.isdisjoint(words) else _NO


def _pope_evidence(text: str) -> Iterator[Span]:
    """Yield where the words for no are: a yes is what has none."""
    for word in re.finditer("[^ ]+", text.partition(".")[0]):
        # Commas within a word are marked with it; those around it are not.
        if word[0].replace(",", "") in _POPE_NO:
            begin = word.end() - len(word[0].lstrip(","))
            yield begin, word.start() + len(word[0].rstrip(","))


POPE = Rule("pope", pope, _pope_evidence)


def mme(text: str) -> Answer:
    """Take yes or else no, if its letters are in the first four characters.

    The case does not matter; "eyes" is yes, and "know" is no. The rule is that of `calculation.py` of the MME
    benchmark (BradyFU/Awesome-Multimodal-Large-Language-Models). That lower-cases a text and no more; here blanks
    around it are dropped, too. That it asks first whether a text is exactly yes or no makes no difference.

    >>> mme("No, there is none.")
    <Answer.NO: 'no'>
    >>> mme("**Yes**")
    <Answer.NEITHER: 'neither'>
    >>> mme('"Yes"')
    <Answer.YES: 'yes'>
    """
    start = text.strip().lower()[:4]
    if "yes" in start:
        return _YES
    return _NO if "no" in start else _NEITHER


def _mme_evidence(text: str) -> Iterable[Span]:
    answer = mme(text)
    if answer is _NEITHER:
        return []
    lower, place = lowered(text.strip()[:4])
    begin = blanks_before(text) + place(lower.find(answer.value))
    return [(begin, begin + len(answer.value))]


MME = Rule("mme", mme, _mme_evidence)
