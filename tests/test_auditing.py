from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import RULES, Answer, ConfigurationError, InputError, RecordError, SkipReason, Tally, iter_gaps
from streamgaps.auditing import Audit, audit
from streamgaps.stages.parse import LONGEST, MOST, remember
from tests.doubles import ChunkedFile
from tests.strategies import BLOCK_SIZES, RECORDS

if TYPE_CHECKING:
    from streamgaps.survey import Confusion

FEW = st.sampled_from(["yes", "No.", "Yes, no doubt.", "", "<think>no</think>yes", "<think>no", "A", "y" * 300 + " no"])
REPEATING = st.fixed_dictionaries(
    {"video_id": st.just("v"), "response": FEW, "gt": st.sampled_from(["Yes", "no", "maybe", "1"])}
)
BROKEN = st.sampled_from(
    [
        3,
        {"video_id": "v", "gt": "no"},
        {"video_id": "v", "response": None, "gt": "no"},
        {"video_id": "v", "response": ["no"], "gt": "no"},
        {"video_id": "v", "response": "pope says yes", "gt": {}},
        {"video_id": "v", "response": "yes", "gt": 1},
        {"video_id": "v", "response": "yes", "gt": True},
    ]
)


def file(*records: object) -> io.BytesIO:
    """Return a file with an array of records."""
    return io.BytesIO(json.dumps(records).encode())


def record(response: object, gt: object = "yes", video_id: object = "v") -> dict[str, object]:
    """Return a prediction."""
    return {"video_id": video_id, "response": response, "gt": gt}


def ignore(_: object) -> None:
    """Want no warnings."""


def by_runs(records: list[Any], **options: Any) -> dict[str, Confusion]:
    """Return what a run for each rule counts."""
    found = {}
    for rule in RULES:
        tally = Tally()
        for _ in iter_gaps(
            file(*records), tally=tally, rule=rule, group_by="question", on_warning=ignore, paths="keep", **options
        ):
            pass
        assert tally.survey is not None
        found[rule] = tally.survey.total
    return found


def confusions(found: Audit) -> dict[str, Confusion]:
    """Return the counts by rule."""
    return {one.rule: one.confusion for one in found.rules}


@given(RECORDS | st.lists(REPEATING, max_size=20), BLOCK_SIZES, st.booleans(), st.sampled_from(list(RULES)))
def test_one_pass_counts_what_a_run_for_each_rule_does(
    records: list[dict[str, Any]], size: int, final: bool, gt_rule: str
) -> None:
    """Whatever the texts are, and how the truth is read."""
    options: dict[str, Any] = {"final_answer": final, "gt_rule": gt_rule, "labels": {"yes": ["1"]}}
    found = audit(ChunkedFile(json.dumps(records).encode(), size), **options)  # type: ignore[arg-type]
    assert by_runs(records, **options) == confusions(found)
    assert len(records) == found.records


@given(st.lists(REPEATING | BROKEN, max_size=20))
def test_records_that_are_no_predictions_are_skipped_as_in_a_run(records: list[Any]) -> None:
    """With the reasons of a run whose rule finds nothing unclear."""
    options: dict[str, Any] = {"on_invalid": "skip", "labels": {"yes": [1]}}
    found = audit(file(*records), **options)
    tally = Tally()
    for _ in iter_gaps(file(*records), tally=tally, rule="pope", on_warning=ignore, paths="keep", **options):
        pass
    assert tally.skipped == Counter(found.skipped)
    assert by_runs(records, **options) == confusions(found)


@given(st.lists(REPEATING, max_size=30))
def test_disagreements_are_the_first_of_each_way_contradictions_first(records: list[dict[str, str]]) -> None:
    """Judged by applying each rule to each response."""
    ways: dict[tuple[str, ...], list[int]] = {}
    for index, one in enumerate(records):
        if one["gt"] in ("Yes", "no"):
            answers = [rule(one["response"]).value for rule in RULES.values()]
            way = tuple(answer if answer in ("yes", "no") else "unclear" for answer in answers)
            if len(set(way)) > 1:
                ways.setdefault(way, []).append(index)
    ranked = sorted(ways.items(), key=lambda one: (not {"yes", "no"} <= {*one[0]}, -len(one[1]), one[1][0]))
    expected = [places for _, places in ranked]
    found = audit(file(*records))
    assert [(places[0], len(places)) for places in expected[:5]] == [
        (one.index, one.samples) for one in found.disagreements
    ]
    assert (sum(map(len, expected)), len(expected)) == (found.disagreeing, found.patterns)
    for sample in found.disagreements:
        text = records[sample.index]["response"]
        assert {name: rule(text) for name, rule in RULES.items()} == sample.answers
        assert records[sample.index]["gt"].lower() == sample.truth.value


def test_answers_add_up_to_the_samples() -> None:
    """For each rule, in the order of the rules."""
    found = audit(file(record("Yes."), record("No", "no"), record("?", "no"), record("yes", "maybe")))
    assert list(RULES) == [one.rule for one in found.rules]
    assert {3} == {one.yes + one.no + one.unclear for one in found.rules}
    assert [1, 1, 1] == [found.rules[0].yes, found.rules[0].no, found.rules[0].unclear]
    assert (3, 4, {SkipReason("gt", "neither"): 1}) == (found.samples, found.records, found.skipped)


def test_a_response_that_breaks_off_is_unclear_to_every_rule() -> None:
    """If only final answers are read; so rules do not differ on it."""
    found = audit(file(record("<think>yes")), final_answer=True)
    assert {1} == {one.unclear for one in found.rules}
    assert 0 == found.patterns
    assert Answer.YES is audit(file(record("<think>yes"))).disagreements[0].answers["strict"]


def test_several_inputs_are_one_audit(tmp_path: Path) -> None:
    """A sample says of which one it is; a folder is its files."""
    for name, response in (("a.json", "Yes"), ("b.jsonl", "Yes.")):
        (tmp_path / name).write_text(json.dumps([record(response)])[1:-1] if name == "b.jsonl" else json.dumps([]))
    (found,) = audit(tmp_path).disagreements
    assert (0, str(tmp_path / "b.jsonl"), 1) == (found.index, found.source, found.samples)
    assert audit(tmp_path / "b.jsonl").disagreements[0].source is None


def test_samples_are_kept_in_part_where_they_are_long() -> None:
    """The memory that they take is bounded; a video_id that is no text is left out."""
    long = "Yes. " + "x" * 5000 + " no doubt"
    (found,) = audit(file(record(long, video_id="v" * 5000))).disagreements
    assert found.response.startswith("Yes. xx")
    assert found.response.endswith("xx no doubt")
    assert len(found.response) < 200
    assert found.video_id is not None
    assert len(found.video_id) < 1100
    assert audit(file(record("Yes.", video_id=[1]))).disagreements[0].video_id is None


def test_few_texts_are_remembered_and_no_long_ones() -> None:
    """The memory that they take is bounded."""
    memory: dict[str, int] = {}
    remember(memory, "x" * (LONGEST + 1), 0, MOST)
    assert {} == memory
    for number in range(MOST + 9):
        remember(memory, str(number).rjust(LONGEST), number, MOST)
    assert MOST == len(memory)


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1])
def test_what_is_remembered_counts_as_what_is_not(length: int) -> None:
    """Each of several samples with the same text."""
    text = "yes".ljust(length, ".")
    found = audit(file(*[record(text), record(text, "no")] * 3))
    assert (3, 3) == (found.rules[0].confusion.true_positives, found.rules[0].confusion.false_positives)


def test_more_texts_than_are_remembered_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of them is bounded, and what comes later is read again."""
    monkeypatch.setattr("streamgaps.auditing.MOST", 2)
    found = audit(file(*[record(f"yes {number}", "no" + "!" * number) for number in range(5)] * 2))
    assert 10 == found.rules[0].confusion.false_positives


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (record(None), "item 1: 'response' must be a string, not null"),
        (record("yes", 1), "item 1: 'gt' must be a string, not number"),
        (record("maybe", 1), "item 1: 'gt' must be a string, not number"),
        ({"video_id": "v", "gt": "no"}, "item 1: missing 'response'"),
        (3, "item 1 is not an object"),
    ],
)
def test_what_a_run_refuses_is_refused(item: object, words: str) -> None:
    """In the same words; also a truth that a run by some rules would not look at."""
    with pytest.raises(RecordError) as refused:
        audit(file(record("yes"), item))
    assert f"<stream>: {words}" == str(refused.value)
    with pytest.raises(RecordError) as by_run:
        list(iter_gaps(file(record("yes"), item), rule="pope"))
    assert str(by_run.value) == str(refused.value)


def test_ground_truth_from_another_file_is_joined(tmp_path: Path) -> None:
    """And labels that are left over are refused, or counted."""
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"id": 1, "gt": "no", "video_id": "a"}\n{"id": 2, "gt": "no", "video_id": "b"}\n')
    with pytest.raises(InputError, match="1 of 2 labels have no prediction"):
        audit(file({"id": 1, "response": "Yes."}), ground_truth=labels, on="id")
    found = audit(file({"id": 1, "response": "Yes."}), ground_truth=labels, on="id", unmatched="skip")
    assert (1, 1) == (found.rules[0].confusion.false_positives, found.unused_labels)
    assert "a" == found.disagreements[0].video_id


@pytest.mark.parametrize("name", ["rule", "unclear", "dedup", "group_by", "carry", "paths"])
def test_options_without_an_effect_are_refused(name: str) -> None:
    """Whoever gives a rule takes the audit for something else."""
    with pytest.raises(ConfigurationError, match=f"no use for '{name}'"):
        audit(file(), **{name: "x"})  # type: ignore[arg-type]


def test_progress_goes_on_from_one_input_to_the_next(tmp_path: Path) -> None:
    """To the number of bytes of all."""
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        path.write_text(json.dumps([record("yes")]))
    seen: list[int] = []
    audit(paths, on_progress=seen.append)
    size = paths[0].stat().st_size
    assert [size, 2 * size] == seen
