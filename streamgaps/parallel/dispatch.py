"""Units of work -> what they come to: has workers read them, and waits for them."""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor, CancelledError
from concurrent.futures import TimeoutError as NotYetError  # Python's own from 3.11 on
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from streamgaps import __version__
from streamgaps.exceptions import ConfigurationError, InputError, SourceError, SourceNotFoundError, WorkerError, reason
from streamgaps.parallel.units import PIECE_BYTES, Range, Shard, UnitOptions, read_unit
from streamgaps.paths import is_url
from streamgaps.sources.inputs import name_of
from streamgaps.sources.source import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

    from streamgaps.exceptions import StreamgapsError
    from streamgaps.parallel.units import UnitResult
    from streamgaps.settings import Settings
    from streamgaps.sources.inputs import Input

__all__ = ["Dispatch", "Pool"]

_AHEAD = 2
"""How many units per worker may be submitted and not yet taken."""
_AHEAD_ELSEWHERE = 8
"""The same on a cluster: more, because one slow or repeated unit must not stop the others."""

_WAITING_BYTES = 32 * 1024 * 1024
"""How many bytes of results wait here to be taken, at most. They are more only if there are so many workers that each
may send no more than the least."""
_LEAST_MESSAGE_BYTES = 16 * 1024
"""How many bytes of results a unit may send, however many units there are."""

_PATIENCE_SECONDS = 1
"""How many seconds pass between two shows of progress, while a unit is waited for."""


class Pool(NamedTuple):
    """Where units are read."""

    open: Callable[[], Executor]
    """Returns what reads them; called when there is a first unit."""
    width: Callable[[], int]
    """Tells how many it reads at once: their number may change."""
    is_elsewhere: bool = False
    """Whether it may be on other machines."""
    deaths: tuple[type[Exception], ...] = ()
    """What it raises if a worker is lost, beside `BrokenExecutor`."""


class Dispatch:
    """Has units read, and waits for them.

    Args:
        pool: where units are read.
        settings: the options of the run.
        max_notices: how many notices of each unit are wanted; all if None.
        folder: where the results of a unit go that are too long to be sent; None if there is no such place.
        on_wait: called about once a second while a unit is waited for.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        settings: Settings,
        max_notices: int | None,
        folder: str | None,
        on_wait: Callable[[], None],
    ) -> None:
        self.pool = pool
        self.options = UnitOptions(settings, max_notices, os.urandom(8), self._message_bytes(), folder)
        self._on_wait = on_wait
        self._executor: Executor | None = None
        self._under_way: set[Future[UnitResult | None]] = set()  # or waits for its turn to be taken
        self._done = 0  # bytes of what is taken
        self._shown = 0

    @property
    def most(self) -> int:
        """How many units may be under way, or wait for their turn."""
        return (_AHEAD_ELSEWHERE if self.pool.is_elsewhere else _AHEAD) * self.pool.width()

    @property
    def under_way(self) -> int:
        """How many units are submitted and not yet waited for or dropped."""
        return len(self._under_way)

    def _message_bytes(self) -> int:
        return max(_LEAST_MESSAGE_BYTES, min(PIECE_BYTES, _WAITING_BYTES // self.most))

    def submit(self, unit: Range | Shard) -> Future[UnitResult | None]:
        """Have a unit read."""
        with self._told_of_death(_name_of(unit)):
            # The more units there may be, the less each may send; the number of workers may have changed.
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
        """Wait for a unit, and return what it comes to; None if a worker cannot read it.

        Raises:
            WorkerError: the worker was lost, or is of another version.
        """
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
                    if future.done():  # just now; or the TimeoutError is what the unit itself raised
                        return future.result()
                    self._shown = max(self._shown, self._done + sum(map(_length_of, self._under_way)))
                    self._on_wait()

    def add(self, length: int) -> None:
        """Count bytes of what is taken."""
        self._done += length

    def drop(self, future: Future[UnitResult | None]) -> None:
        """Let go of a unit that nobody waits for, if it is not taken."""
        future.cancel()
        self._under_way.discard(future)

    def position(self) -> int:
        """Return how many bytes of the inputs units have read so far, compressed if they are; it never goes back."""
        self._shown = max(self._shown, self._done)
        return self._shown

    def path_of(self, one: Input) -> str:
        """Return the path or URL under which a worker opens an input."""
        path = name_of(one) if isinstance(one, os.PathLike) else one
        assert isinstance(path, str)  # noqa: S101 -- files that are open are read here
        return path if is_url(path) or not self.pool.is_elsewhere else os.path.abspath(path)  # noqa: PTH100 -- a text

    def cannot_be_read(self, one: Input, result: UnitResult) -> StreamgapsError | None:
        """Return the error that ends the reading of an input, in words for here; None if there is none.

        Raises:
            SourceError: the input cannot be read here either.
        """
        problem = result.problem
        if problem is None or isinstance(problem, InputError) or not self.pool.is_elsewhere:
            return problem
        with open_source(one) as source:  # if that fails, too, its error tells more
            next(source.blocks, None)
        hint = "; workers must see the inputs under the paths that they have here"
        message = f"{name_of(one)}: a worker on {result.host} cannot read it: {problem}"
        return SourceError(message + (hint if isinstance(problem, SourceNotFoundError) else ""))

    @contextmanager
    def _told_of_death(self, name: str) -> Iterator[None]:
        """Raise what a lost worker, or one that lacks a module, makes of a call as a WorkerError."""
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


def _length_of(future: Future[UnitResult | None]) -> int:
    """Return how many bytes a unit has read, if it is done."""
    if not future.done() or future.cancelled() or future.exception() is not None:
        return 0
    result = future.result()
    return 0 if result is None else result.length


def _name_of(unit: Range | Shard) -> str:
    return unit.name if isinstance(unit, Shard) else unit.path
