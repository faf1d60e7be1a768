"""The command `streamgaps`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamgaps.cli import exits, logs
from streamgaps.cli.job import analyze_and_tell
from streamgaps.cli.logs import LogFormat
from streamgaps.cli.version import version_option
from streamgaps.stages.read import MAX_RECORD_BYTES, Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `arguments` are those of the process if None."""
    return exits.run(
        "streamgaps",
        lambda outlook: _streamgaps.main(arguments, prog_name="streamgaps", standalone_mode=False, obj=outlook),
    )


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


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def _streamgaps() -> None:
    """Find where a vision-language model's yes/no answers contradict the ground truth."""


@_streamgaps.command("analyze")
@click.argument("predictions", type=click.Path())
@click.option(
    "-o",
    "--results-dir",
    required=True,
    type=click.Path(),
    metavar="DIR",
    help="Folder for kpi_gaps.jsonl and kpi_gaps_report.txt; made if it does not exist.",
)
@click.option(
    "--videos-dir",
    metavar="DIR",
    help="Folder that relative video_ids are relative to.  [default: the working directory]",
)
@click.option(
    "--jobs",
    type=_Jobs(),
    default="auto",
    show_default=True,
    metavar="N",
    help="How many processes read the file at once. auto: as many as there are processors to use; one for pipes and "
    "for files of less than 32 MiB.",
)
@click.option(
    "--reader",
    type=click.Choice([choice.value for choice in Reader]),
    default=Reader.AUTO.value,
    show_default=True,
    help="auto: by blocks, and records of more than 8 MiB with ijson. ijson: all with ijson, slower, in one process.",
)
@click.option(
    "--max-warnings",
    type=click.IntRange(min=-1),
    default=100,
    show_default=True,
    metavar="N",
    help="Show the first N warnings, and only count the samples skipped after them; -1 shows all.",
)
@click.option(
    "--max-record-bytes",
    type=click.IntRange(min=1),
    default=MAX_RECORD_BYTES,
    show_default=True,
    metavar="N",
    help="Refuse an input with a longer record than this.",
)
@click.option(
    "--log-format",
    type=click.Choice([choice.value for choice in LogFormat]),
    default=LogFormat.AUTO.value,
    show_default=True,
    help="How to log, and to report the end, on standard error. auto: console on a terminal, else JSON Lines.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print errors only: no warnings, progress or summary.")
@click.option("-v", "--verbose", is_flag=True, help="Also log the settings, and how long it took.")
@click.option("--debug", is_flag=True, help="Like -v, and show the traceback of an error.")
@click.pass_obj
def _analyze(
    outlook: exits.Outlook,
    *,
    predictions: str,
    results_dir: str,
    videos_dir: str | None,
    jobs: int | None,
    reader: str,
    max_warnings: int,
    max_record_bytes: int,
    log_format: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Write every false positive and false negative of PREDICTIONS to a folder, with a report.

    PREDICTIONS is a JSON array of objects with the fields video_id, response (the model's answer), gt (the
    ground truth) and, if you like, question. An answer is the word yes or the word no; a sample whose answer
    or ground truth has neither or both is skipped with a warning.

    Memory: about 30 MiB, and 10 to 20 for each further job, plus the largest record; however long the file is.

    The results appear whole or not at all. Without gaps there are no files, and those of an earlier run in
    the same folder are removed.

    Exit codes: 0 done, 1 the input is refused, 2 wrong usage, 3 something cannot be read or written, or a job died.

    Example: streamgaps analyze results.json -o gaps --videos-dir /data/videos
    """
    if quiet and (verbose or debug):
        message = "--quiet contradicts --verbose and --debug"
        raise click.UsageError(message)
    outlook.debug = debug
    level = "ERROR" if quiet else "DEBUG" if verbose or debug else "INFO"
    outlook.log_format = logs.configure(level, LogFormat(log_format))
    analyze_and_tell(
        predictions,
        results_dir,
        videos_dir=videos_dir,
        log_format=outlook.log_format,
        quiet=quiet,
        max_warnings=None if max_warnings < 0 else max_warnings,
        max_record_bytes=max_record_bytes,
        reader=reader,
        jobs=jobs,
    )
