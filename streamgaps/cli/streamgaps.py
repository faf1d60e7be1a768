"""The command `streamgaps`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from streamgaps.cli import exits, logs
from streamgaps.cli.version import version_option

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["group", "main"]

_COMMANDS = ("analyze", "audit", "compare", "report", "rules")
"""Each is `command` in the module of its name, which is loaded when it is asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `arguments` are those of the process if None."""
    words = sys.argv[1:] if arguments is None else list(arguments)

    def act(outlook: exits.Outlook) -> object:
        outlook.log_format = logs.configure("INFO", logs.asked_format(words))
        return group.main(words, prog_name="streamgaps", standalone_mode=False, obj=outlook)

    return exits.run("streamgaps", act)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = import_module(f"streamgaps.cli.{cmd_name}").command
        return found

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)  # they come first: one of them is what the reader looks for
        click.Command.format_options(self, ctx, formatter)


@click.group(
    cls=_Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='Completion: add eval "$(_STREAMGAPS_COMPLETE=bash_source streamgaps)" to ~/.bashrc, the same with '
    "zsh_source to ~/.zshrc, or _STREAMGAPS_COMPLETE=fish_source streamgaps | source to fish's configuration.",
)
@version_option
def group() -> None:
    """Find where a vision-language model's yes/no answers contradict the ground truth.

    \b
    streamgaps analyze results.json -o gaps     writes gaps/kpi_gaps.jsonl and a report
    streamgaps COMMAND --help                   explains a command, with examples
    """  # noqa: D301 -- click takes the character \\b as a sign to keep the lines below it
