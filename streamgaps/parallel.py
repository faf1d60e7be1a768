"""One file on many processors, with the results of one.

The file is cut into ranges, where the text between two items is found near the wanted place: a guess. Workers read
ranges at once, each as if an item began where its range begins. What a worker has read counts only if the one before
it came out exactly there: then an item does begin there, by the proof in `stages/blocks.py`, from the first range
on. Where a range did not come out at its end, all from the last sure place on is read again here, one block
after the other, up to the next place where an item and a range begin together. All that is wrong with the input
is found that way too: so it is said in the same words, with the same item and byte.
"""

from __future__ import annotations

import io
import os
import threading
from array import array
from collections import deque
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.chain import Chain
from streamgaps.exceptions import InputError, RecordError, SourceError, WorkerError
from streamgaps.sources import iter_range, open_range, unchanged
from streamgaps.stages.array import ArrayReader
from streamgaps.stages.blocks import GIANT_BYTES
from streamgaps.stages.read import Format, make_reader, read_with
from streamgaps.stages.write import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from streamgaps.model import Skip, Tally, UnresolvedPath
    from streamgaps.settings import Settings
    from streamgaps.sources import Identity, RegularFile
    from streamgaps.stages.blocks import BlockReader

__all__ = ["Part", "read_parts"]

RANGE_BYTES = 1024 * 1024
"""How long a range is, at least. 4 MiB are 2 % faster, and take four times the memory if all are warnings."""

_MOST_BYTES = 4 * 1024 * 1024
"""How long the results of a part are, at most, but for those of the last block."""

_MOST_RANGES = 16
"""How many times as long as usual a part is, at most, where no place is found for its end."""

_WINDOW_BYTES = 256 * 1024
_HEAD_BYTES = 2 * 1024 * 1024


class Part(NamedTuple):
    """What a part of the input comes to."""

    end: int
    """The byte before which all items are read; none is open there."""
    items: int
    tally: Tally
    gaps: bytes
    """The lines of its gaps."""
    notices: list[Skip | UnresolvedPath]
    """Who is skipped, and what cannot be resolved, in order."""
    marks: bytes
    """The numbers of the labels that were used, as machine words."""
    lines: int
    """How many line feeds there are in it, where lines are counted."""
    first: int
    """The index that `notices` give the first item: its place in the input, or 0 where that is not known yet."""
    is_done: bool = True
    """Whether the part goes to the end of its range: to the end of the array if that is the last one."""
    is_full: bool = False
    """Whether it ends before that only because its results take as much memory as they may."""


class Task(NamedTuple):
    """What a worker needs to know."""

    name: str
    identity: Identity
    start: int
    end: int
    format: Format
    separator: bytes
    settings: Settings
    max_notices: int | None
    run: bytes
    """Tells the tasks of one run from those of another."""
    begin: int = 0
    """Where the array begins, or the records."""
    is_whole: bool = True
    """Whether the input ends with them."""

    @property
    def is_last(self) -> bool:
        """Whether the input ends where the range does."""
        return self.is_whole and self.end == self.identity.size


def read_parts(
    file: RegularFile,
    executor: Executor,
    *,
    jobs: int,
    settings: Settings,
    found: Format = Format.ARRAY,
    run: bytes = b"",
    begin: int | None = None,
    max_notices: int | None = None,
    range_bytes: int = RANGE_BYTES,
) -> Iterator[Part]:
    """Read a file in ranges, and yield what its parts come to, in their order, from the first item to the last.

    Args:
        file: holds a JSON array, or JSON Lines.
        executor: where ranges are read; what runs there opens the file by its path.
        jobs: for how many workers to have ranges ready; as many again may wait for their turn.
        settings: the options of the run.
        found: what the file holds.
        begin: where in a JSON document the array begins, behind whose end more may follow; None if it is the whole
            input. The last part then ends behind the array.
        run: tells this run from others: of one run, workers remember what they know of folders.
        max_notices: how many notices of each part are wanted; all if None.
        range_bytes: how long a range is, at least.

    Memory: the results of `2 * jobs` ranges.

    Raises:
        InputError: the input is refused; after the part before that place. As for `read`.
        SourceError: it cannot be read.
        WorkerError: a worker died.
    """
    start = begin or 0
    separator = b"\n" if found is Format.JSONL else _separator(file, settings, start)
    whole = Task(
        file.name,
        file.identity,
        start,
        file.identity.size,
        found,
        separator,
        settings,
        max_notices,
        run or os.urandom(8),
        start,
        begin is None,
    )
    return _Reading(file, executor, jobs, whole).parts(_borders(file, separator, start, range_bytes))


class _Lines(io.BytesIO):
    """The lines of gaps."""

    noticed = 0
    """How long the records are that notices have beside them."""


class _Reading:
    def __init__(self, file: RegularFile, executor: Executor, jobs: int, whole: Task) -> None:
        self._file = file
        self._executor = executor
        self._jobs = jobs
        self._whole = whole
        self._pending: deque[tuple[Task, Future[Part | None]]] = deque()
        self._submitted = self._position = whole.start
        self._items = 0
        self._line = 1
        self._has_ended = False

    def parts(self, borders: Iterator[int]) -> Iterator[Part]:
        """Yield the parts between borders, which are guesses; the last of them is the end of the file."""
        try:
            while self._submit(borders):
                task, future = self._pending.popleft()
                if task.start < self._position:  # read again already
                    future.cancel()
                    continue
                self._check_all_is_read_before(task.start)
                part = _result(future)
                if part is not None:
                    yield self._next(part)
                if part is not None and part.is_full:
                    rest = task._replace(start=part.end)
                    self._pending.appendleft((rest, _submitted(self._executor, rest)))
                elif part is None or not part.is_done:
                    yield from self._read_again(chain([task.end], (later.end for later, _ in self._pending), borders))
                    if self._has_ended:
                        break
            if self._whole.is_whole:
                self._check_all_is_read_before(self._whole.end)
        finally:
            for _, future in self._pending:
                future.cancel()

    def _check_all_is_read_before(self, place: int) -> None:
        """Check that no range was left out, whatever their parts have claimed; if one was, that is a bug."""
        if self._position != place:
            message = f"{self._file.name}: read up to byte {self._position}, and next from byte {place} on"
            raise AssertionError(message)

    def _next(self, part: Part) -> Part:
        """Go on behind a part, and give its notices their places in the input."""
        shift = self._items - part.first
        if shift:
            notices = [notice.replace(index=shift + notice.index) for notice in part.notices]
            part = part._replace(notices=notices, first=self._items)
        self._position = part.end
        self._items += part.items
        self._line += part.lines
        return part

    def _submit(self, borders: Iterator[int]) -> bool:
        """Keep the workers busy; False if all is done."""
        while len(self._pending) < 2 * self._jobs:
            # What was read again may have gone beyond all that was submitted.
            start = max(self._submitted, self._position)
            end = next(borders, None)
            if end is None:
                break
            task = self._whole._replace(start=start, end=end)
            self._pending.append((task, _submitted(self._executor, task)))
            self._submitted = end
        return bool(self._pending)

    def _read_again(self, borders: Iterator[int]) -> Iterator[Part]:
        """Read from the last sure place to the first border where an item begins."""
        size = self._file.identity.size
        task = self._whole._replace(start=self._position)
        reader = _reader(task, items=self._items, line=self._line)
        border, pause = next(borders), 0

        def next_stop(offset: int) -> int:
            """Return the next border, or an earlier place to yield what there is."""
            nonlocal border, pause
            while border <= offset < size:
                border = next(borders)
            pause = pause if pause > offset else offset + RANGE_BYTES
            return min(border, pause)

        blocks = unchanged(iter_range(self._file, self._position, next_stop), self._file)
        if not task.is_whole:
            blocks = _rest_of_array(blocks, task)
        while True:
            is_border = lambda at: at < size and at in (border, pause)  # noqa: E731 -- of this moment
            batches = read_with(reader, blocks, task.settings.shape, is_border=is_border)
            part, error = _read_part(reader, batches, task, _Lines())
            yield self._next(part)
            if error is not None:
                raise error
            # What is fed so far may be a whole array, and blanks, or something else, follow it.
            self._has_ended = reader.has_ended and (reader.fed == size or not task.is_whole)
            if self._has_ended or reader.fed == size or (reader.is_clean and reader.fed == border):
                return


def read_range(task: Task) -> Part | None:
    """Read a range, up to the last place in it where no item is open; None if that cannot be."""
    reader = _reader(task)
    lines = _Lines()
    try:
        with open_range(task.name, task.identity, task.start, task.end) as blocks:
            part, error = _read_part(reader, _batches(reader, blocks, lines, is_last=task.is_last), task, lines)
    except SourceError:
        return None
    # One that is full may end before its range does, and nothing be open there either; or the array be at its end.
    is_end = task.end == task.identity.size
    is_done = reader.fed == task.end and (reader.has_ended if is_end else reader.is_clean)
    # What is wrong here may be wrong only because no item begins where the range does. And what is nested without
    # end cannot be sent.
    if error is not None or not (is_done or reader.is_between) or any(map(_is_nested, part.notices)):
        return None
    # A range in which nothing ends is for who can read on behind it.
    is_full = not is_done and part.end > task.start and _is_full(reader.fed - task.start, lines)
    return part._replace(is_done=is_done, is_full=is_full)


def _is_full(length: int, lines: _Lines) -> bool:
    """Say whether a part is to end: of so many bytes of input, with these results."""
    return length > _MOST_RANGES * RANGE_BYTES or lines.tell() + lines.noticed > _MOST_BYTES


def _is_nested(notice: Skip | UnresolvedPath) -> bool:
    return isinstance(notice.video_id, (dict, list))


def _reader(task: Task, *, items: int = 0, line: int = 1) -> BlockReader:
    place: dict[str, Any] = {"inside": task.start > task.begin, "offset": task.start, "items": items}
    place |= {"line": line} if task.format is Format.JSONL else {"separator": task.separator}
    return make_reader(task.settings.shape, task.format, **place)


def _batches(reader: BlockReader, blocks: Iterator[bytes], lines: _Lines, *, is_last: bool) -> Iterator[list[Any]]:
    start = reader.fed
    for piece in (piece for block in blocks for piece in reader.cut(block, GIANT_BYTES)):
        yield reader.feed(piece)
        if reader.error or reader.waits_for_more_than(GIANT_BYTES) or _is_full(reader.fed - start, lines):
            return
    yield reader.finish() if is_last else reader.settle()


def _read_part(
    reader: BlockReader, batches: Iterator[list[Any]], task: Task, lines: _Lines
) -> tuple[Part, InputError | None]:
    """Run the pipeline over the items of a part."""
    first, line = reader.items, reader.line or 0
    tally = task.settings.new_tally(is_part=True)
    notices: list[Skip | UnresolvedPath] = []
    marks = array("Q")

    def tell(notice: Skip | UnresolvedPath) -> None:
        if task.max_notices is None or len(notices) < task.max_notices:
            notices.append(notice)
            lines.noticed += len(getattr(notice, "record", None) or b"")

    error = None
    try:
        with _chain(task) as stages:
            gaps = stages.find_gaps(batches, tally=tally, tell=tell, mark=marks.append, first=first)
            deque(write(gaps, lines), maxlen=0)
    except InputError as refused:
        error = refused
        if isinstance(error, RecordError):
            error.line = reader.line_of(error.index)
    part = Part(
        reader.offset,
        reader.items - first,
        tally,
        lines.getvalue(),
        notices,
        marks.tobytes(),
        (reader.line or 0) - line,
        first,
    )
    return part, error


_of_thread = threading.local()


@contextmanager
def _chain(task: Task) -> Iterator[Chain]:
    """Give the chain of this thread, which knows the folders of earlier ranges of the same run."""
    if task.settings.labels_index is not None or task.settings.videos_index is not None:
        with Chain(task.settings) as own:  # its files are not to stay open behind the run
            yield own
        return
    if getattr(_of_thread, "run", None) != task.run:
        _of_thread.run = task.run
        _of_thread.chain = Chain(task.settings)
    yield _of_thread.chain


def _rest_of_array(blocks: Iterator[bytes], task: Task) -> Iterator[bytes]:
    from streamgaps.stages.prefix import rest_of_array  # noqa: PLC0415 -- it loads ijson

    return rest_of_array(blocks, task.start, is_inside=task.start > task.begin)


def _separator(file: RegularFile, settings: Settings, begin: int) -> bytes:
    """Learn from the beginning of the file what stands between two items."""
    reader = make_reader(settings.shape, Format.ARRAY)
    assert isinstance(reader, ArrayReader)  # noqa: S101 -- that is the reader of arrays
    for block in iter_range(file, begin, lambda _: begin + _HEAD_BYTES):
        reader.feed(block)
        if reader.has_learned or reader.error:
            break
    return reader.separator


def _border(separator: bytes) -> int:
    """Return how much of a separator belongs to the item before it."""
    return separator.find(b",") + 1 or len(separator)


def _borders(file: RegularFile, separator: bytes, begin: int, range_bytes: int) -> Iterator[int]:
    """Guess where items begin, one for each range; at last, the end of the file."""
    size = file.identity.size
    border = begin
    for wanted in range(begin + range_bytes, size - range_bytes // 2, range_bytes):
        if wanted > border:
            found = _find(file, separator, wanted, wanted + range_bytes)
            if found is not None:
                border = found + _border(separator)
                yield border
    yield size


def _find(file: RegularFile, text: bytes, start: int, end: int) -> int | None:
    """Return the first place of a text in a part of the file."""
    for offset in range(start, end, _WINDOW_BYTES):
        at = file.read(_WINDOW_BYTES + len(text), offset).find(text)
        if at >= 0:
            return offset + at
    return None


def _submitted(executor: Executor, task: Task) -> Future[Part | None]:
    with _told_of_death():
        return executor.submit(read_range, task)


def _result(future: Future[Part | None]) -> Part | None:
    with _told_of_death():
        return future.result()


@contextmanager
def _told_of_death() -> Iterator[None]:
    try:
        yield
    except BrokenExecutor as error:
        why = str(error) or "it was killed, or ran out of memory"
        message = f"a process that read a part of the input died: {why}; try one job"
        raise WorkerError(message) from error
