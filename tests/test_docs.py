"""What the README says is so."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest

import streamgaps
from streamgaps.cli import analyze as analyze_module
from tests.conftest import GOLDEN, ROOT, command, names

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_command_shows_its_real_output(tmp_path: Path) -> None:
    """Word for word, but for the time."""
    _, line, *expected = next(text for kind, text in BLOCKS if kind == "console").splitlines()
    assert line.startswith("$ streamgaps analyze tests/golden/sample.json -o gaps ")
    arguments = shlex.split(line)[2:]
    arguments[arguments.index("-o") + 1] = str(tmp_path / "gaps")
    shown = subprocess.run(
        [*command("streamgaps"), *arguments, "--log-format", "console"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stderr

    def without_time(lines: Iterable[str]) -> list[str]:
        return [re.sub(r"^\S+Z |path=\S+|^(Took|Written) .*", "", line).rstrip() for line in lines]

    assert without_time(expected) == without_time(shown.splitlines())


def test_its_commands_run_from_top_to_bottom(tmp_path: Path) -> None:
    """In one folder, as in a clone; what is shown below a command is what it prints."""
    pytest.importorskip("jinja2")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "golden").symlink_to(GOLDEN)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    told = dict[str, tuple[int, str]]()
    for line, expected in _commands():
        ended = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=tmp_path,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PATH": path},
        )
        told[line] = (ended.returncode, ended.stdout if expected else "")
        assert (0, expected) == told[line], line
    assert len(told) >= 24
    assert {"gaps", "tests"} == {*names(tmp_path)}


def _commands() -> Iterator[tuple[str, str]]:
    """Yield each command that can be run without a network, and what is shown of its output."""
    for text in (text for kind, text in BLOCKS if kind == "console"):
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            if "pip install" not in line:
                yield line, "" if "\nTook " in shown else shown  # which the first test looks at


def test_what_it_installs_is_what_there_is() -> None:
    """Names of extras, and tox, which is how these tests are run."""
    found = set(re.findall(r"pip install (?:--quiet )?('[^']+'|\S+)", README))
    assert {"'.[dask]'", "'.[remote]'", "'.[report]'", ".", "tox"} == found


def test_its_links_lead_somewhere() -> None:
    """To files that are there, and to its own headings."""
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("https://"):
            assert (ROOT / target).exists(), target


def test_every_option_is_in_the_readme() -> None:
    """With what it does."""
    for parameter in analyze_module.command.params:
        if isinstance(parameter, click.Option):
            assert f"`{max(parameter.opts, key=len)}" in README


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "python"])
def test_python_examples_run(text: str, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with the sample and its gaps in it; those of other tools where they are installed."""
    for library in ("duckdb", "pandas", "polars", "datasets"):
        if f"{library}." in text or f"import {library}" in text or f"from {library}" in text:
            pytest.importorskip(library)
    (tmp_path / "results.json").write_bytes(sample.read_bytes())
    monkeypatch.chdir(tmp_path)
    streamgaps.analyze("results.json", "gaps")
    exec(compile(text, "README.md", "exec"), {})  # noqa: S102 -- our own


def test_the_changelog_knows_this_version() -> None:
    """The newest on top."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == streamgaps.__version__
