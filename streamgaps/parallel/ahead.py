"""Inputs on many workers -> what they come to, in the order of the inputs.

While one unit of work is waited for, workers read those behind it, whatever input these are of: ranges of large files,
as `ranges.py` has them, and whole inputs, small or compressed.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import BrokenExecutor, CancelledError
from concurrent.futures import TimeoutError as NotYetError  # Python's own from 3.11 on
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from streamgaps import __version__
from streamgaps.exceptions import ConfigurationError, InputError, SourceError, SourceNotFoundError, WorkerError, reason
from streamgaps.parallel.ranges import RANGE_BYTES, Ranges
from streamgaps.parallel.units import PIECE_BYTES, Range, Shard, UnitOptions, read_unit
from streamgaps.paths import is_url
from streamgaps.sources.inputs import name_of, size_of
from streamgaps.sources.source import open_source
from streamgaps.stages.read import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.exceptions import StreamgapsError
    from streamgaps.parallel.units import Part, UnitResult
    from streamgaps.settings import Settings
    from streamgaps.sources.inputs import Input

__all__ = ["Ahead", "Pool", "Taker"]

_LONGEST_RANGE = 1024
"""How many times as long as usual a range is elsewhere, at most."""
_LONGEST_WITHOUT_FOLDER = 16
"""The same where all of its results have to be sent."""

_RANGES_EACH = 16
"""How many ranges a worker elsewhere gets, about, if all is one file: enough for none to wait long for the last."""

_AHEAD = 2
"""How many units per worker may be submitted and not yet taken."""
_AHEAD_ELSEWHERE = 8
"""The same on a cluster: more, because one slow or repeated unit must not stop the others."""

_WAITING_BYTES = 32 * 1024 * 1024
"""How many bytes of results wait here to be taken, at most, but for those of a great many workers."""
_LEAST_MESSAGE_BYTES = 16 * 1024

_SMALL_BYTES = 64 * 1024
"""How long an input is, at least, to be given to a worker. To read so much takes 0.4 ms; to hand a unit out, 0.3 ms, or
3.5 ms to a cluster."""

_MOST_OPEN = 64
"""How many files are open at once."""

_PATIENCE_SECONDS = 1
"""How often it is told how far the run is, while a unit is waited for."""


class Pool(NamedTuple):
    """Where units are read."""

    open: Callable[[], Executor]
    """Returns what reads them; called when there is one."""
    width: Callable[[], int]
    """Tells how many it reads at once: their number may change."""
    is_elsewhere: bool = False
    """Whether it may be on other machines."""
    deaths: tuple[type[Exception], ...] = ()
    """What it raises if a worker is lost, beside `BrokenExecutor`."""


class Taker(Protocol):
    """Takes what inputs come to, in their order."""

    def begin(self, name: str) -> None:
        """Begin to take an input."""

    def take(self, name: str, part: Part) -> None:
        """Take a part of an input."""

    def read_here(self, one: Input) -> None:
        """Read an input that no worker can."""

    def read_rest(self, name: str, blocks: Iterator[bytes], *, behind: int, index: int) -> None:
        """Read on behind an array in a JSON document; arguments as for `read`."""

    def show_progress(self) -> None:
        """Show how far the run is."""


class Ahead:
    """Has workers read inputs, so many units ahead of what is taken.

    Args:
        pool: where units are read.
        taker: takes what they come to.
        settings: the options of the run.
        max_notices: how many notices of each unit are wanted; all if None.
        folder: where the results of a unit go that are too long to be sent; None if there is no such place.
        range_bytes: how long a range is; if None, what is best for the inputs.

    Memory: the results of as many units as are ahead, or of those that are in files one piece.
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
        self.pool = pool
        self.taker = taker
        self.options = UnitOptions(settings, max_notices, os.urandom(8), self._message_bytes(), folder)
        self.range_bytes = range_bytes or 0
        self._is_one = False
        self._executor: Executor | None = None
        self._under_way: set[Future[UnitResult | None]] = set()  # or waits for its turn to be taken
        self._done = 0  # bytes of what is taken
        self._shown = 0
        self._open_files = 0
        self._coming: Iterator[Input] = iter(())
        self._inputs: deque[_Input] = deque()
        self._last: _Input | None = None  # whose units are submitted

    @property
    def _units(self) -> int:
        """How many units may be under way, or wait for their turn."""
        return (_AHEAD_ELSEWHERE if self.pool.is_elsewhere else _AHEAD) * self.pool.width()

    def _message_bytes(self) -> int:
        return max(_LEAST_MESSAGE_BYTES, min(PIECE_BYTES, _WAITING_BYTES // self._units))

    def _best_range_bytes(self, inputs: Iterable[Input]) -> int:
        """Return how long ranges are to be: on this machine one costs next to nothing; elsewhere, messages."""
        if not self.pool.is_elsewhere:
            return RANGE_BYTES
        longest = (_LONGEST_WITHOUT_FOLDER if self.options.folder is None else _LONGEST_RANGE) * RANGE_BYTES
        wanted = sum(size_of(one) or 0 for one in inputs) // (self.pool.width() * _RANGES_EACH)
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
        self.range_bytes = self.range_bytes or self._best_range_bytes(inputs)
        self._coming = iter(inputs)
        try:
            self.fill()
            while self._inputs:
                with self._inputs.popleft() as first:
                    first.read()
                self.fill()
        finally:
            with ExitStack() as stack:
                for one in self._inputs:
                    stack.callback(one.close)

    def fill(self) -> None:
        """Keep the workers busy."""
        most = self._units
        while len(self._under_way) < most and len(self._inputs) <= most:
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
        shape = self.options.settings.shape
        size = size_of(one)
        is_long = size is not None and (self._is_one or size >= 2 * self.range_bytes)
        if is_long and shape.reader is Reader.AUTO:
            # What is wrong with it is found again when it is its turn.
            with suppress(InputError, SourceError), ExitStack() as stack:
                ranges = Ranges.of(self, stack.enter_context(open_source(one)), stack)
                if ranges is not None:
                    self._open_files += 1
                    return ranges
        is_worth_it = size >= _SMALL_BYTES if size is not None else isinstance(one, str) and is_url(one)
        return _Whole(self, one) if is_worth_it and not self._is_one else _Here(self, one)

    def submit(self, unit: Range | Shard) -> Future[UnitResult | None]:
        """Have a unit read."""
        with self._told_of_death(_name_of(unit)):
            # The more units there are, the less each may send: their number follows that of workers.
            options = unit.options._replace(most_bytes=self._message_bytes())
            future = self._opened().submit(read_unit, unit._replace(options=options), __version__)
        self._under_way.add(future)
        return future

    def _opened(self) -> Executor:
        """Return what reads units, once it has something to do."""
        if self._executor is None:
            if not self.options.settings.can_be_sent:
                message = "a rule that is no function of a module cannot be sent to other processes; use one job"
                raise ConfigurationError(message)
            self._executor = self.pool.open()
        return self._executor

    def result(self, unit: Range | Shard, future: Future[UnitResult | None]) -> UnitResult | None:
        """Wait for a unit."""
        self._under_way.remove(future)
        result = self._waited_for(unit, future)
        if result is not None:
            self.add(result.length)
        return result

    def _waited_for(self, unit: Range | Shard, future: Future[UnitResult | None]) -> UnitResult | None:
        with self._told_of_death(_name_of(unit)):
            while True:
                try:
                    return future.result(_PATIENCE_SECONDS)
                except NotYetError:
                    if future.done():  # just now; or it was the unit that did not get something in time
                        return future.result()
                    self._shown = max(self._shown, self._done + sum(map(_length_of, self._under_way)))
                    self.taker.show_progress()

    def add(self, length: int) -> None:
        """Count bytes of what is taken."""
        self._done += length

    def note_closed(self) -> None:
        """Note that a file is not open any more."""
        self._open_files -= 1

    def drop(self, future: Future[UnitResult | None]) -> None:
        """Let go of a unit that nobody waits for, if it is not taken."""
        future.cancel()
        self._under_way.discard(future)

    def position(self) -> int:
        """Return how many bytes of the inputs units have read so far, compressed if they are; it never goes back."""
        self._shown = max(self._shown, self._done)
        return self._shown

    def path_of(self, one: Input) -> str:
        """Return what a worker calls an input."""
        path = name_of(one) if isinstance(one, os.PathLike) else one
        assert isinstance(path, str)  # noqa: S101 -- files that are open are read here
        return path if is_url(path) or not self.pool.is_elsewhere else os.path.abspath(path)  # noqa: PTH100 -- a text

    def cannot_be_read(self, one: Input, result: UnitResult) -> StreamgapsError | None:
        """Return the error that no worker could read an input; None if it could."""
        problem = result.problem
        if problem is None or isinstance(problem, InputError) or not self.pool.is_elsewhere:
            return problem
        with open_source(one) as source:  # if that fails, too, this is why
            next(source.blocks, None)
        hint = "; workers must see the inputs under the paths that they have here"
        message = f"{name_of(one)}: a worker on {result.host} cannot read it: {problem}"
        return SourceError(message + (hint if isinstance(problem, SourceNotFoundError) else ""))

    @contextmanager
    def _told_of_death(self, name: str) -> Iterator[None]:
        try:
            yield
        except BrokenExecutor as error:
            why = str(error) or "it was killed, or ran out of memory"
            hint = "" if self.pool.is_elsewhere else "; try one job"
            message = f"a process that read a part of the input died: {why}{hint}"
            raise WorkerError(message) from error
        except ImportError as error:
            message = f"a worker cannot load what it takes: {error}; it needs the same streamgaps, and your rules"
            raise WorkerError(message) from error
        except (CancelledError, *self.pool.deaths) as error:  # type: ignore[misc]  # the unpacked ones are errors, too
            lost = f"{name}: the workers that were to read it are lost: {reason(error)}"
            message = f"{lost}; start them again, then run again"
            raise WorkerError(message) from error


class _Here:
    """An input that is read here."""

    def __init__(self, ahead: Ahead, one: Input) -> None:
        self._ahead = ahead
        self._one = one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self) -> bool:
        """Have the next unit read; False if all are submitted."""
        return False

    def read(self) -> None:
        """Read it to its end."""
        self._ahead.taker.read_here(self._one)

    def close(self) -> None:
        """Let go of units that nobody waits for."""


class _Whole(_Here):
    """An input that one worker reads."""

    def __init__(self, ahead: Ahead, one: Input) -> None:
        super().__init__(ahead, one)
        self._unit = Shard(name_of(one), ahead.path_of(one), ahead.options)
        self._future: Future[UnitResult | None] | None = None

    def submit(self) -> bool:
        if self._future is not None:
            return False
        self._future = self._ahead.submit(self._unit)
        return True

    def read(self) -> None:
        ahead = self._ahead
        assert self._future is not None  # noqa: S101 -- it was submitted before its turn
        result = ahead.result(self._unit, self._future)
        if result is None:
            super().read()
            return
        problem = ahead.cannot_be_read(self._one, result)
        ahead.taker.begin(self._unit.name)
        for part in result.parts():
            ahead.taker.take(self._unit.name, part)
            ahead.fill()
        if problem is not None:
            raise problem

    def close(self) -> None:
        if self._future is not None:
            self._ahead.drop(self._future)


_Input: TypeAlias = _Here | Ranges


def _length_of(future: Future[UnitResult | None]) -> int:
    """Return how many bytes a unit has read, if it is done."""
    if not future.done() or future.cancelled() or future.exception() is not None:
        return 0
    result = future.result()
    return 0 if result is None else result.length


def _name_of(unit: Range | Shard) -> str:
    return unit.name if isinstance(unit, Shard) else unit.path
