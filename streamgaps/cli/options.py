"""What several commands take: options, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from streamgaps.answers.rules import RULES
from streamgaps.cli import logs
from streamgaps.cli.logs import LogFormat
from streamgaps.paths import Paths
from streamgaps.sources.source import standard_input
from streamgaps.stages.classify import Unclear
from streamgaps.stages.read import MAX_RECORD_BYTES, Format, Reader
from streamgaps.survey import MAX_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from enum import Enum

    from streamgaps.cli.exits import Outlook

__all__ = [
    "ANSWER_OPTIONS",
    "DASH",
    "GROUP_OPTIONS",
    "INPUT_OPTIONS",
    "INPUT_OPTIONS_WITHOUT_CARRY",
    "LOG_OPTIONS",
    "ON_OPTION",
    "PATH_OPTIONS",
    "READ_OPTIONS",
    "RULELESS_OPTIONS",
    "Command",
    "choices",
    "make_options",
    "opened",
    "option",
    "pair",
    "set_up_logs",
    "with_options",
]

DASH = "-"
"""Standard input, or standard output."""


_Command = Callable[..., None]


class _Option(click.Option):
    """An option that stands under a heading in the help."""

    heading = ""


def option(*names: str, **details: Any) -> Callable[[_Command], _Command]:  # noqa: ANN401 -- what click takes
    """Return what gives a command an option; as `click.option`."""
    return click.option(*names, cls=_Option, **details)


class Command(click.Command):
    """A command with the options in its help under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options down, in the order in which they are given."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:  # click's own is --help
                sections.setdefault(getattr(parameter, "heading", "Messages"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def choices(kind: type[Enum]) -> click.Choice:  # type: ignore[type-arg]  # click 8.1 knows no arguments
    """Return what a choice between the members of an enum takes."""
    return click.Choice([str(member.value) for member in kind])


_CARRY = option(
    "--carry",
    multiple=True,
    metavar="PATH",
    help="Copy a further field into each gap; repeatable. E.g. --carry category --carry split=meta.split",
)
_RULE = option(
    "--rule",
    type=click.Choice(list(RULES)),
    default="strict",
    show_default=True,
    help="How a response is read; streamgaps rules explains them. E.g. --rule pope",
)
_UNCLEAR = option(
    "--unclear",
    type=choices(Unclear),
    default=Unclear.SKIP.value,
    show_default=True,
    help="What becomes of an unclear response. gap: it counts as wrong, and is marked. E.g. --unclear gap",
)
ON_OPTION = option(
    "--on",
    metavar="PATH",
    help="The field by which --ground-truth is joined. E.g. --on question_id, or --on id=question_id if it has "
    "another name there",
)

# What goes in, and how it is written down.
INPUT_OPTIONS = [
    option(
        "--format",
        type=choices(Format),
        default=Format.AUTO.value,
        show_default=True,
        help="array: one JSON array. jsonl: JSON Lines, or objects one after the other. auto: told by the first byte. "
        "E.g. --format jsonl",
    ),
    option(
        "--prefix",
        metavar="PREFIX",
        help="Where the array is in a JSON document, as ijson names it. E.g. --prefix results.item",
    ),
    option(
        "--field",
        "fields",
        multiple=True,
        metavar="NAME=PATH",
        help="Where video_id, response, gt or question is, if not under that name; repeatable. "
        "E.g. --field response=text --field gt=doc.answers.0",
    ),
    _CARRY,
    option(
        "--label",
        "labels",
        multiple=True,
        metavar="ANSWER=VALUES",
        help="What values of the ground truth mean; repeatable. E.g. --label yes=1,true --label no=0,false",
    ),
    option(
        "--ground-truth",
        type=click.Path(allow_dash=True),
        metavar="FILE",
        help="A file with the ground truth, and with what else the predictions lack. "
        "E.g. --ground-truth labels.jsonl --on question_id",
    ),
    ON_OPTION,
    option(
        "--annotations",
        type=click.Path(allow_dash=True),
        metavar="FILE",
        help="Annotations in LLaVA's format, whose ids the video_ids are. "
        "E.g. --annotations llava.json --media-dir /data/videos",
    ),
    option(
        "--media-dir",
        type=click.Path(),
        metavar="DIR",
        help="Folder that the videos of --annotations are relative to. E.g. --media-dir /data  "
        "[default: the working directory]",
    ),
    option(
        "--unmatched",
        type=click.Choice(["error", "skip"]),
        help="What becomes of predictions without a label or an annotation, and of labels without a prediction. "
        "E.g. --unmatched skip  [default: error]",
    ),
]

# What becomes of the video_ids of gaps.
PATH_OPTIONS = [
    option(
        "--videos-dir",
        type=click.Path(),
        metavar="DIR",
        help="Folder that relative video_ids are relative to. E.g. --videos-dir /data  "
        "[default: the working directory]",
    ),
    option(
        "--paths",
        type=choices(Paths),
        default=Paths.RESOLVE.value,
        show_default=True,
        help="How a video_id is made absolute: links followed, or not, or not at all. E.g. --paths normalize",
    ),
]

# How answers are read.
ANSWER_OPTIONS = [
    _RULE,
    option(
        "--gt-rule",
        type=click.Choice(list(RULES)),
        default="strict",
        show_default=True,
        help="How the ground truth is read. E.g. --gt-rule exact",
    ),
    option(
        "--final-answer",
        is_flag=True,
        help="Read only the end of a reasoning model's response: what is in <answer>, or follows </think>. "
        "E.g. --final-answer --rule exact",
    ),
    _UNCLEAR,
    option(
        "--on-invalid",
        type=click.Choice(["error", "skip"]),
        default="error",
        show_default=True,
        help="What becomes of records that lack a field, or have null for an answer, and of broken JSON Lines. "
        "E.g. --on-invalid skip",
    ),
]

# The same for a command that reads each response by every rule, and picks no field for a gap.
INPUT_OPTIONS_WITHOUT_CARRY = [one for one in INPUT_OPTIONS if one is not _CARRY]
RULELESS_OPTIONS = [one for one in ANSWER_OPTIONS if one not in (_RULE, _UNCLEAR)]

# What is counted by groups.
GROUP_OPTIONS = [
    option(
        "--group-by",
        multiple=True,
        metavar="FIELD",
        help="Count by the values of a field, too: question, or a path, which is then carried; repeatable. "
        "E.g. --group-by category",
    ),
    option(
        "--max-groups",
        type=click.IntRange(min=1),
        default=MAX_GROUPS,
        show_default=True,
        metavar="N",
        help="How many values of a field are told apart, the first; the rest is one group, (other).",
    ),
]

# How the input is read.
READ_OPTIONS = [
    option(
        "--reader",
        type=choices(Reader),
        default=Reader.AUTO.value,
        show_default=True,
        help="auto: by blocks, and records of more than 8 MiB with ijson. ijson: all with ijson, slower, in one "
        "process.",
    ),
    option(
        "--max-record-bytes",
        type=click.IntRange(min=1),
        default=MAX_RECORD_BYTES,
        show_default=True,
        metavar="N",
        help="Refuse an input with a longer record than this.",
    ),
]

# What is said on the way.
LOG_OPTIONS = [
    option(
        "--log-format",
        type=choices(LogFormat),
        default=LogFormat.AUTO.value,
        show_default=True,
        help="How to log, and to report the end, on standard error. auto: console on a terminal, else JSON Lines.",
    ),
    option("-q", "--quiet", is_flag=True, help="Print errors only: no warnings, progress or summary."),
    option("-v", "--verbose", is_flag=True, help="Also log the settings, and how long it took."),
    option("--debug", is_flag=True, help="Like -v, and show the traceback of an error."),
]


def with_options(*sections: tuple[str, Sequence[Callable[[_Command], _Command]]]) -> Callable[[_Command], _Command]:
    """Give a command options, in this order, under the headings that stand before them."""

    def decorate(command: _Command) -> _Command:
        for heading, options in reversed(sections):
            for one in reversed(options):
                command = one(command)
                command.__click_params__[-1].heading = heading  # type: ignore[attr-defined]  # click's
        return command

    return decorate


def set_up_logs(outlook: Outlook, *, log_format: str, quiet: bool, verbose: bool, debug: bool) -> None:
    """Do what the options say of what is said on the way."""
    if quiet and (verbose or debug):
        message = "--quiet contradicts --verbose and --debug"
        raise click.UsageError(message)
    outlook.debug = debug
    level = "ERROR" if quiet else "DEBUG" if verbose or debug else "INFO"
    outlook.log_format = logs.configure(level, LogFormat(log_format))


def make_options(options: dict[str, Any], predictions: Sequence[str]) -> dict[str, Any]:
    """Return what was given on the command line as the library takes it.

    Args:
        options: the values of `INPUT_OPTIONS` and others.
        predictions: what is to be read.
    """
    made = dict(options)
    made["fields"] = dict(pair("--field", text, "NAME=PATH") for text in options["fields"])
    made["labels"] = _labels(options["labels"])
    if [*predictions, options["ground_truth"], options["annotations"]].count(DASH) > 1:
        message = "standard input (-) can be read only once"
        raise click.UsageError(message)
    return made | {name: opened(options[name]) for name in ("ground_truth", "annotations")}


def opened(name: Any) -> Any:  # noqa: ANN401 -- a name, a file or nothing
    """Open standard input, if that is what is named."""
    return standard_input() if name == DASH else name


def pair(option: str, text: str, form: str) -> tuple[str, str]:
    """Take a pair apart; `form` says what it is to look like: `NAME=PATH`."""
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        message = f"{option} {text!r}: expected {form}"
        raise click.UsageError(message)
    return name, value


def _labels(texts: Iterable[str]) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = {}
    for answer, values in (pair("--label", text, "ANSWER=VALUES") for text in texts):
        labels.setdefault(answer, []).extend(values.split(","))
    return labels
