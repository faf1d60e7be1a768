from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from streamgaps import RULES
from streamgaps.auditing import audit
from streamgaps.cli.audit import command
from streamgaps.reports.audit import document
from tests.conftest import real_data

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_it_prints_a_table_with_all_rules(run: Run, sample: Path, tmp_path: Path) -> None:
    """And writes nothing."""
    result = run("streamgaps", "audit", sample)
    assert (0, "") == (result.returncode, result.stderr)
    names = re.findall(r"^\| (\S+)(?: \(default\))? +\| +\d", result.stdout, re.MULTILINE)
    assert list(RULES) == names
    last = result.stdout.splitlines()[-1]
    assert "Accuracy moves from 0.1111 (exact) to 0.3333 (startswith) by the rule alone." == last
    assert [] == list(tmp_path.iterdir())


def test_json_is_what_the_library_finds(run: Run, sample: Path) -> None:
    """One document, and nothing else."""
    result = run("streamgaps", "audit", "--json", sample)
    assert (0, "") == (result.returncode, result.stderr)
    assert json.loads(json.dumps(document(audit(sample)))) == json.loads(result.stdout)


def test_it_reads_what_is_piped_in(run: Run, sample: Path) -> None:
    """With the same outcome."""
    piped = run("streamgaps", "audit", "-", input=sample.read_text("utf-8"))
    assert run("streamgaps", "audit", sample).stdout == piped.stdout


def test_options_say_how_the_input_is_read(run: Run, tmp_path: Path) -> None:
    """As those of `analyze` do."""
    (tmp_path / "labels.jsonl").write_text('{"id": "1", "truth": 0, "video_id": "v"}\n')
    (tmp_path / "p.jsonl").write_text('{"id": "1", "text": "<think>no</think>Yes"}\n{"id": 3}\n')
    options = "--field response=text --field gt=truth --ground-truth labels.jsonl --on id --label no=0"
    result = run("streamgaps", "audit", "p.jsonl", *options.split(), "--final-answer", "--on-invalid", "skip", "--json")
    found = json.loads(result.stdout)
    assert [{"field": "response", "reason": "missing", "count": 1}] == found["skipped"]
    assert {1} == {rule["false_positives"] for rule in found["rules"]}


def test_labels_in_the_folder_of_the_predictions_are_no_predictions(run: Run, tmp_path: Path) -> None:
    """As for `analyze`."""
    (tmp_path / "labels.jsonl").write_text('{"id": 1, "gt": "no"}\n')
    (tmp_path / "p.jsonl").write_text('{"id": 1, "video_id": "v", "response": "yes"}\n')
    result = run("streamgaps", "audit", tmp_path, "--ground-truth", tmp_path / "labels.jsonl", "--on", "id", "--json")
    assert (0, "") == (result.returncode, result.stderr)
    assert 1 == json.loads(result.stdout)["rules"][0]["false_positives"]


def test_texts_of_the_input_stay_on_their_lines(run: Run, tmp_path: Path) -> None:
    """A terminal shows them, and does not obey; what is no text in UTF-8 is shown as well."""
    (tmp_path / "p.json").write_text(
        json.dumps([{"video_id": "a\x1b[2J\nb", "response": "yes\r\u202e\ud800\x9b", "gt": "no"}])
    )
    text = run("streamgaps", "audit", "p.json").stdout
    assert "item 0, a\\x1b[2J\\nb (truth no; 1 sample like this)" in text
    assert "response: yes\\r\\u202e\\ud800\\x9b\n" in text
    data = run("streamgaps", "audit", "p.json", "--json").stdout
    assert data.isascii()
    assert "yes\r\u202e\ud800\x9b" == json.loads(data)["disagreements"][0]["response"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["no-such.json"], 3, "no-such.json: there is no such file"),
        (["p.json"], 1, "p.json: item 0: missing 'gt'"),
        (["p.json", "--rule", "pope"], 2, "No such option"),
        (["p.json", "--carry", "x"], 2, "No such option"),
        ([], 2, "Missing argument 'PREDICTIONS...'"),
        (["-", "-"], 2, "standard input (-) can be read only once"),
    ],
)
def test_it_fails_as_analyze_does(run: Run, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    """With nothing on standard output."""
    (tmp_path / "p.json").write_text('[{"video_id": "v", "response": "yes"}]')
    result = run("streamgaps", "audit", *arguments, "--log-format", "console")
    assert (code, "") == (result.returncode, result.stdout)
    assert words in result.stderr


def test_help_shows_every_option(run: Run) -> None:
    """On one page, and each with what it does."""
    shown = run("streamgaps", "audit", "--help", env={"COLUMNS": "120"}).stdout
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert {"gt_rule", "final_answer", "on_invalid", "ground_truth", "reader", "as_json"} <= {
        option.name for option in options
    }
    assert [] == [option.name for option in options if f"{max(option.opts, key=len)} " not in shown or not option.help]


def test_verbose_says_how_long_it_took(run: Run, sample: Path) -> None:
    """On standard error, so that what is printed stays whole."""
    result = run("streamgaps", "audit", "-v", "--json", sample)
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert ["streamgaps.started", "streamgaps.timed"] == [event["event"] for event in events]
    assert sample.stat().st_size == events[0]["bytes"]
    assert 10 == json.loads(result.stdout)["records"]


def test_real_answers_move_by_the_rule_alone(run: Run) -> None:
    """By the counts that a run for each rule gives."""
    result = run("streamgaps", "audit", real_data("hallusionbench_predictions.json"))
    assert "Accuracy moves from 0.0000 (exact) to 0.5630 (pope) by the rule alone." == result.stdout.splitlines()[-1]
