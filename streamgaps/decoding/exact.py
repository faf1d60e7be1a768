"""Text -> its items, one by one, as Python's own `json` reads them; or what is wrong, and where."""

from __future__ import annotations

import json
import json.scanner
import re
import sys
from enum import Enum
from typing import Any, NamedTuple

from streamgaps.decoding.refused import CUT, CUT_RECORD, too_long
from streamgaps.exceptions import MalformedInputError, UnsupportedInputError
from streamgaps.model import Broken

__all__ = ["Decoded", "Problem", "State", "decode_items", "decode_records", "int_limit"]


class State(Enum):
    """Where a text begins or ends, between two items of an array, or two records."""

    FIRST = "before the first item"
    NEXT = "after a comma, or where a record may begin"
    AFTER = "after an item"
    ENDED = "after the array"
    LOST = "in a broken line"


class Problem(NamedTuple):
    """Why there is no further item."""

    at: int
    """The character."""
    reason: str
    kind: type[MalformedInputError] = MalformedInputError
    is_too_long: bool = False
    """Whether it is only that an item is longer than it may be."""


class Decoded(NamedTuple):
    """What came out of a text."""

    items: list[Any]
    starts: list[int]
    """The character with which each item begins."""
    ends: list[int]
    """The character after each item."""
    at: int
    """The character up to which it is decoded: there, no item is open."""
    state: State
    problem: Problem | None


EXCERPT = 1024
"""How many bytes of a broken line are kept."""

_STEPS = {
    (State.AFTER, ","): State.NEXT,
    (State.AFTER, "]"): State.ENDED,
    (State.FIRST, "]"): State.ENDED,
}
_blanks = re.compile(r"[ \t\n\r]*")
# A number, or a word that may be a value, if it goes on in the next block.
_UNENDED = re.compile(r"[-+.eE0-9]*|[-+.\w]{0,12}")
# A string or a token that goes on there, or that nothing follows.
_CUT_TOKEN = re.compile(r"\\?[-+.\w]{0,12}[ \t\n\r]*")
_DIGITS = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<digits>\d{640,})', re.DOTALL)  # 640: the smallest limit there can be
# What `json.loads` does, but for the text behind the value.
_decode = json.scanner.make_scanner(json.JSONDecoder())  # type: ignore[arg-type]  # what it is made for


def decode_items(
    text: str, state: State, *, is_end: bool, longest: int, index: int, furthest: int = sys.maxsize
) -> Decoded:
    """Decode the items of a text that begins between two items.

    Args:
        text: a part of an array.
        state: where it begins.
        is_end: whether nothing follows it. Else an item that may go on is left alone, and is no problem.
        longest: how many bytes an item may have.
        index: the place in the input of the first item.
        furthest: what is wrong further than so many characters in an item is none of our business yet.
    """
    items: list[Any] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    while True:
        at = _end(_blanks, text, at)
        mark = text[at : at + 1]
        problem = None
        if not mark:
            break
        if (state, mark) in _STEPS:
            state = _STEPS[state, mark]
            at += 1
            continue
        if state in (State.AFTER, State.ENDED):
            problem = Problem(at, "Extra data" if state is State.ENDED else "Expecting ',' delimiter")
            break
        if mark not in '{["' and not is_end and _may_go_on(text, at):
            break
        item, end, problem = _decode_one(text, at, longest, index + len(items))
        if problem is not None:
            break
        items.append(item)
        starts.append(at)
        ends.append(end)
        at, state = end, State.AFTER
    if problem is not None and state is not State.ENDED and _is_cut(problem, text, at + furthest):
        problem = Problem(len(text), CUT) if is_end else None
    return Decoded(items, starts, ends, at, state, problem)


def decode_records(
    text: str, *, is_end: bool, longest: int, index: int, skips_broken: bool, furthest: int = sys.maxsize
) -> Decoded:
    """Decode records that follow one another, each on a line of its own as a rule; the text begins between two.

    Args:
        text: a part of them.
        is_end: whether nothing follows it. Else a record that may go on is left alone, and is no problem.
        longest: how many bytes a record may have.
        index: the place in the input of the first record.
        skips_broken: whether a line in which something is no JSON gives a `Broken`, and no problem.
        furthest: as for `decode_items`.
    """
    items: list[Any] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    state = State.NEXT
    while state is State.NEXT:
        at = _end(_blanks, text, at)
        if at == len(text) or (text[at] not in '{["' and not is_end and _may_go_on(text, at)):
            break
        item, end, problem = _decode_one(text, at, longest, index + len(items))
        if problem is not None:
            is_cut = _is_cut(problem, text, at + furthest)
            if is_cut and not is_end:
                break
            problem = Problem(len(text), CUT_RECORD) if is_cut else problem
            if not skips_broken or problem.is_too_long:
                return Decoded(items, starts, ends, at, state, problem)
            end = text.find("\n", at)
            if end < 0 and not is_end and len(text) - at < EXCERPT:
                break  # until there is enough of the line to be shown
            item = Broken(problem.reason, text[at : end if end >= 0 else None][:EXCERPT].encode()[:EXCERPT])
            if end < 0:
                end, state = len(text), State.LOST
        items.append(item)
        starts.append(at)
        ends.append(end)
        at = end
    return Decoded(items, starts, ends, at, state, None)


def _decode_one(text: str, at: int, longest: int, index: int) -> tuple[Any, int, Problem | None]:
    """Decode the value that begins there; return it and its end, or what is wrong."""
    try:
        item, end = _decode(text, at)
    except (StopIteration, ValueError, RecursionError) as error:
        return None, at, _problem(error, text, at)
    if end - at > longest // 4 and _bytes(text[at:end]) > longest:
        return None, at, Problem(at, too_long(index, longest), UnsupportedInputError, is_too_long=True)
    return item, end, None


def _may_go_on(text: str, at: int) -> bool:
    """Say whether the text ends in a number, or in what may be the beginning of a word that is a value."""
    return _UNENDED.fullmatch(text, at) is not None


def int_limit() -> int:
    """Return how many digits an integer may have for Python to convert it; 0 if there is no limit."""
    return int(getattr(sys, "get_int_max_str_digits", int)())  # not in 3.10.0


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _problem(error: Exception, text: str, at: int) -> Problem:
    """Say what Python's `json` says."""
    if isinstance(error, json.JSONDecodeError):
        return Problem(error.pos, error.msg.removesuffix(" at").rstrip(": "))
    if isinstance(error, StopIteration):
        return Problem(error.value, "Expecting value")
    if isinstance(error, RecursionError):
        return Problem(at, "values nested too deeply for Python's json", UnsupportedInputError)
    limit = int_limit()
    long = (found for found in _DIGITS.finditer(text, at) if len(found["digits"] or "") > limit)
    return Problem(next(long).start(), f"a number of more than {limit:,} digits", UnsupportedInputError)


def _is_cut(problem: Problem, text: str, end: int) -> bool:
    """Say whether the problem is only that the text ends too early, or at least that there."""
    if problem.kind is not MalformedInputError:
        return False
    return (
        problem.at > end
        or problem.reason.startswith("Unterminated string")
        or _CUT_TOKEN.fullmatch(text, problem.at) is not None
    )
