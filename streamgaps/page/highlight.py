"""Text, rule -> the words to mark in it: those because of which the rule reads in it what it reads."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from streamgaps.answers.final_answer import final_span
from streamgaps.answers.rules import EVIDENCE

if TYPE_CHECKING:
    from streamgaps.answers.rule import Span

__all__ = ["LONGEST", "MOST", "deciding"]

LONGEST = 100
"""How many characters of a word are marked, at most: one may have ten thousand commas in it."""

MOST = 1000
"""How many words of a text are marked, at most: a text may consist of nothing else."""


def deciding(text: str, rule: object, *, final_answer: bool = False) -> list[Span]:
    """Return where in a text the words are because of which a rule reads in it what it reads.

    >>> deciding("Well, yes. A car, yes.", "strict")
    [(6, 9), (18, 21)]
    >>> deciding("Well, yes. A car, yes.", "first-word")
    []

    Args:
        text: the response.
        rule: the name of the rule. Of anything else, such as a rule of the user's, it is not known what decides.
        final_answer: whether the rule has read only the final answer.

    Returns:
        The first 1,000 of them, in their order; see `Rule.evidence`.
    """
    find = EVIDENCE.get(rule) if isinstance(rule, str) else None
    part = final_span(text) if final_answer else (0, len(text))
    if find is None or part is None:
        return []
    begin, end = part
    return [(begin + start, begin + min(stop, start + LONGEST)) for start, stop in islice(find(text[begin:end]), MOST)]
