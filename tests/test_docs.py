"""What the README says is so."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

import streamgaps
from streamgaps.cli import analyze as analyze_module
from streamgaps.outputs.names import GAPS_NAME
from tests.conftest import ROOT, command, names

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "console" for line in text.splitlines() if line.startswith("$ ")]


def test_the_first_command_shows_its_real_output(tmp_path: Path) -> None:
    """Word for word, but for the time."""
    text = next(text for kind, text in BLOCKS if kind == "console" and "streamgaps analyze" in text)
    first, _, expected = text.partition("\n")
    analyze = first[2:].partition("&& ")[2]
    assert analyze.startswith("streamgaps analyze tests/golden/sample.json -o ")
    arguments = shlex.split(analyze)[1:]
    arguments[arguments.index("-o") + 1] = str(tmp_path / "gaps")
    shown = subprocess.run(
        [*command("streamgaps"), *arguments, "--log-format", "console"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stderr

    def without_time(lines: str) -> list[str]:
        return [re.sub(r"^\S+Z |path=\S+|^(Took|Written) .*", "", line).rstrip() for line in lines.splitlines()]

    assert without_time(expected) == without_time(shown)


@pytest.mark.parametrize("line", [line[2:] for line in COMMANDS if "pip install" not in line])
def test_every_command_runs(line: str, tmp_path: Path, sample: Path) -> None:
    """In a folder that has the files which the README speaks of."""
    (tmp_path / "results.json").write_bytes(sample.read_bytes())
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "golden").symlink_to(sample.parent)
    (tmp_path / "specs").mkdir()
    for spec in ("spec.yaml", "specs/job.yaml"):
        (tmp_path / spec).write_text("predictions_json: results.json\nresults_dir: gaps\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    shown = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, check=True, capture_output=True, env=environment)
    if "-o -" in line:
        assert "error_type" in json.loads(shown.stdout)
    elif "audit" in line or "compare" in line:
        assert b" by the rule alone." in shown.stdout or b"McNemar's test: " in shown.stdout
    else:
        assert GAPS_NAME in names(tmp_path / "gaps")


def test_every_option_is_in_the_readme() -> None:
    """With what it does."""
    for parameter in analyze_module.command.params:
        if isinstance(parameter, click.Option):
            assert f"`{max(parameter.opts, key=len)}" in README


def test_python_examples_run(tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder with the sample in it."""
    (tmp_path / "results.json").write_bytes(sample.read_bytes())
    monkeypatch.chdir(tmp_path)
    examples = [text for kind, text in BLOCKS if kind == "python"]
    assert examples
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})  # noqa: S102 -- our own


def test_the_changelog_knows_this_version() -> None:
    """The newest on top."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == streamgaps.__version__
