"""A run that is a results folder -> its records, of which only the gaps are known."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from streamgaps.comparing.changes import Changes, state_of_gap
from streamgaps.comparing.keys import PAIR, KeyReader
from streamgaps.exceptions import ConfigurationError, InputError, RecordError
from streamgaps.fields import MISSING, look_up
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.outputs.results import gap_lines, metrics_error, read_metrics
from streamgaps.settings import check_fields, check_max_groups, make_settings, option_of, texts_of
from streamgaps.stages.validate import json_type
from streamgaps.survey import Confusion

if TYPE_CHECKING:
    from contextlib import ExitStack

    from streamgaps.comparing.collected import Collected, Groups
    from streamgaps.settings import Options
    from streamgaps.sources.inputs import Input

__all__ = ["Results"]


class Results:
    """Reads runs that are results folders; attributes as for `Predictions`."""

    changes = Changes((), is_complete=False, unclear_is_gap=True)

    def __init__(self, options: Options) -> None:
        applies = ("on", "group_by", "max_groups", "max_record_bytes")
        others = cast("Options", {name: value for name, value in options.items() if name not in applies})
        if others.get("ground_truth") or others.get("annotations") or make_settings(others) != make_settings({}):
            message = (
                "results folders are compared as they are: of the options that say how predictions are read, only "
                f"{', '.join(map(option_of, applies))} apply to them"
            )
            raise ConfigurationError(message)
        chosen = {name: value for name, value in options.items() if name in applies[2:]}
        settings = make_settings(cast("Options", chosen))
        on = options.get("on")
        self.on = PAIR if on is None else (on,)
        self.fields = tuple(dict.fromkeys(text.partition("=")[0] for text in texts_of(options.get("group_by"))))
        check_fields(self.fields)
        check_max_groups(settings.max_groups, self.fields)
        self.max_groups = settings.max_groups
        self._longest = settings.shape.max_record_bytes
        self._keys = KeyReader(self.on, [_getter(name) for name in self.on])

    def inputs(self, run: Input) -> list[Input]:
        """List what is read of a run."""
        folder = Path(cast("str", run))
        return [folder / GAPS_NAME, folder / METRICS_NAME, folder / REPORT_NAME]

    def prepare(self, stack: ExitStack) -> None:
        """Do nothing: there is nothing beside them."""

    def read(self, run: Input, found: Collected, groups: Groups, *, keeps_lines: bool) -> None:
        """Read a run to its end; keep the lines of its gaps, if they are wanted."""
        gaps, metrics, _ = map(os.fspath, cast("list[Path]", self.inputs(run)))
        for line_number, line in gap_lines(gaps, longest=self._longest):
            try:
                self._add(line, line_number, found, groups, keeps_lines=keeps_lines)
            except InputError as error:
                error.source = gaps
                raise
        found.whole = _metrics(metrics, found, self._longest)

    def _add(self, line: bytes, line_number: int, found: Collected, groups: Groups, *, keeps_lines: bool) -> None:
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


def _metrics(path: str, found: Collected, longest: int) -> Confusion | None:
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


def _check_is_of(found: Collected, path: str, values: dict[str, Any]) -> None:
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
