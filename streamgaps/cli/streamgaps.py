"""The command `streamgaps`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from streamgaps import system
from streamgaps.cli import exits, logs
from streamgaps.cli.job import analyze_and_tell
from streamgaps.cli.logs import LogFormat
from streamgaps.cli.terminal import shown_on_terminal
from streamgaps.cli.version import version_option
from streamgaps.paths import Paths
from streamgaps.sources import standard_input
from streamgaps.stages.classify import Unclear
from streamgaps.stages.read import MAX_RECORD_BYTES, Format, Reader
from streamgaps.stages.rules import RULES, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from enum import Enum

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


def _choices(kind: type[Enum]) -> click.Choice:  # type: ignore[type-arg]  # click 8.1 knows no arguments
    return click.Choice([str(member.value) for member in kind])


# What goes in, and how it is written down.
_INPUT_OPTIONS = [
    click.option(
        "--format",
        type=_choices(Format),
        default=Format.AUTO.value,
        show_default=True,
        help="array: one JSON array. jsonl: JSON Lines, or objects one after the other. auto: told by the first byte. "
        "E.g. --format jsonl",
    ),
    click.option(
        "--prefix",
        metavar="PREFIX",
        help="Where the array is in a JSON document, as ijson names it. E.g. --prefix results.item",
    ),
    click.option(
        "--field",
        "fields",
        multiple=True,
        metavar="NAME=PATH",
        help="Where video_id, response, gt or question is, if not under that name; repeatable. "
        "E.g. --field response=text --field gt=doc.answers.0",
    ),
    click.option(
        "--carry",
        multiple=True,
        metavar="PATH",
        help="Copy a further field into each gap; repeatable. E.g. --carry category --carry split=meta.split",
    ),
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="ANSWER=VALUES",
        help="What values of the ground truth mean; repeatable. E.g. --label yes=1,true --label no=0,false",
    ),
    click.option(
        "--ground-truth",
        metavar="FILE",
        help="A file with the ground truth, and with what else the predictions lack. "
        "E.g. --ground-truth labels.jsonl --on question_id",
    ),
    click.option(
        "--on",
        metavar="PATH",
        help="The field by which --ground-truth is joined. E.g. --on question_id, or --on id=question_id if it has "
        "another name there",
    ),
    click.option(
        "--annotations",
        metavar="FILE",
        help="Annotations in LLaVA's format, whose ids the video_ids are. "
        "E.g. --annotations llava.json --media-dir /data/videos",
    ),
    click.option(
        "--media-dir",
        metavar="DIR",
        help="Folder that the videos of --annotations are relative to. E.g. --media-dir /data  "
        "[default: the working directory]",
    ),
    click.option(
        "--unmatched",
        type=click.Choice(["error", "skip"]),
        help="What becomes of predictions without a label or an annotation, and of labels without a prediction. "
        "E.g. --unmatched skip  [default: error]",
    ),
]

# How answers are read.
_ANSWER_OPTIONS = [
    click.option(
        "--rule",
        type=click.Choice(list(RULES)),
        default="strict",
        show_default=True,
        help="How a response is read; streamgaps rules explains them. E.g. --rule pope",
    ),
    click.option(
        "--gt-rule",
        type=click.Choice(list(RULES)),
        default="strict",
        show_default=True,
        help="How the ground truth is read. E.g. --gt-rule exact",
    ),
    click.option(
        "--final-answer",
        is_flag=True,
        help="Read only the end of a reasoning model's response: what is in <answer>, or follows </think>. "
        "E.g. --final-answer --rule exact",
    ),
    click.option(
        "--unclear",
        type=_choices(Unclear),
        default=Unclear.SKIP.value,
        show_default=True,
        help="What becomes of an unclear response. gap: it counts as wrong, and is marked. E.g. --unclear gap",
    ),
    click.option(
        "--on-invalid",
        type=click.Choice(["error", "skip"]),
        default="error",
        show_default=True,
        help="What becomes of records that lack a field, or have null for an answer, and of broken JSON Lines. "
        "E.g. --on-invalid skip",
    ),
]

# What comes out.
_OUTPUT_OPTIONS = [
    click.option(
        "-o",
        "--results-dir",
        required=True,
        type=click.Path(allow_dash=True),
        metavar="DIR",
        help="Folder for kpi_gaps.jsonl and kpi_gaps_report.txt; made if it does not exist. -: write the gaps to "
        "standard output as they are found, and the report to standard error.",
    ),
    click.option(
        "--videos-dir",
        metavar="DIR",
        help="Folder that relative video_ids are relative to. E.g. --videos-dir /data  "
        "[default: the working directory]",
    ),
    click.option(
        "--paths",
        type=_choices(Paths),
        default=Paths.RESOLVE.value,
        show_default=True,
        help="How a video_id is made absolute: links followed, or not, or not at all. E.g. --paths normalize",
    ),
    click.option(
        "--dedup",
        is_flag=True,
        help="Keep the first gap of each video_id and question, and count the others. E.g. --dedup",
    ),
    click.option(
        "--skipped",
        metavar="FILE",
        help="Write every skipped sample to a file, as JSON Lines with the reason. E.g. --skipped skipped.jsonl",
    ),
]

# When a run fails.
_GATE_OPTIONS = [
    click.option(
        "--max-skipped",
        type=float,
        metavar="PCT",
        help="Fail, with exit code 4 and no results, if more than this percentage of the records is skipped. "
        "E.g. --max-skipped 5",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Fail if any record is skipped; the same as --max-skipped 0. E.g. --strict",
    ),
]

_RUN_OPTIONS = [
    click.option(
        "--jobs",
        type=_Jobs(),
        default="auto",
        show_default=True,
        metavar="N",
        help="How many processes read a file at once. auto: as many as there are processors to use; one for pipes, "
        "for compressed files, and for less than 32 MiB.",
    ),
    click.option(
        "--reader",
        type=_choices(Reader),
        default=Reader.AUTO.value,
        show_default=True,
        help="auto: by blocks, and records of more than 8 MiB with ijson. ijson: all with ijson, slower, in one "
        "process.",
    ),
    click.option(
        "--max-record-bytes",
        type=click.IntRange(min=1),
        default=MAX_RECORD_BYTES,
        show_default=True,
        metavar="N",
        help="Refuse an input with a longer record than this.",
    ),
    click.option(
        "--max-warnings",
        type=click.IntRange(min=-1),
        default=100,
        show_default=True,
        metavar="N",
        help="Show the first N warnings, and only count the samples skipped after them; -1 shows all.",
    ),
    click.option(
        "--log-format",
        type=_choices(LogFormat),
        default=LogFormat.AUTO.value,
        show_default=True,
        help="How to log, and to report the end, on standard error. auto: console on a terminal, else JSON Lines.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only: no warnings, progress or summary."),
    click.option("-v", "--verbose", is_flag=True, help="Also log the settings, and how long it took."),
    click.option("--debug", is_flag=True, help="Like -v, and show the traceback of an error."),
]


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OUTPUT_OPTIONS + _INPUT_OPTIONS + _ANSWER_OPTIONS + _GATE_OPTIONS + _RUN_OPTIONS):
        command = option(command)
    return command


@_streamgaps.command("analyze")
@click.argument("predictions", nargs=-1, required=True, type=click.Path(allow_dash=True))
@_with_options
@click.pass_obj
def _analyze(
    outlook: exits.Outlook,
    /,
    *,
    predictions: tuple[str, ...],
    results_dir: str,
    jobs: int | None,
    skipped: str | None,
    max_skipped: float | None,
    strict: bool,
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

    Memory: about 30 MiB, and 10 to 20 for each further job, plus the largest record; however long the file is.

    The results appear whole or not at all. Without gaps there are no files, and those of an earlier run in
    the same folder are removed.

    Exit codes: 0 done, 1 the input is refused, 2 wrong usage, 3 something cannot be read or written, or a job died,
    4 more was skipped than --max-skipped or --strict allows, 70 a bug, 141 whoever reads standard output went away;
    129, 130, 143 stopped by SIGHUP, SIGINT, SIGTERM.

    \b
    Examples:
      streamgaps analyze results.json -o gaps --videos-dir /data/videos
      streamgaps analyze shards/ -o gaps --field response=prediction
      zcat results.json.gz | streamgaps analyze - -o - | jq .video_id
    """  # noqa: D301 -- click takes the character \\b as a sign to keep the lines below it
    if quiet and (verbose or debug):
        message = "--quiet contradicts --verbose and --debug"
        raise click.UsageError(message)
    if strict and max_skipped is not None:
        message = "--strict contradicts --max-skipped"
        raise click.UsageError(message)
    outlook.debug = debug
    level = "ERROR" if quiet else "DEBUG" if verbose or debug else "INFO"
    outlook.log_format = logs.configure(level, LogFormat(log_format))
    options["fields"] = dict(_pair("--field", text) for text in options["fields"])
    options["labels"] = _labels(options["labels"])
    if skipped == _DASH:
        message = "--skipped needs the name of a file"
        raise click.UsageError(message)
    files = [*predictions, options["ground_truth"], options["annotations"]]
    if files.count(_DASH) > 1:
        message = "standard input (-) can be read only once"
        raise click.UsageError(message)
    options |= {name: _opened(options[name]) for name in ("ground_truth", "annotations")}
    analyze_and_tell(
        [_opened(one) for one in predictions],
        _standard_output() if results_dir == _DASH else results_dir,
        log_format=outlook.log_format,
        quiet=quiet,
        max_warnings=None if max_warnings < 0 else max_warnings,
        jobs=jobs,
        skipped=skipped,
        max_skipped=0 if strict else max_skipped,
        **options,
    )


_DASH = "-"


def _opened(name: Any) -> Any:  # noqa: ANN401 -- a name, a file or nothing
    return standard_input() if name == _DASH else name


def _standard_output() -> BinaryIO:
    file = system.standard_file(1, "<stdout>")
    return shown_on_terminal(file) if os.isatty(1) else file


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        message = f"{option} {text!r}: expected NAME=VALUE"
        raise click.UsageError(message)
    return name, value


def _labels(texts: Iterable[str]) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    for answer, values in (_pair("--label", text) for text in texts):
        labels.setdefault(answer, []).extend(values.split(","))
    return labels


@_streamgaps.command("rules")
def _rules() -> None:
    """List the rules by which an answer can be read."""
    width = max(map(len, RULES))
    for name, rule in RULES.items():
        click.echo(f"{name:<{width}}  {summary(rule)}")
