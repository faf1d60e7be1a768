"""What a rule is: how it reads an answer, and which words of a text decide that."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from streamgaps.model import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ANSWERS", "DOTTED_I", "Rule", "Span", "blanks_before", "lowered"]

Span = tuple[int, int]
"""Where in a text something begins and ends."""

ANSWERS = {"yes": Answer.YES, "no": Answer.NO}
"""What the words say, in lower case."""

DOTTED_I = "\u0130"
"""The only letter that becomes two characters in lower case; the second of them is in no word."""


class Rule(NamedTuple):
    """A way to read an answer. Both functions take any text, in a time proportional to its length."""

    name: str
    """What options call it."""
    read: Callable[[str], Answer]
    """Returns what a text says. It runs for each record, so it looks for no more than it needs."""
    evidence: Callable[[str], Iterable[Span]]
    """Returns where the words are because of which `read` says that, in their order. Of a text that says both, these
    are the words of either kind; there are none where no word decides."""


def blanks_before(text: str) -> int:
    """Return how many blanks a text begins with."""
    return len(text) - len(text.lstrip())


def lowered(text: str) -> tuple[str, Callable[[int], int]]:
    """Return a text in lower case, and a function from a place in that to the place in the text itself.

    They differ behind each capital I with a dot.
    """
    lower = text.lower()
    if len(lower) == len(text):
        return lower, int
    longer = [found.start() + number for number, found in enumerate(re.finditer(DOTTED_I, text))]
    return lower, lambda place: place - bisect_left(longer, place)
