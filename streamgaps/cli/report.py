"""The command `streamgaps report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamgaps.cli.options import DASH, LOG_OPTIONS, Command, option, set_up_logs, with_options
from streamgaps.cli.steps import steps
from streamgaps.page.html import HTML_NAME
from streamgaps.page.options import MOST_SAMPLES
from streamgaps.page.report import report

if TYPE_CHECKING:
    from streamgaps.cli import exits

__all__ = ["command"]

_OUTPUT_OPTIONS = [
    option(
        "--html",
        type=click.Path(),
        metavar="FILE",
        help=f"Where to write the page. E.g. --html report.html  [default: {HTML_NAME} in RESULTS_DIR]",
    ),
    option(
        "--report-samples",
        type=click.IntRange(min=0),
        default=MOST_SAMPLES,
        show_default=True,
        metavar="N",
        help="Show so many gaps of each error type at most, drawn evenly from all. E.g. --report-samples 50",
    ),
]


@click.command("report", cls=Command, short_help="Make an HTML page of a results folder.")
@click.argument("results_dir", metavar="RESULTS_DIR", type=click.Path())
@with_options(("Results", _OUTPUT_OPTIONS), ("Messages", LOG_OPTIONS))
@click.pass_obj
def command(
    outlook: exits.Outlook,
    *,
    results_dir: str,
    html: str | None,
    report_samples: int,
    log_format: str,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> None:
    """Make a page of the results of a run: one HTML file, to look at in a browser.

    RESULTS_DIR is what streamgaps analyze has written. The page shows kpi_metrics.json, if the run wrote it, and a
    sample of kpi_gaps.jsonl. It needs streamgaps[report].

    Exit codes are those of streamgaps analyze.

    \b
    Examples:
      streamgaps report gaps
      streamgaps report gaps --html page.html --report-samples 50
    """  # noqa: D301 -- click takes the character \\b as a sign to keep the lines below it
    if html == DASH:
        message = "--html needs the name of a file"
        raise click.UsageError(message)
    set_up_logs(outlook, log_format=log_format, quiet=quiet, verbose=verbose, debug=debug)
    with steps({}, results_dir=results_dir, html=html, report_samples=report_samples):
        report(results_dir, html, report_samples=report_samples)
