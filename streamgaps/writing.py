"""Inputs -> the lines of their gaps, and of what is skipped, in the files of the run."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, BinaryIO, cast

from streamgaps.exceptions import InputError
from streamgaps.model import Skip
from streamgaps.reading import Meter
from streamgaps.sources.source import open_source
from streamgaps.stages.write import skipped_line, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.chain import OnNotice
    from streamgaps.model import Tally, UnresolvedPath
    from streamgaps.outputs.outputs import Outputs
    from streamgaps.page.sampler import Sampler
    from streamgaps.parallel.ahead import Ahead
    from streamgaps.parallel.dispatch import Pool
    from streamgaps.parallel.units import Part
    from streamgaps.run import Run
    from streamgaps.sources.inputs import Input

__all__ = ["Notices", "Writing"]

_NAMES = 100
"""How many inputs are named in the metrics."""


class Notices:
    """Writes down what is skipped, if that is wanted, and passes on as many notices as are.

    Args:
        on_notice: told of the first ones.
        most: of how many; of all if None.
        file: gets a line for each sample that is skipped, if there is one.

    Attributes:
        has_skipped: whether there is anything in the file.
    """

    def __init__(self, on_notice: OnNotice, most: int | None, file: BinaryIO | None) -> None:
        self.has_skipped = False
        self._on_notice = on_notice
        self._most = most
        self._file = file
        self._told = 0

    @property
    def wanted(self) -> int | None:
        """How many notices make a difference; all if None."""
        return self._most if self._file is None else None

    def __call__(self, notice: Skip | UnresolvedPath) -> None:
        """Take a notice."""
        if self._file is not None and isinstance(notice, Skip):
            self._file.write(skipped_line(notice))
            self.has_skipped = True
        if self._most is None or self._told < self._most:
            self._told += 1
            self._on_notice(notice)


class _Shown:
    """A file that shows the lines that are written to it to who draws a sample of them."""

    def __init__(self, file: BinaryIO, sampler: Sampler) -> None:
        self._write = file.write
        self._show = sampler.add

    def write(self, lines: bytes) -> int:
        self._show(lines)
        return self._write(lines)


class Writing:
    """Reads inputs, and writes their gaps.

    Args:
        run: what goes on from one input to the next.
        outputs: where the gaps are written to.
        on_progress: told how many bytes are read, and the counts; nobody if None.
        max_notices: how many notices of workers make a difference; all if None.
        is_stream: whether somebody waits for the gaps as they are found.
        sampler: is shown the gaps, if a page is to show some of them.

    Attributes:
        names: what the first inputs are called.
    """

    def __init__(
        self,
        run: Run,
        outputs: Outputs,
        on_progress: Callable[[int, Tally], None] | None,
        *,
        max_notices: int | None,
        is_stream: bool,
        sampler: Sampler | None,
    ) -> None:
        self.names: list[str] = []
        self._run = run
        self._outputs = outputs
        self._lines: BinaryIO = outputs.gaps if sampler is None else cast("BinaryIO", _Shown(outputs.gaps, sampler))
        self._on_progress = on_progress
        self._max_notices = max_notices
        self._is_stream = is_stream
        self._meter = Meter(self._block_is_done)
        self._ahead: Ahead | None = None

    def read(self, inputs: list[Input], pool: Pool | None) -> None:
        """Read inputs to their ends; those that can be by others, if there are any."""
        try:
            if pool is None:
                for one in inputs:
                    self.read_here(one)
            else:
                self._read_with(pool, inputs)
        except InputError:
            self.hand_on()  # a stream gets what was found before that
            raise

    def _read_with(self, pool: Pool, inputs: list[Input]) -> None:
        from streamgaps.parallel.ahead import Ahead  # noqa: PLC0415 -- many runs never need it

        self._ahead = Ahead(
            pool,
            self,
            settings=self._run.settings,
            max_notices=self._max_notices,
            folder=self._outputs.spill_folder() if pool.is_elsewhere or not self._run.is_one else None,
        )
        self._ahead.read(inputs)

    def begin(self, name: str) -> None:
        """Remember what the first inputs are called."""
        if len(self.names) < _NAMES:
            self.names.append(name)

    def take(self, name: str, part: Part) -> None:
        """Take what workers have found in a part of an input."""
        self._lines.write(self._run.take(name, part))
        self.hand_on()
        self.show_progress()

    def read_here(self, one: Input) -> None:
        """Read an input in this process."""
        with open_source(one) as source:
            self.begin(source.name)
            self._write(source.name, self._meter.blocks(source))

    def read_rest(self, name: str, blocks: Iterator[bytes], *, behind: int, index: int) -> None:
        """Read on where workers have read an array in a JSON document; arguments as for `read`."""
        self._write(name, self._meter.measured(blocks), behind=behind, index=index)

    def _write(self, name: str, blocks: Iterable[bytes], *, behind: int | None = None, index: int = 0) -> None:
        gaps = self._run.gaps(name, blocks, behind=behind, index=index)
        deque(write(gaps, self._lines), maxlen=0)  # no loop is as fast

    def _block_is_done(self, _: int) -> None:
        """Hand on what was found, and show how far the run is, before the next block is waited for."""
        self.hand_on()
        self.show_progress()

    def hand_on(self) -> None:
        """Let a stream have what was found so far."""
        if self._is_stream:
            self._outputs.gaps.flush()

    def show_progress(self) -> None:
        """Show how far the run is."""
        if self._on_progress is not None:
            by_workers = 0 if self._ahead is None else self._ahead.position()
            self._on_progress(self._meter.position + by_workers, self._run.tally)
