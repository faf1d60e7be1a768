"""One run, as both commands do it: start, progress, end."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from streamgaps.cli import logs
from streamgaps.cli.logs import LogFormat
from streamgaps.cli.progress import Progress
from streamgaps.log import WARNING, log
from streamgaps.pipeline import analyze
from streamgaps.reports.text import summary
from streamgaps.stages.read import MAX_RECORD_BYTES
from streamgaps.warn import log_warning

if TYPE_CHECKING:
    from streamgaps.model import Skip, Tally, UnresolvedPath

__all__ = ["analyze_and_tell"]


def analyze_and_tell(
    predictions: str,
    results_dir: str,
    *,
    videos_dir: str | None,
    log_format: LogFormat,
    quiet: bool,
    max_warnings: int | None = None,
    max_record_bytes: int = MAX_RECORD_BYTES,
    reader: str = "auto",
    jobs: int | None = None,
) -> None:
    """Call `analyze`, show how far it is on a terminal, and tell the counts at the end.

    Args:
        predictions: as for `analyze`.
        results_dir: as for `analyze`.
        videos_dir: as for `analyze`.
        log_format: `CONSOLE` or `JSON`; JSON gets neither a progress bar nor a table.
        quiet: show neither progress nor counts.
        max_warnings: how many warnings to log; all if None.
        max_record_bytes: as for `analyze`.
        reader: as for `analyze`.
        jobs: as for `analyze`.
    """
    size = _size(predictions)
    log.debug(
        "streamgaps.started",
        predictions=predictions,
        bytes=size,
        results_dir=results_dir,
        videos_dir=videos_dir,
        reader=reader,
        jobs=jobs or "auto",
    )
    begin = time.monotonic()
    bar = log_format is LogFormat.CONSOLE and logs.stderr.isatty() and not quiet
    with Progress(size) if bar else nullcontext() as progress:
        tally = analyze(
            predictions,
            results_dir,
            videos_dir=videos_dir,
            on_warning=log_warning if max_warnings is None else _WarningLimit(max_warnings),
            # One more than is shown: to know that there are more. None at all, if nobody would see them.
            max_warnings=0 if log.lowest > WARNING else None if max_warnings is None else max_warnings + 1,
            max_record_bytes=max_record_bytes,
            reader=reader,
            jobs=jobs,
            on_progress=progress,
        )
    log.debug("streamgaps.timed", seconds=round(time.monotonic() - begin, 3))
    if not quiet:
        _tell(tally, log_format)


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


def _tell(tally: Tally, log_format: LogFormat) -> None:
    if log_format is LogFormat.CONSOLE:
        logs.stderr.write(summary(tally))
        return
    log.info(
        "streamgaps.finished",
        records=tally.records,
        correct=tally.correct,
        false_positives=tally.false_positives,
        false_negatives=tally.false_negatives,
        skipped={f"{reason.field} {reason.why}": count for reason, count in sorted(tally.skipped.items())},
    )


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size or None
    except (OSError, ValueError):
        return None
