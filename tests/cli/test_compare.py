from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamgaps import compare
from streamgaps.cli.compare import command

Run = Callable[..., subprocess.CompletedProcess[str]]

OLD = [
    {"video_id": "a.mp4", "response": "Yes", "gt": "no", "id": 1, "kind": "\x1b[31mred|\n"},
    {"video_id": "b.mp4", "response": "No", "gt": "no", "id": 2, "kind": "b"},
]
NEW = [OLD[0] | {"response": "No"}, OLD[1] | {"response": "Yes!"}]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Return the names of two runs."""
    for name, records in (("old.json", OLD), ("new.json", NEW)):
        (tmp_path / name).write_text(json.dumps(records))
    return ["old.json", "new.json"]


def test_it_prints_tables_and_writes_the_regressions(run: Run, files: list[str], tmp_path: Path) -> None:
    """With the fields and the path that gaps have."""
    result = run(
        "streamgaps", "compare", *files, "--group-by", "kind", "--regressions", "r.jsonl", "--videos-dir", "/v"
    )
    assert 0 == result.returncode
    assert "OLD: old.json, NEW: new.json; matched by video_id and question\n" in result.stdout
    assert "| New: gaps in NEW only (regressions)            |       1 |" in result.stdout
    assert "| \\x1b[31mred|\\n |     1 |   0 |" in result.stdout
    expected = {"video_id": "/v/b.mp4", "error_type": "FP", "question": "", "ground_truth": "no", "response": "Yes!"}
    assert expected | {"kind": "b"} == json.loads((tmp_path / "r.jsonl").read_text())
    told = json.loads(result.stderr)
    assert ("streamgaps.regressions_written", 1) == (told["event"], told["count"])


def test_it_prints_json_or_markdown(run: Run, files: list[str]) -> None:
    """The names that were asked for are in it."""
    names = ["--name", "baseline", "--name", "it_1"]
    found = json.loads(run("streamgaps", "compare", *files, *names, "--json", "--group-by", "kind").stdout)
    assert ["baseline", "it_1"] == [one["name"] for one in found["runs"]]
    assert {"b", "\x1b[31mred|\n"} == {group["value"] for group in found["groups"]["kind"]}
    drawn = run("streamgaps", "compare", *files, *names, "--markdown", "--group-by", "kind").stdout
    assert "**OLD: `baseline`, NEW: `it_1`; matched by `video_id and question`**\n" in drawn
    assert "\n| `\\x1b[31mred\\|\\n` | 1 | 0 | 0 | 0 | 1 | 0.0000 | 1.0000 |\n" in drawn


def test_results_and_trends(run: Run, files: list[str]) -> None:
    """Of folders that analyze has written."""
    for name in files:
        run("streamgaps", "analyze", name, "-o", f"{name}.gaps", "--carry", "id")
    folders = [f"{name}.gaps" for name in files]
    result = run("streamgaps", "compare", *folders, folders[0], "--on", "id")
    assert (0, "") == (result.returncode, result.stderr)
    assert result.stdout.startswith("Trend ")
    assert "OLD: new.json.gaps, NEW: old.json.gaps; matched by id\n" in result.stdout


def test_a_run_may_come_from_standard_input(run: Run, files: list[str]) -> None:
    """One of them."""
    piped = run("streamgaps", "compare", files[0], "-", "--json", input=json.dumps(NEW))
    assert ["old.json", "<stdin>"] == [one["name"] for one in json.loads(piped.stdout)["runs"]]
    twice = run("streamgaps", "compare", "-", "-", input="[]")
    assert 2 == twice.returncode
    assert "standard input (-) can be read only once" in twice.stderr


def test_regressions_can_fail_it(run: Run, files: list[str], tmp_path: Path) -> None:
    """After all is printed and written; if there are none, they do not."""
    gate = "--fail-on-regression"
    result = run("streamgaps", "compare", *files, gate, "--regressions", "r.jsonl", "--log-format", "console", "-q")
    assert (4, "streamgaps: there are new gaps, 1 of them, and none may be (--fail-on-regression)\n") == (
        result.returncode,
        result.stderr,
    )
    assert "McNemar" in result.stdout
    assert (tmp_path / "r.jsonl").read_text()
    assert 0 == run("streamgaps", "compare", files[0], files[0], gate, "--regressions", "r.jsonl").returncode
    assert "" == (tmp_path / "r.jsonl").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["old.json"], 2, "name two runs, or more"),
        (["old.json", "new.json", "--json", "--markdown"], 2, "--json contradicts --markdown"),
        (["old.json", "new.json", "--name", "a"], 2, "there are 2 runs, and 1 names (--name)"),
        (["old.json", "new.json", "--regressions", "-"], 2, "--regressions needs the name of a file"),
        (["old.json", "new.json", "--regressions", "./old.json"], 2, "would replace an input"),
        (["old.json", "none.json"], 3, "none.json: there is no such file"),
        (["old.json", "empty"], 2, "empty is a folder with results, and old.json is not"),
        (["empty", "nothing"], 3, "nothing: there is no such file or folder; a run without gaps leaves no folder"),
        (["old.json", "new.json", "--max-groups", "5"], 2, "max_groups (--max-groups) has no effect without"),
        (["old.json", "new.json", "--name", "a", "--name", "a"], 2, "two runs have the same name (--name)"),
        (
            ["old.json", "new.json", "--on", "key"],
            1,
            "old.json: item 0: 'key' is missing, by which records are matched",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    run: Run, files: list[str], tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """With the exit code for that."""
    assert {*arguments} & {*files, "empty"}
    (tmp_path / "empty").mkdir()
    result = run("streamgaps", "compare", *arguments, "--log-format", "console")
    assert (code, "") == (result.returncode, result.stdout)
    assert said in result.stderr


def test_the_options_of_analyze_apply_to_all_runs(run: Run, tmp_path: Path) -> None:
    """Fields with other names, labels and rules."""
    for number in range(2):
        records: list[dict[str, Any]] = [{"v": "x", "text": f"{['yes', 'no'][number]} it is", "label": 0}]
        (tmp_path / f"{number}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    options = ["--field", "video_id=v", "--field", "response=text", "--field", "gt=label", "--label", "no=0"]
    result = run("streamgaps", "compare", "0.jsonl", "1.jsonl", *options, "--rule", "startswith", "--json")
    assert 1 == json.loads(result.stdout)["steps"][0]["fixed"]


def test_each_option_is_there_once() -> None:
    """Though some are those of analyze, and one says something else here."""
    named = [name for parameter in command.params for name in parameter.opts]
    assert sorted(set(named)) == sorted(named)
    on = next(parameter for parameter in command.params if parameter.name == "on")
    assert "records are matched" in getattr(on, "help", "")


def test_progress_goes_over_all_runs(files: list[str], tmp_path: Path) -> None:
    """To the sum of their lengths."""
    seen: list[int] = []
    paths = [tmp_path / name for name in files]
    compare(paths, on_progress=seen.append)
    assert sorted(seen) == seen
    assert sum(path.stat().st_size for path in paths) == seen[-1]


def test_verbose_says_what_was_read_and_how_long_it_took(run: Run, files: list[str]) -> None:
    """On standard error; what is printed stays whole."""
    result = run("streamgaps", "compare", "-v", "--json", *files)
    events = [json.loads(line) for line in result.stderr.splitlines()]
    kinds = ["streamgaps.started", "streamgaps.timed", "streamgaps.run_read", "streamgaps.run_read"]
    assert kinds == [event["event"] for event in events]
    assert [*files] == events[0]["runs"]
    told = [(one["name"], one["records"]) for one in json.loads(result.stdout)["runs"]]
    assert told == [(event["name"], event["records"]) for event in events[2:]]


@pytest.mark.parametrize(
    "wrong", [["--markdown"], ["--regressions", "-"], ["--nonsense"], ["-q", "-v"], ["--label", "x=1"]]
)
def test_wrong_usage_is_said_in_the_form_that_was_asked_for(run: Run, files: list[str], wrong: list[str]) -> None:
    """Whoever finds it out: the reader of options, the command, or the library."""
    result = run("streamgaps", "compare", *files, "--json", "--log-format", "console", *wrong)
    assert (2, True) == (result.returncode, result.stderr.startswith("streamgaps: "))
    result = run("streamgaps", "compare", *files, "--json", "--log-format", "json", *wrong)
    assert (2, "streamgaps.failed") == (result.returncode, json.loads(result.stderr)["event"])
