"""A unit of work -> what it comes to, wherever a worker runs.

A unit is a range of a large file, or an input that one worker reads to its end. What it comes to is sent back if it is
little; if not, it goes in pieces into a file beside the results, and what is sent is where that is.
"""

from __future__ import annotations

import socket
import threading
from array import array
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from streamgaps import __version__
from streamgaps.chain import Chain
from streamgaps.decoding.blocks import GIANT_BYTES
from streamgaps.exceptions import InputError, RecordError, SourceError, WorkerError
from streamgaps.parallel.spill import SpillFile, packed, read_back, unpacked
from streamgaps.reading import explained
from streamgaps.sources.source import open_range, open_source
from streamgaps.stages.read import Format, make_reader, read
from streamgaps.stages.write import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.decoding.blocks import BlockReader
    from streamgaps.exceptions import StreamgapsError
    from streamgaps.model import Skip, Tally, UnresolvedPath
    from streamgaps.parallel.spill import Spilled
    from streamgaps.settings import Settings
    from streamgaps.sources.source import Identity, Source

__all__ = [
    "PIECE_BYTES",
    "Findings",
    "Part",
    "Range",
    "Shard",
    "UnitOptions",
    "UnitResult",
    "find_in",
    "read_unit",
    "reader_of",
]

PIECE_BYTES = 4 * 1024 * 1024
"""How long a piece of the results is, at most, but for those of the last block; so much of a unit is in memory."""

_GROUP_BYTES = 1024
_NOTICE_BYTES = 256


class Part(NamedTuple):
    """What a part of an input comes to."""

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
    lines: int = 0
    """How many line feeds there are in it, where lines are counted."""
    first: int = 0
    """The index that `notices` give the first item: its place in the input, or 0 where that is not known yet."""
    is_done: bool = True
    """Whether the part goes to the end of its range: to the end of the array if that is the last one."""
    is_full: bool = False
    """Whether it ends before that only because its results take as much memory as they may."""


class UnitOptions(NamedTuple):
    """What holds for all units of a run."""

    settings: Settings
    max_notices: int | None
    """How many notices of each unit are wanted; all if None."""
    run: bytes
    """Tells the units of one run from those of another: of one run, workers remember what they know of folders."""
    most_bytes: int
    """How many bytes of results are sent, about."""
    folder: str | None = None
    """Where those that are more go. If None, a range ends there, and what is no range is not read by a worker."""


class Range(NamedTuple):
    """A range of a file, to be read as if an item began where it begins."""

    path: str
    identity: Identity
    start: int
    end: int
    format: Format
    separator: bytes
    most_length: int
    """How many bytes are read, at most, where no place was found for its end."""
    options: UnitOptions
    begin: int = 0
    """Where the array begins, or the records."""
    is_whole: bool = True
    """Whether the input ends with them."""

    @property
    def is_last(self) -> bool:
        """Whether the input ends where the range does."""
        return self.is_whole and self.end == self.identity.size


class Shard(NamedTuple):
    """An input that is read from its beginning to its end: a path or a URL."""

    name: str
    """What messages call it."""
    path: str
    options: UnitOptions


class UnitResult(NamedTuple):
    """What a worker sends."""

    length: int
    """How many bytes of the input were read, compressed if they are."""
    message: bytes = b""
    """What a part comes to, packed; empty if there is none, or it is in a file."""
    spilled: Spilled | None = None
    """Where parts are."""
    problem: StreamgapsError | None = None
    """The error that follows them."""
    host: str = ""
    """Where that happened."""

    def parts(self) -> Iterator[Part]:
        """Yield the parts, wherever they are."""
        if self.spilled is not None:
            yield from read_back(self.spilled)
        elif self.message:
            yield unpacked(self.message)


class _CannotBeSentError(Exception):
    """The result is too large or too deeply nested to send; the main process reads the input itself."""


class _Lines(bytearray):
    """Lines of gaps, to be written to as to a file."""

    write = bytearray.extend


class Findings:
    """What was found in a unit so far, and is not in a file yet.

    Attributes:
        lines: the lines of gaps, to be written to.
        tally: the counts.
        marks: the numbers of labels.
        is_full: whether reading ended for the want of room.
    """

    def __init__(self, options: UnitOptions, *, end: int = 0, first: int = 0) -> None:
        self.lines = _Lines()
        self.tally = options.settings.new_tally(is_part=True)
        self.marks = array("Q")
        self._notices: list[Skip | UnresolvedPath] = []
        self._options = options
        self._end = end
        self._first = first
        self._kept = 0
        self._noticed_bytes = 0
        self._file: SpillFile | None = None
        self.is_full = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.discard()

    def keep(self, notice: Skip | UnresolvedPath) -> None:
        """Keep a notice, if it is wanted."""
        if self._options.max_notices is None or self._kept < self._options.max_notices:
            self._kept += 1
            self._notices.append(notice)
            self._noticed_bytes += _NOTICE_BYTES + len(getattr(notice, "record", None) or b"")

    @property
    def _size(self) -> int:
        """How many bytes it takes, about."""
        survey = self.tally.survey
        groups = 0 if survey is None else sum(map(len, survey.tables))
        return len(self.lines) + self._noticed_bytes + 8 * len(self.marks) + _GROUP_BYTES * groups

    def make_room(self) -> bool:
        """Put what there is into a file, if it is much and there may be one; False if there is no room for more."""
        if self._size <= (self._options.most_bytes if self._options.folder is None else PIECE_BYTES):
            return True
        if self._options.folder is None:
            return False
        self._put(_packed(self.take()))
        return True

    def take(self, end: int | None = None, items: int = 0, lines: int = 0) -> Part:
        """Return what there is as a part, up to a place in the input with no item open, and begin anew."""
        place = self._end if end is None else end
        part = Part(
            place,
            items,
            self.tally.take(),
            bytes(self.lines),
            self._notices,
            self.marks.tobytes(),
            lines,
            self._first,
        )
        self.lines.clear()
        self._notices, self.marks[:], self._noticed_bytes = [], array("Q"), 0
        return part

    def _put(self, data: bytes) -> SpillFile:
        """Put a part that is packed into the file, and return that."""
        if self._file is None:
            assert self._options.folder is not None  # noqa: S101 -- who calls has looked
            self._file = SpillFile(self._options.folder)
        self._file.append(data)
        return self._file

    def result(self, last: Part, length: int, problem: StreamgapsError | None = None) -> UnitResult:
        """Return what is sent: all of it, or where it is."""
        message = _packed(last)
        if self._file is None and (self._options.folder is None or len(message) <= self._options.most_bytes):
            return UnitResult(length, message, problem=problem)
        spilled = self._put(message).close()
        self._file = None
        return UnitResult(length, spilled=spilled, problem=problem)


def _packed(part: Part) -> bytes:
    if any(isinstance(notice.video_id, (dict, list)) for notice in part.notices):
        raise _CannotBeSentError
    return packed(part)


def read_unit(unit: Range | Shard, version: str) -> UnitResult | None:
    """Read a unit; None if only who reads all that is before it, or need not send it, can do that.

    Args:
        unit: what to read.
        version: that of who wants it.

    Raises:
        OutputError: the results cannot be put into a file.
        WorkerError: this is another version.
    """
    if version != __version__:
        message = (
            f"{socket.gethostname()} has streamgaps {__version__}, and the run is one of {version}; install the same"
        )
        raise WorkerError(message)
    try:
        return _read_range(unit) if isinstance(unit, Range) else _read_shard(unit)
    except _CannotBeSentError:
        return None
    except SourceError as error:
        return UnitResult(0, problem=error, host=socket.gethostname())


def _read_range(unit: Range) -> UnitResult | None:
    """Read a range, up to the last place in it where no item is open; None if that cannot be."""
    reader = reader_of(unit)
    with Findings(unit.options, end=unit.start) as found:
        with open_range(unit.path, unit.identity, unit.start, unit.end) as blocks:
            part, error = find_in(reader, _batches(reader, blocks, found, unit), unit.options, found)
        # One that is full may end before its range does, and nothing be open there either; or the array be at its end.
        is_end = unit.end == unit.identity.size
        is_done = reader.fed == unit.end and (reader.has_ended if is_end else reader.is_clean)
        # What is wrong here may be wrong only because no item begins where the range does.
        if error is not None or not (is_done or reader.is_between):
            return None
        # A range in which nothing ends is for who can read on behind it.
        is_full = not is_done and part.end > unit.start and found.is_full
        return found.result(part._replace(is_done=is_done, is_full=is_full), part.end - unit.start)


def reader_of(unit: Range, *, items: int = 0, line: int = 1) -> BlockReader:
    """Make what reads a range; `items` and `line` are those at its beginning, where they are known."""
    place: dict[str, Any] = {"inside": unit.start > unit.begin, "offset": unit.start, "items": items}
    place |= {"line": line} if unit.format is Format.JSONL else {"separator": unit.separator}
    return make_reader(unit.options.settings.shape, unit.format, **place)


def _batches(reader: BlockReader, blocks: Iterator[bytes], found: Findings, unit: Range) -> Iterator[list[Any]]:
    for piece in (piece for block in blocks for piece in reader.cut(block, GIANT_BYTES)):
        yield reader.feed(piece)
        has_room = found.make_room()
        found.is_full = not has_room or reader.fed - unit.start > unit.most_length
        if reader.error or reader.waits_for_more_than(GIANT_BYTES) or found.is_full:
            return
    yield reader.finish() if unit.is_last else reader.settle()


def find_in(
    reader: BlockReader, batches: Iterator[list[Any]], options: UnitOptions, found: Findings
) -> tuple[Part, InputError | None]:
    """Run the pipeline over items from a place on, and return what they come to, and the error that ends them."""
    first, line = reader.items, reader.line or 0
    error = None
    try:
        with _chain(options) as stages:
            gaps = stages.find_gaps(
                batches, tally=found.tally, on_notice=found.keep, mark=found.marks.append, first=first
            )
            deque(write(gaps, cast("BinaryIO", found.lines)), maxlen=0)  # no loop is as fast
    except InputError as refused:
        error = refused
        if isinstance(error, RecordError):
            error.line = reader.line_of(error.index)
    return found.take(reader.offset, reader.items - first, (reader.line or 0) - line), error


def _read_shard(unit: Shard) -> UnitResult:
    """Read an input to its end."""
    settings = unit.options.settings
    items = 0

    def batches() -> Iterator[list[Any]]:
        nonlocal items
        for batch in decoded:
            items += len(batch)
            yield batch
            has_room = found.make_room()
            if not has_room:
                raise _CannotBeSentError

    problem = None
    with Findings(unit.options) as found:
        source: Source | None = None
        try:
            with open_source(unit.path) as source:
                decoded = read(source.blocks, settings.shape)
                with (
                    explained(unit.name, lambda: decoded.format, settings, decoded.line_of),
                    _chain(unit.options) as chain,
                ):
                    gaps = chain.find_gaps(batches(), tally=found.tally, on_notice=found.keep, mark=found.marks.append)
                    deque(write(gaps, cast("BinaryIO", found.lines)), maxlen=0)  # no loop is as fast
        except InputError as error:
            problem = error
        return found.result(found.take(items=items), 0 if source is None else source.position(), problem)


_of_thread = threading.local()


@contextmanager
def _chain(options: UnitOptions) -> Iterator[Chain]:
    """Give the chain of this thread, which knows the folders of earlier units of the same run."""
    settings = options.settings
    if settings.labels_index is not None or settings.videos_index is not None:
        with Chain(settings) as own:  # its files are not to stay open behind the run
            yield own
        return
    if getattr(_of_thread, "run", None) != options.run:
        _of_thread.run = options.run
        _of_thread.chain = Chain(settings)
    yield _of_thread.chain
