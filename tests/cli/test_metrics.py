from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from tests.conftest import names, real_data

Run = Callable[..., subprocess.CompletedProcess[str]]

RECORDS: list[dict[str, Any]] = [
    {"video_id": "/a", "response": "yes", "gt": "yes", "question": "q", "kind": "day"},
    {"video_id": "/b", "response": "yes", "gt": "no", "question": "q", "kind": "night"},
    {"video_id": "/c", "response": "no", "gt": "no", "question": "r", "kind": "day"},
    {"video_id": "/d", "response": "maybe", "gt": "yes", "question": "r", "kind": "night"},
    {"video_id": "/e", "response": "yes", "gt": "?", "question": "r"},
]


@pytest.fixture
def metrics(run: Run, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the command on some records, and return its metrics."""

    def run_command(*options: str, records: list[dict[str, Any]] = RECORDS) -> dict[str, Any]:
        (tmp_path / "p.json").write_text(json.dumps(records))
        assert run("streamgaps", "analyze", "p.json", "-o", "gaps", "--metrics", *options).returncode == 0
        found: dict[str, Any] = json.loads((tmp_path / "gaps" / METRICS_NAME).read_text("utf-8"))
        return found

    return run_command


def test_metrics_count_an_unclear_answer_as_wrong(metrics: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """Under the keys that TAO's loop reads; a truth that is unclear says nothing, and is among the skipped."""
    found = metrics()
    expected = {
        "schema_version": 1,
        "total_samples": 4,
        "parsed_predictions": 3,
        "unparseable_predictions": 1,
        "unparseable_positive_predictions": 1,
        "unparseable_negative_predictions": 0,
        "positive_ground_truth": 2,
        "negative_ground_truth": 2,
        "true_positives": 1,
        "true_negatives": 1,
        "false_positives": 1,
        "false_negatives": 0,
        "true_positive_rate": 0.5,
        "true_negative_rate": 0.5,
        "accuracy": 0.5,
        "balanced_accuracy": 0.5,
        "accuracy_parsed": 2 / 3,
        "records": 5,
        "gaps": {"FP": 1, "FN": 0, "unclear": 0},
        "skipped": [
            {"field": "gt", "reason": "neither", "count": 1},
            {"field": "response", "reason": "neither", "count": 1},
        ],
    }
    assert expected == {name: found[name] for name in expected}
    assert names(tmp_path / "gaps") == [GAPS_NAME, REPORT_NAME, METRICS_NAME]


@pytest.mark.parametrize("unclear", ["skip", "gap"])
def test_metrics_do_not_depend_on_what_becomes_of_unclear_ones(
    metrics: Callable[..., dict[str, Any]], unclear: str
) -> None:
    """Nor on repeats being dropped: they speak of answers, and not of lines."""
    plain, found = metrics(), metrics("--unclear", unclear, "--dedup", records=RECORDS)
    assert plain["accuracy"] == found["accuracy"]
    assert plain["unparseable_predictions"] == found["unparseable_predictions"]
    assert (1, 1 if unclear == "gap" else 0) == (found["gaps"]["FP"], found["gaps"]["FN"])
    assert metrics("--dedup", records=[RECORDS[1]] * 3)["false_positives"] == 3


def test_the_other_answer_may_be_the_positive_one(metrics: Callable[..., dict[str, Any]]) -> None:
    """Gaps keep their names."""
    found = metrics("--positive", "no")
    assert (1, 0, 1) == (found["true_positives"], found["false_positives"], found["false_negatives"])
    assert ({"FP": 1, "FN": 0, "unclear": 0}, "no") == (found["gaps"], found["positive"])
    assert (2 / 3, 0.5) == (found["yes_ratio_answers"], found["yes_ratio_truth"])


def test_groups_come_worst_first(metrics: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """Of several fields; what is grouped by is carried."""
    found = metrics(
        "--group-by",
        "kind",
        "--group-by",
        "question",
        "--carry",
        "sort=kind",
        "--group-by",
        "sort",
        "--group-by",
        "q=question",
    )
    groups = {field: [(row["value"], row["accuracy"]) for row in rows] for field, rows in found["groups"].items()}
    kinds = [("night", 0.0), ("day", 1.0), (None, None)]
    questions = [("q", 0.5), ("r", 0.5)]
    assert groups == {"kind": kinds, "question": questions, "sort": kinds, "q": questions}
    assert (["kind", "question", "sort", "q"], {"kind": 3, "question": 2, "sort": 3, "q": 2}) == (
        found["run"]["group_by"],
        found["number_of_groups"],
    )
    (line,) = (tmp_path / "gaps" / GAPS_NAME).read_text("utf-8").splitlines()
    assert ("night", "night") == (json.loads(line)["kind"], json.loads(line)["sort"])


def test_groups_beyond_the_limit_are_one(metrics: Callable[..., dict[str, Any]]) -> None:
    """Which says so."""
    found = metrics("--group-by", "question", "--max-groups", "1")
    one, other = found["groups"]["question"]
    assert ("q", 2) == (one["value"], one["total_samples"])
    assert (None, True, 2) == (other["value"], other["is_other"], other["total_samples"])


def test_no_gaps_no_files_but_the_metrics(metrics: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """And what is not defined is null."""
    found = metrics(records=[])
    assert names(tmp_path / "gaps") == [METRICS_NAME]
    assert (0, None, None, None) == (
        found["total_samples"],
        found["accuracy"],
        found["matthews_correlation"],
        found["intervals"]["accuracy"],
    )


def test_published_numbers_come_out(run: Run, tmp_path: Path) -> None:
    """POPE's F1 by split, for LLaVA-1.5-13B; the same from two jobs."""
    path = real_data("pope/predictions.json")
    for jobs in ("1", "2"):
        run("streamgaps", "analyze", path, "-o", jobs, "--metrics", "--group-by", "category", "--jobs", jobs)
    found = json.loads((tmp_path / "1" / METRICS_NAME).read_text("utf-8"))
    f1 = {row["value"]: round(row["f1"], 4) for row in found["groups"]["category"]}
    assert f1 == {"adversarial": 0.8446, "popular": 0.8625, "random": 0.8714}
    for name in names(tmp_path / "1"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_metric_that_is_too_low_fails_the_run(run: Run, tmp_path: Path) -> None:
    """With exit code 4, and the results: they are what it takes to mend the model."""
    (tmp_path / "p.json").write_text(json.dumps(RECORDS))
    low = ["--fail-under", "accuracy=0.5", "--fail-under", "recall=0.51", "--fail-under", "f1=0.6"]
    result = run("streamgaps", "analyze", "p.json", "-o", "gaps", *low, "--log-format", "console")
    assert result.returncode == 4
    assert result.stderr.splitlines()[-1] == (
        "streamgaps: recall is 0.5000, and must be at least 0.51; f1 is 0.5000, and must be at least 0.6 "
        "(--fail-under); the results are written all the same"
    )
    assert "Written" in result.stderr
    assert names(tmp_path / "gaps") == [GAPS_NAME, REPORT_NAME]
    assert run("streamgaps", "analyze", "p.json", "-o", "gaps", *low[:2]).returncode == 0


def test_a_metric_that_is_not_defined_fails_the_run(run: Run, tmp_path: Path) -> None:
    """Nobody knows that it is good enough."""
    (tmp_path / "p.json").write_text(json.dumps(RECORDS[:1]))
    result = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--fail-under", "specificity=0.1")
    assert (4, True) == (result.returncode, "specificity is not defined" in result.stderr)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fail-under", "accurracy=0.9"], "there is no metric 'accurracy' for it; there are true_positive_rate, "),
        (["--fail-under", "unclear_rate=0.9"], "there is no metric 'unclear_rate'"),
        (["--fail-under", "accuracy=90"], ": accuracy must be a number from -1 to 1, not 90.0; 90 % is 0.9"),
        (["--fail-under", "accuracy=high"], "'high' is no number"),
        (["--fail-under", "accuracy=nan"], "must be a number from -1 to 1"),
        (["--fail-under", "f1=0.9", "--fail-under", "f1=0.1"], "--fail-under names a metric twice"),
        ([word for n in range(101) for word in ("--group-by", f"f{n}")], "there are 101 fields that make groups"),
        (["--fail-under", "accuracy"], "expected METRIC=LEAST"),
        (
            ["--group-by", "response"],
            "a gap has a field 'response' already; carry it under another name: --carry name=response",
        ),
        (["--carry", "a=b", "--group-by", "a=c"], "a gap has a field 'a' already"),
        (["--group-by", "a..b"], "the path 'a..b' (--group-by) has an empty part"),
        (["--max-groups", "0"], "0 is not in the range"),
        (["--positive", "no"], "positive (--positive) has no effect without metrics, a page or a limit"),
        (["--report-samples", "7"], "report_samples (--report-samples) has no effect without a page"),
        (["--max-groups", "7"], "max_groups (--max-groups) has no effect without group_by"),
        (["--html", "-"], "--html needs the name of a file"),
        (["--html", "s3://a/b.html"], "html (--html) is a URL"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, tmp_path: Path, options: list[str], words: str) -> None:
    """Before anything is read."""
    result = run("streamgaps", "analyze", "none.json", "-o", "gaps", *options, "--log-format", "console")
    assert (2, True) == (result.returncode, words in result.stderr)
    assert names(tmp_path) == []


def test_metrics_need_a_folder(run: Run, sample: Path) -> None:
    """A stream has no room for them; limits and groups go with it."""
    result = run("streamgaps", "analyze", sample, "-o", "-", "--metrics")
    assert (2, True) == (result.returncode, "and there is none" in result.stderr)
    result = run("streamgaps", "analyze", sample, "-o", "-", "--group-by", "question", "--fail-under", "accuracy=1")
    assert (4, 5) == (result.returncode, len(result.stdout.splitlines()))


def test_the_end_tells_of_the_worst_groups(run: Run, tmp_path: Path) -> None:
    """Three of each field, by short names that a terminal shows as they are."""
    groups = ["a", "b", "c", "d\x1b[31m" + "!" * 300]
    records = [{**RECORDS[1 if place > 1 else 0], "kind": group} for place, group in enumerate(groups)]
    (tmp_path / "p.json").write_text(json.dumps(records))
    shown = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--group-by", "kind", "--log-format", "console").stderr
    worst = re.findall(r"^Worst kind +(.*?): (.*?) %", shown, re.MULTILINE)
    assert [("c", "0.0"), ("d\\x1b[31m" + "!" * 54 + "…", "0.0"), ("a", "100.0")] == worst
    log = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--group-by", "kind").stderr.splitlines()
    assert json.loads(log[-1])["worst"]["kind"]["c"] == 0.0


def test_the_page_of_a_run_is_that_of_its_results(run: Run, tmp_path: Path) -> None:
    """Byte by byte, from any number of jobs; also without gaps, and where the gaps go to standard output."""
    pytest.importorskip("jinja2")
    records = [{**RECORDS[number % 5], "video_id": f"/{number}", "number": number % 70} for number in range(2000)]
    (tmp_path / "p.json").write_text(json.dumps(records))
    groups = ["--group-by", "number", "--group-by", "kind", "--report-samples", "20", "-q"]
    for jobs in ("1", "2"):
        options = [*groups, "--metrics", "--jobs", jobs, "--html", f"{jobs}.html"]
        assert run("streamgaps", "analyze", "p.json", "-o", "gaps", *options).returncode == 0
    assert run("streamgaps", "report", "gaps", "--html", "later.html", "--report-samples", "20").returncode == 0
    assert run("streamgaps", "analyze", "p.json", "-o", "-", *groups, "--html", "stream.html").returncode == 0
    pages = [(tmp_path / f"{name}.html").read_bytes() for name in ("1", "2", "later", "stream")]
    assert len(set(pages)) == 1
    assert pages[0].count(b"<article") == 20
    (tmp_path / "none.json").write_text(json.dumps(RECORDS[:1]))
    assert run("streamgaps", "analyze", "none.json", "-o", "none", "--html", "none/page.html").returncode == 0
    assert names(tmp_path / "none") == ["page.html"]


def test_a_page_needs_its_libraries_and_a_place_of_its_own(run: Run, tmp_path: Path, sample: Path) -> None:
    """Found out before anything is read."""
    pytest.importorskip("jinja2")
    (tmp_path / "p.json").write_bytes(sample.read_bytes())
    shown = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--html", "p.json")
    assert (2, True) == (shown.returncode, "the page would replace an input" in shown.stderr)
    command = (
        "import sys, importlib.util as util; find = util.find_spec; "
        "util.find_spec = lambda name: None if name == 'jinja2' else find(name); "
        "from streamgaps.cli.streamgaps import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["analyze", "none.json", "-o", "gaps", "--html", "page.html"]
    done = subprocess.run([sys.executable, "-c", command, *arguments], cwd=tmp_path, check=False, capture_output=True)
    assert (2, True) == (done.returncode, b"pip install 'streamgaps[report]'" in done.stderr)


def test_the_accuracy_at_the_end_counts_repeats_as_wrong(run: Run, tmp_path: Path) -> None:
    """They are left out of the lines only."""
    (tmp_path / "p.json").write_text(json.dumps([*RECORDS[:1], *RECORDS[1:2] * 3]))
    log = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--dedup").stderr.splitlines()
    assert (0.25, 4) == (json.loads(log[-1])["accuracy"], json.loads(log[-1])["compared"])


def test_the_accuracy_of_clear_answers_is_called_that(run: Run, tmp_path: Path) -> None:
    """Where unclear responses are skipped, nobody has read their truth; elsewhere somebody has."""
    unclear = {"video_id": "v", "response": "?", "gt": "no"}
    (tmp_path / "p.json").write_text(json.dumps([*RECORDS[:2], unclear]))
    for options, name, compared in (
        ([], "accuracy_parsed", 2),
        (["--unclear", "gap"], "accuracy", 3),
        (["--metrics"], "accuracy", 3),
    ):
        log = json.loads(run("streamgaps", "analyze", "p.json", "-o", "gaps", *options).stderr.splitlines()[-1])
        assert (1 / compared, compared) == (log[name], log["compared"])
        assert {name, f"{name}_interval"} == {key for key in log if key.startswith("accuracy")}


def test_a_field_that_is_nowhere_is_warned_of(run: Run, tmp_path: Path) -> None:
    """It may be misspelt."""
    (tmp_path / "p.json").write_text(json.dumps(RECORDS))
    shown = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--group-by", "kinds", "--group-by", "kind").stderr
    warned = [entry for entry in map(json.loads, shown.splitlines()) if entry["event"] == "streamgaps.no_such_field"]
    assert ["kinds"] == [entry["field"] for entry in warned]


def test_metrics_of_an_earlier_run_do_not_stay(run: Run, tmp_path: Path, metrics: Callable[..., Any]) -> None:
    """They would be taken for those of this one; a file of somebody else's stays."""
    metrics()
    assert run("streamgaps", "analyze", "p.json", "-o", "gaps").returncode == 0
    assert names(tmp_path / "gaps") == [GAPS_NAME, REPORT_NAME]
    (tmp_path / "gaps" / METRICS_NAME).write_text('{"schema_version": 1, "accuracy": 1}')
    assert run("streamgaps", "analyze", "p.json", "-o", "gaps").returncode == 0
    assert names(tmp_path / "gaps") == [GAPS_NAME, REPORT_NAME, METRICS_NAME]


def test_metrics_of_an_earlier_run_stay_if_a_run_fails(
    run: Run, tmp_path: Path, metrics: Callable[..., dict[str, Any]]
) -> None:
    """As the other results do."""
    found = metrics()
    (tmp_path / "p.json").write_text("[1]")
    assert run("streamgaps", "analyze", "p.json", "-o", "gaps").returncode == 1
    assert found == json.loads((tmp_path / "gaps" / METRICS_NAME).read_text("utf-8"))
    assert "streamgaps 0." in found["generator"]


def test_a_page_takes_the_place_of_no_result(run: Run, sample: Path, tmp_path: Path) -> None:
    """Also of one that is not asked for."""
    for name in (GAPS_NAME, REPORT_NAME, METRICS_NAME):
        shown = run("streamgaps", "analyze", sample, "-o", "gaps", "--html", f"gaps/{name}")
        assert (2, True) == (shown.returncode, "other results go to that file" in shown.stderr)
    assert names(tmp_path) == []


@pytest.mark.parametrize("command", ["audit", "compare"])
def test_a_closed_standard_output_is_an_error(sample: Path, tmp_path: Path, command: str) -> None:
    """Where the table was to go there."""
    (tmp_path / "p.json").write_bytes(sample.read_bytes())
    runs = "p.json" if command == "audit" else "p.json p.json --name a --name b"
    for where in (">&-", "> /dev/full"):
        line = f'"$0" {command} {runs} {where}'
        shown = subprocess.run(
            ["/bin/sh", "-c", line, str(Path(sys.executable).with_name("streamgaps"))],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
        assert (3, True) == (shown.returncode, "<stdout>: cannot be written" in shown.stderr)
