"""Real predictions, where they are on this machine: in any shape they come to the same gaps, byte for byte."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamgaps import Skip, SkipReason, UnresolvedPath, analyze, iter_gaps
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import command, real_data

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FIELDS = {"response": "text", "video_id": "image", "gt": "label"}
POPE: dict[str, Any] = {"on": "question_id", "fields": FIELDS, "carry": ["question_id"]}


@pytest.fixture(scope="module")
def answers() -> Path:
    """Return the answers of a model to POPE."""
    return real_data("pope/answers.jsonl")


@pytest.fixture(scope="module")
def typed() -> list[str]:
    """Return the options of the command that says how they are to be read."""
    fields = [text for name, path in FIELDS.items() for text in ("--field", f"{name}={path}")]
    labels = ["--ground-truth", str(real_data("pope/ground_truth.jsonl")), "--on", "question_id"]
    return [*labels, *fields, "--carry", "question_id", "--videos-dir", "/pope"]


@pytest.fixture(scope="module")
def expected(answers: Path) -> bytes:
    """Return the gaps as plain Python finds them, which answers with nothing but one word."""
    lines = real_data("pope/ground_truth.jsonl").read_text("utf-8").splitlines()
    labels = {label["question_id"]: label for label in map(json.loads, lines)}
    found = []
    for answer in map(json.loads, answers.read_text("utf-8").splitlines()):
        label = labels[answer["question_id"]]
        if answer["text"].lower() != label["label"]:
            gap = {"video_id": f"/pope/{label['image']}", "error_type": "FP" if label["label"] == "no" else "FN"}
            gap |= {"question": label["question"], "ground_truth": label["label"], "response": answer["text"]}
            found.append(gap | {"question_id": answer["question_id"]})
    assert (207, 954) == tuple(sum(gap["error_type"] == kind for gap in found) for kind in ("FP", "FN"))
    return "".join(f"{json.dumps(gap, separators=(',', ':'))}\n" for gap in found).encode()


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command, and let it end well."""
    whole = [*command("streamgaps"), "analyze", *map(str, arguments)]
    return subprocess.run(whole, check=True, capture_output=True, timeout=100, **options)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_answers_and_labels_that_lie_apart_need_no_converter(
    answers: Path, typed: list[str], expected: bytes, tmp_path: Path, jobs: str
) -> None:
    """None of them is skipped."""
    result = run(answers, *typed, "-o", tmp_path, "--jobs", jobs, "--skipped", tmp_path / "skipped.jsonl")
    assert expected == (tmp_path / GAPS_NAME).read_bytes()
    report = (tmp_path / REPORT_NAME).read_text("utf-8")
    assert [("FP", "207"), ("FN", "954"), ("Total", "1161")] == re.findall(
        r"^\| (FP|FN|Total) +\| (\d+)", report, re.MULTILINE
    )
    end = json.loads(result.stderr.splitlines()[-1])
    assert (8910, 7749, {}) == (end["records"], end["correct"], end["skipped"])
    assert not (tmp_path / "skipped.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress], ids=["gz", "bz2", "xz", "zst"]
)
def test_they_may_be_compressed(
    answers: Path, typed: list[str], expected: bytes, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    """As a file of any name, and on standard input."""
    path = tmp_path / "answers"
    path.write_bytes(compress(answers.read_bytes()))
    labels, gaps = real_data("pope/ground_truth.jsonl"), io.BytesIO()
    assert analyze(path, gaps, ground_truth=labels, videos_dir="/pope", **POPE).gaps == 1161
    assert expected == gaps.getvalue()
    with path.open("rb") as file:
        assert expected == run("-", *typed, "-o", "-", "-q", stdin=file).stdout


def test_they_may_come_through_a_pipe(answers: Path, typed: list[str], expected: bytes) -> None:
    """As they are."""
    assert expected == run("-", *typed, "-o", "-", "-q", input=answers.read_bytes()).stdout


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_they_may_lie_in_shards(answers: Path, typed: list[str], expected: bytes, tmp_path: Path, jobs: str) -> None:
    """Five of them, by their names or as a folder; one of them is compressed."""
    lines = answers.read_bytes().splitlines(keepends=True)
    shards = [tmp_path / f"rank-{number}.jsonl" for number in range(5)]
    for number, shard in enumerate(shards):
        shard.write_bytes(b"".join(lines[number * 1782 : (number + 1) * 1782]))
    shards[3].write_bytes(gzip.compress(shards[3].read_bytes()))
    assert expected == run(*shards, *typed, "-o", "-", "-q", "--jobs", jobs).stdout
    assert expected == run(tmp_path, *typed, "-o", "-", "-q", "--jobs", jobs).stdout


def test_they_may_be_an_array_under_a_prefix(answers: Path, typed: list[str], expected: bytes, tmp_path: Path) -> None:
    """Read by several processes, too."""
    records = ",\n".join(answers.read_text("utf-8").splitlines())
    (tmp_path / "p.json").write_text(f'{{"model": "llava", "results": [{records}], "end": null}}', "utf-8")
    for jobs in ("1", "2"):
        shown = run(tmp_path / "p.json", *typed, "--prefix", "results.item", "-o", "-", "-q", "--jobs", jobs).stdout
        assert expected == shown


def test_the_reader_of_events_reads_the_same(answers: Path, typed: list[str], expected: bytes) -> None:
    """Of both files."""
    assert expected == run(answers, *typed, "-o", "-", "-q", "--reader", "ijson").stdout


def test_repeated_gaps_are_dropped(answers: Path) -> None:
    """The same question of the same image is in several splits."""
    labels = real_data("pope/ground_truth.jsonl")
    gaps = list(iter_gaps(answers, ground_truth=labels, **POPE))
    kept = list(iter_gaps(answers, ground_truth=labels, dedup=True, **POPE))
    pairs = [(gap.video_id, gap.question) for gap in gaps]
    assert list(dict.fromkeys(pairs)) == [(gap.video_id, gap.question) for gap in kept]
    assert 0 < len(kept) < len(gaps) == 1161


@pytest.mark.parametrize("rule", ["pope", "leading"])
def test_answers_of_one_word_are_the_same_by_any_rule(answers: Path, tmp_path: Path, rule: str) -> None:
    """Those of POPE are."""
    labels = real_data("pope/ground_truth.jsonl")
    tally = analyze(answers, tmp_path, ground_truth=labels, rule=rule, **POPE)
    assert (207, 954, 0) == (tally.false_positives, tally.false_negatives, tally.skipped.total())


def test_prose_that_is_unclear_counts_as_wrong_if_it_is_to(tmp_path: Path) -> None:
    """Of 49 unclear responses, 33 stand against no, and 16 against yes."""
    notices: list[Skip | UnresolvedPath] = []
    prose = real_data("hallusionbench_predictions.json")
    tally = analyze(prose, tmp_path, unclear="gap", on_warning=notices.append)
    assert (55 + 33, 24 + 16, 49) == (tally.false_positives, tally.false_negatives, tally.unclear)
    lines = [json.loads(line) for line in (tmp_path / GAPS_NAME).read_bytes().splitlines()]
    assert (notices, 49) == ([], sum("unclear" in line for line in lines))
    tally = analyze(prose, tmp_path, rule="pope")
    assert SkipReason("response", "neither") not in tally.skipped
