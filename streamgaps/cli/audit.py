"""The command `streamgaps audit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from streamgaps.auditing import audit
from streamgaps.cli.options import (
    INPUT_OPTIONS_WITHOUT_CARRY,
    LOG_OPTIONS,
    READ_OPTIONS,
    RULELESS_OPTIONS,
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
from streamgaps.reports.audit import document, lines
from streamgaps.sources.inputs import list_inputs

if TYPE_CHECKING:
    from streamgaps.auditing import Audit
    from streamgaps.cli import exits

__all__ = ["command"]

_OUTPUT_OPTIONS = [
    option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON document instead of a table: for each rule all that kpi_metrics.json has.",
    ),
]


@click.command("audit", cls=Command, short_help="Show how much depends on the answer rule.")
@click.argument("predictions", nargs=-1, required=True, type=click.Path(allow_dash=True))
@with_options(
    ("Results", _OUTPUT_OPTIONS),
    ("Where things are in the input", INPUT_OPTIONS_WITHOUT_CARRY),
    ("How answers are read", RULELESS_OPTIONS),
    ("How it runs", READ_OPTIONS),
    ("Messages", LOG_OPTIONS),
)
@click.pass_obj
def command(
    outlook: exits.Outlook,
    /,
    *,
    predictions: tuple[str, ...],
    as_json: bool,
    log_format: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **options: Any,  # noqa: ANN401 -- each as the library takes it, but for pairs that are texts here
) -> None:
    """Read every response of PREDICTIONS by each rule, and print how far the numbers move by the rule alone.

    PREDICTIONS are what streamgaps analyze takes. For each rule that streamgaps rules lists: how many responses it
    reads as yes, as no, and as unclear, and the false positives, false negatives, accuracy and F1 that follow. Then up
    to five samples on which rules differ: the first one of each way in which they do, those first in which one rule
    reads yes and another one no, and the frequent ones before the rare ones.

    The ground truth is read by --gt-rule and --label for all rules; where it is unclear, the sample is skipped and
    counted. What is no text is an error, or skipped, though it be a ground truth that analyze never looks at, beside an
    unclear response. All is read in one pass and by one process, in about 30 MiB plus three to four times the largest
    record.

    Exit codes are those of streamgaps analyze.

    \b
    Examples:
      streamgaps audit results.json
      streamgaps audit shards/ --field response=prediction --final-answer
      streamgaps audit results.json --json | jq '.rules[] | {rule, accuracy, f1}'
    """  # noqa: D301 -- click takes the character \\b as a sign to keep the lines below it
    set_up_logs(outlook, log_format=log_format, quiet=quiet, verbose=verbose, debug=debug)
    options = make_options(options, predictions)
    inputs = list_inputs(
        [opened(one) for one in predictions], without=[options["ground_truth"], options["annotations"]]
    )
    size = total_size(inputs)
    with (
        steps(options, bytes=size, predictions=[*predictions]),
        progress_bar(size, outlook.log_format, quiet=quiet) as progress,
    ):
        found = audit(inputs, on_progress=progress, **options)
    print_out([(_json if as_json else _text)(found)])


def _text(found: Audit) -> str:
    return "".join(f"{printable(line)}\n" for line in lines(found))


def _json(found: Audit) -> str:
    return printable_json(json.dumps(document(found), indent=2, ensure_ascii=False) + "\n")
