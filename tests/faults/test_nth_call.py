"""Each call to the system, made to fail, or the last thing that a run lives to do."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streamgaps import StreamgapsError, analyze
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import ROOT
from tests.doubles import Here, NthCall

PAIR = [GAPS_NAME, REPORT_NAME]
MOST = 400
KINDS = ["file", "no gaps", "compressed", "documents", "folder", "joined", "ranges"]

RECORDS = [{"id": number, "video_id": f"v/{number}", "response": "yes", "gt": "no"} for number in range(3)]
RECORDS += [RECORDS[0] | {"id": 3, "response": "?"}]


def inputs(folder: Path) -> dict[str, dict[str, Any]]:
    """Write inputs of several kinds; return the options of a run for each."""
    (folder / "shards").mkdir(parents=True)
    array = json.dumps(RECORDS).encode()
    for name in ("p.json", "shards/a.json", "shards/b.json"):
        (folder / name).write_bytes(array)
    (folder / "p.json.gz").write_bytes(gzip.compress(array))
    (folder / "labels.json").write_text(json.dumps([{"id": record["id"], "gt": "no"} for record in RECORDS]))
    return {
        "file": {"predictions": folder / "p.json"},
        "documents": {
            "predictions": folder / "p.json",
            "metrics": True,
            "group_by": ["id"],
            "html": folder / "page.html",
        },
        "compressed": {"predictions": folder / "p.json.gz", "dedup": True},
        "folder": {"predictions": folder / "shards", "skipped": folder / "skipped.jsonl"},
        "joined": {"predictions": folder / "p.json", "ground_truth": folder / "labels.json", "on": "id"},
        "ranges": {"predictions": folder / "p.json", "executor": Here()},
        "no gaps": {"predictions": folder / "p.json", "labels": {"yes": ["no"]}},
    }


def ignore(_: object) -> None:
    """Say nothing of skipped samples."""


def _content(path: Path) -> bytes:
    """Return what is in a file; a folder has nothing to be compared."""
    return b"" if path.is_dir() else path.read_bytes()


def found(folder: Path) -> dict[str, bytes]:
    """Read the results, and whatever else is there."""
    return {path.name: _content(path) for path in folder.iterdir()} if folder.exists() else {}


def results(folder: Path, nth: NthCall) -> dict[str, bytes]:
    """Read what is there; without a staging file if it was its removal that failed."""
    there = found(folder)
    kept = {"unlink": ".tmp", "rmdir": ".parts"}.get(nth.name, "/")  # which the next run removes
    return {name: there[name] for name in there if not name.endswith(kept)}


@pytest.mark.usefixtures("unsynced")
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    "kind",
    ["file", "no gaps", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[2:])],
)
def test_whichever_call_fails_the_promise_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, old: bool
) -> None:
    """Of a whole run: the old results, the new ones or none, an error that says why, and a next run that works."""
    options = inputs(tmp_path / "in")[kind]
    analyze(results_dir=tmp_path / "expected", on_warning=ignore, **options)
    new = found(tmp_path / "expected")
    outcomes = set()
    for n in range(1, MOST):
        folder = tmp_path / str(n)
        before = {}
        if old:
            analyze(results_dir=folder, predictions=tmp_path / "in" / "shards", on_warning=ignore)
            before = found(folder)
        with monkeypatch.context() as patch:
            nth = NthCall(patch, n)
            try:
                analyze(results_dir=folder, on_warning=ignore, **options)
            except StreamgapsError as error:
                outcomes.add("refused")
                assert re.search("Input/output error|Is a directory", str(error))  # if it cannot know that it is one
            else:
                outcomes.add("done")
                assert new == results(folder, nth)
        assert results(folder, nth) in (before, new), nth.name
        if nth.calls < n:
            break
        analyze(results_dir=folder, on_warning=ignore, **options)
        assert new == found(folder), nth.name
    else:
        pytest.fail("the run never succeeded")
    assert outcomes == {"refused", "done"}


def ends(folder: Path, signal_name: str, old: str | None, new: str) -> list[dict[str, Any]]:
    """Have a signal come at each call of a run in turn; return how the runs ended."""
    for name, response, gt in (("old", "no", "yes"), ("new", "yes", "no"), ("none", "no", "no")):
        (folder / f"{name}.json").write_text(json.dumps([{"video_id": "/v", "response": response, "gt": gt}]))
    before = [] if old is None else ["analyze", f"{old}.json", "-o", "gaps"]
    arguments = [signal_name, "analyze", f"{new}.json", "-o", "gaps", "--", *before]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.last_call", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    return list(json.loads(done.stdout))


def visible(files: dict[str, str]) -> dict[str, str]:
    """Leave out staging files."""
    return {name: text for name, text in files.items() if not name.startswith(".")}


OTHER_SIGNALS = [("SIGHUP", "old", "none"), ("SIGINT", "old", "new")]
RUNS = pytest.mark.parametrize(("old", "new"), [(None, "new"), ("old", "new"), ("old", "none")])


@pytest.mark.slow
@RUNS
def test_wherever_a_run_is_killed_the_results_are_old_or_new(tmp_path: Path, old: str | None, new: str) -> None:
    """Or, between two renames, the old gaps beside the new report; the next run works, and sweeps up."""
    runs = ends(tmp_path, "SIGKILL", old, new)
    assert len(runs) > 20
    before, after = runs[0]["left"], runs[-1]["left"]
    assert ((set() if old is None else {*PAIR}), ({*PAIR} if new == "new" else set())) == ({*before}, {*after})
    between = {name: files[name] for name, files in ((GAPS_NAME, before), (REPORT_NAME, after)) if name in files}
    for run in runs[:-1]:
        assert run["code"] == -signal.SIGKILL
        assert visible(run["left"]) in (before, between, after)
        assert after == run["next"]
    assert visible(runs[-2]["left"]) == after


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("SIGTERM", None, "new"), ("SIGTERM", "old", "new"), ("SIGTERM", "old", "none"), *OTHER_SIGNALS],
)
def test_wherever_a_run_is_stopped_it_cleans_up(tmp_path: Path, name: str, old: str | None, new: str) -> None:
    """It dies of the signal, says so in one line, and leaves the old results or the new ones."""
    runs = ends(tmp_path, name, old, new)
    before, after = runs[0]["left"], runs[-1]["left"]
    said = [run["stderr"] for run in runs[:-1]]
    assert {"", f"streamgaps: stopped by {name}\n"} == {*said}
    assert said.count("") <= 3  # before it has set up anything
    for run in runs[:-1]:
        assert run["code"] == -signal.Signals[name]
        assert run["left"] in (before, after)
        assert after == run["next"]
