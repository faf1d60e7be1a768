"""A run, of predictions or of results -> its records on disk, with their keys, states and groups."""

from __future__ import annotations

import json
import os
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from streamgaps import system
from streamgaps.beside.files import indexed
from streamgaps.chain import ignore
from streamgaps.comparing.changes import Changes, Run, state_of_gap
from streamgaps.comparing.matching import key_of
from streamgaps.exceptions import (
    ConfigurationError,
    InputError,
    RecordError,
    SourceNotFoundError,
)
from streamgaps.fields import MISSING, look_up
from streamgaps.model import Invalid
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.outputs.results import content_of, gap_lines, metrics_error, read_metrics
from streamgaps.paths import Paths, is_url
from streamgaps.run import read_gaps
from streamgaps.settings import check_fields, check_max_groups, make_settings, texts_of
from streamgaps.sources.inputs import list_inputs
from streamgaps.stages.classify import Unclear
from streamgaps.stages.join import key_bytes
from streamgaps.stages.validate import json_type
from streamgaps.stages.write import write
from streamgaps.survey import CELLS, Confusion, group_key, shown_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import ExitStack
    from typing import BinaryIO

    from streamgaps.comparing.matching import Records, Row
    from streamgaps.model import ParsedPrediction
    from streamgaps.reading import Meter
    from streamgaps.settings import Options, Settings
    from streamgaps.sources.inputs import Input

__all__ = ["Found", "Groups", "Predictions", "Results", "reader_of", "shown_name"]


_PAIR = ("video_id", "question")
"""What records are matched by, if nothing else is said."""


def shown_name(run: Input) -> str:
    """Return what messages call a run."""
    if isinstance(run, str) and is_url(run):
        from streamgaps.sources.remote import shown  # noqa: PLC0415 -- many runs have no use for it

        return shown(run)
    name = os.fspath(run) if isinstance(run, (str, os.PathLike)) else getattr(run, "name", None)
    return name if isinstance(name, str) else "<stream>"


def reader_of(runs: list[Input], options: Options, meter: Meter) -> Predictions | Results:
    """Return what reads all of the runs; `meter` is for predictions, which are long.

    Raises:
        ConfigurationError: some are results and some are not, or an option makes no sense for them.
    """
    are_results = [_is_results(run) for run in runs]
    if all(are_results):
        return Results(options)
    if any(are_results):
        for run, is_results in zip(runs, are_results, strict=True):
            _check_is_there(run, is_results=is_results)
        one, other = (shown_name(runs[are_results.index(kind)]) for kind in (True, False))
        message = (
            f"{one} is a folder with results, and {other} is not: compare predictions with predictions, or results "
            "with results"
        )
        raise ConfigurationError(message)
    return Predictions(options, meter)


def _check_is_there(run: Input, *, is_results: bool) -> None:
    if is_results or not isinstance(run, (str, os.PathLike)) or is_url(os.fspath(run)):
        return
    try:
        system.stat(run)
    except FileNotFoundError as error:
        message = (
            f"{os.fspath(run)}: there is no such file or folder; a run without gaps leaves no folder, unless --metrics "
            "was given"
        )
        raise SourceNotFoundError(message) from error
    except (OSError, ValueError):
        return


def _is_results(run: Input) -> bool:
    if not isinstance(run, (str, os.PathLike)) or is_url(os.fspath(run)):
        return False
    try:
        content = content_of(run)
    except (OSError, ValueError):  # a file, as a rule; whatever is wrong with it is said when it is opened
        return False
    return content.has_results or content.is_empty


class Groups:
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
            self.values[field].append(shown_value(key, beginning))
        return number


class Found:
    """What is found of a run: its records on disk, and the counts."""

    def __init__(self, name: str, records: Records) -> None:
        self.name = name
        self.records = records
        self.count = 0
        self.cells = [0] * CELLS
        self.whole: Confusion | None = None
        self.repeated = 0
        self.without_key = 0
        self.read_by: dict[str, object] = {}

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
        return Run(self.name, self.count, seen, self.whole, self.repeated, self.without_key, self.read_by)


class Predictions:
    """Reads runs that are predictions.

    Attributes:
        on: the fields by which records are matched.
        fields: the fields that make groups.
        max_groups: how many groups of each are told apart.
        changes: nothing yet, but of this kind.
    """

    def __init__(self, options: Options, meter: Meter) -> None:
        self._meter = meter
        if options.get("dedup"):
            message = "dedup has no effect on a comparison: records of one key are matched in their order"
            raise ConfigurationError(message)
        chosen = cast("dict[str, Any]", dict(options))
        by = texts_of(options.get("group_by"))
        on = options.get("on")
        here, there, _ = on.partition("=") if isinstance(on, str) else (None, "", "")
        if options.get("ground_truth") is None:
            if there:
                message = f"on (--on) {on!r} names a field of the ground truth, and there is none (--ground-truth)"
                raise ConfigurationError(message)
            chosen.pop("on", None)
        # The key is found, and carried, as what makes groups is.
        chosen["group_by"] = by if here is None or here in _PAIR else (*by, here)
        settings = make_settings(cast("Options", chosen)).surveyed()
        names = {text.partition("=")[0] for text in by}
        self.fields = tuple(name for name in settings.group_by if name in names)
        self._settings = settings._replace(takes_survey=False)
        self._beside = [settings.ground_truth, settings.annotations]
        places = {"video_id": "video_id", **dict(zip(settings.group_by, settings.group_attributes, strict=True))}
        places["question"] = "question"
        check_max_groups(settings.max_groups, self.fields)
        self.on = _PAIR if here is None else (here,)
        self.max_groups = settings.max_groups
        self.changes = Changes((), unclear_is_gap=settings.policy.unclear is Unclear.GAP)
        self._keys = _KeyReader(self.on, [attrgetter(places[name]) for name in self.on])
        self._groups = [(number, attrgetter(places[name])) for number, name in enumerate(self.fields)]

    def inputs(self, run: Input) -> list[Input]:
        """List what is read of a run."""
        return list_inputs(run, without=self._beside)

    def prepare(self, stack: ExitStack) -> None:
        """Read what lies beside all of the runs, once."""
        self._settings = indexed(self._settings, stack)

    def read(self, run: Input, found: Found, groups: Groups, *, keeps_lines: bool) -> None:
        """Read a run to its end; keep the lines of its gaps, if they are wanted."""
        # What is not written needs no path.
        settings = self._settings if keeps_lines else self._settings._replace(paths=Paths.KEEP)
        gaps = read_gaps(
            self.inputs(run),
            settings,
            on_notice=ignore,  # what is skipped is counted as unclear, or as not compared
            tap=lambda parsed: self._tap(parsed, found, groups, settings),
            meter=self._meter,
        )
        for _ in write(gaps, cast("BinaryIO", _Lines(found))) if keeps_lines else gaps:
            pass
        found.whole = Confusion(*found.cells)

    def _tap(
        self, parsed: Iterable[ParsedPrediction], found: Found, groups: Groups, settings: Settings
    ) -> Iterator[ParsedPrediction]:
        skips_invalid = settings.policy.skips_invalid
        number_of, getters = groups.number, self._groups
        key_of_record = self._keys.key
        for index, pair in enumerate(parsed):
            prediction, answers = pair
            record: Any = prediction.found if isinstance(prediction, Invalid) else prediction
            key = None if record is None else key_of_record(record, index, allows_none=skips_invalid)
            numbers = [number_of(field, None if record is None else get(record)) for field, get in getters]
            found.add(key, answers[2], numbers)
            yield pair


class _Lines:
    """A file, as `write` takes it, that keeps each line with the record that was found last."""

    def __init__(self, found: Found) -> None:
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
                return f"'{name}' is missing, by which records are matched"
            if key_bytes(value) is None:
                return f"'{name}' must be a string or a whole number, to be matched by, not {json_type(value)}"
        return None


class Results:
    """Reads runs that are results folders; attributes as for `Predictions`."""

    changes = Changes((), is_complete=False, unclear_is_gap=True)

    def __init__(self, options: Options) -> None:
        applies = ("on", "group_by", "max_groups", "max_record_bytes")
        others = cast("Options", {name: value for name, value in options.items() if name not in applies})
        if others.get("ground_truth") or others.get("annotations") or make_settings(others) != make_settings({}):
            message = (
                "results folders are compared as they are: of the options that say how predictions are read, only "
                f"{', '.join('--' + name.replace('_', '-') for name in applies)} apply to them"
            )
            raise ConfigurationError(message)
        chosen = {name: value for name, value in options.items() if name in applies[2:]}
        settings = make_settings(cast("Options", chosen))
        on = options.get("on")
        self.on = _PAIR if on is None else (on,)
        self.fields = tuple(dict.fromkeys(text.partition("=")[0] for text in texts_of(options.get("group_by"))))
        check_fields(self.fields)
        check_max_groups(settings.max_groups, self.fields)
        self.max_groups = settings.max_groups
        self._longest = settings.shape.max_record_bytes
        self._keys = _KeyReader(self.on, [_getter(name) for name in self.on])

    def inputs(self, run: Input) -> list[Input]:
        """List what is read of a run."""
        folder = Path(cast("str", run))
        return [folder / GAPS_NAME, folder / METRICS_NAME, folder / REPORT_NAME]

    def prepare(self, stack: ExitStack) -> None:
        """Do nothing: there is nothing beside them."""

    def read(self, run: Input, found: Found, groups: Groups, *, keeps_lines: bool) -> None:
        """Read a run to its end; keep the lines of its gaps, if they are wanted."""
        gaps, metrics, _ = map(os.fspath, cast("list[Path]", self.inputs(run)))
        for line_number, line in gap_lines(gaps, longest=self._longest):
            try:
                self._add(line, line_number, found, groups, keeps_lines=keeps_lines)
            except InputError as error:
                error.source = gaps
                raise
        found.whole = _metrics(metrics, found, self._longest)

    def _add(self, line: bytes, line_number: int, found: Found, groups: Groups, *, keeps_lines: bool) -> None:
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


def _getter(name: str) -> Any:  # noqa: ANN401 -- a function of a gap
    return lambda gap: gap.get(name, MISSING)


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


_READ_BY = ("rule", "gt_rule", "final_answer", "unclear", "dedup")
"""What `kpi_metrics.json` says of how a run was read, where it matters for what is a gap."""


def _metrics(path: str, found: Found, longest: int) -> Confusion | None:
    """Read `kpi_metrics.json`, if there is one.

    Raises:
        InputError: it is refused, or says something else than `kpi_gaps.jsonl`.
    """
    item = read_metrics(path, longest=longest)
    if item is None:
        return None
    names = (*_COUNTS, "positive", "gaps.FP", "gaps.FN", *(f"run.{name}" for name in _READ_BY))
    values = {name: look_up(item, name.split(".")) for name in names}
    values = {name: value for name, value in values.items() if value is not MISSING}
    for name in _COUNTS[:-1]:
        if type(values.get(name)) is not int or not 0 <= values[name] < 2**63:
            raise metrics_error(path, f"'{name}' must be a whole number")
    _check_is_of(found, path, values)
    found.read_by = {name: values[f"run.{name}"] for name in _READ_BY if f"run.{name}" in values}
    counts = Confusion(*(values.get(name, 0) for name in _COUNTS))
    return counts.flipped() if values.get("positive") == "no" else counts


def _check_is_of(found: Found, path: str, values: dict[str, Any]) -> None:
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
