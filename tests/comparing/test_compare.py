from __future__ import annotations

import gzip
import io
import itertools
import json
import tracemalloc
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamgaps import ConfigurationError, InputError, OutputError, RecordError, SourceError, analyze, iter_gaps
from streamgaps.comparing.changes import ABSENT, STATES, Comparison
from streamgaps.comparing.compare import compare
from streamgaps.metrics import measure
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.reports.comparison import text
from tests.conftest import names, real_data

Record = dict[str, Any]

RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "video_id": st.sampled_from(["/a.mp4", "/b.mp4"]),
            "question": st.sampled_from(["What?", "", 1, ["x"]]),
            "response": st.sampled_from(["Yes", "No", "maybe"]),
            "gt": st.sampled_from(["yes", "no", "?"]),
            "kind": st.sampled_from(["one", "other", 3]),
        }
    ),
    max_size=14,
)
STATE = {"yes": {"Yes": 0, "No": 3, "maybe": 4}, "no": {"Yes": 2, "No": 1, "maybe": 5}}
GAPS = {"skip": (2, 3), "gap": (2, 3, 4, 5)}


def state(record: Record | None) -> int:
    """Return the place of a record in the confusion matrix."""
    if record is None:
        return ABSENT
    return STATE.get(record["gt"], {}).get(record["response"], 6)


def pairs_of(old: list[Record], new: list[Record]) -> list[tuple[Record | None, Record | None]]:
    """Match the k-th record of a key with the k-th."""
    by_key: tuple[dict[str, list[Record]], ...] = (defaultdict(list), defaultdict(list))
    for places, records in zip(by_key, (old, new), strict=True):
        for record in records:
            places[json.dumps([record["video_id"], record["question"]])].append(record)
    return [
        pair
        for key in {*by_key[0], *by_key[1]}
        for pair in itertools.zip_longest(by_key[0].get(key, []), by_key[1].get(key, []))
    ]


def counted(pairs: list[tuple[Record | None, Record | None]], *, gaps: tuple[int, ...] | None = None) -> list[int]:
    """Count pairs by their states; if only gaps are known, the others are absent."""
    counts = [0] * STATES**2
    for pair in pairs:
        old, new = map(state, pair)
        if gaps is not None:
            old, new = (one if one in gaps else ABSENT for one in (old, new))
        counts[old * STATES + new] += 1
    return counts


def ignore(_: object) -> None:
    """Take no notice."""


def stored(path: Path, records: list[Any]) -> Path:
    """Write records to a file."""
    path.write_text(json.dumps(records))
    return path


def lines(path: Path) -> list[Record]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@given(RECORDS, RECORDS, st.sampled_from(["skip", "gap"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_predictions_are_matched_as_by_hand(tmp_path: Path, old: list[Record], new: list[Record], unclear: str) -> None:
    """All of them, by groups, and the regressions with all that gaps have, in the order of the new run."""
    files = [stored(tmp_path / name, records) for name, records in (("old", old), ("new", new))]
    regressions = tmp_path / "regressions"
    found = compare(files, regressions=regressions, group_by=["kind"], unclear=unclear)
    pairs = pairs_of(old, new)
    assert counted(pairs) == list(found.changes.counts)
    groups = {json.dumps(group.value): list(group.changes.counts) for group in found.groups["kind"]}
    kinds = {json.dumps((new or old or {})["kind"]) for old, new in pairs}
    assert groups == {
        kind: counted([pair for pair in pairs if json.dumps((pair[1] or pair[0] or {})["kind"]) == kind])
        for kind in kinds
    }
    gaps = GAPS[unclear]
    are_new = {id(new) for old, new in pairs if old and state(old) not in gaps and state(new) in gaps}
    expected = [record for record in new if id(record) in are_new]
    written = lines(regressions)
    assert found.changes.new == len(expected)
    assert [(one["video_id"], one["question"], one["kind"], one["gt"], one["response"]) for one in expected] == [
        (one["video_id"], one["question"], one["kind"], one["ground_truth"], one["response"]) for one in written
    ]
    distinct = [len({json.dumps([one["video_id"], one["question"]]) for one in records}) for records in (old, new)]
    assert [len(old) - distinct[0], len(new) - distinct[1]] == [run.repeated for run in found.runs]
    whole = [list(map(state, records)) for records in (old, new)]
    assert [[states.count(place) for place in range(7)] for states in whole] == [
        [getattr(run.whole, name) for name in run.seen.__struct_fields__] for run in found.runs
    ]


@given(RECORDS, RECORDS, st.sampled_from(["skip", "gap"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_results_are_matched_as_by_hand(tmp_path: Path, old: list[Record], new: list[Record], unclear: str) -> None:
    """Of them only the gaps are known: a key's k-th gap is matched with the k-th gap."""
    folders = [tmp_path / "old_results", tmp_path / "new_results"]
    for folder, records in zip(folders, (old, new), strict=True):
        analyze(io.BytesIO(json.dumps(records).encode()), folder, unclear=unclear, carry=["kind"], on_warning=ignore)
        folder.mkdir(exist_ok=True)
    regressions = tmp_path / "regressions"
    found = compare(folders, regressions=regressions, group_by="kind")
    gaps = GAPS[unclear]
    kept = [[record for record in records if state(record) in gaps] for records in (old, new)]
    pairs = pairs_of(*kept)
    assert counted(pairs, gaps=gaps) == list(found.changes.counts)
    assert sum(counted(pairs)) == sum(sum(group.changes.counts) for group in found.groups["kind"])
    are_new = {id(new) for old, new in pairs if old is None}
    file = folders[1] / GAPS_NAME
    all_lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    expected = [line for line, record in zip(all_lines, kept[1], strict=True) if id(record) in are_new]
    assert b"".join(expected) == regressions.read_bytes()


PAIR = [
    {"video_id": "/a", "response": "Yes", "gt": "no", "id": 1, "question": "?"},
    {"video_id": "/b", "response": "No", "gt": "no", "id": 2, "question": "?"},
]
SWAPPED = [{**PAIR[1], "response": "Yes"}, {**PAIR[0], "response": "No"}]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Return two files: one gap is fixed, and one is new."""
    return [stored(tmp_path / "old.json", PAIR), stored(tmp_path / "new.json", SWAPPED)]


def test_the_place_in_the_file_does_not_matter(runs: list[Path]) -> None:
    """Nor how the file is packed, nor whether it is in parts."""
    runs[1].write_bytes(gzip.compress(runs[1].read_bytes()))
    shards = runs[0].parent / "shards"
    shards.mkdir()
    for number, record in enumerate(SWAPPED):
        stored(shards / f"{number}.json", [record])
    for new in (runs[1], shards, io.BytesIO(json.dumps(SWAPPED).encode())):
        found = compare([runs[0], new])
        assert (1, 1, 0, 2) == (found.changes.fixed, found.changes.new, found.changes.still, found.changes.matched)


def test_regressions_of_shards_are_those_of_their_records(tmp_path: Path) -> None:
    """Which are numbered through all of the files."""
    shards = tmp_path / "shards"
    shards.mkdir()
    new = [{"video_id": f"/{number}", "response": "Yes", "gt": "no" if number % 3 else "yes"} for number in range(40)]
    for number in range(4):
        stored(shards / f"{number}.json", new[number * 10 : number * 10 + 10])
    old = [{**record, "response": "No"} for record in new if record["video_id"] != "/7"]
    compare([stored(tmp_path / "old.json", old), shards], regressions=tmp_path / "regressions")
    expected = [record["video_id"] for record in new if record["gt"] == "no" and record["video_id"] != "/7"]
    assert expected == [line["video_id"] for line in lines(tmp_path / "regressions")]


def test_several_runs_are_compared_each_with_the_one_before(runs: list[Path], tmp_path: Path) -> None:
    """And what is told in detail is about the last two."""
    third = stored(tmp_path / "third.json", PAIR[:1])
    found = compare([*runs, third, third], names=["a", "b", "c", "d"], regressions=tmp_path / "regressions")
    assert ["a", "b", "c", "d"] == [run.name for run in found.runs]
    assert [(1, 1, 0), (0, 1, 0), (0, 0, 1)] == [(step.fixed, step.new, step.still) for step in found.steps]
    assert 1 == found.steps[1].only_old
    assert found.steps[-1] == found.changes
    assert b"" == (tmp_path / "regressions").read_bytes()  # it was asked for


def test_runs_are_called_by_their_files_where_that_tells_them_apart(runs: list[Path], tmp_path: Path) -> None:
    """Else by their paths."""
    (tmp_path / "sub").mkdir()
    same = stored(tmp_path / "sub" / "old.json", PAIR)
    assert ["old.json", "new.json"] == [run.name for run in compare(runs).runs]
    assert [str(runs[0]), str(same)] == [run.name for run in compare([runs[0], same]).runs]
    assert "<stream>" == compare([runs[0], io.BytesIO(b"[]")]).runs[1].name


@pytest.mark.parametrize("on", ["id", "meta.id", "question", "video_id"])
def test_one_field_may_be_the_key(tmp_path: Path, on: str) -> None:
    """Any of a prediction; it is carried where it would not be seen otherwise."""
    old = [{"video_id": f"/{n}", "question": str(n), "id": n, "meta": {"id": n}, "response": "No"} for n in range(6)]
    files = [
        stored(tmp_path / "old.json", [{**record, "gt": "no"} for record in old]),
        stored(tmp_path / "new.json", [{**record, "gt": "yes"} for record in old[3:]]),
    ]
    found = compare(files, on=on, regressions=tmp_path / "regressions")
    assert ((on,), 3, 3, 3) == (found.on, found.changes.matched, found.changes.new, found.changes.only_old)
    expected = {"video_id": "/3", "question": "3", "id": 3, "meta.id": 3}[on]
    assert expected == lines(tmp_path / "regressions")[0][on]


def test_labels_from_another_file_are_joined_by_the_same_key(tmp_path: Path) -> None:
    """For each run."""
    labels = stored(tmp_path / "labels.json", [{"number": n, "gt": "no", "video_id": "/v"} for n in range(3)])
    files = [
        stored(tmp_path / f"{said}.json", [{"id": n, "response": said} for n in range(3)]) for said in ("no", "yes")
    ]
    found = compare(files, ground_truth=labels, on="id=number")
    assert (("id",), 3, 0) == (found.on, found.changes.new, found.runs[1].repeated)
    stream = io.BytesIO(labels.read_bytes())  # which can be read only once
    assert found == compare(files, ground_truth=stream, on="id=number")
    shards = tmp_path / "shards"
    shards.mkdir()
    files[1].rename(shards / "yes.json")
    labels = labels.rename(shards / "labels.json")
    assert found.changes == compare([files[0], shards], ground_truth=labels, on="id=number").changes


@pytest.mark.parametrize("value", [None, 1.5, True, ["a"], ...])
def test_a_key_is_a_string_or_a_whole_number(tmp_path: Path, value: object) -> None:
    """Whatever has none is an error that names the record, unless what is invalid is to be skipped: it is counted."""
    record = PAIR[0] | {"id": value}
    if value is ...:
        del record["id"]
    files = [stored(tmp_path / "old.json", PAIR), stored(tmp_path / "new.json", [PAIR[1], record])]
    with pytest.raises(RecordError, match=r"new.json: item 1: .*'id'.*matched"):
        compare(files, on="id")
    found = compare(files, on="id", on_invalid="skip")
    assert [0, 1] == [run.without_key for run in found.runs]
    assert (1, 1) == (found.changes.matched, found.changes.only_old)


def test_what_is_no_prediction_is_counted_if_it_is_to_be_skipped(tmp_path: Path) -> None:
    """And matched by what there is of it."""
    files = [
        stored(tmp_path / "old.json", [PAIR[0], {"video_id": "/c"}, 3]),
        stored(tmp_path / "new.json", [PAIR[0] | {"response": None}]),
    ]
    with pytest.raises(RecordError, match="item 1: missing"):
        compare(files)
    found = compare(files, on_invalid="skip")
    assert (1, 1, 1) == (found.changes.no_longer_compared, found.changes.only_old, found.runs[0].without_key)


def test_groups_are_told_apart_up_to_a_limit(tmp_path: Path) -> None:
    """The worst come first, and what is left of the others last."""
    old = [{"video_id": f"/{n}", "response": "No", "gt": "no", "kind": f"k{n // 3}"} for n in range(12)]
    new = [{**record, "response": "Yes"} for record in old[2:]]
    files = [stored(tmp_path / "old.json", old), stored(tmp_path / "new.json", new)]
    groups = compare(files, group_by=["kind"], max_groups=2).groups["kind"]
    assert [("k1", 3, False), ("k0", 1, False), (None, 6, True)] == [
        (group.value, group.changes.new, group.is_other) for group in groups
    ]
    assert 2 == groups[1].changes.only_old


def test_long_values_make_groups_too(tmp_path: Path) -> None:
    """Shown by how they begin."""
    records = [PAIR[0] | {"kind": kind} for kind in ("x" * 5_000 + "1", "x" * 5_000 + "2", {"a": 1})]
    groups = compare([stored(tmp_path / "a", records)] * 2, group_by=["kind"]).groups["kind"]
    assert ["x" * 160 + "…"] * 2 + [{"a": 1}] == [group.value for group in groups]


def test_groups_that_only_an_earlier_run_has_are_left_out(tmp_path: Path) -> None:
    """As nothing changed there."""
    files = [stored(tmp_path / kind, [PAIR[0] | {"kind": kind}]) for kind in "abb"]
    assert ["b"] == [
        group.value for group in compare([tmp_path / one.name for one in files], group_by="kind").groups["kind"]
    ]


@pytest.fixture
def results(runs: list[Path]) -> list[Path]:
    """Return two folders of results."""
    folders = [path.with_suffix(".gaps") for path in runs]
    for path, folder in zip(runs, folders, strict=True):
        analyze(path, folder, carry=["id"])
    return folders


METRICS = {
    "true_positives": 0,
    "true_negatives": 1,
    "false_positives": 1,
    "false_negatives": 0,
    "unparseable_positive_predictions": 0,
    "unparseable_negative_predictions": 2,
    "gaps": {"FP": 1, "FN": 0},
    "positive": "yes",
}


def test_results_are_known_by_what_is_in_the_folder(results: list[Path], tmp_path: Path) -> None:
    """A report, say, or nothing: then there are no gaps."""
    empty = tmp_path / "empty"
    empty.mkdir()
    found = compare([results[0], empty])
    assert (1, 0, False) == (found.changes.fixed, found.changes.new, found.is_complete)
    (empty / REPORT_NAME).touch()
    assert 1 == compare([empty, results[1]]).changes.new


def test_metrics_of_results_come_from_their_file(results: list[Path]) -> None:
    """With the answer that counts as positive there put right."""
    assert [None, None] == [run.whole for run in compare(results).runs]
    (results[0] / METRICS_NAME).write_text(json.dumps(METRICS, indent=2))
    flipped = METRICS | {"true_positives": 1, "true_negatives": 0, "false_positives": 0, "false_negatives": 1}
    (results[1] / METRICS_NAME).write_text(json.dumps(flipped | {"positive": "no"}))
    old, new = (run.whole for run in compare(results).runs)
    assert old is not None
    assert new is not None
    assert (0.25, 2, 0) == (measure(old)["accuracy"], old.unclear_negatives, old.uncompared)
    assert (1, 0, 1, 0) == (new.true_negatives, new.true_positives, new.false_positives, new.false_negatives)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(METRICS | {"gaps": {"FP": 5, "FN": 0}}), "it counts 5 FP and 0 FN, and kpi_gaps.jsonl has 1 and 0"),
        (json.dumps(METRICS | {"true_positives": None}), "'true_positives' must be a whole number"),
        (json.dumps(METRICS | {"true_negatives": -1}), "'true_negatives' must be a whole number"),
        ("{}", "'true_positives' must be a whole number"),
        ("[1]", "it is no JSON object; --metrics writes it anew"),
        ("", "is not what streamgaps writes: Expecting value"),
        ('{"a"', "is not what streamgaps writes: Expecting"),
    ],
)
def test_metrics_that_are_none_or_of_another_run_are_refused(results: list[Path], text: str, said: str) -> None:
    """By a sentence that names the file."""
    (results[1] / METRICS_NAME).write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        compare(results)
    assert str(caught.value).startswith(f"{results[1] / METRICS_NAME}: ")


def test_the_error_of_metrics_keeps_its_cause(results: list[Path]) -> None:
    """Which says where in the file it is."""
    (results[1] / METRICS_NAME).write_text('{"a"')
    with pytest.raises(InputError, match="is not what streamgaps writes") as caught:
        compare(results)
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)


def test_metrics_that_are_too_long_are_named(results: list[Path]) -> None:
    """As is what allows longer ones."""
    path = results[1] / METRICS_NAME
    path.write_text(json.dumps(METRICS | {"more": "x" * 2_000}))
    with pytest.raises(InputError) as caught:
        compare(results, max_record_bytes=1_000)
    assert f"{path}: it is longer than 1,000 bytes; --max-record-bytes allows more" == str(caught.value)


@pytest.mark.parametrize("name", [GAPS_NAME, METRICS_NAME])
def test_results_that_were_compressed_and_cut_are_named(results: list[Path], name: str) -> None:
    """They are read as any input is."""
    path = results[1] / name
    path.write_bytes(gzip.compress(b"{}" * 1_000)[:-20])
    with pytest.raises(InputError) as caught:
        compare(results)
    assert str(caught.value).startswith(f"{path}: ")


GAP = {"video_id": "/a", "error_type": "FP", "question": "?", "ground_truth": "no", "response": "yes"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "item 1 is no gap, for it is no JSON: "),
        (b"\xff", "item 1 is no gap, for it is no JSON: "),
        (b"[" * 100_000, "item 1 is no gap, for it is no JSON: "),
        (b"[]", "item 1 is no gap, but array"),
        (json.dumps(GAP | {"error_type": "XX"}).encode(), "item 1 is no gap: 'error_type' must be FP or FN"),
        (json.dumps(GAP | {"error_type": ["FP"]}).encode(), "item 1 is no gap: 'error_type' must be FP or FN"),
        (b'{"error_type":"FP"}', "item 1 is no gap: missing 'video_id'"),
        (json.dumps(GAP | {"question": "x" * 2_000}).encode(), "a line is longer than 1,000 bytes"),
    ],
)
def test_gaps_that_are_none_are_refused(results: list[Path], line: bytes, said: str) -> None:
    """By a sentence that names the file, the item and, where there is one, the line."""
    path = results[1] / GAPS_NAME
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(InputError) as caught:
        compare(results, max_record_bytes=1_000 if b"xxx" in line else 10**6)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "item" not in said or str(caught.value).endswith(" (line 2)")


def test_gaps_of_results_may_be_matched_by_what_is_carried(results: list[Path]) -> None:
    """And by nothing else."""
    assert 1 == compare(results, on="id").changes.new
    with pytest.raises(RecordError, match=r"item 0: 'other' is missing, by which records are matched \(line 1\)"):
        compare(results, on="other")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda runs, results: ([runs[0], results[0]], {}), "is a folder with results, and .* is not"),
        (lambda runs, _: (runs[:1], {}), "nothing to compare"),
        (lambda runs, _: (str(runs[0]), {}), "nothing to compare"),
        (lambda runs, _: (runs, {"names": ["one"]}), "there are 2 runs, and 1 names"),
        (lambda runs, _: (runs, {"dedup": True}), "dedup has no effect"),
        (lambda runs, _: (runs, {"regressions": runs[0]}), "would replace an input"),
        (lambda runs, _: (runs, {"regressions": "s3://bucket/file"}), r"regressions \(--regressions\) is a URL"),
        (lambda runs, _: (runs, {"regressions": ""}), r"regressions \(--regressions\) is empty"),
        (lambda _, results: (results, {"regressions": results[0] / GAPS_NAME}), "would replace an input"),
        (lambda _, results: (results, {"rule": "pope"}), "--on, --group-by, --max-groups, --max-record-bytes apply"),
        (lambda _, results: (results, {"ground_truth": "l.jsonl", "on": "id"}), "compared as they are"),
        (lambda _, results: (results, {"max_groups": 0}), r"max_groups \(--max-groups\) must be a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(
    runs: list[Path], results: list[Path], change: Callable[..., tuple[list[Path], dict[str, Any]]], said: str
) -> None:
    """Before anything is read or written."""
    chosen, options = change(runs, results)
    before = {path: path.read_bytes() for path in runs}
    with pytest.raises(ConfigurationError, match=said):
        compare(chosen, **options)
    assert before == {path: path.read_bytes() for path in runs}


def test_what_is_not_there_is_an_error(runs: list[Path], tmp_path: Path) -> None:
    """And regressions are written whole or not at all, and none of the temporary files is left."""
    with pytest.raises(SourceError, match="missing.json: there is no such file"):
        compare([runs[0], tmp_path / "missing.json"], regressions=tmp_path / "regressions")
    with pytest.raises(OutputError, match="the regressions cannot be written"):
        compare(runs, regressions=tmp_path / "none" / "regressions")
    assert ["new.json", "old.json"] == names(tmp_path)


def test_the_disk_may_be_full(runs: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sentence says which one."""
    monkeypatch.setattr("streamgaps.comparing.matching.SETTINGS", "PRAGMA page_size = 512; PRAGMA max_page_count = 4;")
    records = [{"video_id": f"/{number}", "response": "Yes", "gt": "yes"} for number in range(5_000)]
    with pytest.raises(OutputError, match="^the temporary folder /.* is full; let TMPDIR name another$"):
        compare([runs[0], stored(tmp_path / "long.json", records)])


def test_real_runs(tmp_path: Path) -> None:
    """POPE's 8,910 answers, of which 3,867 have the video and question of an earlier one."""
    path = real_data("pope/predictions.json")
    same = compare([path, path], group_by=["category"])
    assert (0, 0, 1161, 8910) == (same.changes.fixed, same.changes.new, same.changes.still, same.changes.matched)
    assert [3867, 3867] == [run.repeated for run in same.runs]
    assert [0, 0] == [run.repeated for run in compare([path, path], on="question_id").runs]
    records = json.loads(path.read_text())
    for record in records[::10]:
        record["response"] = {"Yes": "No", "No": "Yes"}[record["response"]]
    changed = stored(tmp_path / "changed.json", records[::-1])
    found = compare([path, changed], on="question_id", regressions=tmp_path / "regressions")
    wrong = sum(record["response"].lower() != record["gt"] for record in records[::10])
    assert (wrong, 891 - wrong) == (found.changes.new, found.changes.fixed)
    assert found.changes.mcnemar()[:2] == (wrong, 891 - wrong)
    before = {gap.carried["question_id"] for gap in iter_gaps(path, carry=["question_id"]) if gap.carried}
    expected = [
        gap.carried["question_id"]
        for gap in iter_gaps(changed, carry=["question_id"])
        if gap.carried and gap.carried["question_id"] not in before
    ]
    assert expected == [line["question_id"] for line in lines(tmp_path / "regressions")]


def test_a_comparison_cannot_be_changed(runs: list[Path]) -> None:
    """It is a value."""
    found: Comparison = compare(runs)
    with pytest.raises(AttributeError):
        found.on = ()  # type: ignore[misc]  # that is the point


@pytest.mark.slow
def test_memory_does_not_grow_with_the_runs(tmp_path: Path) -> None:
    """What Python has of them at once is the same; SQLite keeps to its cache."""

    def peak(count: int) -> int:
        records = [{"video_id": f"/{number}", "response": "Yes", "gt": "no"} for number in range(count)]
        old = stored(tmp_path / f"{count}.old", [{**record, "response": "No"} for record in records])
        new = stored(tmp_path / f"{count}.new", records)
        del records
        tracemalloc.start()
        found = compare([old, new], regressions=tmp_path / "regressions")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == found.changes.new
        return most

    peak(10)  # what is loaded, once
    assert peak(24_000) < peak(8_000) + 512 * 1024


def test_a_key_that_is_nested_too_deeply_is_an_error(runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """That names the record, unless such ones are to be skipped."""

    def key_of(*values: object) -> bytes:
        if "/b" in values:
            raise RecursionError
        return b"key"

    monkeypatch.setattr("streamgaps.comparing.keys.key_of", key_of)
    with pytest.raises(RecordError, match=r"old.json: item 1: its key \(video_id and question\) is nested too deeply"):
        compare(runs)
    assert [1, 1] == [run.without_key for run in compare(runs, on_invalid="skip").runs]


def test_of_groups_with_as_many_more_gaps_the_one_with_more_new_ones_is_worse(tmp_path: Path) -> None:
    """Though as many are fixed there."""
    kinds = ["calm", *["some"] * 2, *["many"] * 4]
    old = [{"video_id": f"/{n}", "response": "Yes", "gt": "no", "kind": kind} for n, kind in enumerate(kinds)]
    for record in old[2::2]:
        record["response"] = "No"
    new = [record | {"response": {"Yes": "No", "No": "Yes"}[record["response"]]} for record in old[1:]]
    files = [stored(tmp_path / "old.json", old), stored(tmp_path / "new.json", [old[0], *new])]
    assert [("many", 2, 2), ("some", 1, 1), ("calm", 0, 0)] == [
        (group.value, group.changes.fixed, group.changes.new)
        for group in compare(files, group_by="kind").groups["kind"]
    ]


def test_metrics_with_many_groups_are_read_to_where_these_begin(tmp_path: Path) -> None:
    """So whatever is in them; what follows there may be of any length."""
    records = [
        {"video_id": f"/{number}", "question": f"{number} \ud83d", "response": "yes", "gt": "no"}
        for number in range(50)
    ]
    (tmp_path / "p.json").write_text(json.dumps(records))
    for name in ("a", "b"):
        analyze(tmp_path / "p.json", tmp_path / name, metrics=True, group_by="question")
    path = tmp_path / "b" / METRICS_NAME
    path.write_bytes(path.read_bytes()[:-100])  # cut among the groups
    found = compare([tmp_path / "a", tmp_path / "b"])
    assert [0.0, 0.0] == [measure(run.whole)["accuracy"] for run in found.runs if run.whole]
    assert "50" in str(found.runs[0].whole)


def test_results_that_were_read_by_other_options_are_told_of(tmp_path: Path) -> None:
    """What changed may be due to that."""
    (tmp_path / "p.json").write_text(json.dumps([{"video_id": "/a", "response": "maybe", "gt": "no"}]))
    analyze(tmp_path / "p.json", tmp_path / "a", metrics=True, unclear="gap")
    analyze(tmp_path / "p.json", tmp_path / "b", metrics=True)
    drawn = text(compare([tmp_path / "a", tmp_path / "b"]))
    assert "read by different options (unclear: gap, skip)" in drawn
    assert "different options" not in text(compare([tmp_path / "a", tmp_path / "a"], names=["x", "y"]))


def test_a_field_of_the_ground_truth_needs_one(runs: list[Path]) -> None:
    """Else it would have no effect."""
    with pytest.raises(ConfigurationError, match="names a field of the ground truth, and there is none"):
        compare(runs, on="id=key")


def test_options_may_come_from_generators(runs: list[Path]) -> None:
    """Which can be asked once."""
    options: dict[str, Any] = {"on": "id", "carry": (name for name in ("kind",)), "group_by": iter(["kind"])}
    again = compare(runs, on="id", carry=["kind"], group_by=["kind"])
    assert again == compare((run for run in runs), **options)
    with pytest.raises(ConfigurationError, match="a gap has a field 'kind' already"):
        compare(runs, carry=iter(["kind", "kind"]))
