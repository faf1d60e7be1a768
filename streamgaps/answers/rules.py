"""The rules by which an answer is read, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamgaps.answers.leading import LEADING
from streamgaps.answers.simple import EXACT, FIRST_WORD, MME, POPE, STARTSWITH
from streamgaps.answers.strict import STRICT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streamgaps.answers.rule import Span
    from streamgaps.model import Answer

__all__ = ["EVIDENCE", "RULES", "summary"]

_ALL = (STRICT, LEADING, FIRST_WORD, EXACT, STARTSWITH, POPE, MME)

RULES: Mapping[str, Callable[[str], Answer]] = {rule.name: rule.read for rule in _ALL}
"""What reads an answer, by the name of the rule; the default first."""

EVIDENCE: Mapping[str, Callable[[str], Iterable[Span]]] = {rule.name: rule.evidence for rule in _ALL}
"""What finds the words that decide, by the name of the rule."""


def summary(rule: Callable[[str], Answer]) -> str:
    """Return what a rule does: the first line of its docstring, or nothing where it has none.

    >>> summary(RULES["exact"])
    'Take a text that is yes or no and nothing else.'
    """
    return (rule.__doc__ or "").strip().partition("\n")[0]
