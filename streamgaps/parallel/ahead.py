"""Inputs on many workers -> what they come to, in the order of the inputs.

A large file is read in ranges (`ranges.py`), a small or compressed one whole. Workers read units ahead: those of later
inputs, too, while an earlier one is waited for.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, TypeAlias

from streamgaps.exceptions import InputError, SourceError
from streamgaps.parallel.dispatch import Dispatch
from streamgaps.parallel.ranges import RANGE_BYTES, Ranges
from streamgaps.parallel.units import Shard
from streamgaps.sources.inputs import is_url_input, name_of, size_of
from streamgaps.sources.source import open_source
from streamgaps.stages.read import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.parallel.dispatch import Pool
    from streamgaps.parallel.taker import Taker
    from streamgaps.parallel.units import UnitResult
    from streamgaps.settings import Settings
    from streamgaps.sources.inputs import Input

__all__ = ["Ahead"]

_LONGEST_RANGE = 1024
"""How many times as long as usual a range is elsewhere, at most."""
_LONGEST_WITHOUT_FOLDER = 16
"""The same where there is no folder for results, so that all of them have to be sent."""

_RANGES_EACH = 16
"""How many ranges of a single file a worker elsewhere gets, about: with many, the last to finish is not long alone."""

_SMALL_BYTES = 64 * 1024
"""How long an input is, at least, to be given to a worker. To read so much takes 0.4 ms; to hand a unit out, 0.3 ms, or
3.5 ms to a cluster."""

_MOST_OPEN = 64
"""How many files are open at once."""


class Ahead:
    """Has workers read inputs, a bounded number of units ahead of what is taken.

    Args:
        pool: where units are read.
        taker: takes what they come to.
        settings: the options of the run.
        max_notices: how many notices of each unit are wanted; all if None.
        folder: where the results of a unit go that are too long to be sent; None if there is no such place.
        range_bytes: how long a range is; if None, what is best for the inputs.

    Memory: the results of all units that are ahead; of those results that are in files, one piece at a time.
    """

    def __init__(
        self,
        pool: Pool,
        taker: Taker,
        *,
        settings: Settings,
        max_notices: int | None = None,
        folder: str | None = None,
        range_bytes: int | None = None,
    ) -> None:
        self._dispatch = Dispatch(
            pool, settings=settings, max_notices=max_notices, folder=folder, on_wait=taker.show_progress
        )
        self._taker = taker
        self._range_bytes = range_bytes or 0
        self._is_one = False
        self._open_files = 0
        self._coming: Iterator[Input] = iter(())
        self._inputs: deque[_Input] = deque()
        self._last: _Input | None = None  # whose units are submitted

    def _best_range_bytes(self, inputs: Iterable[Input]) -> int:
        """Return how long ranges are to be: the usual length on this machine, where a range costs next to nothing.

        Elsewhere each costs messages, so that they are longer where the inputs are.
        """
        pool = self._dispatch.pool
        if not pool.is_elsewhere:
            return RANGE_BYTES
        longest = (_LONGEST_WITHOUT_FOLDER if self._dispatch.options.folder is None else _LONGEST_RANGE) * RANGE_BYTES
        wanted = sum(size_of(one) or 0 for one in inputs) // (pool.width() * _RANGES_EACH)
        return max(RANGE_BYTES, min(wanted, longest))

    def read(self, inputs: Sequence[Input]) -> None:
        """Read inputs to their ends.

        Raises:
            InputError: an input is refused; after all before that place was taken.
            SourceError: one cannot be read.
            OutputError: results cannot be put beside the others, or read back.
            WorkerError: a worker was lost, or is of another version.
        """
        self._is_one = len(inputs) == 1
        self._range_bytes = self._range_bytes or self._best_range_bytes(inputs)
        self._coming = iter(inputs)
        try:
            self._fill()
            while self._inputs:
                with self._inputs.popleft() as first:
                    first.read(self._taker, self._fill)
                self._fill()
        finally:
            with ExitStack() as stack:
                for one in self._inputs:
                    stack.callback(one.close)

    def _fill(self) -> None:
        """Submit units until there are as many as may be under way, or no more to submit."""
        most = self._dispatch.most
        while self._dispatch.under_way < most and len(self._inputs) <= most:
            if self._last is not None and self._last.submit():
                continue
            if self._open_files >= _MOST_OPEN:
                return
            one = next(self._coming, None)
            if one is None:
                return
            self._last = self._planned(one)
            self._inputs.append(self._last)

    def _planned(self, one: Input) -> _Input:
        """Choose who reads an input."""
        size = size_of(one)
        is_long = size is not None and (self._is_one or size >= 2 * self._range_bytes)
        ranges = self._in_ranges(one) if is_long else None
        if ranges is not None:
            return ranges
        is_worth_it = size >= _SMALL_BYTES if size is not None else is_url_input(one)
        return _Whole(self._dispatch, one) if is_worth_it and not self._is_one else _Here(one)

    def _in_ranges(self, one: Input) -> Ranges | None:
        """Open an input to read it in ranges; None if that cannot be."""
        if self._dispatch.options.settings.shape.reader is not Reader.AUTO:
            return None
        # An error is not raised now: it is found again when the input is read, after those before it.
        with suppress(InputError, SourceError), ExitStack() as stack:
            source = stack.enter_context(open_source(one))
            self._open_files += 1
            stack.callback(self._note_closed)
            return Ranges.of(self._dispatch, source, stack, range_bytes=self._range_bytes)
        return None

    def _note_closed(self) -> None:
        self._open_files -= 1

    def position(self) -> int:
        """Return how many bytes of the inputs units have read so far, compressed if they are; it never goes back."""
        return self._dispatch.position()


class _Here:
    """An input that is read in this process."""

    def __init__(self, one: Input) -> None:
        self._one = one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self) -> bool:
        """Have the next unit read; False if all are submitted."""
        return False

    def read(self, taker: Taker, refill: Callable[[], None]) -> None:
        """Read it to its end.

        Args:
            taker: takes what it comes to.
            refill: submits further units, of this input or those behind it; called whenever something was taken.
        """
        del refill
        taker.read_here(self._one)

    def close(self) -> None:
        """Let go of units that nobody waits for."""


class _Whole(_Here):
    """An input that one worker reads."""

    def __init__(self, dispatch: Dispatch, one: Input) -> None:
        super().__init__(one)
        self._dispatch = dispatch
        self._unit = Shard(name_of(one), dispatch.path_of(one), dispatch.options)
        self._future: Future[UnitResult | None] | None = None

    def submit(self) -> bool:
        if self._future is not None:
            return False
        self._future = self._dispatch.submit(self._unit)
        return True

    def read(self, taker: Taker, refill: Callable[[], None]) -> None:
        assert self._future is not None  # noqa: S101 -- it was submitted before its turn
        result = self._dispatch.result(self._unit, self._future)
        if result is None:
            super().read(taker, refill)
            return
        problem = self._dispatch.cannot_be_read(self._one, result)
        taker.begin(self._unit.name)
        for part in result.parts():
            taker.take(self._unit.name, part)
            refill()
        if problem is not None:
            raise problem

    def close(self) -> None:
        if self._future is not None:
            self._dispatch.drop(self._future)


_Input: TypeAlias = _Here | Ranges
