from __future__ import annotations

import io
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streamgaps import ConfigurationError, GateError, InputError, SkipReason, Tally, analyze, iter_gaps
from streamgaps.chain import Chain
from streamgaps.cli.streamgaps import main
from streamgaps.gates import check_metrics, check_skipped_share
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from streamgaps.stages.read import read
from tests.conftest import names
from tests.doubles import Here

FP = {"video_id": "/v", "response": "yes", "gt": "no"}
UNKEPT = "no results were put in place; without the limit, --skipped lists them"
SKIP = FP | {"response": "?"}
JOINED = ["--ground-truth", "labels.json", "--on", "response"]


def source(*records: dict[str, Any]) -> io.BytesIO:
    """Write an input."""
    return io.BytesIO(json.dumps(records).encode())


def ignore(_: object) -> None:
    """Say nothing of skipped samples."""


@pytest.mark.parametrize(
    ("skipped", "most", "is_kept"),
    [
        (0, 0, True),
        (1, 0, False),
        (1, 19.9, False),
        (1, 20, True),
        (5, 99.99, False),
        (5, 100, True),
        (1, None, True),
    ],
)
def test_results_are_put_in_place_only_if_no_more_is_skipped_than_may_be(
    tmp_path: Path, skipped: int, most: float | None, is_kept: bool
) -> None:
    """So many of five, in percent; else the earlier ones stay."""
    for name in (GAPS_NAME, REPORT_NAME):
        (tmp_path / name).write_text("old")
    records = [SKIP] * skipped + [FP] * (5 - skipped)
    if is_kept:
        analyze(source(*records), tmp_path, max_skipped=most, on_warning=ignore)
        assert (5 - skipped) * [FP["video_id"]] == [
            json.loads(line)["video_id"] for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()
        ]
        return
    with pytest.raises(GateError, match=rf"^{skipped} of 5 records \({20 * skipped} %\) were skipped") as caught:
        analyze(source(*records), tmp_path, max_skipped=most, on_warning=ignore)
    assert (5, skipped) == (caught.value.tally.records, caught.value.tally.uncompared)
    assert ["old", "old"] == [(tmp_path / name).read_text() for name in names(tmp_path)]


def test_an_input_without_records_has_no_share_of_skipped_ones(tmp_path: Path) -> None:
    """Nothing of it was passed over."""
    assert analyze(source(), tmp_path, max_skipped=0).records == 0


def test_a_repeat_that_is_dropped_was_compared(tmp_path: Path) -> None:
    """It is what `dedup` asks for."""
    tally = analyze(source(FP, FP, FP), tmp_path, max_skipped=0, dedup=True)
    assert (2, 0) == (tally.skipped.total(), tally.uncompared)


def test_the_file_of_skipped_samples_is_not_put_in_place_either(tmp_path: Path) -> None:
    """It belongs to the results."""
    with pytest.raises(GateError):
        analyze(source(SKIP), tmp_path / "gaps", max_skipped=0, skipped=tmp_path / "s.jsonl", on_warning=ignore)
    assert names(tmp_path) == []


def test_a_stream_has_got_the_gaps_by_then() -> None:
    """And the message says so."""
    stream = io.BytesIO()
    with pytest.raises(GateError, match=r"none may be \(--strict\); the gaps were handed on before that was known$"):
        analyze(source(FP, SKIP), stream, max_skipped=0, on_warning=ignore)
    assert b'"FP"' in stream.getvalue()


@pytest.mark.parametrize("most", [-1, 100.5, math.nan, math.inf, "5", True, False])
def test_what_is_no_percentage_is_refused(tmp_path: Path, most: Any) -> None:
    """NaN above all, which would let everything pass."""
    with pytest.raises(
        ConfigurationError, match=r"max_skipped \(--max-skipped\) must be a percentage from 0 to 100, not "
    ):
        analyze(source(), tmp_path, max_skipped=most)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            ["--strict"],
            4,
            f"1 of 2 records (50 %) were skipped, and none may be (--strict); {UNKEPT}",
        ),
        (
            ["--max-skipped", "49.5"],
            4,
            f"and at most 49.5 % may be (--max-skipped); {UNKEPT}",
        ),
        (["--max-skipped", "50"], 0, ""),
        (["--max-skipped", "nan"], 2, "max_skipped (--max-skipped) must be a percentage from 0 to 100, not nan"),
        (["--max-skipped", "many"], 2, "'many' is not a valid float"),
        (["--strict", "--max-skipped", "0"], 2, "--strict contradicts --max-skipped"),
        (["--strict", *JOINED, "--unmatched", "skip"], 4, "1 of 2 records (50 %) were skipped, and none may be"),
        (["--strict", "--on-invalid", "skip"], 4, "none may be"),
        (["--strict", "--unclear", "gap"], 0, ""),
    ],
)
def test_the_command_has_a_code_for_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    said: str,
) -> None:
    """And shows the counts before it says why."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.json").write_text(json.dumps([FP, SKIP]))
    (tmp_path / "labels.json").write_text(json.dumps([{"response": "yes", "gt": "no"}]))
    assert code == main(["analyze", "p.json", "-o", "gaps", "--log-format", "console", *options])
    shown = capsys.readouterr().err
    assert ("| Records read" in shown) == (code != 2)
    assert said in shown.splitlines()[-1]
    assert (tmp_path / "gaps").exists() == (code == 0)


def test_counts_are_told_in_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last event but one has them all, and they come to the records read."""
    (tmp_path / "p.json").write_text(json.dumps([FP, SKIP]))
    assert main(["analyze", str(tmp_path / "p.json"), "-o", str(tmp_path / "gaps"), "--strict"]) == 4
    *_, finished, failed = map(json.loads, capsys.readouterr().err.splitlines())
    assert failed["event"] == "streamgaps.failed"
    counts = [finished[name] for name in ("correct", "false_positives", "false_negatives")]
    assert [0, 1, 0] == counts
    assert finished["records"] == sum(counts) + sum(finished["skipped"].values())


@pytest.mark.parametrize("executor", [None, Here()])
def test_a_record_that_gets_lost_on_the_way_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: Here | None
) -> None:
    """By the number of those that the reader gave; it is a bug, and nothing is put in place."""
    real = Chain.find_gaps

    def lossy(self: Chain, batches: Any, **options: Any) -> Any:
        return real(self, (batch[1:] for batch in batches), **options)

    monkeypatch.setattr(Chain, "find_gaps", lossy)
    path = tmp_path / "p.json"
    path.write_text(json.dumps([FP] * 3))
    with pytest.raises(AssertionError, match="^3 records were read, and 2 are accounted for$"):
        analyze(path, tmp_path / "gaps", executor=executor)
    assert names(tmp_path) == ["p.json"]
    with pytest.raises(AssertionError, match="3 records were read"):
        list(iter_gaps(path))
    assert main(["analyze", str(path), "-o", str(tmp_path / "gaps")]) == 70


def test_a_tally_can_be_counted_on(tmp_path: Path) -> None:
    """What it holds already does not count as lost."""
    (tmp_path / "p.json").write_text(json.dumps([FP, SKIP]))
    tally = Tally()
    for runs in (1, 2):
        assert len(list(iter_gaps(tmp_path / "p.json", tally=tally, on_warning=ignore))) == 1
        assert tally.records == 2 * runs


def test_an_error_in_a_file_that_was_written_to_is_put_down_to_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong in it now."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps([FP, FP])[:-1])
    with pytest.raises(InputError, match="ends inside the array"):
        analyze(path, tmp_path / "gaps")

    def write_meanwhile(*arguments: Any, **options: Any) -> Any:
        path.write_text("[1, 2, 3]")
        return read(*arguments, **options)

    monkeypatch.setattr("streamgaps.run.read", write_meanwhile)
    with pytest.raises(OSError, match="changed while it was read"):
        analyze(path, tmp_path / "gaps")


def test_a_limit_is_for_the_metric_of_the_positive_answer(tmp_path: Path) -> None:
    """The recall of no is the specificity of yes."""
    records = [FP, FP | {"gt": "yes"}]
    for positive, low, high in (("yes", "specificity", "recall"), ("no", "recall", "specificity")):
        assert 2 == analyze(source(*records), tmp_path, fail_under={high: 1.0}, positive=positive).records
        with pytest.raises(GateError, match=rf"^{low} is 0\.0000, and must be at least 0\.1 ") as caught:
            analyze(source(*records), tmp_path, fail_under={high: 1.0, low: 0.1}, positive=positive)
        assert caught.value.is_written


def test_limits_on_what_nobody_counted_do_not_pass() -> None:
    """That would be a bug of ours, and the run is not to look like one that keeps them."""
    check_metrics(Tally(), None, positive="yes", is_stream=False)
    with pytest.raises(AssertionError):
        check_metrics(Tally(), {"accuracy": 0.9}, positive="yes", is_stream=False)


@pytest.mark.parametrize(
    ("skipped", "most", "said"),
    [
        (5_000_001, 5, "5,000,001 of 100,000,000 records (5.000001 %) were skipped, and at most 5 % may be"),
        (5_000_001, 5.0000005, "(5.000001 %) were skipped, and at most 5.0000005 % may be"),
        (33_333_333, 33, "(33.3333 %) were skipped, and at most 33 % may be"),
    ],
)
def test_a_share_is_seen_to_be_more_than_the_limit(skipped: int, most: float, said: str) -> None:
    """With as many digits as that takes."""
    tally = Tally(100_000_000 - skipped, skipped=Counter({SkipReason("response", "neither"): skipped}))
    with pytest.raises(GateError) as caught:
        check_skipped_share(tally, most, is_stream=False)
    assert said in str(caught.value)


@pytest.mark.parametrize("fail_under", [[], 0, "", ["accuracy"]])
def test_limits_are_a_mapping(tmp_path: Path, fail_under: Any) -> None:
    """What is empty, too."""
    with pytest.raises(
        ConfigurationError,
        match=r"fail_under \(--fail-under\) must be a mapping of metrics to their least values, not ",
    ):
        analyze(source(), tmp_path / "gaps", fail_under=fail_under)
    assert names(tmp_path) == []
