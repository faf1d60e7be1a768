"""One run, as both commands do it: start, progress, end."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO

from streamgaps.cli import logs
from streamgaps.cli.logs import LogFormat
from streamgaps.cli.progress import Progress
from streamgaps.cli.terminal import printable
from streamgaps.exceptions import GateError
from streamgaps.log import WARNING, log
from streamgaps.outputs import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.paths import is_url
from streamgaps.pipeline import analyze
from streamgaps.reports.metrics import METRICS, wilson, worst_first
from streamgaps.reports.text import WORST, closing, correct_of, group_name, report, summary
from streamgaps.sources import expand, size_of
from streamgaps.survey import MOST_SAMPLES
from streamgaps.warn import log_warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.model import Skip, Tally, UnresolvedPath
    from streamgaps.settings import Options
    from streamgaps.sources import Input
    from streamgaps.survey import Survey

__all__ = ["analyze_and_tell", "shown", "total_size"]


def analyze_and_tell(
    predictions: Sequence[Input],
    results_dir: str | BinaryIO,
    *,
    log_format: LogFormat,
    quiet: bool,
    max_warnings: int | None = None,
    jobs: int | None = None,
    skipped: str | None = None,
    max_skipped: float | None = None,
    metrics: bool = False,
    html: str | None = None,
    report_samples: int = MOST_SAMPLES,
    positive: str = "yes",
    fail_under: Mapping[str, float] | None = None,
    **options: Unpack[Options],
) -> None:
    """Call `analyze`, show how far it is on a terminal, and tell the counts at the end.

    Args:
        predictions: as for `analyze`.
        results_dir: as for `analyze`.
        log_format: `CONSOLE` or `JSON`; JSON gets neither a progress bar nor a table.
        quiet: show neither progress nor counts.
        max_warnings: how many warnings to log; all if None.
        jobs: as for `analyze`.
        skipped: as for `analyze`.
        max_skipped: as for `analyze`.
        metrics: as for `analyze`.
        html: as for `analyze`.
        report_samples: as for `analyze`.
        positive: as for `analyze`.
        fail_under: as for `analyze`.
        **options: as for `analyze`.
    """
    chosen = {name: value for name, value in options.items() if value not in (None, (), {}, False)}
    inputs = expand(predictions)
    size = total_size(inputs)
    log.debug(
        "streamgaps.started",
        bytes=size,
        predictions=[shown(one) for one in predictions],
        results_dir=shown(results_dir),
        jobs=jobs or "auto",
        **{name: shown(value) for name, value in chosen.items()},
    )
    begin = time.monotonic()
    bar = log_format is LogFormat.CONSOLE and logs.stderr.isatty() and not quiet

    def tell(tally: Tally, *, is_written: bool) -> None:
        seconds = time.monotonic() - begin
        log.debug("streamgaps.timed", seconds=round(seconds, 3))
        if quiet:
            return
        if log_format is LogFormat.JSON:
            _log_end(tally)
            return
        lines = closing(tally, positive=positive)
        if is_written and isinstance(results_dir, str):
            names = [*((GAPS_NAME, REPORT_NAME) if tally.gaps else ()), *((METRICS_NAME,) if metrics else ())]
            files = [os.path.join(results_dir, name) for name in names]  # noqa: PTH118 -- shown as it is named
            files += [html] if html else []
            files += [skipped] if skipped and tally.skipped else []
            lines.append(("Written", ", ".join(files) or "nothing: there are no gaps"))
        lines.append(("Took", _speed(seconds, tally.records, size)))
        logs.stderr.write(("" if isinstance(results_dir, str) else report(tally)) + _end(tally, lines))

    try:
        with Progress(size) if bar else nullcontext() as progress:
            tally = analyze(
                inputs,
                results_dir,
                on_warning=log_warning if max_warnings is None else _WarningLimit(max_warnings),
                # One more than is shown: to know that there are more. None at all, if nobody would see them.
                max_warnings=0 if log.lowest > WARNING else None if max_warnings is None else max_warnings + 1,
                jobs=jobs,
                skipped=skipped,
                max_skipped=max_skipped,
                metrics=metrics,
                html=html,
                report_samples=report_samples,
                positive=positive,
                fail_under=fail_under,
                on_progress=progress,
                **options,
            )
    except GateError as error:  # the counts say why
        tell(error.tally, is_written=error.is_written)
        raise
    tell(tally, is_written=True)


class _WarningLimit:
    """Logs so many warnings, and then one line that says that there are more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen = 0

    def __call__(self, notice: Skip | UnresolvedPath) -> None:
        self._seen += 1
        if self._seen <= self._limit:
            log_warning(notice)
        elif self._seen == self._limit + 1:
            log.warning(
                "streamgaps.warnings_limited",
                limit=self._limit,
                hint="further skipped samples are only counted; --max-warnings sets the limit, -1 shows all",
            )


def _log_end(tally: Tally) -> None:
    more: dict[str, object] = {
        "unclear": tally.unclear,
        "unused_labels": tally.unused_labels,
        "ambiguous_labels": tally.ambiguous_labels,
    }
    part, whole = correct_of(tally)
    if tally.survey is not None:
        more["worst"] = {field: _worst(tally.survey, field) for field in tally.survey.fields}
    log.info(
        "streamgaps.finished",
        records=tally.records,
        correct=tally.correct,
        false_positives=tally.false_positives,
        false_negatives=tally.false_negatives,
        skipped={f"{reason.field} {reason.why}": count for reason, count in sorted(tally.skipped.items())},
        **{name: value for name, value in more.items() if value},
        accuracy=part / whole if whole else None,
        accuracy_interval=wilson(part, whole),
    )


def _worst(survey: Survey, field: str) -> dict[str, float | None]:
    accuracy = METRICS["accuracy"].formula
    groups = worst_first(survey, field)[:WORST]
    return {group_name(group.value, is_other=group.is_other): accuracy(group.confusion) for group in groups}


_COLOURS: dict[str, dict[str, Any]] = {
    "head": {"bold": True},
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "odd": {"fg": "yellow"},
}


def _paint(text: str, kind: str) -> str:
    if kind not in _COLOURS or not logs.has_colours():
        return text
    from click import style  # noqa: PLC0415 -- what shows no colours has no use for it

    return style(text, **_COLOURS[kind])


def _end(tally: Tally, lines: Sequence[tuple[str, str]]) -> str:
    """Render the counts, and a list of what else is to be said."""
    width = max(len(label) for label, _ in lines)
    listed = (f"{_paint(f'{printable(label):<{width}}', 'head')}  {printable(said)}\n" for label, said in lines)
    return summary(tally, paint=_paint) + "".join(listed)


def _speed(seconds: float, records: int, size: int | None) -> str:
    speed = f"{records / seconds:,.0f} records/s" + (f", {size / seconds / 1e6:,.1f} MB/s" if size else "")
    return f"{seconds:.2f} s ({speed})"


def shown(value: object) -> object:
    """Return what a log line shows of an option."""
    if isinstance(value, str) and is_url(value):
        from streamgaps.remote import shown  # noqa: PLC0415 -- many runs have no use for it

        return shown(value)
    return value if isinstance(value, (str, int, dict, tuple, list)) else getattr(value, "name", str(value))


def total_size(inputs: Iterable[Input]) -> int | None:
    """Return how many bytes there are to read, if that is known."""
    sizes = [size_of(one) for one in inputs]
    return None if None in sizes else sum(filter(None, sizes)) or None
