"""Help and completion, as a shell shows them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from streamgaps.cli.options import Command
from streamgaps.cli.streamgaps import group
from tests.conftest import command

COMMANDS = ["analyze", "audit", "compare", "report", "rules"]


def helped(run: Callable[..., subprocess.CompletedProcess[str]], *arguments: str) -> str:
    """Return what a command says of itself."""
    shown = run("streamgaps", *arguments, "--help")
    assert shown.stderr == ""
    return shown.stdout


def test_the_command_shows_what_to_type_first(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Then its commands, then the rest."""
    shown = helped(run)
    places = [shown.index(text) for text in ("streamgaps analyze results.json -o gaps", "Commands:", "Options:")]
    assert sorted(places) == places
    assert all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS[:-1])
def test_options_stand_under_headings(run: Callable[..., subprocess.CompletedProcess[str]], name: str) -> None:
    """Each under one, and none is left over."""
    shown = helped(run, name)
    found = group.get_command(None, name)  # type: ignore[arg-type]  # it does not look at the context
    assert isinstance(found, Command)
    assert "\nResults:\n" in shown
    assert "\nOptions:\n" not in shown
    for option in found.params[1:]:
        assert shown.count(f"\n  {', '.join(sorted(option.opts, key=len))} ") == 1, option.opts


@pytest.mark.parametrize("name", COMMANDS[:-1])
def test_each_command_has_examples_and_says_how_it_ends(
    run: Callable[..., subprocess.CompletedProcess[str]], name: str
) -> None:
    """Whoever reads help wants to type something."""
    shown = helped(run, name)
    assert f"\n    streamgaps {name} " in shown
    assert "xit code" in shown


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash completes")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["streamgaps", "an"], ["plain,analyze"]),
        (["streamgaps", "analyze", "--max-sk"], ["plain,--max-skipped"]),
        (["streamgaps", "analyze", "--rule", "p"], ["plain,pope"]),
        (["streamgaps", "compare", "--markd"], ["plain,--markdown"]),
        (["streamgaps", "analyze", "results.j"], ["file,results.j"]),
        (["streamgaps", "analyze", "--ground-truth", "lab"], ["file,lab"]),
    ],
)
def test_bash_completes(words: list[str], expected: list[str]) -> None:
    """Commands, options, what an option may be, and files."""
    environment = {
        "PATH": f"{Path(command('streamgaps')[0]).parent}:/usr/bin:/bin",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_STREAMGAPS_COMPLETE": "bash_complete",
    }
    shown = subprocess.run(command("streamgaps"), env=environment, check=False, capture_output=True, text=True)
    assert (expected, "") == (shown.stdout.splitlines(), shown.stderr)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_shell_is_to_load_is_printed(shell: str) -> None:
    """As the help of the command says."""
    environment = {"PATH": "/usr/bin:/bin", "_STREAMGAPS_COMPLETE": f"{shell}_source"}
    shown = subprocess.run(command("streamgaps"), env=environment, check=False, capture_output=True, text=True)
    assert (0, "") == (shown.returncode, shown.stderr)
    assert "_STREAMGAPS_COMPLETE" in shown.stdout


def test_the_list_of_commands_has_whole_sentences(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """None is cut off."""
    listed = helped(run).partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(COMMANDS) == len(listed)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)
