from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamgaps
from streamgaps import ConfigurationError, InputError, Skip, Tally, UnresolvedPath, analyze, iter_gaps
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests import oracle
from tests.conftest import GOLDEN, names, real_data
from tests.doubles import ChunkedFile, NoFurther
from tests.strategies import BLOCK_SIZES, RECORDS, SPELLINGS

FP = {"video_id": "a.mp4", "response": "yes", "gt": "no"}
OK = {"video_id": "a.mp4", "response": "yes", "gt": "yes"}


def as_lines(gap: streamgaps.Gap) -> dict[str, Any]:
    """Return a gap as its line says it."""
    return {
        "video_id": gap.video_id,
        "error_type": gap.error_type.value,
        "question": gap.question,
        "ground_truth": gap.ground_truth,
        "response": gap.response,
    }


@given(RECORDS, SPELLINGS, BLOCK_SIZES, st.booleans())
def test_it_finds_what_the_oracle_finds(
    records: list[dict[str, Any]], spelling: dict[str, Any], size: int, with_mark: bool
) -> None:
    """Any records, however they are spelled, read in pieces of any size."""
    data = json.dumps(records, **spelling).encode("utf-8-sig" if with_mark else "utf-8")
    notices: list[Skip | UnresolvedPath] = []
    tally = Tally()
    gaps = list(iter_gaps(ChunkedFile(data, size), videos_dir="/videos", on_warning=notices.append, tally=tally))  # type: ignore[arg-type]
    expected = oracle.expect(records, "/videos")
    assert repr(expected.gaps) == repr([as_lines(gap) for gap in gaps])
    skips = [(skip.index, *skip.reason) for skip in notices if isinstance(skip, Skip)]
    assert expected.skipped == skips
    assert (expected.correct, len(expected.gaps)) == (tally.correct, tally.gaps)
    assert len(records) == tally.records


def test_the_sample_gives_the_golden_files(sample: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    notices: list[Skip | UnresolvedPath] = []
    tally = analyze(sample, tmp_path / "gaps", videos_dir="/data/videos", on_warning=notices.append)
    assert (GOLDEN / "sample.jsonl").read_bytes() == (tmp_path / "gaps" / GAPS_NAME).read_bytes()
    assert (GOLDEN / "sample_report.txt").read_bytes() == (tmp_path / "gaps" / REPORT_NAME).read_bytes()
    assert (3, 2, 2, 10) == (tally.false_positives, tally.false_negatives, tally.correct, tally.records)
    assert [3, 7, 9] == [notice.index for notice in notices]


@pytest.mark.parametrize(
    ("name", "fp", "fn", "tp", "tn", "skipped"),
    [
        ("pope/predictions.json", 207, 954, 3546, 4203, 0),
        ("hallusionbench_predictions.json", 55, 24, 61, 65, 49),
    ],
)
def test_real_predictions_give_the_known_counts(
    name: str, fp: int, fn: int, tp: int, tn: int, skipped: int, tmp_path: Path
) -> None:
    """With a warning for each sample that is skipped."""
    notices: list[Skip | UnresolvedPath] = []
    tally = analyze(real_data(name), tmp_path, on_warning=notices.append)
    counts = (tally.false_positives, tally.false_negatives, tally.true_positives, tally.true_negatives)
    assert (fp, fn, tp, tn) == counts
    assert (skipped, skipped) == (len(notices), tally.skipped.total())
    assert fp + fn == len((tmp_path / GAPS_NAME).read_text("utf-8").splitlines())


def test_without_gaps_there_are_no_files_and_no_stale_ones(tmp_path: Path) -> None:
    """A folder that the run made goes as well; one that was there stays, with what else is in it."""
    made = tmp_path / "a" / "b"
    analyze(io.BytesIO(json.dumps([OK]).encode()), made)
    assert names(tmp_path) == []
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in (GAPS_NAME, REPORT_NAME, "mine.txt"):
        (kept / name).write_text("stale")
    analyze(io.BytesIO(b"[]"), kept)
    assert names(kept) == ["mine.txt"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", "must be a JSON array of prediction objects"),
        (json.dumps([FP, 5]).encode(), "item 1 is not an object"),
        (json.dumps([FP, {"gt": "no"}]).encode(), "item 1: missing 'response'"),
        (json.dumps([FP, {**FP, "gt": None}]).encode(), "item 1: 'gt' must be a string, not null"),
        (json.dumps([FP])[:-1].encode(), "malformed JSON at byte 53: the input ends inside"),
        (b"\xff", "malformed JSON at byte 0: invalid UTF-8"),
    ],
)
def test_an_error_leaves_everything_as_it_was(data: bytes, message: str, tmp_path: Path) -> None:
    """A ValueError that names the input; no file where none was, and the earlier results untouched."""
    with pytest.raises(ValueError, match="^<stream>: ") as caught:
        analyze(io.BytesIO(data), tmp_path / "new")
    assert message in str(caught.value)
    assert isinstance(caught.value, InputError)
    assert names(tmp_path) == []
    for name in (GAPS_NAME, REPORT_NAME):
        (tmp_path / name).write_text("good")
    with pytest.raises(InputError):
        analyze(io.BytesIO(data), tmp_path)
    assert names(tmp_path) == [GAPS_NAME, REPORT_NAME]
    assert (tmp_path / GAPS_NAME).read_text() == "good"


def test_missing_predictions_are_a_file_not_found_error(tmp_path: Path) -> None:
    """It names the path; nothing is made."""
    with pytest.raises(FileNotFoundError, match="no such file") as caught:
        analyze(tmp_path / "nope.json", tmp_path / "gaps")
    assert str(tmp_path / "nope.json") in str(caught.value)
    assert names(tmp_path) == []


def test_gaps_come_before_they_are_all_known() -> None:
    """Lazily: no more is read than the next gap takes."""
    block = json.dumps([OK, FP, OK, FP, OK])[:-1].encode()
    gaps = iter_gaps(NoFurther(block))  # type: ignore[arg-type]
    assert [1, 3] == [gap.index for gap in islice(gaps, 2)]


def test_nothing_happens_before_the_first_gap_is_asked_for() -> None:
    """Not even the file is opened."""
    gaps = iter_gaps("there/is/no/such/file.json")
    with pytest.raises(FileNotFoundError):
        next(gaps)


def test_results_come_before_the_error() -> None:
    """All gaps before the place where the input goes wrong."""
    tally = Tally()
    gaps = iter_gaps(io.BytesIO(json.dumps([FP, FP, OK, 1, FP]).encode()), tally=tally)
    assert [0, 1] == [gap.index for gap in islice(gaps, 2)]
    with pytest.raises(InputError, match="item 3 is not an object"):
        next(gaps)
    assert tally.records == 3


def test_a_file_that_was_given_open_stays_open(tmp_path: Path) -> None:
    """Whoever opens a file closes it."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps([FP]))
    with path.open("rb") as file:
        assert len(list(iter_gaps(file))) == 1
        assert not file.closed


def test_input_and_output_may_be_the_same_file(tmp_path: Path) -> None:
    """The output takes the place of the input when that is read to its end."""
    path = tmp_path / GAPS_NAME
    path.write_text(json.dumps([FP, OK]))
    assert analyze(path, tmp_path).gaps == 1
    assert json.loads(path.read_text())["error_type"] == "FP"


def test_progress_is_told_block_by_block(tmp_path: Path) -> None:
    """With bytes that rise to the length of the input."""
    data = json.dumps([FP] * 5000).encode()
    seen: list[int] = []
    analyze(io.BytesIO(data), tmp_path, on_progress=lambda done, _: seen.append(done))
    assert len(seen) > 2
    assert sorted(seen) == seen
    assert seen[-1] == len(data)


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(
        streamgaps.ConfigurationError,
        match=r"max_record_bytes \(--max-record-bytes\) must be a whole number from 1 on, not 0",
    ):
        analyze(io.BytesIO(b"[]"), tmp_path / "gaps", max_record_bytes=0)
    with pytest.raises(streamgaps.ConfigurationError, match=r"results_dir \(--results-dir\) is empty"):
        analyze(io.BytesIO(b"[]"), "")
    assert names(tmp_path) == []


def test_the_public_names_are_these() -> None:
    """Each is importable, and the list is sorted."""
    errors = ["InputError", "MalformedInputError", "NotAnArrayError", "RecordError", "UnsupportedInputError"]
    errors += ["ConfigurationError", "OutputError", "SourceError", "SourceNotFoundError", "StreamgapsError"]
    errors += ["GateError", "WorkerError"]
    answers = ["RULES", "parse_answer"]
    model = ["Answer", "ErrorType", "Gap", "Skip", "SkipReason", "Tally", "UnresolvedPath"]
    model += ["Confusion", "Group", "Survey", "Audit", "Disagreement", "RuleReading", "audit"]
    model += ["Changes", "ComparedRun", "Comparison", "Difference", "GroupChanges", "McNemar"]
    model += ["compare", "report", "measure"]
    assert {*errors, *model, *answers, "Options", "__version__", "analyze", "iter_gaps"} == set(streamgaps.__all__)
    assert all(hasattr(streamgaps, name) for name in streamgaps.__all__)


def test_groups_are_counted_on_in_a_tally(tmp_path: Path) -> None:
    """In one of the same groups; another is refused before anything is counted."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps([{"video_id": "v", "response": "yes", "gt": "no", "question": "q"}]))
    tally = Tally()
    for _ in range(2):
        assert len(list(iter_gaps(path, tally=tally, group_by="question"))) == 1
    assert tally.survey is not None
    assert [("q", 2)] == [(group.value, group.confusion.false_positives) for group in tally.survey.groups("question")]
    others: list[dict[str, Any]] = [{"group_by": ["kind"]}, {"group_by": "question", "max_groups": 7}]
    for other in others:
        with pytest.raises(ConfigurationError, match="tally counts other groups already"):
            list(iter_gaps(path, tally=tally, **other))
    assert len(list(iter_gaps(path, tally=tally))) == 1
    assert (3, 2) == (tally.records, tally.survey.total.samples)
