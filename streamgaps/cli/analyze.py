"""The command `streamgaps analyze`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from streamgaps import system
from streamgaps.cli.job import analyze_and_tell
from streamgaps.cli.options import (
    ANSWER_OPTIONS,
    DASH,
    GROUP_OPTIONS,
    INPUT_OPTIONS,
    LOG_OPTIONS,
    PATH_OPTIONS,
    READ_OPTIONS,
    Command,
    make_options,
    opened,
    option,
    pair,
    set_up_logs,
    with_options,
)
from streamgaps.cli.terminal import shown_on_terminal
from streamgaps.page.options import MOST_SAMPLES

if TYPE_CHECKING:
    from streamgaps.cli import exits

__all__ = ["command"]


class _Jobs(click.ParamType):  # type: ignore[type-arg]  # click 8.1 knows no arguments
    """A number of processes, or `auto`."""

    name = "jobs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:  # noqa: ANN401 -- click's signature
        """Return the number; None for `auto`."""
        if value in ("auto", None):
            return None
        try:
            return click.IntRange(min=1).convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither auto nor a whole number from 1 on.", param, ctx)


# What comes out.
_OUTPUT_OPTIONS = [
    option(
        "-o",
        "--results-dir",
        required=True,
        type=click.Path(allow_dash=True),
        metavar="DIR",
        help="Folder for kpi_gaps.jsonl and kpi_gaps_report.txt; made if it does not exist. -: write the gaps to "
        "standard output as they are found, and the report to standard error.",
    ),
    *PATH_OPTIONS,
    option(
        "--dedup",
        is_flag=True,
        help="Keep the first gap of each video_id and question, and count the others.",
    ),
    option(
        "--skipped",
        type=click.Path(),
        metavar="FILE",
        help="Write every skipped sample to a file, as JSON Lines with the reason. E.g. --skipped skipped.jsonl",
    ),
]

# What the numbers are, and how they are shown.
_METRIC_OPTIONS = [
    option(
        "--metrics",
        is_flag=True,
        help="Also write kpi_metrics.json to DIR, even without gaps: accuracy and other rates with their intervals. "
        "An unclear response counts as wrong there.",
    ),
    *GROUP_OPTIONS,
    option(
        "--positive",
        type=click.Choice(["yes", "no"]),
        default="yes",
        show_default=True,
        help="Which answer the metrics take for the positive one. E.g. --positive no",
    ),
    option(
        "--html",
        type=click.Path(),
        metavar="FILE",
        help="Also write a page to look at, even without gaps; needs streamgaps[report]. E.g. --html report.html",
    ),
    option(
        "--report-samples",
        type=click.IntRange(min=0),
        default=MOST_SAMPLES,
        show_default=True,
        metavar="N",
        help="How many false positives, and how many false negatives, the page shows at most: a random sample.",
    ),
]

# When a run fails.
_GATE_OPTIONS = [
    option(
        "--max-skipped",
        type=float,
        metavar="PCT",
        help="Fail, with exit code 4 and no results, if more than this percentage of the records is skipped. "
        "E.g. --max-skipped 5",
    ),
    option(
        "--strict",
        is_flag=True,
        help="Fail if any record is skipped; the same as --max-skipped 0.",
    ),
    option(
        "--fail-under",
        multiple=True,
        metavar="METRIC=LEAST",
        help="Fail, with exit code 4 but with the results in place, if a metric (accuracy, f1, recall, ...) is less; "
        "repeatable. "
        "E.g. --fail-under accuracy=0.9 --fail-under recall=0.8",
    ),
]

_RUN_OPTIONS = [
    option(
        "--jobs",
        type=_Jobs(),
        default="auto",
        show_default=True,
        metavar="N",
        help="How many processes read at once. auto: as many as there are processors to use, but one for less than "
        "32 MiB. A pipe, and an input alone that is compressed, is always read by one.",
    ),
    option(
        "--scheduler",
        metavar="ADDRESS",
        help="Have the workers of a Dask cluster read; needs streamgaps[dask]. local: start one on this machine, of "
        "--jobs workers. E.g. --scheduler tcp://host:8786",
    ),
]


_MAX_WARNINGS = option(
    "--max-warnings",
    type=click.IntRange(min=-1),
    default=100,
    show_default=True,
    metavar="N",
    help="Show the first N warnings, and only count the samples skipped after them; -1 shows all.",
)


@click.command("analyze", cls=Command, short_help="Write false positives and false negatives, with a report.")
@click.argument("predictions", nargs=-1, required=True, type=click.Path(allow_dash=True))
@with_options(
    ("Results", _OUTPUT_OPTIONS),
    ("Where things are in the input", INPUT_OPTIONS),
    ("How answers are read", ANSWER_OPTIONS),
    ("Metrics and the page", _METRIC_OPTIONS),
    ("When a run fails", _GATE_OPTIONS),
    ("How it runs", [*_RUN_OPTIONS, *READ_OPTIONS]),
    ("Messages", [_MAX_WARNINGS, *LOG_OPTIONS]),
)
@click.pass_obj
def command(
    outlook: exits.Outlook,
    /,
    *,
    predictions: tuple[str, ...],
    results_dir: str,
    jobs: int | None,
    scheduler: str | None,
    skipped: str | None,
    html: str | None,
    max_skipped: float | None,
    strict: bool,
    fail_under: tuple[str, ...],
    max_warnings: int,
    log_format: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **options: Any,  # noqa: ANN401 -- each as the library takes it, but for pairs that are texts here
) -> None:
    """Write every false positive and false negative of PREDICTIONS to a folder, with a report.

    PREDICTIONS are JSON arrays or JSON Lines of objects with the fields video_id, response (the model's answer), gt
    (the ground truth) and, if you like, question: files, plain or compressed with gzip, bzip2, xz or zstd, folders of
    them, URLs, or - for standard input. Several are one run. An answer is the word yes or the word no; a sample whose
    answer or ground truth has neither or both is skipped with a warning.

    \b
    Examples:
      streamgaps analyze results.json -o gaps --videos-dir /data/videos
      streamgaps analyze shards/ -o gaps --field response=prediction
      streamgaps analyze results.json -o gaps --metrics --group-by question --html gaps/report.html
      zcat results.json.gz | streamgaps analyze - -o - | jq .video_id
      streamgaps analyze /shared/shards/ -o /shared/gaps --scheduler tcp://host:8786

    Memory: about 30 MiB, and 10 to 20 for each further job, plus three to four times the largest record of those read
    at once; however long the file is.

    The results appear whole or not at all. Without gaps there are no files, and those of an earlier run in
    the same folder are removed.

    Exit codes: 0 done, 1 the input is refused, 2 wrong usage, 3 something cannot be read or written, or a job died,
    4 a limit is not kept: --max-skipped, --strict, --fail-under; 70 a bug, 141 whoever reads standard output went
    away; 129, 130, 143 stopped by SIGHUP, SIGINT, SIGTERM.
    """  # noqa: D301 -- click takes the character \\b as a sign to keep the lines below it
    if strict and max_skipped is not None:
        message = "--strict contradicts --max-skipped"
        raise click.UsageError(message)
    set_up_logs(outlook, log_format=log_format, quiet=quiet, verbose=verbose, debug=debug)
    for name, value in (("--skipped", skipped), ("--html", html)):
        if value == DASH:
            message = f"{name} needs the name of a file"
            raise click.UsageError(message)
    options = make_options(options, predictions)
    analyze_and_tell(
        [opened(one) for one in predictions],
        _standard_output() if results_dir == DASH else results_dir,
        log_format=outlook.log_format,
        quiet=quiet,
        max_warnings=None if max_warnings < 0 else max_warnings,
        jobs=jobs,
        scheduler=scheduler,
        skipped=skipped,
        html=html,
        max_skipped=0 if strict else max_skipped,
        fail_under=_limits(fail_under),
        **options,
    )


def _limits(texts: tuple[str, ...]) -> dict[str, float]:
    limits = dict(map(_least, texts))
    if len(limits) < len(texts):
        message = "--fail-under names a metric twice"
        raise click.UsageError(message)
    return limits


def _least(text: str) -> tuple[str, float]:
    name, value = pair("--fail-under", text, "METRIC=LEAST")
    try:
        return name, float(value)
    except ValueError:
        message = f"--fail-under {text!r}: {value!r} is no number"
        raise click.UsageError(message) from None


def _standard_output() -> BinaryIO:
    file = system.standard_file(1, "<stdout>")
    return shown_on_terminal(file) if os.isatty(1) else file
