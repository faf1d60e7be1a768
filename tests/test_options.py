from __future__ import annotations

import gzip
import io
import json
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamgaps import (
    RULES,
    Answer,
    ConfigurationError,
    InputError,
    MalformedInputError,
    NotAnArrayError,
    RecordError,
    Skip,
    SkipReason,
    SourceNotFoundError,
    Tally,
    UnresolvedPath,
    UnsupportedInputError,
    analyze,
    iter_gaps,
    pipeline,
    system,
)
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from streamgaps.parallel import ahead as parallel
from streamgaps.sources import source as sources
from streamgaps.stages.write import write
from tests.conftest import names
from tests.runs import RANGES

FP = {"video_id": "/a.mp4", "response": "yes", "gt": "no"}
FN = {"video_id": "/b.mp4", "response": "no", "gt": "yes"}
TP = {"video_id": "/c.mp4", "response": "yes", "gt": "yes"}
UNCLEAR = {"video_id": "/u.mp4", "response": "maybe", "gt": "no"}


class Way(NamedTuple):
    """How records are put together, and how they are read."""

    form: str
    reader: str = "auto"
    block_bytes: int = 65536
    range_bytes: int | None = None  # None: all by one job

    def __str__(self) -> str:
        return "-".join(map(str, (self.form, self.reader, self.block_bytes, self.range_bytes or "whole")))


FORMS = ["array", "jsonl", "prefix"]
READINGS: list[tuple[str, int, int | None]] = [
    ("auto", 65536, None),
    ("auto", 1, None),
    ("ijson", 65536, None),
    ("ijson", 7, None),
    ("auto", 65536, 1),
    ("auto", 7, 150),
]
WAYS = [Way(form, *reading) for form in FORMS for reading in READINGS]
# Where it matters little how the predictions are read: each form, each reader, and parts.
FEW_WAYS = [
    Way("array"),
    Way("prefix", "auto", 1),
    Way("jsonl", "ijson", 7),
    Way("jsonl", "auto", 65536, 1),
    Way("prefix", "auto", 7, 150),
]
IN_FEW_WAYS = pytest.mark.parametrize("bench", FEW_WAYS, indirect=True, ids=str)
IN_LINES = pytest.mark.parametrize("bench", [way for way in WAYS if way.form == "jsonl"], indirect=True, ids=str)
IN_ARRAYS = pytest.mark.parametrize("bench", [way for way in WAYS if way.form != "jsonl"], indirect=True, ids=str)


class Sent(Executor):
    """Does everything at once, in the same thread, with what is left when it is sent to a process and back."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        future.set_result(pickle.loads(pickle.dumps(call(*pickle.loads(pickle.dumps(arguments))))))  # noqa: S301 -- ours
        return future


class Run(NamedTuple):
    """What a run comes to."""

    gaps: list[dict[str, Any]]
    skipped: list[dict[str, Any]]
    notices: list[Skip | UnresolvedPath]
    tally: Tally

    def values(self, *keys: str) -> list[Any]:
        """Return what the gaps have under these keys."""
        return [gap[keys[0]] if len(keys) == 1 else tuple(gap[key] for key in keys) for gap in self.gaps]

    @property
    def reasons(self) -> list[tuple[int, str, str]]:
        """Who is skipped, and why."""
        return [(skip.index, *skip.reason) for skip in self.notices if isinstance(skip, Skip)]


class Bench:
    """Runs on records in a folder, in one way; also one gap at a time, which must come to the same."""

    def __init__(self, folder: Path, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.way = way
        monkeypatch.setattr(sources, "BLOCK_BYTES", way.block_bytes)
        monkeypatch.setattr(system, "fsync", lambda _: None)  # it takes half of the time, and nothing crashes here
        monkeypatch.setitem(RANGES, "range_bytes", way.range_bytes)
        monkeypatch.setattr(parallel, "_SMALL_BYTES", 0)

    def write(self, records: list[Any], name: str = "p.json") -> Path:
        """Write a file."""
        return write_as(self.way.form, records, self.folder / name)

    def side(self, records: list[Any], name: str = "side.jsonl") -> Path:
        """Write a file beside the predictions."""
        return write_as("jsonl", records, self.folder / name)

    def run(self, records: Any, **options: Any) -> Run:
        """Run on records, or on inputs that are there."""
        inputs = self.write(records) if isinstance(records, list) and not _is_inputs(records) else records
        options = self._options(options)
        found, told = self._analyzed(inputs, options), self._told(inputs, options)
        assert (found.gaps, found.tally) == (told.gaps, told.tally)
        assert _without_records(found.notices) == told.notices
        return found

    def error(self, records: Any, kind: type[InputError] = InputError, **options: Any) -> str:
        """Run on records that are refused, and return in which words, without the name of the file and the line."""
        inputs = self.write(records) if isinstance(records, list) and not _is_inputs(records) else records
        options = self._options(options)
        before = names(self.folder)
        with pytest.raises(kind) as caught:
            self._analyzed(inputs, options)
        assert before == names(self.folder)
        with pytest.raises(kind) as same:
            self._told(inputs, options)
        assert (type(caught.value), str(caught.value)) == (type(same.value), str(same.value))
        words = str(caught.value)
        if isinstance(caught.value, RecordError) and words.startswith(f"{self.folder / 'p.json'}: "):
            is_lines = "jsonl" in (self.way.form, options.get("format"))
            assert (caught.value.index + 1 if is_lines else None) == caught.value.line
            words = words.removesuffix(f" (line {caught.value.line})")
        return words.removeprefix(f"{self.folder / 'p.json'}: ")

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        common: dict[str, Any] = {"reader": self.way.reader}
        return common | ({"prefix": "results.item"} if self.way.form == "prefix" else {}) | options

    def _analyzed(self, inputs: Any, options: dict[str, Any]) -> Run:
        results, skipped = self.folder / "results", self.folder / "skipped.jsonl"
        notices: list[Skip | UnresolvedPath] = []
        executor = None if self.way.range_bytes is None else Sent()
        tally = analyze(inputs, results, executor=executor, skipped=skipped, on_warning=notices.append, **options)
        return Run(lines(results / GAPS_NAME), lines(skipped), notices, tally)

    @staticmethod
    def _told(inputs: Any, options: dict[str, Any]) -> Run:
        tally, notices, file = Tally(), cast("list[Skip | UnresolvedPath]", []), io.BytesIO()
        for _ in write(iter_gaps(inputs, on_warning=notices.append, tally=tally, **options), file):
            pass
        return Run([json.loads(line) for line in file.getvalue().splitlines()], [], notices, tally)


def _is_inputs(records: list[Any]) -> bool:
    return bool(records) and isinstance(records[0], (Path, io.IOBase))


def _without_records(notices: list[Skip | UnresolvedPath]) -> list[Skip | UnresolvedPath]:
    return [notice.replace(record=None) if isinstance(notice, Skip) else notice for notice in notices]


def write_as(form: str, records: list[Any], path: Path) -> Path:
    """Write records as an array, as JSON Lines, or as an array under a prefix."""
    if form == "jsonl":
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    elif form == "array":
        path.write_text(json.dumps(records))
    else:
        path.write_text(json.dumps({"config": {"item": [1]}, "results": records, "more": [{"results": [{}]}]}))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON Lines; none, if there is no such file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture(params=WAYS, ids=str)
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Run in all ways."""
    return Bench(tmp_path, request.param, monkeypatch)


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Run in one way, where it makes no difference."""
    return Bench(tmp_path, Way("array"), monkeypatch)


ANSWERS = st.sampled_from(["yes", "No.", "Yes, no", "maybe", "<think>no</think>Yes", "<think>", "", None, 1, 0, True])
NOISY: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries(
        {"video_id": st.sampled_from(["a", "/b", "s3://c", "x\0", "é"]), "response": ANSWERS, "gt": ANSWERS},
        optional={"question": st.sampled_from(["q", 1, None, ["é"]]), "doc": st.just({"split": [1, {"x": "y"}]})},
    ),
    st.fixed_dictionaries({}, optional={"video_id": st.just(1), "response": ANSWERS, "gt": ANSWERS}),
    st.sampled_from([1, None, "yes", [], {}]),
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "carry": st.just(["doc.split.1.x", "all=doc"]),
        "labels": st.just({"yes": [1, "maybe"], "no": [0, "none"]}),
        "rule": st.sampled_from(list(RULES)),
        "gt_rule": st.sampled_from(list(RULES)),
        "final_answer": st.booleans(),
        "unclear": st.sampled_from(["skip", "gap", "error"]),
        "on_invalid": st.sampled_from(["error", "skip", "skip", "skip"]),
        "dedup": st.booleans(),
        "group_by": st.sampled_from([["question"], ["doc", "question"], ["doc.split.0"]]),
        "max_groups": st.integers(1, 3),
        "paths": st.sampled_from(["resolve", "normalize", "keep"]),
    },
).map(lambda chosen: chosen if "group_by" in chosen else {k: v for k, v in chosen.items() if k != "max_groups"})


@settings(max_examples=15)
@given(st.lists(NOISY, max_size=8), CHOICES)
def test_any_options_on_any_records_come_to_the_same_in_all_ways(records: list[Any], options: dict[str, Any]) -> None:
    """Results, samples that are skipped, warnings, counts, and the words of errors but for lines."""
    outcomes = set()
    for way in WAYS:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
            bench = Bench(Path(folder), way, monkeypatch)
            # In one process a first record that is none is said in other words where the format had to be guessed.
            form = "jsonl" if way.form == "jsonl" else "auto"
            try:
                outcomes.add(repr(bench.run(records, format=form, **options)))
            except InputError as error:
                outcomes.add(str(error).removeprefix(f"{folder}/p.json: ").partition(" (line")[0])
                assert names(Path(folder)) == ["p.json"]
    assert len(outcomes) == 1


def test_the_defaults_are_strict_and_resolve(bench: Bench) -> None:
    """Gaps in the order of the input, a report, and nothing else beside them."""
    run = bench.run([FP, TP, UNCLEAR, {**FN, "question": "Is it?", "more": 1}])
    assert run.gaps == [
        {"video_id": "/a.mp4", "error_type": "FP", "question": "", "ground_truth": "no", "response": "yes"},
        {"video_id": "/b.mp4", "error_type": "FN", "question": "Is it?", "ground_truth": "yes", "response": "no"},
    ]
    assert run.reasons == [(2, "response", "neither")]
    expected = Tally(1, 0, 1, 1, Counter({SkipReason("response", "neither"): 1}))
    assert expected == run.tally
    assert names(bench.folder / "results") == [GAPS_NAME, REPORT_NAME]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ("resolve", ["{folder}/real/v.mp4", "{folder}/v.mp4", "s3://b/../v.mp4"]),
        ("normalize", ["{folder}/link/v.mp4", "{folder}/v.mp4", "s3://b/../v.mp4"]),
        ("keep", ["link/v.mp4", "real/sub/../../v.mp4", "s3://b/../v.mp4"]),
    ],
)
def test_paths_are_resolved_normalized_or_kept(bench: Bench, paths: str, expected: list[str]) -> None:
    """Relative to the folder of videos; a URL is none."""
    (bench.folder / "real" / "sub").mkdir(parents=True)
    (bench.folder / "link").symlink_to("real")
    video_ids = ["link/v.mp4", "real/sub/../../v.mp4", "s3://b/../v.mp4"]
    options = {"paths": paths} if paths == "keep" else {"paths": paths, "videos_dir": bench.folder}
    run = bench.run([{**FP, "video_id": one} for one in video_ids], **options)
    assert [one.format(folder=bench.folder.resolve()) for one in expected] == run.values("video_id")


def test_a_path_that_cannot_be_resolved_is_told(bench: Bench) -> None:
    """With its place in the input."""
    run = bench.run([TP, {**FP, "video_id": "a\0b"}], videos_dir="/v")
    assert [(1, "a\0b", "/v/a\0b", None)] == [
        (one.index, one.video_id, one.path, one.source) for one in run.notices if isinstance(one, UnresolvedPath)
    ]


@IN_LINES
@pytest.mark.parametrize("form", ["auto", "jsonl"])
def test_records_that_follow_one_another_are_json_lines(bench: Bench, form: str) -> None:
    """Whatever is between them, also where each takes several lines."""
    path = bench.folder / "p.json"
    for between in ("\n", "", " ", "\r\n\r\n"):
        path.write_text(between.join(json.dumps(one, indent=1) for one in (FP, TP, FN)))
        assert bench.run(path, format=form).values("video_id") == ["/a.mp4", "/b.mp4"]


def test_a_wrong_format_is_refused(bench: Bench) -> None:
    """An array is one record of JSON Lines, and no prediction; JSON Lines are no array."""
    if bench.way.form == "jsonl":
        assert bench.error([FP], NotAnArrayError, format="array") == "must be a JSON array of prediction objects"
    elif bench.way.form == "array":
        assert bench.error([FP], RecordError, format="jsonl") == "item 0 is not an object"


def test_a_first_record_that_is_no_prediction_is_asked_whether_it_is_one(bench: Bench) -> None:
    """Where the format had to be guessed, an object with the array inside of it looks like it."""
    record = {"results": [FP]}
    if bench.way.form == "jsonl":
        expected = (
            "must be a JSON array of prediction objects, or JSON Lines of them; it begins with an object that is none: "
            "item 0: missing 'gt'. Is the array inside of it (--prefix), or do the fields have other names (--field)?"
        )
        assert expected == bench.error([record], NotAnArrayError)
        assert bench.error([record], RecordError, format="jsonl") == "item 0: missing 'gt'"
        assert bench.run([record, FP], on_invalid="skip").reasons == [(0, "gt", "missing")]
    else:
        assert bench.error([record], RecordError) == "item 0: missing 'gt'"


@pytest.mark.slow
@pytest.mark.parametrize("bench", [way for way in WAYS if way.form == "prefix" and way.range_bytes], indirect=True)
def test_a_document_that_is_cut_is_refused_in_the_same_words(bench: Bench) -> None:
    """In ranges and in a row, also where a record has just ended."""
    path = bench.write([FP, TP, FN] * 2)
    whole = path.read_bytes()
    for end in range(whole.index(b"[", whole.index(b'"results"')), len(whole)):
        path.write_bytes(whole[:end])
        assert bench.error(path)


@IN_ARRAYS
def test_an_array_under_a_prefix_is_found_wherever_it_is(bench: Bench) -> None:
    """One at the top, a nested one, several, or none."""
    path = bench.folder / "p.json"
    cases = [([FP, TP, FN], "item"), ({"a": {"b": [FP, TP, FN]}}, "a.b.item")]
    cases += [([{"p": [FP, TP]}, {"q": []}, {"p": [FN]}], "item.p.item")]
    for document, prefix in cases:
        path.write_text(json.dumps(document))
        run = bench.run(path, prefix=prefix)
        assert (run.values("video_id"), run.tally.records) == (["/a.mp4", "/b.mp4"], 3)
    assert "nowhere" in bench.error(path, NotAnArrayError, prefix="nowhere.item")


def test_a_record_longer_than_allowed_is_refused(bench: Bench) -> None:
    """By its place; what is before it was read."""
    times = 1400 if bench.way.reader == "ijson" else 10  # with ijson it may be found out two of its blocks later
    long = {**FP, "x": ["y" * 100] * times}
    words = bench.error([TP, long, FP], UnsupportedInputError, max_record_bytes=200)
    assert "item 1 is longer than 200 bytes; --max-record-bytes allows more; the last complete item is 0" in words
    assert bench.run([TP, long, FP], max_record_bytes=200_000).tally.records == 3


def test_fields_have_other_names_and_places(bench: Bench) -> None:
    """Keys of nested objects, places in arrays from either end, and a dot that belongs to the key."""
    record = {"v.id": "/a", "doc": {"texts": ["?", "no"], "answer": "yes"}, "extra": {"q": [{"text": "Is it?"}]}}
    fields = {"video_id": r"v\.id", "response": "doc.texts.-1", "gt": "doc.answer", "question": "extra.q.0.text"}
    run = bench.run([record, {**record, "extra": 1}], fields=fields)
    assert run.values("video_id", "question", "response", "ground_truth") == [
        ("/a", "Is it?", "no", "yes"),
        ("/a", "", "no", "yes"),
    ]


def test_a_field_of_another_name_is_missed_under_both(bench: Bench) -> None:
    """Whoever reads the message knows which option is meant."""
    fields = {"response": "doc.text"}
    good = {**TP, "doc": {"text": "yes"}}
    for bad, words in (
        ({**TP, "doc": {}}, "item 1: missing 'doc.text' (response)"),
        ({**TP, "doc": {"text": None}}, "item 1: 'doc.text' (response) must be a string, not null"),
    ):
        assert words == bench.error([good, bad], RecordError, fields=fields)


def test_further_fields_are_carried_as_they_are(bench: Bench) -> None:
    """Behind the usual ones, in the order asked for; one that is not there is left out, and null is there."""
    records = [{**FP, "category": "é", "meta": {"n": 10**30, "f": 0.1, "x": None}}, FN]
    run = bench.run(records, carry=["meta.x", "n=meta.f", "category", "meta"])
    assert list(run.gaps[0]) == [
        *("video_id", "error_type", "question", "ground_truth", "response"),
        *("meta.x", "n", "category", "meta"),
    ]
    first = run.gaps[0]
    assert (first["meta.x"], first["n"], first["category"]) == (None, 0.1, "é")
    assert first["meta"] == {"n": 10**30, "f": 0.1, "x": None}
    assert len(run.gaps[1]) == 5
    assert bench.run([{**FP, "category": 1}], carry="category").values("category") == [1]


@pytest.mark.parametrize(
    ("gt", "answer"),
    [
        (1, "yes"),
        (1.0, "yes"),
        (True, "yes"),
        (" Entailment", "yes"),
        ("1", "yes"),
        (0, "no"),
        (None, "no"),
        ("none", "no"),
        ("No, it is not.", "no"),  # no label: left to the rule
        ("2.50", "no"),
        ("contradiction", None),
    ],
)
def test_labels_say_what_a_ground_truth_means(plain: Bench, gt: object, answer: str | None) -> None:
    """Numbers by their value, texts without case and outer blanks."""
    labels = {"yes": [1, True, "entailment"], "no": [0, None, "none", "2.50"]}
    run = plain.run([{**FP, "gt": gt, "response": "yes"}, {**FP, "gt": gt, "response": "no"}], labels=labels)
    types = [] if answer is None else ["FN"] if answer == "yes" else ["FP"]
    assert types == run.values("error_type")
    assert [gt] * len(types) == run.values("ground_truth")
    assert (2 if answer is None else 0) == run.tally.skipped[SkipReason("gt", "neither")]


def test_labels_as_the_command_gives_them_mean_numbers_too(bench: Bench) -> None:
    """A text that reads like a number, or like a truth value, is one; what no label says is no text, and refused."""
    labels = {"yes": ["1", "true"], "no": ["0", "false"]}
    records = [{**FP, "gt": gt} for gt in (0, False, "0", 1, True, "False")]
    run = bench.run(records, labels=labels)
    assert [0, False, "0", "False"] == run.values("ground_truth")
    assert run.tally.true_positives == 2
    words = bench.error([*records, {**FP, "gt": 2}], RecordError, labels=labels)
    assert words == "item 6: 'gt' must be a string, not number"


LABELS = [
    {"question_id": 2, "gt": "no", "image": "/2.jpg", "question": "q2", "split": {"name": "x"}},
    {"question_id": 1, "gt": "yes", "image": "/1.jpg", "question": "q1", "split": {"name": "y"}},
    {"question_id": "1", "gt": "no", "image": "/3.jpg", "question": "q3"},
]
KEYED: list[dict[str, Any]] = [
    {"question_id": 1, "response": "no"},
    {"question_id": "1", "response": "no", "question": "mine"},
    {"question_id": 2, "response": "yes", "gt": "yes", "video_id": "/own"},
]


def test_ground_truth_is_joined_by_its_key(bench: Bench) -> None:
    """Never by position: it is that of the labels, and other fields are, where the prediction has none."""
    run = bench.run(
        KEYED, ground_truth=bench.side(LABELS), on="question_id", fields={"video_id": "image"}, carry=["split.name"]
    )
    expected = [
        {"video_id": "/1.jpg", "error_type": "FN", "question": "q1", "ground_truth": "yes", "response": "no"},
        {"video_id": "/2.jpg", "error_type": "FP", "question": "q2", "ground_truth": "no", "response": "yes"},
    ]
    assert [{**expected[0], "split.name": "y"}, {**expected[1], "split.name": "x"}] == run.gaps
    assert Tally(true_negatives=1, false_positives=1, false_negatives=1) == run.tally


@IN_FEW_WAYS
def test_the_key_may_have_two_names_and_lie_deep(bench: Bench) -> None:
    """One in the predictions, and one in the labels."""
    labels = [{"meta": {"ids": ["x", 7]}, "gt": "no"}, {"meta": {"ids": ["x", 8]}, "gt": "yes"}]
    records = [{"doc": {"id": 8}, "video_id": "/v", "response": "no"}, {"doc": {"id": 7}, "response": "no"}]
    run = bench.run(records[:1], ground_truth=bench.side(labels[1:]), on="doc.id=meta.ids.1")
    assert run.values("video_id", "error_type") == [("/v", "FN")]
    words = bench.error(records, RecordError, ground_truth=bench.side(labels), on="doc.id=meta.ids.1")
    assert words == f"item 1: missing 'video_id', and {bench.folder / 'side.jsonl'} does not have it either"
    run = bench.run(records, ground_truth=bench.side(labels), on="doc.id=meta.ids.1", on_invalid="skip")
    assert run.reasons == [(1, "video_id", "missing")]


@IN_FEW_WAYS
def test_labels_may_come_in_any_form(bench: Bench) -> None:
    """An array, JSON Lines, compressed, or a file that is open."""
    joined = {"on": "question_id", "fields": {"video_id": "image"}}
    expected = bench.run(KEYED, ground_truth=bench.side(LABELS), **joined)
    side = write_as("array", LABELS, bench.folder / "side.json")
    assert expected == bench.run(KEYED, ground_truth=side, **joined)
    zipped = bench.folder / "side.gz"
    zipped.write_bytes(gzip.compress(side.read_bytes()))
    assert expected == bench.run(KEYED, ground_truth=str(zipped), **joined)


def test_a_prediction_without_a_label_is_an_error_or_skipped(bench: Bench) -> None:
    """As it is typed."""
    joined: dict[str, Any] = {"ground_truth": bench.side(LABELS), "on": "question_id", "fields": {"video_id": "image"}}
    records = [*KEYED, {"question_id": "2", "response": "yes"}]
    words = bench.error(records, RecordError, **joined)
    side = bench.folder / "side.jsonl"
    assert words == f"item 3: 'question_id' (key) '2' is not in {side}; --unmatched skip leaves such samples out"
    run = bench.run(records, unmatched="skip", **joined)
    assert run.reasons == [(3, "key", "no match")]
    assert (1, 4) == (run.tally.skipped[SkipReason("key", "no match")], run.tally.records)


@IN_FEW_WAYS
def test_a_label_given_twice_is_an_error_or_skipped(bench: Bench) -> None:
    """Even if both say the same; before anything is read."""
    joined: dict[str, Any] = {
        "ground_truth": bench.side([*LABELS, LABELS[0]]),
        "on": "question_id",
        "fields": {"video_id": "image"},
    }
    words = bench.error(KEYED, **joined)
    assert words.removeprefix(str(bench.folder)) == (
        "/side.jsonl: the key 2 is given twice; --unmatched skip leaves its samples out"
    )
    run = bench.run(KEYED, unmatched="skip", **joined)
    assert run.reasons == [(2, "key", "several matches")]
    assert run.tally.unused_labels == 0


@IN_FEW_WAYS
def test_labels_left_over_are_an_error_or_counted(bench: Bench) -> None:
    """The first of them is named, as it is typed."""
    joined: dict[str, Any] = {"ground_truth": bench.side(LABELS), "on": "question_id", "fields": {"video_id": "image"}}
    words = bench.error(KEYED[:1], **joined)
    assert words == (
        f"{bench.folder / 'side.jsonl'}: 2 of 3 labels have no prediction, the first of them that of 2; "
        "--unmatched skip goes on without"
    )
    assert "1 of 3 labels have no prediction, the first of them that of '1'" in bench.error(KEYED[::2], **joined)
    run = bench.run(KEYED[:1], unmatched="skip", **joined)
    assert (1, 2) == (run.tally.records, run.tally.unused_labels)


@IN_FEW_WAYS
def test_what_can_be_no_key_is_an_invalid_record(bench: Bench) -> None:
    """Not an unmatched one."""
    joined: dict[str, Any] = {"ground_truth": bench.side(LABELS), "on": "question_id", "fields": {"video_id": "image"}}
    no_key = "'question_id' (key) must be a string or a whole number, to be a key, not"
    for key, words, why in (
        ({}, "missing 'question_id' (key)", "missing"),
        ({"question_id": None}, f"{no_key} null", "null"),
        ({"question_id": 1.0}, f"{no_key} number", "not a string"),
        ({"question_id": True}, f"{no_key} boolean", "not a string"),
    ):
        records = [*KEYED, {**key, "response": "yes"}]
        assert f"item 3: {words}" == bench.error(records, RecordError, unmatched="skip", **joined)
        assert bench.run(records, on_invalid="skip", **joined).reasons == [(3, "key", why)]


@IN_FEW_WAYS
def test_a_ground_truth_of_another_file_is_read_by_rule_and_labels(bench: Bench) -> None:
    """As one of the predictions is."""
    side = bench.side([{"id": 1, "truth": 0}, {"id": 2, "truth": "Yes, no"}, {"id": 3, "truth": None}])
    records = [{"id": n, "video_id": "/v", "response": "yes"} for n in (1, 2, 3)]
    options: dict[str, Any] = {"ground_truth": side, "on": "id", "fields": {"gt": "truth"}, "labels": {"no": [0]}}
    assert "item 2: 'truth'" in bench.error(records, RecordError, gt_rule="leading", **options)
    run = bench.run(records, gt_rule="leading", on_invalid="skip", **options)
    assert (run.values("ground_truth"), run.reasons) == ([0], [(2, "gt", "null")])
    assert run.tally.true_positives == 1


ANNOTATIONS = [
    {"id": "a", "video": "sub/a.mp4", "conversations": []},
    {"id": 7, "image": "b.jpg"},
    {"id": "a", "video": "sub/a.mp4"},
    {"id": "s", "video": "s3://bucket/s.mp4"},
]


def test_ids_of_annotations_become_videos(bench: Bench) -> None:
    """Relative to the media; a video that is annotated is taken as it is, in any spelling."""
    ids = ["a", 7, "s", "sub/a.mp4", "./sub/../sub/a.mp4", "/media/b.jpg", "s3://bucket/s.mp4"]
    run = bench.run(
        [{**FP, "video_id": one} for one in ids],
        annotations=bench.side(ANNOTATIONS),
        media_dir="/media",
    )
    a, b, s = "/media/sub/a.mp4", "/media/b.jpg", "s3://bucket/s.mp4"
    assert [a, b, s, a, a, b, s] == run.values("video_id")


@IN_FEW_WAYS
def test_without_a_media_folder_videos_are_in_that_of_videos(bench: Bench) -> None:
    """And with `keep` they stay as the annotations have them."""
    side = bench.side(ANNOTATIONS)
    run = bench.run([{**FP, "video_id": "a"}], annotations=side, videos_dir="/videos")
    assert run.values("video_id") == ["/videos/sub/a.mp4"]
    assert bench.run([{**FP, "video_id": "a"}], annotations=side, paths="keep").values("video_id") == ["sub/a.mp4"]


@IN_FEW_WAYS
def test_an_id_that_nobody_annotated_is_an_error_or_skipped(bench: Bench) -> None:
    """Of a correct prediction, too."""
    options: dict[str, Any] = {"annotations": bench.side(ANNOTATIONS), "media_dir": "/media"}
    side = bench.folder / "side.jsonl"
    for unknown in ("7", 8):
        records = [{**TP, "video_id": "a"}, {**TP, "video_id": unknown}]
        words = bench.error(records, RecordError, **options)
        assert words == f"item 1: 'video_id' {unknown!r} is not in {side}; --unmatched skip leaves such samples out"
        run = bench.run(records, unmatched="skip", **options)
        assert (run.reasons, run.tally.correct) == ([(1, "video_id", "no match")], 1)


@IN_FEW_WAYS
def test_an_id_with_two_videos_or_none_is_an_error_or_left_out(bench: Bench) -> None:
    """Whether or not a prediction has it."""
    for bad in ({"id": "a", "video": "other.mp4"}, {"id": "z"}):
        options: dict[str, Any] = {"annotations": bench.side([*ANNOTATIONS, bad])}
        words = bench.error([{**FP, "video_id": 7}], **options)
        side = bench.folder / "side.jsonl"
        assert words.startswith(f"{side}: the key {bad['id']!r} has no video, or two different ones")
        run = bench.run([{**FP, "video_id": 7}, {**FP, "video_id": bad["id"]}], unmatched="skip", **options)
        assert [(1, "video_id")] == [reason[:2] for reason in run.reasons]


@IN_FEW_WAYS
def test_annotations_and_ground_truth_go_together(bench: Bench) -> None:
    """The id may come from the labels."""
    labels = [{"question_id": 1, "gt": "yes", "video_id": "a"}, {"question_id": 2, "gt": "yes", "video_id": 7}]
    run = bench.run(
        [{"question_id": 2, "response": "no"}, {"question_id": 1, "response": "no"}],
        ground_truth=bench.side(labels, "labels.jsonl"),
        on="question_id",
        annotations=bench.side(ANNOTATIONS),
        media_dir="/media",
    )
    assert run.values("video_id") == ["/media/b.jpg", "/media/sub/a.mp4"]


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("strict", "It is a yes.", "yes"),
        ("strict", "Yes. No doubt.", "both"),
        ("leading", "Yes. No doubt.", "yes"),
        ("first-word", "No, yes would be wrong", "no"),
        ("exact", " No\n", "no"),
        ("exact", "No.", "neither"),
        ("startswith", "Nothing", "no"),
        ("pope", "Hard to say. No.", "yes"),
        ("mme", "know", "no"),
    ],
)
def test_a_rule_reads_responses_and_another_the_ground_truth(plain: Bench, rule: str, text: str, expected: str) -> None:
    """Each by its name; the other side stays strict."""
    run = plain.run([{**FP, "response": text, "gt": gt} for gt in ("yes", "no")], rule=rule)
    turned = plain.run([{**FP, "gt": text, "response": response} for response in ("yes", "no")], gt_rule=rule)
    if expected in ("yes", "no"):
        assert ["FP" if expected == "yes" else "FN"] == run.values("error_type")
        assert ["FN" if expected == "yes" else "FP"] == turned.values("error_type")
    else:
        assert [(0, "response", expected), (1, "response", expected)] == run.reasons
        assert [(0, "gt", expected), (1, "gt", expected)] == turned.reasons


@pytest.mark.parametrize("rule", list(RULES))
def test_a_final_answer_is_read_by_any_rule(plain: Bench, rule: str) -> None:
    """The rest of a response is not; one that has none says so, and the ground truth is read as a whole."""
    texts = ["<think>No, not, no</think> yes", "No. <answer>yes</answer> no", "no</think>yes", "<think>no", "yes"]
    records = [{"video_id": "/v", "response": text, "gt": "no"} for text in texts]
    if rule == "mme":  # whose four letters are those behind the blank, too
        records[0]["response"] = "<think>No, not, no</think>yes"
    run = plain.run(records, rule=rule, final_answer=True)
    assert ["FP"] * 4 == run.values("error_type")
    assert run.reasons == [(3, "response", "no final answer")]
    assert plain.run([{**TP, "gt": "<think>no</think>yes"}], final_answer=True).reasons == [(0, "gt", "both")]


UNCLEAR_ONES = [
    {**TP, "response": "maybe"},
    {**FP, "response": "yes or no"},
    {**FP, "response": "<think>"},
    {**FP, "response": "maybe", "gt": "perhaps"},
    {**FP, "response": "yes", "gt": "perhaps"},
]


def test_what_is_unclear_is_skipped_with_its_reason(bench: Bench) -> None:
    """By default; the reasons are told apart."""
    run = bench.run(UNCLEAR_ONES, final_answer=True)
    reasons = [(0, "response", "neither"), (1, "response", "both"), (2, "response", "no final answer")]
    assert [*reasons, (3, "response", "neither"), (4, "gt", "neither")] == run.reasons
    assert (0, 5, 0) == (run.tally.gaps, run.tally.skipped.total(), run.tally.unclear)


def test_what_is_unclear_can_count_as_wrong(bench: Bench) -> None:
    """Against a clear ground truth, and marked; without one there is nothing to compare."""
    run = bench.run([*UNCLEAR_ONES, FN], unclear="gap", final_answer=True)
    assert run.values("error_type", "response") == [
        ("FN", "maybe"),
        ("FP", "yes or no"),
        ("FP", "<think>"),
        ("FN", "no"),
    ]
    assert [True, True, True, None] == [gap.get("unclear") for gap in run.gaps]
    assert [3, 4] == [index for index, *_ in run.reasons]
    assert (2, 2, 3) == (run.tally.false_positives, run.tally.false_negatives, run.tally.unclear)


def test_what_is_unclear_can_end_the_run(bench: Bench) -> None:
    """With the text, and what it says."""
    for bad, words in zip(
        UNCLEAR_ONES,
        [
            "the response says neither yes nor no: 'maybe'",
            "the response says both yes and no: 'yes or no'",
            "the response has no final answer: '<think>'",
            "the response says neither yes nor no: 'maybe'",
            "the ground truth says neither yes nor no: 'perhaps'",
        ],
        strict=True,
    ):
        sentence = f"item 2: {words}; --unclear skip goes on without it"
        assert sentence == bench.error([FP, TP, bad, FN], RecordError, unclear="error", final_answer=True)


INVALID: list[tuple[Any, str, tuple[str, str]]] = [
    (5, " is not an object", ("record", "not an object")),
    ("yes", " is not an object", ("record", "not an object")),
    ([FP], " is not an object", ("record", "not an object")),
    ({"gt": "no", "video_id": "/v"}, ": missing 'response'", ("response", "missing")),
    ({"response": "no", "video_id": "/v"}, ": missing 'gt'", ("gt", "missing")),
    ({"gt": "no", "response": "yes"}, ": missing 'video_id'", ("video_id", "missing")),
    ({**FP, "response": None}, ": 'response' must be a string, not null", ("response", "null")),
    ({**FP, "response": 1}, ": 'response' must be a string, not number", ("response", "not a string")),
    ({**FP, "gt": None}, ": 'gt' must be a string, not null", ("gt", "null")),
    ({**FP, "gt": ["no"]}, ": 'gt' must be a string, not array", ("gt", "not a string")),
    ({**FP, "video_id": None}, ": 'video_id' must be a string, not null", ("video_id", "null")),
]


def test_what_is_no_prediction_is_an_error_or_skipped(bench: Bench) -> None:
    """The reasons are told apart, and all others are compared."""
    for bad, words, _ in INVALID:
        assert f"item 1{words}" == bench.error([TP, bad, FN], RecordError)
    run = bench.run([FP, *(bad for bad, _, _ in INVALID), FN], on_invalid="skip")
    assert run.values("video_id") == ["/a.mp4", "/b.mp4"]
    assert [(number, *reason) for number, (_, _, reason) in enumerate(INVALID, 1)] == run.reasons
    assert Counter(SkipReason(*reason) for _, _, reason in INVALID) == run.tally.skipped


@IN_LINES
@pytest.mark.parametrize("broken", ["{", "nope", '{"a": 1,}', '"\x01"', '{"a": "'])
def test_a_broken_line_is_one_invalid_record(bench: Bench, broken: str) -> None:
    """What is behind it is read; without leave it ends the run."""
    path = bench.folder / "p.json"
    path.write_text(f"{json.dumps(FP)}\n{broken}\n{json.dumps(FN)}\n{broken}")
    words = bench.error(path, MalformedInputError, format="jsonl")
    assert "(line 2)" in words or broken in ("{", '{"a": "')  # what is only begun may be wrong further on
    run = bench.run(path, on_invalid="skip", format="jsonl")
    assert run.values("video_id") == ["/a.mp4", "/b.mp4"]
    assert run.reasons == [(1, "record", "malformed"), (3, "record", "malformed")]
    assert [broken, broken] == [line["text"] for line in run.skipped]


@IN_ARRAYS
def test_a_broken_array_always_ends_the_run(bench: Bench) -> None:
    """Where it goes wrong is not sure to be where it goes on."""
    path = bench.write([FP, "broken", FN])
    path.write_text(path.read_text().replace('"broken"', "broken"))
    words = bench.error(path, MalformedInputError, on_invalid="skip")
    assert "Expecting value; the last complete item is 0" in words


REPEATED = [
    {**FP, "question": "q"},
    {**FP, "question": "other"},
    {**TP, "video_id": "/a.mp4", "question": "third"},
    {**FN, "video_id": "/x/../a.mp4", "question": "q"},
    {**FP, "question": 1},
    {**FP, "question": True},
    {**FP, "question": 1},
    {**UNCLEAR, "video_id": "/a.mp4", "question": "q"},
    {**FP, "question": {"a": 1, "b": [2]}},
    {**FP, "question": {"b": [2], "a": 1}},
]


def test_of_repeated_gaps_the_first_is_kept(bench: Bench) -> None:
    """By video, as it is resolved, and question; the others are counted as skipped, and not as gaps."""
    assert bench.run(REPEATED, unclear="gap").tally.gaps == 9
    run = bench.run(REPEATED, unclear="gap", dedup=True)
    assert run.values("question") == ["q", "other", 1, True, {"a": 1, "b": [2]}]
    assert Counter({SkipReason("gap", "duplicate"): 4}) == run.tally.skipped
    tally = run.tally
    assert (5, 0, 1, 0, 10) == (
        tally.false_positives,
        tally.false_negatives,
        tally.correct,
        tally.unclear,
        tally.records,
    )


def test_every_skipped_sample_is_written_with_its_reason(bench: Bench) -> None:
    """And with what is known of it, as a gap has it; however few warnings are wanted."""
    records: list[Any] = [
        FP,
        {**UNCLEAR, "question": "Is it?", "tag": [1]},
        {**FP, "response": None},
        {"video_id": "/v", "tag": {}},
        17,
        {**FP, "response": "", "gt": "x" * 200, "video_id": 4},
    ]
    run = bench.run(records, on_invalid="skip", carry="tag")
    known = {"video_id": "/u.mp4", "question": "Is it?", "ground_truth": "no", "response": "maybe", "tag": [1]}
    assert [
        {"index": 1, "field": "response", "reason": "neither", **known},
        {**FP_KNOWN, "index": 2, "field": "response", "reason": "null", "response": None},
    ] == run.skipped[:2]
    assert list(run.skipped[0]) == ["index", "field", "reason", *known]
    assert ("gt", "missing", "/v") == tuple(run.skipped[2][key] for key in ("field", "reason", "video_id"))
    assert {"index": 4, "field": "record", "reason": "not an object", "text": "17"} == run.skipped[3]
    assert ("x" * 200, 4) == (run.skipped[4]["ground_truth"], run.skipped[4]["video_id"])
    assert [skip.index for skip in run.notices] == [line["index"] for line in run.skipped]
    quiet = bench._analyzed(bench.folder / "p.json", bench._options({"on_invalid": "skip", "carry": "tag"}))
    assert run == quiet


FP_KNOWN = {"video_id": "/a.mp4", "question": "", "ground_truth": "no"}


def test_without_skipped_samples_there_is_no_file_of_them(plain: Bench) -> None:
    """Nor one of an earlier run."""
    plain.run([FP, UNCLEAR])
    assert len(lines(plain.folder / "skipped.jsonl")) == 1
    plain.run([FP])
    assert names(plain.folder) == ["p.json", "results"]


@IN_FEW_WAYS
def test_an_error_leaves_the_skipped_samples_of_an_earlier_run(bench: Bench) -> None:
    """And nothing of its own."""
    bench.run([FP, UNCLEAR])
    before = lines(bench.folder / "skipped.jsonl")
    bench.error([TP, {**UNCLEAR, "video_id": "new"}, FP, 1], RecordError)
    assert before == lines(bench.folder / "skipped.jsonl")
    assert names(bench.folder / "results") == [GAPS_NAME, REPORT_NAME]


def test_several_inputs_are_one_run(bench: Bench) -> None:
    """In any form, compressed or open; each counts its items from 0, and warnings name it."""
    parts = [[FP, UNCLEAR], [UNCLEAR, TP], [{**FN, "video_id": "a\0b"}, FP]]
    paths = [bench.write(records, f"{number}.json") for number, records in enumerate(parts)]
    paths[1].write_bytes(gzip.compress(paths[1].read_bytes()))
    run = bench.run(paths)
    assert run.values("error_type") == ["FP", "FN", "FP"]
    warned = [(str(path), index) for path, index in zip(paths, (1, 0, 0), strict=True)]
    assert warned == [(notice.source, notice.index) for notice in run.notices]
    assert warned[:2] == [(line["source"], line["index"]) for line in run.skipped]
    assert list(run.skipped[0])[:4] == ["source", "index", "field", "reason"]
    assert run.tally.records == 6
    with paths[2].open("rb") as file:
        notices: list[Skip | UnresolvedPath] = []
        options = bench._options({"on_warning": notices.append})
        assert len(list(iter_gaps([paths[0], paths[1], file], **options))) == 3
        assert _without_records(run.notices) == notices
        assert not file.closed


@IN_FEW_WAYS
def test_a_folder_is_its_files_in_the_order_of_their_names(bench: Bench) -> None:
    """The results are no input, though they are in it."""
    folder = bench.folder / "shards"
    folder.mkdir()
    for number, record in enumerate((FP, FN, TP)):
        write_as(bench.way.form, [record], folder / f"{2 - number}.json")
    options = bench._options({})
    tally = analyze(folder, folder, **options)
    assert ["FN", "FP"] == [gap["error_type"] for gap in lines(folder / GAPS_NAME)]
    assert (3, tally) == (tally.records, analyze(folder, folder, **options))
    assert ["FN", "FP"] == [gap.error_type.value for gap in iter_gaps(folder, **options)]


@IN_FEW_WAYS
def test_one_input_is_not_named_in_warnings(bench: Bench) -> None:
    """Whoever has one knows which."""
    run = bench.run([TP, UNCLEAR, {**FP, "video_id": "a\0b"}])
    assert [None, None] == [notice.source for notice in run.notices]
    assert "source" not in run.skipped[0]


@IN_FEW_WAYS
def test_an_error_in_one_of_several_inputs_ends_them_all(bench: Bench) -> None:
    """It names the one, with its own item and line; nothing is left."""
    first, second = bench.write([FP, FP], "1.json"), bench.write([TP, FP, 5], "2.json")
    line = " (line 3)" if bench.way.form == "jsonl" else ""
    assert f"{second}: item 2 is not an object{line}" == bench.error([first, second], RecordError)
    with pytest.raises(SourceNotFoundError, match="there is no such file"):
        analyze([first, bench.folder / "none.json"], bench.folder / "results", **bench._options({}))
    assert names(bench.folder) == ["1.json", "2.json"]


@IN_FEW_WAYS
def test_what_belongs_to_a_run_goes_on_from_input_to_input(bench: Bench) -> None:
    """Labels, and gaps that were there before."""
    labels = bench.side([{"id": number, "gt": "no", "video_id": "/v", "question": "q"} for number in range(4)])
    paths = [bench.write([{"id": n, "response": "yes"} for n in (n, n + 1)], f"{n}.json") for n in (0, 2)]
    joined: dict[str, Any] = {"ground_truth": labels, "on": "id"}
    assert bench.run(paths, **joined).tally.false_positives == 4
    run = bench.run(paths, dedup=True, **joined)
    assert (1, 3) == (len(run.gaps), run.tally.skipped[SkipReason("gap", "duplicate")])
    assert "2 of 4 labels have no prediction, the first of them that of 2" in bench.error(paths[:1], **joined)


@pytest.mark.parametrize("bench", FEW_WAYS[:4], indirect=True, ids=str)
def test_progress_goes_on_from_input_to_input(bench: Bench) -> None:
    """In bytes of the inputs, to the sum of their lengths."""
    paths = [bench.write([FP] * 5, f"{number}.json") for number in range(3)]
    seen: list[int] = []
    results, options = bench.folder / "results", bench._options({})
    executor = None if bench.way.range_bytes is None else Sent()
    analyze(paths, results, executor=executor, on_progress=lambda done, _: seen.append(done), **options)
    assert sorted(seen) == seen
    assert sum(path.stat().st_size for path in paths) == seen[-1]


SAID: dict[str, Any] = {"affirmative": True, "negative": False, "oui": "yes", "non": "no", "both": Answer.BOTH}


def says_so(text: str) -> Any:
    """Read an answer in all the ways in which a rule may give one."""
    return SAID.get(text)


def test_a_rule_of_ones_own_reads_answers(bench: Bench) -> None:
    """Behind the final answer, and sent to other processes."""
    texts = ["affirmative", "negative", "oui", "</think>non", "both", "?"]
    run = bench.run([{**TP, "response": text} for text in texts], rule=says_so, final_answer=True)
    assert run.values("response") == ["negative", "</think>non"]
    assert run.reasons == [(4, "response", "both"), (5, "response", "neither")]
    run = bench.run([{**TP, "gt": text} for text in texts[:2]], gt_rule=says_so)
    assert run.values("ground_truth") == ["negative"]


def wrong_rule(_: str) -> int:
    """Give no answer."""
    return 7


@IN_FEW_WAYS
def test_a_rule_that_gives_no_answer_is_told(bench: Bench) -> None:
    """By its name, with what it gave; nothing is left."""
    path = bench.write([TP, FP])
    executor = None if bench.way.range_bytes is None else Sent()
    with pytest.raises(ConfigurationError, match="the rule 'wrong_rule' gave 7: it must give an Answer, 'yes', 'no'"):
        analyze(path, bench.folder / "results", rule=wrong_rule, executor=executor, **bench._options({}))  # type: ignore[arg-type]  # the point
    assert names(bench.folder) == ["p.json"]


def test_a_rule_that_cannot_be_sent_is_for_one_process(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself; where more are asked for, that is an error."""
    path = plain.write([FP, {**FP, "response": "no"}])
    results = plain.folder / "results"
    monkeypatch.setattr(pipeline, "PARALLEL_FROM_BYTES", 0)
    tally = analyze(path, results, jobs=None, rule=lambda text: text != "no")
    assert (1, 1) == (tally.false_positives, tally.true_negatives)
    with pytest.raises(ConfigurationError, match="a rule that is no function of a module cannot be sent"):
        analyze(path, results, jobs=2, rule=lambda _: True)
    assert analyze(path, results, jobs=2, rule=lambda _: True, reader="ijson").false_positives == 2


def test_processes_take_all_options(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real ones, which get labels, annotations and a rule of somebody's own."""
    records = [{"id": n % 3, "category": n, "text": "affirmative" if n % 2 else "negative"} for n in range(600)]
    path = plain.write(records)
    options: dict[str, Any] = {
        "ground_truth": plain.side([{"id": n, "gt": "yes" if n else "no", "clip": "a"} for n in range(3)]),
        "on": "id",
        "annotations": plain.side([{"id": "a", "video": "a.mp4"}], "llava.jsonl"),
        "media_dir": "/media",
        "rule": says_so,
        "fields": {"response": "text", "video_id": "clip"},
        "carry": ["category"],
        "group_by": ["category", "question"],
        "max_groups": 300,
        "jobs": 2,
    }
    monkeypatch.setitem(RANGES, "range_bytes", 5000)
    tally = analyze(path, plain.folder / "results", **options)
    gaps = lines(plain.folder / "results" / GAPS_NAME)
    assert [n for n in range(600) if (n % 2 == 1) != (n % 3 > 0)] == [gap["category"] for gap in gaps]
    assert {"/media/a.mp4"} == {gap["video_id"] for gap in gaps}
    assert (len(gaps), 600) == (tally.gaps, tally.records)
    assert tally.survey is not None
    groups = list(tally.survey.groups("category"))
    assert [*range(300), None] == [group.value for group in groups]
    assert (300, 600) == (groups[-1].confusion.samples, tally.survey.total.samples)


@IN_FEW_WAYS
def test_files_beside_the_input_may_be_open(bench: Bench) -> None:
    """Which they stay, and which keeps no process from reading the input."""
    path = bench.write(KEYED[:2])
    side, annotations = bench.side(LABELS[1:]), bench.side([{"id": f"/{n}.jpg", "video": f"/{n}"} for n in "13"], "a")
    options = bench._options({"on": "question_id", "fields": {"video_id": "image"}})
    executor = None if bench.way.range_bytes is None else Sent()
    with side.open("rb") as first, annotations.open("rb") as second:
        files: dict[str, Any] = {"ground_truth": first, "annotations": second}
        tally = analyze(path, bench.folder / "results", executor=executor, **files, **options)
        assert (tally.false_negatives, tally.true_negatives) == (1, 1)
        assert not first.closed
        assert not second.closed


@IN_FEW_WAYS
def test_an_invalid_prediction_uses_its_label_all_the_same(bench: Bench) -> None:
    """It is skipped for what it lacks, and its label is not left over."""
    joined: dict[str, Any] = {"ground_truth": bench.side(LABELS[:2]), "on": "question_id"}
    run = bench.run(
        [{"question_id": 1, "response": "no", "video_id": "/v"}, {"question_id": 2}], on_invalid="skip", **joined
    )
    assert (run.values("error_type"), run.reasons) == (["FN"], [(1, "response", "missing")])
