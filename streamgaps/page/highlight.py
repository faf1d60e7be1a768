"""Text, rule -> the words because of which the rule reads in it what it reads."""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING

from streamgaps.answers.final_answer import final_span
from streamgaps.answers.rules import (
    AFTER_ANSWER,
    AROUND_LETTER,
    DOTLESS_I,
    DOTTED_I,
    LETTERS,
    POPE_NO,
    begins_with,
    find_word,
    offers_both,
    strict,
)
from streamgaps.model import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["LONGEST", "MOST", "Span", "deciding"]

Span = tuple[int, int]
"""Where in a text something begins and ends."""

LONGEST = 100
"""How many characters of what decided are marked: a word with ten thousand commas in it may be one."""

MOST = 1000
"""How many words of a text are looked for, at most: a text may consist of nothing else."""

_SAID = ("yes", "no")
_words = re.compile(r"yes\b(?<!\wyes)|no\b(?<!\wno)").finditer  # in lower case
_letters = re.compile("(?ai:yes|no)").finditer
_tokens = re.compile("[^ ]+").finditer


def deciding(text: str, rule: object, *, final_answer: bool = False) -> list[Span]:
    """Return where in a text the words are because of which a rule reads in it what it reads.

    Of a text that says both, these are the words of either kind. There are none where nothing was found that could
    decide, as in a text that says neither, or one that the rule `pope` takes for a yes.

    >>> deciding("Well, yes. A car, yes.", "strict")
    [(6, 9), (18, 21)]
    >>> deciding("Well, yes. A car, yes.", "first-word")
    []

    Args:
        text: the response.
        rule: the name of the rule; for what is no such name, a rule of the user's say, nothing is found.
        final_answer: whether the rule has read only the final answer.

    Returns:
        The first 1,000 of them, in their order.
    """
    find = _FINDERS.get(rule) if isinstance(rule, str) else None
    part = final_span(text) if final_answer else (0, len(text))
    if find is None or part is None:
        return []
    begin, end = part
    return [(begin + start, begin + min(stop, start + LONGEST)) for start, stop in islice(find(text[begin:end]), MOST)]


def _strict(text: str) -> Iterator[Span]:
    lower, place = _lowered(text)
    return ((place(word.start()), place(word.start()) + len(word[0])) for word in _words(lower))


def _lowered(text: str) -> tuple[str, Callable[[int], int]]:
    """Return a text in lower case, and what tells where in the text itself a place of that is.

    A capital I with a dot is the one letter that becomes two characters.
    """
    lower = text.lower()
    if len(lower) == len(text):
        return lower, int
    longer = [found.start() + number for number, found in enumerate(re.finditer(DOTTED_I, text))]
    return lower, lambda place: place - bisect_left(longer, place)


def _leading(text: str) -> Iterable[Span]:
    _, is_behind, rest = text.partition("</think>")
    whole, text = text, (rest if is_behind else text).strip()
    begin = (len(whole) - len(rest) if is_behind else 0) + _blanks(rest if is_behind else whole)
    return ((begin + start, begin + stop) for start, stop in _leading_stripped(text.replace(DOTTED_I, DOTLESS_I)))


def _leading_stripped(text: str) -> Iterable[Span]:
    letter = text.strip(AROUND_LETTER)
    if letter in LETTERS:
        place = text.index(letter)
        return [(place, place + 1)]
    if offers_both(text):
        return (word.span() for word in _letters(text))
    if strict(text) is not Answer.BOTH:
        return _strict(text)
    lower = text.lower()
    first = begins_with(lower)
    if first:
        return [first.span(1)]
    said = {word[1] for word in AFTER_ANSWER.finditer(lower)}
    return (word.span(1) for word in AFTER_ANSWER.finditer(lower)) if len(said) == 1 else _strict(text)


def _blanks(text: str) -> int:
    return len(text) - len(text.lstrip())


def _first_word(text: str) -> Iterable[Span]:
    word = find_word(text)
    return [word.span()] if word and word[0].lower() in _SAID else []


def _exact(text: str) -> Iterable[Span]:
    word, begin = text.strip(), _blanks(text)
    return [(begin, begin + len(word))] if word.lower() in _SAID else []


def _startswith(text: str) -> Iterable[Span]:
    begin = _blanks(text)
    start = text[begin : begin + len("yes")].lower()
    return [(begin, begin + len(said)) for said in _SAID if start.startswith(said)]


def _pope(text: str) -> Iterator[Span]:
    for token in _tokens(text.partition(".")[0]):
        # Commas are dropped wherever they are; to mark those around a word would be too much.
        if token[0].replace(",", "") in POPE_NO:
            begin = token.end() - len(token[0].lstrip(","))
            yield begin, token.start() + len(token[0].rstrip(","))


def _mme(text: str) -> Iterable[Span]:
    begin = _blanks(text)
    lower, place = _lowered(text.strip()[:4])
    found = ((lower[:4].find(said), len(said)) for said in _SAID)
    return [(begin + place(at), begin + place(at) + length) for at, length in found if at >= 0][:1]


_FINDERS: dict[str, Callable[[str], Iterable[Span]]] = {
    "strict": _strict,
    "leading": _leading,
    "first-word": _first_word,
    "exact": _exact,
    "startswith": _startswith,
    "pope": _pope,
    "mme": _mme,
}
