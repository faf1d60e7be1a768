"""The lines of `kpi_gaps.jsonl` as they are written -> a sample of them, drawn evenly, in bounded memory."""

from __future__ import annotations

import math
import random
import sys
from typing import TYPE_CHECKING

from streamgaps.model import ErrorType
from streamgaps.page.options import MOST_SAMPLES
from streamgaps.page.samples import Sample, sample_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamgaps.answers.rule import Span

__all__ = ["Sampler", "error_type_of"]

_MARKS = {kind.value: f'","error_type":"{kind.value}","question":'.encode() for kind in ErrorType}
"""By what the type of a line is told. Inside a text each quote is escaped, so the first such mark is the true one; only
the value of a question or of a carried field may have another."""

_ENOUGH = 64 * 1024
"""How many bytes of lines are looked through at once, about: one line alone would take several times as long, and more
do not fit into a processor's cache."""

_LONG = 8 * 1024
"""Lines of more bytes are shortened at once; a shorter one may well be replaced before that is needed."""


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
        kept = ((kind, one) for kind, reservoir in self._reservoirs.items() for one in reservoir.kept)
        return sorted(one if isinstance(one, Sample) else self._sample(kind, *one) for kind, one in kept)

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
                reservoir.keep(self._sample(kind, number, line) if len(line) > _LONG else (number, line))
            reservoir.skips -= left
            reservoir.seen += count
        self._lines += sum(found.values())

    def _sample(self, kind: str, number: int, line: bytes) -> Sample:
        return sample_of(line, number=number, error_type=kind, deciding=self._deciding)


def _behind(lines: bytes, mark: bytes, count: int, start: int) -> int:
    """Return what is behind so many marks from a place on."""
    find, length, at = lines.find, len(mark), start
    for _ in range(count):
        at = find(mark, at) + length
    return at


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
