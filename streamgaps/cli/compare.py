"""The command `streamgaps compare`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from streamgaps.cli.options import (
    ANSWER_OPTIONS,
    DASH,
    GROUP_OPTIONS,
    INPUT_OPTIONS,
    LOG_OPTIONS,
    ON_OPTION,
    PATH_OPTIONS,
    READ_OPTIONS,
    Command,
    make_options,
    opened,
    option,
    set_up_logs,
    with_options,
)
from streamgaps.cli.progress import progress_bar
from streamgaps.cli.steps import steps, total_size
from streamgaps.cli.terminal import print_out, printable, printable_json
from streamgaps.exceptions import GateError
from streamgaps.log import log
from streamgaps.model import Tally

if TYPE_CHECKING:
    from streamgaps.cli import exits
    from streamgaps.comparing.changes import Comparison

__all__ = ["command"]

_ON_OPTION = option(
    "--on",
    metavar="PATH",
    help="The field by which records are matched, and --ground-truth is joined. E.g. --on question_id, or --on "
    "id=question_id if it has another name there  [default: video_id and question]",
)

# What is compared, and what comes out.
_COMPARE_OPTIONS = [
    option(
        "--name",
        "names",
        multiple=True,
        metavar="NAME",
        help="What to call a run; repeatable, one for each in their order. E.g. --name baseline --name tuned  "
        "[default: by its file or folder]",
    ),
    *GROUP_OPTIONS,
    option(
        "--regressions",
        type=click.Path(),
        metavar="FILE",
        help="Write the gaps that are new in the last run to a file, as they are in kpi_gaps.jsonl. "
        "E.g. --regressions regressions.jsonl",
    ),
    option("--json", "as_json", is_flag=True, help="Print JSON instead of tables."),
    option("--markdown", "as_markdown", is_flag=True, help="Print tables for a pull request."),
    option(
        "--fail-on-regression",
        is_flag=True,
        help="Fail, with exit code 4, if any gap is new in the last run; all is printed and written before.",
    ),
]


@click.command("compare", cls=Command, short_help="Show what changed between runs.")
@click.argument("runs", nargs=-1, required=True, metavar="OLD NEW [MORE]...", type=click.Path(allow_dash=True))
@with_options(
    ("Results", _COMPARE_OPTIONS),
    ("Where things are in the input", [_ON_OPTION if one is ON_OPTION else one for one in INPUT_OPTIONS]),
    ("Videos", PATH_OPTIONS),
    ("How answers are read", ANSWER_OPTIONS),
    ("How it runs", READ_OPTIONS),
    ("Messages", LOG_OPTIONS),
)
@click.pass_obj
def command(
    outlook: exits.Outlook,
    /,
    *,
    runs: tuple[str, ...],
    names: tuple[str, ...],
    regressions: str | None,
    as_json: bool,
    as_markdown: bool,
    fail_on_regression: bool,
    log_format: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **options: Any,  # noqa: ANN401 -- each as the library takes it, but for pairs that are texts here
) -> None:
    """Compare runs record by record: which gaps are fixed, which are new, and which are still there.

    OLD and NEW are both predictions, each in any form that analyze reads as one input (a file, a folder of shards, a
    URL, or - for one of them), or both folders with the results of analyze. A folder is one of results if
    kpi_gaps.jsonl, kpi_gaps_report.txt or kpi_metrics.json is in it, or nothing at all; without kpi_gaps.jsonl it has
    no gaps. Of results only gaps are known: what is no gap counts as right, and metrics come from kpi_metrics.json.

    Records are matched by video_id and question, or by the field --on; the first with a key is matched with the first
    of the other run, the second with the second. More than two runs make a trend, each against the one before; the
    rest is then about the last two.

    Memory: about 60 MiB, however long the runs are; the temporary folder needs 60 bytes a record.

    Exit codes are those of analyze; 4 is for --fail-on-regression.

    \b
    Examples:
      streamgaps compare old.json new.json --group-by category --regressions regressions.jsonl
      streamgaps compare gaps-monday gaps-tuesday --markdown
      streamgaps compare base.json one.json two.json --name baseline --name "iteration 1" --name "iteration 2"
    """  # noqa: D301 -- click takes the character \\b as a sign to keep the lines below it
    if as_json and as_markdown:
        message = "--json contradicts --markdown"
        raise click.UsageError(message)
    set_up_logs(outlook, log_format=log_format, quiet=quiet, verbose=verbose, debug=debug)
    if regressions == DASH:
        message = "--regressions needs the name of a file"
        raise click.UsageError(message)
    options = make_options(options, runs)
    from streamgaps.comparing.compare import compare  # noqa: PLC0415 -- it loads SQLite

    inputs = [opened(run) for run in runs]
    size = total_size(inputs)
    with (
        steps(options, bytes=size, runs=[*inputs], regressions=regressions),
        progress_bar(size, outlook.log_format, quiet=quiet) as progress,
    ):
        comparison = compare(inputs, names=names, regressions=regressions, on_progress=progress, **options)
    for run in comparison.runs:
        log.debug("streamgaps.run_read", name=run.name, records=run.records, repeated_keys=run.repeated)
    _print(comparison, as_json=as_json, as_markdown=as_markdown)
    if regressions is not None:
        log.info("streamgaps.regressions_written", path=os.fspath(regressions), count=comparison.changes.new)
    if fail_on_regression and comparison.changes.new:
        message = f"there are new gaps, {comparison.changes.new:,} of them, and none may be (--fail-on-regression)"
        raise GateError(message, _tally(comparison))


def _print(comparison: Comparison, *, as_json: bool, as_markdown: bool) -> None:
    from streamgaps.reports import comparison as report  # noqa: PLC0415 -- as above

    if as_json:
        print_out(map(printable_json, report.document(comparison)))
    else:
        draw = report.markdown if as_markdown else report.text
        print_out([draw(comparison, shown=printable)])


def _tally(comparison: Comparison) -> Tally:
    """Return what is known of the last run as its counts."""
    seen = comparison.runs[-1].seen
    return Tally(seen.true_positives, seen.true_negatives, seen.false_positives, seen.false_negatives)
