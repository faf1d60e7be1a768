"""A line of `kpi_gaps.jsonl` -> what is shown of it, within so many bytes of HTML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.page.excerpts import Excerpt, excerpt
from streamgaps.page.media import Media, media
from streamgaps.survey import Key, group_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamgaps.answers.rule import Span

__all__ = ["Sample", "sample_of"]

_QUESTION, _TRUTH, _PATH, _CARRIED, _RESPONSE, _ALL = 240, 120, 320, 400, 1200, 1500
"""How many bytes of HTML the texts of a sample take at most, so that a page of 400 of them stays below 1 MB."""

_LEAST = 300
"""How many of them a response may take, whatever the other texts have taken."""

_NAME, _VALUE = 60, 120
"""How many bytes of HTML the name and the value of a further field take at most."""

_AROUND = 30
"""How many bytes of HTML are around each of these, about, and in each note of what is left out."""

_USUAL = {"video_id", "error_type", "question", "ground_truth", "response", "unclear"}


class Sample(NamedTuple):
    """What is shown of a gap."""

    line: int
    """Its line in `kpi_gaps.jsonl`, counted from 1."""
    error_type: str
    unclear: bool
    video_id: Excerpt
    media: Media | None
    question: Excerpt
    ground_truth: Excerpt
    response: Excerpt
    carried: tuple[tuple[Excerpt, Excerpt], ...]
    """The names and values of further fields; the first of them, if they are long."""
    carried_left: int
    """How many fields there are beside those."""
    keys: dict[str, tuple[Key, str | None]]
    """By what the groups of a question, and of further fields, are told."""


def sample_of(line: bytes, *, number: int, error_type: str, deciding: Callable[[str], Sequence[Span]]) -> Sample:
    """Return what is shown of a gap.

    Args:
        line: the gap as a run writes it.
        number: which line of `kpi_gaps.jsonl` that is, counted from 1.
        error_type: of the gap.
        deciding: returns where in a response the words are that decided.
    """
    record = _record(line)
    video_id = excerpt(record["video_id"], _PATH)
    shown = None if video_id.left_out else media(record["video_id"])
    question = excerpt(_text(record["question"]), _QUESTION)
    truth = excerpt(_text(record["ground_truth"]), _TRUTH)
    names = [name for name in record if name not in _USUAL]
    carried = _carried(record, names)
    spent = sum(one.cost for one in (video_id, question, truth)) + sum(map(_price, carried))
    room = min(_RESPONSE, max(_LEAST, _ALL - spent - (len(shown.url) if shown else 0)))
    return Sample(
        number,
        error_type,
        record.get("unclear") is True,
        video_id,
        shown,
        question,
        truth,
        excerpt(record["response"], room, deciding(record["response"])),
        carried,
        len(names) - len(carried),
        {name: group_key(record[name]) for name in ["question", *names]},
    )


def _record(line: bytes) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
    except RecursionError:  # whoever wrote the line had more room on its stack
        return dict.fromkeys(("video_id", "question", "ground_truth", "response"), "(nested too deeply to be shown)")
    return record


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _price(pair: tuple[Excerpt, Excerpt]) -> int:
    """Return about how many bytes of HTML a name and a value take, with what is around them."""
    return sum(one.cost + _AROUND * (1 + (one.left_out > 0)) for one in pair)


def _carried(record: dict[str, Any], names: list[str]) -> tuple[tuple[Excerpt, Excerpt], ...]:
    found: list[tuple[Excerpt, Excerpt]] = []
    room = _CARRIED
    for name in names:
        pair = excerpt(name, _NAME), excerpt(_text(record[name]), _VALUE)
        room -= _price(pair)
        if room < 0:
            break
        found.append(pair)
    return tuple(found)
