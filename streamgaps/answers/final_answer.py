"""Text -> text: what a reasoning model says in the end."""

from __future__ import annotations

import re

__all__ = ["final_answer", "final_span"]

# `a`: in a tag, a Kelvin sign (U+212A) is no k, and a long s (U+017F) no s.
_split = re.compile(r"(</?(?ai:think|answer)>)").split


def final_answer(text: str) -> str | None:
    """Return the final answer of a text that may contain reasoning; None if it does not come to one.

    The first of these that applies:

    1. The inside of the last pair `<answer>...</answer>`, wherever it stands. No other tag is between those of a pair.
    2. None, if the last `<think>` has no `</think>` behind it: the text breaks off while the model thinks.
    3. What follows the last `</think>`, with or without a `<think>` before it; the whole text if there is none. An
       `</answer>` ends it. An `<answer>` that is not closed begins it: models are often stopped at the closing tag.

    It is None, too, if it is blank. A text without tags is its own final answer, blank or not. Tags may be in any
    case. Blanks around the answer are kept. The time that it takes is proportional to the length of the text.

    >>> final_answer("<think>Yes? They do not touch.</think>No")
    'No'
    >>> final_answer("They do not touch. <Answer>no</Answer>")
    'no'
    >>> final_answer("They touch.</think>Yes</answer>")
    'Yes'
    >>> print(final_answer("<think>Yes? They"))
    None
    >>> final_answer("No")
    'No'
    """
    if "<" not in text:
        return text
    span = final_span(text)
    return None if span is None else text[slice(*span)]


def final_span(text: str) -> tuple[int, int] | None:
    """Return where in a text its final answer begins and ends; None if it does not come to one.

    >>> final_span("<answer>no</answer>")
    (8, 10)
    """
    pieces = _split(text)
    place = _place(pieces)
    if place is None or (len(pieces) > 1 and not pieces[place].strip()):
        return None
    begin = sum(map(len, pieces[:place]))
    return begin, begin + len(pieces[place])


def _place(pieces: list[str]) -> int | None:
    """Return which piece of a text is its final answer; every second one is a tag. None if the thoughts do not end."""
    tags = [tag.lower() for tag in pieces[1::2]]
    for at in range(len(tags) - 1, 0, -1):
        if tags[at] == "</answer>" and tags[at - 1] == "<answer>":
            return 2 * at
    behind = len(tags) - tags[::-1].index("</think>") if "</think>" in tags else 0
    if "<think>" in tags[behind:]:
        return None
    # Only answer tags are left. No opening one is directly followed by a closing one, so all closing tags come first.
    is_closed = tags[behind : behind + 1] == ["</answer>"]
    return 2 * behind if is_closed else len(pieces) - 1
