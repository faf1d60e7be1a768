"""The command `streamgaps rules`."""

from __future__ import annotations

import click

from streamgaps.answers.rules import RULES, summary

__all__ = ["command"]


@click.command("rules", short_help="List the answer rules.")
def command() -> None:
    """List the rules by which an answer can be read."""
    width = max(map(len, RULES))
    for name, rule in RULES.items():
        click.echo(f"{name:<{width}}  {summary(rule)}")
