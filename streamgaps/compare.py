"""Several runs, one after the other -> what changed from each to the next, record by record."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from streamgaps import system
from streamgaps.changes import ABSENT, STATES, Changes, Comparison, GroupChanges, Run, state_of_gap
from streamgaps.exceptions import (
    ConfigurationError,
    InputError,
    RecordError,
    SourceNotFoundError,
    UnsupportedInputError,
)
from streamgaps.matching import Records, key_of, matched
from streamgaps.model import Invalid, Prediction
from streamgaps.outputs import GAPS_NAME, REPORT_NAME, write_file
from streamgaps.paths import Paths, is_url
from streamgaps.pipeline import indexed, read_gaps
from streamgaps.settings import make_settings
from streamgaps.side import temporary_folder
from streamgaps.sources import expand, is_same, open_source
from streamgaps.stages.classify import Unclear
from streamgaps.stages.count import cell_of
from streamgaps.stages.fields import MISSING, Fields, carried_name, layout_of
from streamgaps.stages.join import key_bytes
from streamgaps.stages.read import Format, Shape, read
from streamgaps.stages.validate import json_type
from streamgaps.stages.write import write
from streamgaps.survey import CELLS, Confusion, group_key

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.matching import Row
    from streamgaps.model import ParsedPrediction
    from streamgaps.settings import Options, Settings
    from streamgaps.sources import Input

__all__ = ["METRICS_NAME", "compare"]

METRICS_NAME = "kpi_metrics.json"

_PAIR = ("video_id", "question")
"""What records are matched by, if nothing else is said."""


def compare(
    runs: Iterable[Input],
    *,
    names: Sequence[str] | None = None,
    regressions: str | os.PathLike[str] | None = None,
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
        **options: see `Options`. `on` is here the field by which records are matched, and by which `ground_truth` is
            joined, if that is given: in predictions any field, which is then carried; in results a field of the gaps.
            `dedup` does not apply, and to results only `on`, `group_by`, `max_groups` and `max_record_bytes` do.

    Raises:
        InputError: a run is refused, a record has no key, or the metrics of a folder are not those of its gaps.
        SourceError: a run, or the temporary folder, cannot be read or written.
        OutputError: `regressions` cannot be written.
        ConfigurationError: an argument makes no sense; predictions are to be compared with results.
    """
    several = _several(runs)
    names = _names(several, names)
    reader = _reader(several, options)
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
        return list(names)
    long = [_shown(run) for run in runs]
    short = [Path(name).name or name for name in long]
    return short if len({*short}) == len(short) else long


def _shown(run: Input) -> str:
    if isinstance(run, str) and is_url(run):
        from streamgaps.remote import shown  # noqa: PLC0415 -- many runs have no use for it

        return shown(run)
    name = os.fspath(run) if isinstance(run, (str, os.PathLike)) else getattr(run, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _reader(runs: list[Input], options: Options) -> _Predictions | _Results:
    """Return what reads all of the runs."""
    are_results = [_is_results(run) for run in runs]
    if all(are_results):
        return _Results(options)
    if any(are_results):
        message = (
            f"{_shown(runs[are_results.index(True)])} is a folder with results, and "
            f"{_shown(runs[are_results.index(False)])} is not: compare predictions with predictions, or results with "
            "results"
        )
        raise ConfigurationError(message)
    return _Predictions(options)


def _is_results(run: Input) -> bool:
    if not isinstance(run, (str, os.PathLike)) or is_url(os.fspath(run)):
        return False
    try:
        found = system.listdir(run)
    except (OSError, ValueError):  # a file, as a rule; whatever is wrong with it is said when it is opened
        return False
    return not found or not {GAPS_NAME, REPORT_NAME, METRICS_NAME}.isdisjoint(found)


def _check_output(
    path: str | os.PathLike[str], runs: list[Input], reader: _Predictions | _Results, options: Options
) -> None:
    """Refuse to write to what is no local file, or is an input."""
    text = os.fspath(path)
    if not text or is_url(text):
        message = f"the regressions can be written to a local file only, not to {text!r}"
        raise ConfigurationError(message)
    inputs = [one for run in runs for one in reader.inputs(run)]
    if any(is_same(path, one) for one in [*inputs, options.get("ground_truth"), options.get("annotations")]):
        message = f"{text}: the regressions would replace an input; name another file"
        raise ConfigurationError(message)


def _compared(
    runs: list[Input],
    names: list[str],
    reader: _Predictions | _Results,
    regressions: str | os.PathLike[str] | None,
) -> Comparison:
    groups = _Groups(reader.fields, reader.max_groups)
    last = len(runs) - 1
    found: list[_Found] = []
    steps: list[Changes] = []
    with temporary_folder() as folder, ExitStack() as stack:
        reader.prepare(stack)
        for number, run in enumerate(runs):
            records = Records(os.path.join(folder, f"{number}.sqlite"), groups=len(reader.fields))  # noqa: PTH118 -- a text for SQLite
            stack.callback(records.close)
            found.append(_Found(names[number], records))
            keeps = number == last and regressions is not None
            reader.read(run, found[-1], groups, keeps_lines=keeps)
            if number:
                step = _Step(reader.changes, groups if number == last else None)
                step.take(found[-2], found[-1], keeps_numbers=keeps)
                steps.append(step.changes())
                found[-2].records.close()  # two runs at a time are enough for the disk
        if regressions is not None:
            write_file(regressions, step.regressions(found[-1].records), content="the regressions")
    return Comparison(reader.on, tuple(one.run() for one in found), tuple(steps), step.groups())


class _Groups:
    """The groups of records, numbered: the same in all runs, and of each field no more than is allowed."""

    OTHER = -1

    def __init__(self, fields: tuple[str, ...], most: int) -> None:
        self.fields = fields
        self._most = most
        self.values: list[list[object]] = [[] for _ in fields]
        """The values of each field by their numbers; of a long one the beginning."""
        self._numbers: list[dict[str | bytes, int]] = [{} for _ in fields]

    def number(self, field: int, value: object) -> int:
        """Return the number of a value's group; -1 for all those that are not told apart."""
        numbers = self._numbers[field]
        key, beginning = group_key(value)
        number = numbers.get(key)
        if number is None:
            if len(numbers) >= self._most:
                return self.OTHER
            number = numbers[key] = len(numbers)
            self.values[field].append(_value(key, beginning))
        return number


def _value(key: str | bytes, beginning: str | None) -> object:
    if beginning is not None:
        return beginning
    return key if isinstance(key, str) else json.loads(key)


class _Found:
    """What is found of a run: its records on disk, and the counts."""

    def __init__(self, name: str, records: Records) -> None:
        self.name = name
        self.records = records
        self.count = 0
        self.cells = [0] * CELLS
        self.whole: Confusion | None = None
        self.repeated = 0
        self.without_key = 0

    def add(self, key: bytes | None, state: int, groups: Iterable[int]) -> None:
        """Count a record, and keep it if it has a key."""
        self.cells[state] += 1
        if key is None:
            self.without_key += 1
        else:
            self.records.add(key, state, self.count, groups)
        self.count += 1

    def by_key(self) -> Iterator[Row]:
        """Yield the records by key, and count those whose key was there before."""
        self.repeated, last = 0, None
        for row in self.records.by_key():
            if row[0] == last:
                self.repeated += 1
            last = row[0]
            yield row

    def run(self) -> Run:
        """Return the counts."""
        seen = Confusion(*self.cells)
        return Run(self.name, self.count, seen, self.whole, self.repeated, self.without_key)


class _Step:
    """Counts what changed from one run to the next."""

    def __init__(self, changes: Changes, groups: _Groups | None) -> None:
        self._like = changes
        self._groups = groups
        self._counts = _zeros()
        self._tables = [[_zeros() for _ in (*values, _Groups.OTHER)] for values in groups.values] if groups else []
        self._new_numbers = bytearray()

    def take(self, old: _Found, new: _Found, *, keeps_numbers: bool) -> None:
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


class _Predictions:
    """Reads runs that are predictions.

    Attributes:
        on: the fields by which records are matched.
        fields: the fields that make groups.
        max_groups: how many groups of each are told apart.
        changes: nothing yet, but of this kind.
    """

    def __init__(self, options: Options) -> None:
        if options.get("dedup"):
            message = "dedup has no effect on a comparison: records of one key are matched in their order"
            raise ConfigurationError(message)
        chosen = cast("dict[str, Any]", dict(options))
        by = _texts(options.get("group_by"))
        on = options.get("on")
        here = on.partition("=")[0] if isinstance(on, str) else None
        if options.get("ground_truth") is None:
            chosen.pop("on", None)
        if here is not None and here not in _PAIR:  # it is found, and carried, as what makes groups is
            chosen["group_by"] = (*by, here)
        settings = make_settings(cast("Options", chosen)).surveyed()
        self._settings = settings._replace(takes_survey=False)
        self._beside = [settings.ground_truth, settings.annotations]
        places = {"video_id": "video_id", **dict(zip(settings.group_by, settings.group_attributes, strict=True))}
        places["question"] = "question"
        self.on = _PAIR if here is None else (here,)
        self.fields = tuple(name for name in settings.group_by if name in by)
        self.max_groups = settings.max_groups
        self.changes = Changes((), unclear_is_gap=settings.policy.unclear is Unclear.GAP)
        self._keys = _KeyReader(self.on, [attrgetter(places[name]) for name in self.on])
        self._groups = [(number, attrgetter(places[name])) for number, name in enumerate(self.fields)]

    def inputs(self, run: Input) -> list[Input]:
        """List what is read of a run."""
        return expand(run, without=self._beside)

    def prepare(self, stack: ExitStack) -> None:
        """Read what lies beside all of the runs, once."""
        self._settings = indexed(self._settings, stack)

    def read(self, run: Input, found: _Found, groups: _Groups, *, keeps_lines: bool) -> None:
        """Read a run to its end; keep the lines of its gaps, if they are wanted."""
        # What is not written needs no path.
        settings = self._settings if keeps_lines else self._settings._replace(paths=Paths.KEEP)
        gaps = read_gaps(
            self.inputs(run), settings, tell=_ignore, tap=lambda parsed: self._tap(parsed, found, groups, settings)
        )
        for _ in write(gaps, cast("BinaryIO", _Lines(found))) if keeps_lines else gaps:
            pass
        found.whole = Confusion(*found.cells)

    def _tap(
        self, parsed: Iterable[ParsedPrediction], found: _Found, groups: _Groups, settings: Settings
    ) -> Iterator[ParsedPrediction]:
        skips_invalid = settings.policy.skips_invalid
        number_of, getters = groups.number, self._groups
        key_of_record = self._keys.key
        for index, pair in enumerate(parsed):
            prediction, answers = pair
            record: Any = prediction.found if isinstance(prediction, Invalid) else prediction
            key = None if record is None else key_of_record(record, index, allows_none=skips_invalid)
            numbers = [number_of(field, None if record is None else get(record)) for field, get in getters]
            found.add(key, cell_of(answers), numbers)
            yield pair


def _ignore(_: object) -> None:
    """Do nothing: what is skipped is counted as unclear, or as not compared."""


class _Lines:
    """A file, as `write` takes it, that keeps each line with the record that was found last."""

    def __init__(self, found: _Found) -> None:
        self._found = found

    def write(self, line: bytes) -> None:
        self._found.records.add_line(self._found.count - 1, line)


class _KeyReader:
    """Finds the keys of records."""

    def __init__(self, on: tuple[str, ...], getters: Sequence[Any]) -> None:
        self._on = on
        self._getters = getters

    def key(self, record: Any, index: int, *, allows_none: bool) -> bytes | None:  # noqa: ANN401 -- a prediction, or a dict
        """Return the key of a record; None if it has none, and that is no error."""
        values = [get(record) for get in self._getters]
        problem = self._problem(values)
        if problem is None:
            try:
                return key_of(*values)
            except RecursionError:
                problem = f"its key ({' and '.join(self._on)}) is nested too deeply to be compared"
        if allows_none:
            return None
        message = f"item {index}: {problem}"
        raise RecordError(message, index=index, field=self._on[0])

    def _problem(self, values: list[Any]) -> str | None:
        if self._on == _PAIR and MISSING not in values:
            return None
        for name, value in zip(self._on, values, strict=True):
            if value is MISSING:
                return f"missing '{name}', by which records are matched"
            if key_bytes(value) is None:
                return f"'{name}' must be a string or a whole number, to be matched by, not {json_type(value)}"
        return None


class _Results:
    """Reads runs that are results folders; attributes as for `_Predictions`."""

    changes = Changes((), is_complete=False, unclear_is_gap=True)

    def __init__(self, options: Options) -> None:
        applies = ("on", "group_by", "max_groups", "max_record_bytes")
        others = cast("Options", {name: value for name, value in options.items() if name not in applies})
        if make_settings(others) != make_settings({}):
            message = (
                "results folders are compared as they are: of the options that say how predictions are read, only "
                f"{', '.join('--' + name.replace('_', '-') for name in applies)} apply to them"
            )
            raise ConfigurationError(message)
        chosen = {name: value for name, value in options.items() if name in applies[2:]}
        settings = make_settings(cast("Options", chosen))
        on = options.get("on")
        self.on = _PAIR if on is None else (on,)
        self.fields = tuple(dict.fromkeys(_texts(options.get("group_by"))))
        self.max_groups = settings.max_groups
        self._longest = settings.shape.max_record_bytes
        self._keys = _KeyReader(self.on, [_getter(name) for name in self.on])

    def inputs(self, run: Input) -> list[Input]:
        """List what is read of a run."""
        folder = Path(cast("str", run))
        return [folder / GAPS_NAME, folder / METRICS_NAME]

    def prepare(self, stack: ExitStack) -> None:
        """Do nothing: there is nothing beside them."""

    def read(self, run: Input, found: _Found, groups: _Groups, *, keeps_lines: bool) -> None:
        """Read a run to its end; keep the lines of its gaps, if they are wanted."""
        gaps, metrics = map(os.fspath, cast("list[Path]", self.inputs(run)))
        try:
            with open_source(gaps) as source:
                self._read(gaps, source.blocks, found, groups, keeps_lines=keeps_lines)
        except SourceNotFoundError:
            pass  # a run without gaps has no such file
        found.whole = _metrics(metrics, found, self._longest)

    def _read(self, name: str, blocks: Iterable[bytes], found: _Found, groups: _Groups, *, keeps_lines: bool) -> None:
        try:
            for line_number, line in enumerate(_lines(blocks, self._longest), 1):
                if line.strip():
                    self._add(line, line_number, found, groups, keeps_lines=keeps_lines)
        except InputError as error:
            error.source = name
            raise

    def _add(self, line: bytes, line_number: int, found: _Found, groups: _Groups, *, keeps_lines: bool) -> None:
        index = found.count
        try:
            gap = _gap(line, index)
            key = self._keys.key(gap, index, allows_none=False)
        except RecordError as error:
            error.line = line_number
            raise
        numbers = [groups.number(field, gap.get(name)) for field, name in enumerate(self.fields)]
        found.add(key, state_of_gap(gap["error_type"], is_unclear=gap.get("unclear") is True), numbers)
        if keeps_lines:
            found.records.add_line(index, line + b"\n")


def _texts(value: Iterable[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _getter(name: str) -> Any:  # noqa: ANN401 -- a function of a gap
    return lambda gap: gap.get(name, MISSING)


def _lines(blocks: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """Yield the lines without their ends."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        for number, piece in enumerate(block.split(b"\n")):
            if number:
                yield b"".join(parts)
                parts, size = [], 0
            parts.append(piece)
            size += len(piece)
            if size > longest:
                message = f"a line is longer than {longest} bytes; --max-record-bytes allows more"
                raise UnsupportedInputError(message)
    if size:
        yield b"".join(parts)


def _gap(line: bytes, index: int) -> dict[str, Any]:
    """Decode a line of `kpi_gaps.jsonl`."""
    try:
        gap = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        message = f"item {index} is no gap, for it is no JSON: {error}"
        raise RecordError(message, index=index) from error
    if not isinstance(gap, dict):
        message = f"item {index} is no gap, but {json_type(gap)}"
        raise RecordError(message, index=index)
    for name in ("video_id", "error_type", "question"):
        if name not in gap:
            message = f"item {index} is no gap: missing '{name}'"
            raise RecordError(message, index=index, field=name)
    if gap["error_type"] not in ("FP", "FN"):
        message = f"item {index} is no gap: 'error_type' must be FP or FN"
        raise RecordError(message, index=index, field="error_type")
    return gap


_COUNTS = (
    *("true_positives", "true_negatives", "false_positives", "false_negatives"),
    *("unparseable_positive_predictions", "unparseable_negative_predictions", "uncompared"),
)
"""What `kpi_metrics.json` calls the counts of a `Confusion`."""


def _metrics(path: str, found: _Found, longest: int) -> Confusion | None:
    """Read `kpi_metrics.json`, if there is one.

    Raises:
        InputError: it is refused, or says something else than `kpi_gaps.jsonl`.
    """
    names = (*_COUNTS, "positive", "gaps.FP", "gaps.FN")
    fields = Fields(carried=tuple((name, tuple(name.split("."))) for name in names))
    layout = layout_of(fields)
    shape = Shape(format=Format.JSONL, max_record_bytes=longest, fields=fields)  # one object, in any spelling
    try:
        with open_source(path) as source:
            items = [item for batch in read(source.blocks, shape) for item in batch]
    except SourceNotFoundError:
        return None
    except InputError as error:
        error.source = path
        raise
    if len(items) != 1 or not isinstance(items[0], (Prediction, dict)):
        raise _no_metrics(path, "it is no object")
    item = layout.fill(items[0]) if isinstance(items[0], Prediction) else layout.make(items[0])
    values = {name: getattr(item, carried_name(number)) for number, name in enumerate(names)}
    values = {name: value for name, value in values.items() if value is not MISSING}
    for name in _COUNTS[:-1]:
        if type(values.get(name)) is not int or values[name] < 0:
            raise _no_metrics(path, f"'{name}' must be a whole number")
    _check_is_of(found, path, values)
    counts = Confusion(*(values.get(name, 0) for name in _COUNTS))
    return counts.flipped() if values.get("positive") == "no" else counts


def _no_metrics(path: str, why: str) -> InputError:
    error = InputError(f"these are no metrics as analyze writes them: {why}")
    error.source = path
    return error


def _check_is_of(found: _Found, path: str, values: dict[str, Any]) -> None:
    """Refuse metrics that count other gaps than those that are there."""
    seen = Confusion(*found.cells)
    there = [seen.false_positives + seen.unclear_negatives, seen.false_negatives + seen.unclear_positives]
    said = [values.get("gaps.FP", there[0]), values.get("gaps.FN", there[1])]
    if there != said:
        message = (
            f"it counts {said[0]} FP and {said[1]} FN, and {GAPS_NAME} has {there[0]} and {there[1]}: they are of "
            "different runs; analyze again, or remove it"
        )
        error = InputError(message)
        error.source = path
        raise error
