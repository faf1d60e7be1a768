"""Text -> Answer: the rules by which an answer is read, each a pure function with a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from streamgaps.model import Answer

__all__ = [
    "AFTER_ANSWER",
    "AROUND_LETTER",
    "DOTLESS_I",
    "DOTTED_I",
    "LETTERS",
    "LONG",
    "POPE_NO",
    "RULES",
    "Rule",
    "begins_with",
    "exact",
    "find_word",
    "first_word",
    "leading",
    "mme",
    "offers_both",
    "pope",
    "startswith",
    "strict",
    "summary",
]

Rule = Callable[[str], Answer]
"""Reads a text. It takes any text, in a time proportional to its length."""

# `\byes\b` and `\bno\b`, written so that they begin with a literal, for which `re` can search quickly:
# a text of 1.5 kB takes 1 µs a word and not 30.
_YES_WORD, _NO_WORD = r"yes\b(?<!\wyes)", r"no\b(?<!\wno)"
_find_yes, _find_no = re.compile(_YES_WORD).search, re.compile(_NO_WORD).search
_find_yes_in_bytes, _find_no_in_bytes = re.compile(_YES_WORD.encode()).search, re.compile(_NO_WORD.encode()).search
# To get a member from its class takes 0.1 µs in Python 3.11, and its hash as long.
_YES, _NO, _NEITHER, _BOTH = Answer.YES, Answer.NO, Answer.NEITHER, Answer.BOTH

_YES_FIRST = frozenset(("yes", "yes.", "yes,", "yes "))
_NO_FIRST = frozenset(("no", "no.", "no,", "no "))

_ANSWERS = {"yes": _YES, "no": _NO}
LETTERS = {"A": _YES, "a": _YES, "B": _NO, "b": _NO}
AROUND_LETTER = " \t\r\n.,;:!?()[]{}\"'"
find_word = re.compile(r"\w+").search
# What follows a repetition cannot begin with what is repeated: the time stays linear.
offers_both = re.compile(r"[\W_]*(?:(?ai:yes)\s+(?ai:or)\s+(?ai:no)|(?ai:no)\s+(?ai:or)\s+(?ai:yes))[\W_]*").fullmatch
# For texts in lower case.
begins_with = re.compile(r"[\W_]*(yes|no)\b").match
AFTER_ANSWER = re.compile(r"answer(?<!\wanswer)(?:\s*is)?[\W_]*(yes|no)\b")
# The only letter whose lower case ends with a character of no word; another letter without a meaning here.
DOTTED_I, DOTLESS_I = "\u0130", "\u0131"

POPE_NO = frozenset(("No", "not", "no"))

_FIRST_NON_ASCII = 0x80

_END = 64
"""How many characters of a long text are searched before all of it is."""

LONG = 256
"""Texts of more characters are searched from their end."""


def strict(text: str) -> Answer:
    r"""Take yes or no if only one of them is there, as a word.

    The text is lower-cased, and searched for the words `yes` and `no` between Unicode word
    boundaries. If exactly one of them is there, it is the answer. The rule is that of the
    `gap_analysis vlm_bcq` action of NVIDIA's TAO Toolkit.

    Lower-casing first is not the same as `re.IGNORECASE`, which takes a long s (U+017F) for an s.

    >>> strict("Yes, there is a collision.")
    <Answer.YES: 'yes'>
    >>> strict("B. No")
    <Answer.NO: 'no'>
    >>> strict("nothing happened")
    <Answer.NEITHER: 'neither'>
    >>> strict("Yes. No doubt.")
    <Answer.BOTH: 'both'>
    """
    if not text.isascii():
        return _parse_non_ascii(text)
    text = text.lower()
    if len(text) > LONG:
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
    text = (rest if is_behind else text).strip().replace(DOTTED_I, DOTLESS_I)
    letter = LETTERS.get(text.strip(AROUND_LETTER))
    if letter:
        return letter
    if offers_both(text):  # though with underscores around they are no words
        return _BOTH
    answer = strict(text)
    return _settle(text.lower()) if answer is _BOTH else answer


def _settle(text: str) -> Answer:
    """Apply the steps from 5 on of `leading` to a text in lower case that has both words."""
    first = begins_with(text)
    if first:
        return _ANSWERS[first[1]]
    said = set(AFTER_ANSWER.findall(text))
    return _ANSWERS[said.pop()] if len(said) == 1 else _BOTH


def first_word(text: str) -> Answer:
    r"""Take the first word, if it is yes or no.

    A word is a run of letters, digits and underscores (`\w+`); its case does not matter. Many evaluation scripts
    have a rule like this one; it is nobody's in particular.

    >>> first_word("**No**, yes would be wrong.")
    <Answer.NO: 'no'>
    >>> first_word("The answer is yes.")
    <Answer.NEITHER: 'neither'>
    """
    word = find_word(text)
    return _ANSWERS.get(word[0].lower(), _NEITHER) if word else _NEITHER


def exact(text: str) -> Answer:
    r"""Take a text that is yes or no and nothing else.

    Its case, and blanks around it, do not matter. The rule is that of the POPE task of lmms-eval.

    >>> exact(" Yes\n")
    <Answer.YES: 'yes'>
    >>> exact("Yes.")
    <Answer.NEITHER: 'neither'>
    """
    return _ANSWERS.get(text.strip().lower(), _NEITHER)


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
    return _YES if POPE_NO.isdisjoint(words) else _NO


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


RULES: Mapping[str, Rule] = {
    "strict": strict,
    "leading": leading,
    "first-word": first_word,
    "exact": exact,
    "startswith": startswith,
    "pope": pope,
    "mme": mme,
}
"""The rules by their names, the default first."""


def summary(rule: Rule) -> str:
    """Return what a rule does: the first line of its docstring, or nothing where it has none.

    >>> summary(exact)
    'Take a text that is yes or no and nothing else.'
    """
    return (rule.__doc__ or "").strip().partition("\n")[0]
