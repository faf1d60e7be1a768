"""A large file in ranges -> what its parts come to.

It is cut where the text between two items is found near the wanted place: a guess. Workers read
ranges at once, each as if an item began where its range begins. What a worker has read counts only if the one before
it came out exactly there: then an item does begin there, by the proof in `decoding/blocks.py`, from the first range
on. Where a range did not come out at its end, all from the last sure place on is read again here, one block
after the other, up to the next place where an item and a range begin together. All that is wrong with the input
is found that way too: so it is said in the same words, with the same item and byte.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any

from streamgaps.decoding.array import ArrayReader
from streamgaps.parallel.units import Findings, Range, find_in, reader_of
from streamgaps.reading import explained
from streamgaps.sources.source import iter_range, unchanged
from streamgaps.stages.read import Format, find_format, make_reader, read_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from contextlib import ExitStack

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.parallel.dispatch import Dispatch
    from streamgaps.parallel.taker import Taker
    from streamgaps.parallel.units import Part, UnitResult
    from streamgaps.sources.source import RegularFile, Source
    from streamgaps.stages.read import Shape

__all__ = ["RANGE_BYTES", "Ranges"]

RANGE_BYTES = 1024 * 1024
"""How long a range is, at least. 4 MiB are 2 % faster, and take four times the memory if all are warnings."""

_LONGEST_READ_ON = 16
"""How many times as long as usual a part is, at most, where no place is found for its end."""

_WINDOW_BYTES = 256 * 1024
_SEARCH_BYTES = 16 * 1024 * 1024
"""How much is searched for the beginning of a range, at most: it is read here."""

_HEAD_BYTES = 2 * 1024 * 1024


class Ranges:
    """A file that is read in ranges.

    Args:
        dispatch: has them read.
        file: an array, or JSON Lines.
        stack: closes the file; it is taken over.
        found: what it holds.
        begin: where in a JSON document the array begins, behind whose end more may follow; None if it is the whole
            input.
        range_bytes: how long a range is.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        file: RegularFile,
        stack: ExitStack,
        *,
        found: Format,
        begin: int | None,
        range_bytes: int,
    ) -> None:
        start = begin or 0
        separator = b"\n" if found is Format.JSONL else _separator(file, dispatch.options.settings.shape, start)
        identity = file.identity.elsewhere() if dispatch.pool.is_elsewhere else file.identity
        self._dispatch = dispatch
        self._file = file
        self._whole = Range(
            path=dispatch.path_of(file.name),
            identity=identity,
            start=start,
            end=file.identity.size,
            format=found,
            separator=separator,
            most_length=_LONGEST_READ_ON * range_bytes,
            options=dispatch.options,
            begin=start,
            is_whole=begin is None,
        )
        self._borders = _borders(file, separator, start, range_bytes)
        self._pending: deque[tuple[Range, Future[UnitResult | None]]] = deque()
        self._submitted = self._position = start
        self._items = 0
        self._line = 1
        self._has_ended = False
        self._stack = stack.pop_all()

    @classmethod
    def of(cls, dispatch: Dispatch, source: Source, stack: ExitStack, *, range_bytes: int) -> Self | None:
        """Plan to read a file that is open in ranges; None if that cannot be."""
        file, shape = source.file, dispatch.options.settings.shape
        if file is None:
            return None
        if shape.prefix is None:
            found, _ = find_format(_from(file, 0), shape.format)
            return cls(dispatch, file, stack, found=found, begin=None, range_bytes=range_bytes)
        from streamgaps.decoding.prefix import first_array  # noqa: PLC0415 -- it loads ijson

        begin = first_array(_from(file, 0), shape.prefix)
        if begin is None:
            return None
        return cls(dispatch, file, stack, found=Format.ARRAY, begin=begin, range_bytes=range_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401, PYI036 -- passed on
        self._drop_all()
        self._stack.__exit__(*error)

    def close(self) -> None:
        """Let go of the file, and of units that nobody waits for."""
        self.__exit__(None, None, None)

    def _drop_all(self) -> None:
        while self._pending:
            self._dispatch.drop(self._pending.popleft()[1])

    def submit(self) -> bool:
        """Have the next range read; False if all are submitted."""
        # What was read again may have gone beyond all that was submitted.
        start = max(self._submitted, self._position)
        end = None if self._has_ended else next(self._borders, None)
        if end is None:
            return False
        unit = self._whole._replace(start=start, end=end)
        self._pending.append((unit, self._dispatch.submit(unit)))
        self._submitted = end
        return True

    def read(self, taker: Taker, refill: Callable[[], None]) -> None:
        """Read it to its end, part after part.

        Args:
            taker: takes the parts.
            refill: submits further units, of this file or of what is behind it; called whenever something was taken.
        """
        name = self._file.name
        taker.begin(name)
        self._dispatch.add(self._whole.start)  # what is before the array was read to find it
        with explained(name, lambda: self._whole.format, self._whole.options.settings):
            for part in self._parts(refill):
                taker.take(name, part)
        if not self._whole.is_whole:
            rest = _from(self._file, self._position)
            taker.read_rest(name, rest, behind=self._position, index=self._items)
        self._file.check_unchanged()

    def _parts(self, refill: Callable[[], None]) -> Iterator[Part]:
        """Yield the parts between borders, which are guesses; the last of them is the end of the file."""
        dispatch = self._dispatch
        while self._pending or self.submit():
            unit, future = self._pending.popleft()
            if unit.start < self._position:  # read again already
                dispatch.drop(future)
                continue
            self._check_all_is_read_before(unit.start)
            result = dispatch.result(unit, future)
            part = None
            if result is not None:
                self._check_can_be_read(result)
                for part in result.parts():
                    yield self._next(part)
                    refill()
            if part is not None and part.is_full:
                rest = unit._replace(start=part.end)
                self._pending.appendleft((rest, dispatch.submit(rest)))
            elif part is None or not part.is_done:
                yield from self._read_again(chain([unit.end], (later.end for later, _ in self._pending), self._borders))
                if self._has_ended:
                    return
            refill()
        if self._whole.is_whole:
            self._check_all_is_read_before(self._whole.end)

    def _check_can_be_read(self, result: UnitResult) -> None:
        if result.problem is not None:
            self._file.check_unchanged()
            problem = self._dispatch.cannot_be_read(self._file.name, result)
            assert problem is not None  # noqa: S101 -- there is one
            raise problem

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

    def _read_again(self, borders: Iterator[int]) -> Iterator[Part]:
        """Read from the last sure place to the first border where an item begins."""
        size = self._file.identity.size
        unit = self._whole._replace(start=self._position)
        reader = reader_of(unit, items=self._items, line=self._line)
        border, pause = next(borders), 0

        def next_stop(offset: int) -> int:
            """Return the next border, or an earlier place to yield what there is."""
            nonlocal border, pause
            while border <= offset < size:
                border = next(borders)
            pause = pause if pause > offset else offset + RANGE_BYTES
            return min(border, pause)

        blocks = unchanged(iter_range(self._file, self._position, next_stop), self._file)
        if not unit.is_whole:
            blocks = _rest_of_array(blocks, unit)
        while True:
            is_border = lambda at: at < size and at in (border, pause)  # noqa: E731 -- of this moment
            batches = read_with(reader, blocks, unit.options.settings.shape, is_border=is_border)
            part, error = find_in(reader, batches, unit.options, Findings(unit.options, first=reader.items))
            self._dispatch.add(part.end - self._position)
            yield self._next(part)
            if error is not None:
                raise error
            # What is fed so far may be a whole array, and blanks, or something else, follow it.
            self._has_ended = reader.has_ended and (reader.fed == size or not unit.is_whole)
            if self._has_ended or reader.fed == size or (reader.is_clean and reader.fed == border):
                return


def _from(file: RegularFile, start: int) -> Iterator[bytes]:
    return iter_range(file, start, lambda _: file.identity.size)


def _rest_of_array(blocks: Iterator[bytes], unit: Range) -> Iterator[bytes]:
    from streamgaps.decoding.prefix import rest_of_array  # noqa: PLC0415 -- it loads ijson

    return rest_of_array(blocks, unit.start, is_inside=unit.start > unit.begin)


def _separator(file: RegularFile, shape: Shape, begin: int) -> bytes:
    """Learn from the beginning of a file what stands between two items."""
    reader = make_reader(shape, Format.ARRAY)
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
            found = _find(file, separator, wanted, wanted + min(range_bytes, _SEARCH_BYTES))
            if found is not None:
                border = found + _border(separator)
                if border < size:
                    yield border
    yield size


def _find(file: RegularFile, text: bytes, start: int, end: int) -> int | None:
    """Return the first place of a text in a part of the file."""
    for offset in range(start, end, _WINDOW_BYTES):
        at = file.read(_WINDOW_BYTES + len(text), offset).find(text)
        if at >= 0:
            return offset + at
    return None
