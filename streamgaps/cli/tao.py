"""The command `gap_analysis vlm_bcq`, as users of NVIDIA's TAO Toolkit type it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from streamgaps import system
from streamgaps.cli import exits, logs
from streamgaps.cli.job import analyze_and_tell
from streamgaps.cli.logs import LogFormat
from streamgaps.cli.version import version_option
from streamgaps.exceptions import ConfigurationError, reason
from streamgaps.log import log

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "settings"]

_MISSING = "???"
_DEFAULTS: dict[str, str | None] = {"predictions_json": _MISSING, "videos_dir": "", "results_dir": _MISSING}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# In each of these a character can be read in one way only: the time that it takes is linear.
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
# What Hydra's grammar lets one escape in a value without quotes; and blanks, which it drops at the end.
_ESCAPED_OR_BLANKS = re.compile(r"\\([\\()\[\]{}:=, \t])|[ \t]+")
_FUNCTION = re.compile(r"[A-Za-z_][\w-]*[ \t]*\(")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `arguments` are those of the process if None."""

    def act(outlook: exits.Outlook) -> object:
        outlook.log_format = logs.configure("INFO", LogFormat.AUTO)  # for wrong usage, until the level is known
        return _gap_analysis.main(arguments, prog_name="gap_analysis", standalone_mode=False, obj=outlook)

    return exits.run("gap_analysis", act)


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def _gap_analysis() -> None:
    """Find where predictions contradict the ground truth: TAO's command, in bounded memory."""


@_gap_analysis.command("vlm_bcq", options_metavar="[-e SPEC | --config-path DIR --config-name NAME]")
@click.option(
    "-e",
    "--experiment_spec_file",
    type=click.Path(path_type=Path),
    metavar="SPEC",
    help="A YAML file with the keys above.",
)
@click.option("-cp", "--config-path", type=click.Path(path_type=Path), metavar="DIR", help="The folder of a spec ...")
@click.option("-cn", "--config-name", metavar="NAME", help="... and its name, without .yaml.")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.pass_obj
def _vlm_bcq(
    outlook: exits.Outlook,
    *,
    experiment_spec_file: Path | None,
    config_path: Path | None,
    config_name: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Write the false positives and false negatives of a vision-language model's yes/no answers.

    Keys, in the spec or as KEY=VALUE, which wins:

    \b
      predictions_json  JSON array of objects with video_id, response, gt, question
      results_dir       folder for kpi_gaps.jsonl and kpi_gaps_report.txt
      videos_dir        folder that relative video_ids are relative to (default "")

    Memory: about 30 MiB, and 10 to 20 for each further processor, plus three to four times the largest record of those
    read at once; however long the file is.

    Environment: TAO_LOGGING_LEVEL (default INFO) is the lowest level that is logged.
    DEBUG also shows the traceback of an error.

    Exit codes: 0 done, 1 the input is refused, 2 wrong usage or configuration, 3 something cannot be read or
    written, 70 a bug; 129, 130, 143 stopped by SIGHUP, SIGINT, SIGTERM. Without gaps there are no files, and those
    of an earlier run in the same folder are removed.

    Example: gap_analysis vlm_bcq predictions_json=results.json results_dir=gaps
    """  # noqa: D301 -- click takes the character \\b as a sign to keep the lines below it
    asked = os.environ.get("TAO_LOGGING_LEVEL", "INFO").strip().upper() or "INFO"
    level = asked if asked in _LEVELS else "INFO"
    outlook.debug = level == "DEBUG"
    outlook.log_format = logs.configure(level, LogFormat.AUTO)
    if level != asked:
        log.warning("streamgaps.unknown_level", TAO_LOGGING_LEVEL=asked, used=level)
    chosen = settings(_spec_path(experiment_spec_file, config_path, config_name), overrides)
    analyze_and_tell(
        [chosen["predictions_json"]],
        chosen["results_dir"],
        format="array",
        jobs=None,
        videos_dir=chosen["videos_dir"],
        log_format=outlook.log_format,
        quiet=level not in ("DEBUG", "INFO"),
    )


def _spec_path(file: Path | None, folder: Path | None, name: str | None) -> Path | None:
    if file is not None and (folder is not None or name is not None):
        message = "-e already names the spec; leave out --config-path and --config-name"
        raise ConfigurationError(message)
    if name is None:
        if folder is not None:
            message = "--config-path needs --config-name, the name of a spec in that folder"
            raise ConfigurationError(message)
        return file
    return (folder or Path()) / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")


def settings(spec: Path | None, overrides: Sequence[str]) -> dict[str, str]:
    """Put the values of a spec and of overrides together; the overrides win, and among them the last.

    Raises:
        ConfigurationError: the spec cannot be read, a key is unknown or missing, or an override is malformed.
    """
    values = dict(_DEFAULTS)
    if spec is not None:
        values.update(_read_spec(spec))
    for override in overrides:
        key, raw = _split_override(override)
        if key.partition(".")[0].partition("/")[0] == "hydra":
            continue
        _check_key(key, f"override {override!r}")
        values[key] = _value(raw, f"override {override!r}")
    missing = [key for key, value in values.items() if _DEFAULTS[key] == _MISSING and value in (_MISSING, None, "")]
    if missing:
        message = f"missing: {' and '.join(missing)}; give {missing[0]}=VALUE, or the key in a spec"
        raise ConfigurationError(message)
    return {key: "" if value in (None, _MISSING) else str(value) for key, value in values.items()}


def _check_key(key: str, where: str) -> None:
    if key not in _DEFAULTS:
        message = f"{where}: unknown key {key!r}; the keys are {', '.join(_DEFAULTS)}"
        raise ConfigurationError(message)


def _read_spec(path: Path) -> dict[str, str | None]:
    try:
        root = yaml.compose(system.read_text(path, "utf-8-sig"), Loader=yaml.SafeLoader)
    except (OSError, ValueError) as error:
        message = f"{path}: the spec cannot be read: {reason(error)}"
        raise ConfigurationError(message) from error
    except RecursionError as error:
        message = f"{path}: nested too deeply for a spec"
        raise ConfigurationError(message) from error
    except yaml.YAMLError as error:
        message = f"{path}: not YAML: {' '.join(str(error).split())}"
        raise ConfigurationError(message) from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        message = f"{path}: a spec is a mapping of keys to values"
        raise ConfigurationError(message)
    values: dict[str, str | None] = {}
    for key_node, value_node in root.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        if key == "hydra":
            continue
        _check_key(key, str(path))
        if key in values:
            message = f"{path}: the key {key!r} is there twice"
            raise ConfigurationError(message)
        values[key] = _text(value_node, f"{path}: {key}")
    return values


def _split_override(override: str) -> tuple[str, str]:
    """Split `key=value`, `+key=value` or `++key=value`."""
    key, equals, raw = override.partition("=")
    key = re.sub(r"^\+{1,2}", "", key.strip())
    if not equals or not re.fullmatch(r"[A-Za-z_][\w./@:-]*", key):
        message = f"malformed override {override!r}: expected KEY=VALUE"
        raise ConfigurationError(message)
    return key, raw.lstrip()


def _value(raw: str, where: str) -> str | None:
    """Read the value of an override, as Hydra does where it is a text.

    `null` is no value. A number, a truth value or a date is the text that it is written as. What Hydra would take for
    more than a text is refused; what its grammar refuses, as a letter beyond ASCII without quotes, is the text itself.
    """
    if raw.rstrip().lower() == "null":
        return None
    if raw[:1] in ("[", "{"):
        raise _no_text(where, "a list or a mapping")
    if raw[:1] == "~":
        message = f"{where}: ~ is not replaced here; write the folder out"
        raise ConfigurationError(message)
    if _FUNCTION.match(raw):
        raise _no_text(where, "a function")
    if raw[:1] in ("'", '"'):
        if not _QUOTED.fullmatch(raw.rstrip()):
            message = f"malformed {where}: the quotes do not fit; inside them, put a backslash before one like them"
            raise ConfigurationError(message)
        return _plain(_unquoted(raw.rstrip()), where)
    return _plain(_ESCAPED_OR_BLANKS.sub(_unescaped, raw), where)


def _unquoted(raw: str) -> str:
    """Take the quotes away, and half of the backslashes before a quote of that kind; all others are as they are."""
    before_quote = re.compile(rf"(\\+)({raw[0]}|\Z)?")
    return before_quote.sub(
        lambda run: run[0] if run[2] is None else run[1][: len(run[1]) // 2] + run[2],
        raw[1:-1],
    )


def _unescaped(found: re.Match[str]) -> str:
    is_at_end = found.end() == len(found.string)
    return found[1] or ("" if is_at_end else found[0])


def _text(node: yaml.Node | None, where: str) -> str | None:
    if not isinstance(node, yaml.ScalarNode):
        raise _no_text(where, "a list or a mapping")
    if node.tag == "tag:yaml.org,2002:null":
        return None
    # The text as it is written: as a number, the folder 2024_01_01 would become 20240101.
    return _plain(str(node.value), where)


def _no_text(where: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"{where}: a text is expected, not {what}; put it in quotes if it is one")


def _plain(value: str, where: str) -> str:
    if "${" in value:
        message = f"{where}: ${{...}} is not replaced here; write the value out"
        raise ConfigurationError(message)
    return value
