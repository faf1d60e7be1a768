"""One run, as both commands do it: start, progress, end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

from streamgaps.cli import logs
from streamgaps.cli.closing import log_end, shown_end
from streamgaps.cli.logs import LogFormat
from streamgaps.cli.progress import progress_bar
from streamgaps.cli.steps import steps, total_size
from streamgaps.exceptions import GateError
from streamgaps.log import WARNING, log
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.pipeline import analyze
from streamgaps.reports.text import report
from streamgaps.sources.inputs import list_inputs
from streamgaps.warn import log_warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamgaps.model import Skip, Tally, UnresolvedPath
    from streamgaps.sources.inputs import Input

__all__ = ["analyze_and_tell"]


def analyze_and_tell(
    predictions: Sequence[Input],
    results_dir: str | BinaryIO,
    *,
    log_format: LogFormat,
    quiet: bool,
    max_warnings: int | None = None,
    **options: Any,  # noqa: ANN401 -- each as `analyze` takes it
) -> None:
    """Call `analyze`, show how far it is on a terminal, and tell the counts at the end.

    Args:
        predictions: as for `analyze`.
        results_dir: as for `analyze`.
        log_format: `CONSOLE` or `JSON`; JSON gets neither a progress bar nor a table.
        quiet: show neither progress nor counts.
        max_warnings: how many warnings to log; all if None.
        **options: as for `analyze`.
    """
    skipped, html = options.get("skipped"), options.get("html")
    inputs = list_inputs(predictions, without=[options.get("ground_truth"), options.get("annotations"), skipped])
    size = total_size(inputs)

    def tell(tally: Tally, *, is_written: bool) -> None:
        if quiet:
            return
        if log_format is LogFormat.JSON:
            log_end(tally)
            return
        files = None
        if is_written:
            folder = results_dir if isinstance(results_dir, str) else None
            others = [other for other in (html, skipped if tally.uncompared else None) if other]
            files = [*_files(tally, folder, has_metrics=bool(options.get("metrics"))), *others]
        end = shown_end(tally, positive=options.get("positive", "yes"), files=files, seconds=seconds(), size=size)
        logs.stderr.write(("" if isinstance(results_dir, str) else report(tally)) + end)

    try:
        with (
            steps(options, bytes=size, predictions=[*predictions], results_dir=results_dir) as seconds,
            progress_bar(size, log_format, quiet=quiet) as progress,
        ):
            tally = analyze(
                inputs,
                results_dir,
                on_warning=log_warning if max_warnings is None else _WarningLimit(max_warnings),
                # One more than is shown: to know that there are more. None at all, if nobody would see them.
                max_warnings=0 if log.lowest > WARNING else None if max_warnings is None else max_warnings + 1,
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
