from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from streamgaps.outputs.names import GAPS_NAME
from streamgaps.page.html import HTML_NAME
from tests.conftest import names

pytest.importorskip("jinja2")

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_it_makes_a_page_of_a_run_and_says_where(run: Run, sample: Path, tmp_path: Path) -> None:
    """One file more in the folder."""
    assert 0 == run("streamgaps", "analyze", sample, "-o", "gaps", "-q").returncode
    result = run("streamgaps", "report", "gaps")
    assert (0, "") == (result.returncode, result.stdout)
    (said,) = map(json.loads, result.stderr.splitlines())
    assert ("streamgaps.page_written", f"gaps/{HTML_NAME}", 5) == (said["event"], said["path"], said["gaps"])
    assert 5 == (tmp_path / "gaps" / HTML_NAME).read_text("utf-8").count("<article")


def test_the_page_may_be_elsewhere_and_nothing_be_said(run: Run, sample: Path, tmp_path: Path) -> None:
    """With fewer samples, too."""
    run("streamgaps", "analyze", sample, "-o", "gaps", "-q")
    result = run("streamgaps", "report", "gaps", "--html", "page.html", "--report-samples", "1", "-q")
    assert (0, "") == (result.returncode, result.stdout + result.stderr)
    assert 2 == (tmp_path / "page.html").read_text("utf-8").count("<article")
    assert HTML_NAME not in names(tmp_path / "gaps")


def test_verbose_says_what_is_read_and_how_long_it_took(run: Run, sample: Path) -> None:
    """And where the page is."""
    run("streamgaps", "analyze", sample, "-o", "gaps", "-q")
    events = [json.loads(line) for line in run("streamgaps", "report", "gaps", "-v").stderr.splitlines()]
    assert ["streamgaps.started", "streamgaps.page_written", "streamgaps.timed"] == [one["event"] for one in events]
    assert ("gaps", 5) == (events[0]["results_dir"], events[1]["gaps"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing"], 3, "missing: there is no such folder"),
        (["other"], 3, "other: there are no results in it; a run without gaps leaves none"),
        ([".", "--html", "-"], 2, "--html needs the name of a file"),
        (["."], 1, f"{GAPS_NAME}: line 1 is not a gap"),
        ([".", "--html", GAPS_NAME], 2, "would replace the results"),
        ([".", "--html", "nowhere/page.html"], 1, "is not a gap"),
        ([".", "--report-samples", "-1"], 2, "--report-samples"),
        ([], 2, "RESULTS_DIR"),
        ([".", "-q", "-v"], 2, "--quiet contradicts"),
    ],
)
def test_what_goes_wrong_has_its_code_and_sentence(
    run: Run, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """As for any other command."""
    (tmp_path / GAPS_NAME).write_text("{}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("")
    result = run("streamgaps", "report", *arguments)
    assert code == result.returncode
    assert said in result.stderr


def test_a_page_that_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    """Of the environment."""
    (tmp_path / GAPS_NAME).write_text("")
    result = run("streamgaps", "report", ".", "--html", "nowhere/page.html")
    assert (3, [GAPS_NAME]) == (result.returncode, names(tmp_path))
    assert "nowhere/page.html: the page cannot be written: there is no folder nowhere" in result.stderr
