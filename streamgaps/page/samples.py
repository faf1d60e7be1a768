"""The lines of `kpi_gaps.jsonl` as they are written -> a sample of them to look at, in bounded memory."""

from __future__ import annotations

import json
import math
import random
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.model import ErrorType
from streamgaps.page.excerpts import Excerpt, excerpt
from streamgaps.page.media import Media, media
from streamgaps.page.options import MOST_SAMPLES
from streamgaps.survey import Key, group_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamgaps.answers.rule import Span

__all__ = ["Sample", "Sampler", "error_type_of"]

_MARKS = {kind.value: f'","error_type":"{kind.value}","question":'.encode() for kind in ErrorType}
"""By what the type of a line is told. Inside a text each quote is escaped, so the first such mark is the true one; only
the value of a question or of a carried field may have another."""

_ENOUGH = 64 * 1024
"""How many bytes of lines are looked through at once, about: one line alone would take several times as long, and more
do not fit into a processor's cache."""

_LONG = 8 * 1024
"""Lines of more bytes are shortened at once; a shorter one may well be replaced before that is needed."""

_QUESTION, _TRUTH, _PATH, _CARRIED, _RESPONSE, _ALL = 240, 120, 320, 400, 1200, 1500
"""How many bytes of HTML the texts of a sample take at most, so that a page of 400 of them stays below 1 MB."""

_LEAST = 300
_NAME, _VALUE, _AROUND = 60, 120, 30
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


def error_type_of(line: bytes) -> str | None:
    """Return the error type of a line as a run writes it; None where it is written in another way."""
    places = [(line.find(mark), kind) for kind, mark in _MARKS.items()]
    return min(((place, kind) for place, kind in places if place >= 0), default=(0, None))[1]


class Sampler:
    """Keeps a sample of the lines that it is shown, uniform over all of them, for each error type.

    For the same lines in the same order it is the same sample, however they are packed.

    Memory: about 8 KiB for each gap that is kept, and a few times the longest line.

    Source: Li, "Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))", 1994, algorithm L.

    Args:
        most_per_type: how many gaps of each type are kept at most.
        seed: chooses among the samples that there could be.
        deciding: returns where in a response the words are that decided; see `highlight.deciding`.
    """

    def __init__(
        self,
        most_per_type: int = MOST_SAMPLES,
        seed: int = 0,
        *,
        deciding: Callable[[str], Sequence[Span]] | None = None,
    ) -> None:
        self._reservoirs = {kind: _Reservoir(most_per_type, f"{seed} {kind}") for kind in _MARKS}
        self._deciding = deciding or (lambda _: ())
        self._waiting = bytearray()
        self._lines = 0

    def add(self, lines: bytes) -> None:
        """Take the next lines, one or many, whole and as they are written to `kpi_gaps.jsonl`."""
        self._waiting += lines
        if len(self._waiting) >= _ENOUGH:
            self._look_through()

    @property
    def counts(self) -> dict[str, int]:
        """How many gaps of each type there were."""
        self._look_through()
        return {kind: reservoir.seen for kind, reservoir in self._reservoirs.items()}

    def samples(self) -> list[Sample]:
        """Return the gaps that are kept, in the order in which they came."""
        self._look_through()
        kept = (one for reservoir in self._reservoirs.values() for one in reservoir.kept)
        return sorted(one if isinstance(one, Sample) else self._shortened(*one) for one in kept)

    def _look_through(self) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        begin = 0
        while begin < len(waiting):
            end = waiting.find(b"\n", begin + _ENOUGH) + 1 or len(waiting)
            self._look_at(bytes(waiting[begin:end]))
            begin = end

    def _look_at(self, lines: bytes) -> None:
        found = {kind: lines.count(mark) for kind, mark in _MARKS.items()}
        # Each line has one mark at least: if they are as many as the lines, there is no other among them.
        if sum(found.values()) == lines.count(b"\n"):
            self._choose(lines, found)
            return
        for line in (line + b"\n" for line in lines.split(b"\n")[:-1]):  # not by carriage returns
            self._choose(line, {error_type_of(line) or "": 1})

    def _choose(self, lines: bytes, found: dict[str, int]) -> None:
        """Keep those of the lines that are chosen.

        Args:
            lines: whole lines.
            found: how many of them are of which type.
        """
        for kind, count in found.items():
            reservoir, left = self._reservoirs[kind], count
            at, counted, number = 0, 0, self._lines + 1
            while reservoir.skips < left:
                left -= reservoir.skips + 1
                at = _behind(lines, _MARKS[kind], reservoir.skips + 1, at)
                begin = lines.rfind(b"\n", 0, at) + 1
                number, counted = number + lines.count(b"\n", counted, begin), begin
                line = lines[begin : lines.find(b"\n", at) + 1]
                reservoir.keep(self._shortened(number, line) if len(line) > _LONG else (number, line))
            reservoir.skips -= left
            reservoir.seen += count
        self._lines += sum(found.values())

    def _shortened(self, number: int, line: bytes) -> Sample:
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
            record["error_type"],
            record.get("unclear") is True,
            video_id,
            shown,
            question,
            truth,
            excerpt(record["response"], room, self._deciding(record["response"])),
            carried,
            len(names) - len(carried),
            {name: group_key(record[name]) for name in ["question", *names]},
        )


def _record(line: bytes) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)
    except RecursionError:  # whoever wrote the line had more room on its stack
        texts = dict.fromkeys(("video_id", "question", "ground_truth", "response"), "(nested too deeply to be shown)")
        return {**texts, "error_type": error_type_of(line)}
    return record


def _behind(lines: bytes, mark: bytes, count: int, start: int) -> int:
    """Return what is behind so many marks from a place on."""
    find, length, at = lines.find, len(mark), start
    for _ in range(count):
        at = find(mark, at) + length
    return at


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


class _Reservoir:
    """What is kept of one type.

    Attributes:
        kept: the lines that are kept, each with its number, or shortened if it is long.
        seen: how many there were.
        skips: how many come before the next that is kept.
    """

    def __init__(self, most: int, seed: str) -> None:
        self.kept: list[Sample | tuple[int, bytes]] = []
        self.seen = 0
        self.skips = 0 if most else sys.maxsize
        self._most = most
        self._random = random.Random(seed).random  # noqa: S311 -- the same sample again, and no secret
        self._log_weight = 0.0

    def keep(self, one: Sample | tuple[int, bytes]) -> None:
        """Keep one, in place of another if there is no room, and choose the next."""
        if len(self.kept) < self._most:
            self.kept.append(one)
            if len(self.kept) < self._most:
                return
        else:
            self.kept[int(self._random() * self._most)] = one
        self._log_weight += self._log() / self._most
        self.skips = int(self._log() / math.log(-math.expm1(self._log_weight)))

    def _log(self) -> float:
        # 0 has no logarithm, and with that of 1 there would be no weight.
        return math.log(self._random() or 0.5)
