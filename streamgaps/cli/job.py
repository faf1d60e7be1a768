"""One run, as both commands do it: start, progress, end."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, BinaryIO

from streamgaps.cli import logs
from streamgaps.cli.closing import log_end, shown_end
from streamgaps.cli.logs import LogFormat
from streamgaps.cli.progress import progress_bar
from streamgaps.exceptions import GateError
from streamgaps.log import WARNING, log
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.page.options import MOST_SAMPLES
from streamgaps.paths import is_url
from streamgaps.pipeline import analyze
from streamgaps.reports.text import report
from streamgaps.sources.inputs import list_inputs, size_of
from streamgaps.warn import log_warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.model import Skip, Tally, UnresolvedPath
    from streamgaps.settings import Options
    from streamgaps.sources.inputs import Input

__all__ = ["analyze_and_tell", "shown", "total_size"]


def analyze_and_tell(
    predictions: Sequence[Input],
    results_dir: str | BinaryIO,
    *,
    log_format: LogFormat,
    quiet: bool,
    max_warnings: int | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
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
        scheduler: as for `analyze`.
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
    inputs = list_inputs(predictions, without=[options.get("ground_truth"), options.get("annotations"), skipped])
    size = total_size(inputs)
    log.debug(
        "streamgaps.started",
        bytes=size,
        predictions=[shown(one) for one in predictions],
        results_dir=shown(results_dir),
        jobs=jobs or "auto",
        scheduler=scheduler,
        **{name: shown(value) for name, value in chosen.items()},
    )
    begin = time.perf_counter()

    def tell(tally: Tally, *, is_written: bool) -> None:
        seconds = time.perf_counter() - begin
        log.debug("streamgaps.timed", seconds=round(seconds, 3))
        if quiet:
            return
        if log_format is LogFormat.JSON:
            log_end(tally)
            return
        files = None
        if is_written:
            folder = results_dir if isinstance(results_dir, str) else None
            others = [other for other in (html, skipped if tally.uncompared else None) if other]
            files = [*_files(tally, folder, has_metrics=metrics), *others]
        end = shown_end(tally, positive=positive, files=files, seconds=seconds, size=size)
        logs.stderr.write(("" if isinstance(results_dir, str) else report(tally)) + end)

    try:
        with progress_bar(size, log_format, quiet=quiet) as progress:
            tally = analyze(
                inputs,
                results_dir,
                on_warning=log_warning if max_warnings is None else _WarningLimit(max_warnings),
                # One more than is shown: to know that there are more. None at all, if nobody would see them.
                max_warnings=0 if log.lowest > WARNING else None if max_warnings is None else max_warnings + 1,
                jobs=jobs,
                scheduler=scheduler,
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


def _files(tally: Tally, folder: str | None, *, has_metrics: bool) -> list[str]:
    """List what a run has put into its folder."""
    if folder is None:
        return ["the gaps (to standard output)"] if tally.gaps else []
    names = [*((GAPS_NAME, REPORT_NAME) if tally.gaps else ()), *((METRICS_NAME,) if has_metrics else ())]
    return [os.path.join(folder, name) for name in names]  # noqa: PTH118 -- as the folder was named


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


def shown(value: object) -> object:
    """Return what a log line shows of an option."""
    if isinstance(value, str) and is_url(value):
        from streamgaps.sources.remote import shown  # noqa: PLC0415 -- many runs have no use for it

        return shown(value)
    return value if isinstance(value, (str, int, dict, tuple, list)) else getattr(value, "name", str(value))


def total_size(inputs: Iterable[Input]) -> int | None:
    """Return how many bytes there are to read, if that is known."""
    sizes = [size_of(one) for one in inputs]
    return None if None in sizes else sum(filter(None, sizes)) or None
