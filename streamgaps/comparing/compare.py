"""Several runs, one after the other -> what changed from each to the next, record by record."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamgaps.comparing.changes import ABSENT, STATES, Changes, Comparison, GroupChanges
from streamgaps.comparing.collected import Collected, Groups
from streamgaps.comparing.matching import Records, matched
from streamgaps.comparing.runs import reader_of
from streamgaps.exceptions import ConfigurationError
from streamgaps.outputs.atomic import write_file
from streamgaps.paths import check_is_local
from streamgaps.reading import Meter
from streamgaps.scratch import temporary_folder
from streamgaps.sources.inputs import is_same, name_of

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.comparing.matching import Row
    from streamgaps.comparing.predictions import Predictions
    from streamgaps.comparing.results import Results
    from streamgaps.settings import Options
    from streamgaps.sources.inputs import Input

__all__ = ["compare"]


def compare(
    runs: Iterable[Input],
    *,
    names: Sequence[str] | None = None,
    regressions: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int], object] | None = None,
    **options: Unpack[Options],
) -> Comparison:
    """Compare runs record by record, each with the one before it.

    Records are matched by `video_id` and `question`, or by the field `on`; where several have the same key, the k-th of
    one run is matched with the k-th of the other. What has no match is counted.

    Memory: some 60 MiB, one record, 1 KiB for each group of a field, and with `regressions` one bit a record. In the
    temporary folder lie two runs at a time: 30 bytes a record, as much again while they are sorted, and with
    `regressions` all gaps of the last run.

    Args:
        runs: two or more, of one kind. Either predictions: whatever `analyze` takes for one input. Or folders with the
            results of earlier runs, of which the gaps are compared; the metrics come from `kpi_metrics.json`, if both
            have it. A folder is taken for results if `kpi_gaps.jsonl`, its report or `kpi_metrics.json` is in it, or
            nothing; without `kpi_gaps.jsonl` it has no gaps.
        names: what to call the runs; by default by the names of their files or folders.
        regressions: a file that gets the gaps of the last run that were none in the run before it, as JSON Lines, as
            they are in `kpi_gaps.jsonl`, in the order of the last run. It appears whole or not at all.
        on_progress: called after each block of predictions with the number of bytes read so far, of all runs.
        **options: see `Options`. `on` is here the field by which records are matched, and by which `ground_truth` is
            joined, if that is given: in predictions any field, which is then carried; in results a field of the gaps.
            `dedup` does not apply, and to results only `on`, `group_by`, `max_groups` and `max_record_bytes` do.

    Raises:
        InputError: a run is refused, a record has no key, or the metrics of a folder are not those of its gaps.
        SourceError: a run cannot be read.
        OutputError: `regressions`, or the temporary folder, cannot be written.
        ConfigurationError: an argument makes no sense; predictions are to be compared with results.
    """
    several = _several(runs)
    names = _names(several, names)
    reader = reader_of(several, options, Meter(on_progress))
    if regressions is not None:
        _check_output(regressions, several, reader, options)
    return _compared(several, names, reader, regressions)


def _several(runs: Iterable[Input]) -> list[Input]:
    several = [] if isinstance(runs, (str, os.PathLike)) else list(runs)
    if len(several) < 2:  # noqa: PLR2004 -- to compare takes two
        message = "there is nothing to compare; name two runs, or more"
        raise ConfigurationError(message)
    return several


def _names(runs: list[Input], names: Sequence[str] | None) -> list[str]:
    if names:
        if len(names) != len(runs):
            message = f"there are {len(runs)} runs, and {len(names)} names (--name): give one for each, or none"
            raise ConfigurationError(message)
        if len({*names}) < len(names):
            message = "two runs have the same name (--name); call them differently"
            raise ConfigurationError(message)
        return list(names)
    long = [name_of(run) for run in runs]
    short = [Path(name).name or name for name in long]
    return short if len({*short}) == len(short) else long


def _check_output(
    path: str | os.PathLike[str], runs: list[Input], reader: Predictions | Results, options: Options
) -> None:
    """Refuse to write to what is no local file, or is an input."""
    check_is_local(path, "regressions (--regressions)")
    inputs = [one for run in runs for one in reader.inputs(run)]
    if any(is_same(path, one) for one in [*inputs, options.get("ground_truth"), options.get("annotations")]):
        message = f"{os.fspath(path)}: the regressions would replace an input; name another file"
        raise ConfigurationError(message)


def _compared(
    runs: list[Input],
    names: list[str],
    reader: Predictions | Results,
    regressions: str | os.PathLike[str] | None,
) -> Comparison:
    groups = Groups(reader.fields, reader.max_groups)
    last = len(runs) - 1
    found: list[Collected] = []
    steps: list[Changes] = []
    with temporary_folder() as folder, ExitStack() as stack:
        reader.prepare(stack)
        for number, run in enumerate(runs):
            records = Records(os.path.join(folder, f"{number}.sqlite"), groups=len(reader.fields))  # noqa: PTH118 -- a text for SQLite
            stack.callback(records.close)
            found.append(Collected(names[number], records))
            keeps = number == last and regressions is not None
            reader.read(run, found[-1], groups, keeps_lines=keeps)
            if number:
                step = _Step(reader.changes, groups if number == last else None)
                step.take(found[-2], found[-1], keeps_numbers=keeps)
                steps.append(step.changes())
                found[-2].records.close()  # two runs at a time are enough for the disk
        if regressions is not None:
            write_file(regressions, step.regressions(found[-1].records), content="regressions")
    return Comparison(reader.on, tuple(one.run() for one in found), tuple(steps), step.groups())


class _Step:
    """Counts what changed from one run to the next."""

    def __init__(self, changes: Changes, groups: Groups | None) -> None:
        self._like = changes
        self._groups = groups
        self._counts = _zeros()
        self._tables = [[_zeros() for _ in (*values, Groups.OTHER)] for values in groups.values] if groups else []
        self._new_numbers = bytearray()

    def take(self, old: Collected, new: Collected, *, keeps_numbers: bool) -> None:
        """Match the records of two runs, and count them; and remember which are regressions, if that is wanted."""
        absent: Row = (b"", ABSENT, -1)
        counts, tables = self._counts, list(enumerate(self._tables, 3))  # behind key, state and number
        is_new = [keeps_numbers and self._like.is_new(*divmod(code, STATES)) for code in range(STATES**2)]
        if keeps_numbers:
            self._new_numbers = bytearray(new.count // 8 + 1)
        for one, other in matched(old.by_key(), new.by_key()):
            code = (one or absent)[1] * STATES + (other or absent)[1]
            counts[code] += 1
            if is_new[code] and other is not None:
                self._new_numbers[other[2] >> 3] |= 1 << (other[2] & 7)
            if tables:
                groups: Any = other or one  # who changes groups is counted where it is now
                for place, table in tables:
                    table[groups[place]][code] += 1  # that of all others, -1, is the last one

    def changes(self) -> Changes:
        """Return what changed in all records."""
        return self._like._replace(counts=tuple(self._counts))

    def groups(self) -> dict[str, list[GroupChanges]]:
        """Return what changed in each group, the worst first."""
        assert self._groups is not None  # noqa: S101 -- the last step has them
        return {
            field: self._worst_first(values, table)
            for field, values, table in zip(self._groups.fields, self._groups.values, self._tables, strict=True)
        }

    def _worst_first(self, values: list[object], table: list[array[int]]) -> list[GroupChanges]:
        found = [
            GroupChanges(value, self._like._replace(counts=tuple(counts)))
            for value, counts in zip(values, table, strict=False)  # without the last one
        ]
        found = [group for group in found if any(group.changes.counts)]  # it may be one of an earlier run
        found.sort(key=lambda group: (group.changes.fixed - group.changes.new, -group.changes.new))
        if any(table[-1]):
            found.append(GroupChanges(None, self._like._replace(counts=tuple(table[-1])), is_other=True))
        return found

    def regressions(self, records: Records) -> Iterator[bytes]:
        """Yield the lines of the gaps that are new."""
        bits = self._new_numbers
        for number, line in records.lines():
            if bits[number >> 3] >> (number & 7) & 1:
                yield line


def _zeros() -> array[int]:
    from array import array  # noqa: PLC0415 -- so that its name can stand in types

    return array("Q", bytes(8 * STATES**2))
