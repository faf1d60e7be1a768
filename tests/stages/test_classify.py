from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import Answer, ErrorType, Gap, RecordError, Skip, SkipReason, Tally
from streamgaps.fields import Fields
from streamgaps.model import Broken, ParsedPrediction, Prediction, answers_of
from streamgaps.stages.classify import DEFAULT, Policy, Unclear, classify
from streamgaps.stages.parse import Reading, parse
from streamgaps.stages.validate import validate

TEXT = {
    Answer.YES: "Yes",
    Answer.NO: "No",
    Answer.NEITHER: "?",
    Answer.BOTH: "yes or no",
    Answer.UNFINISHED: "<think>Yes",
}
UNCLEAR = [Answer.NEITHER, Answer.BOTH, Answer.UNFINISHED]
SKIPS_INVALID = Policy(skips_invalid=True)
KEEPS_RECORDS = Policy(skips_invalid=True, keeps_records=True)


def parsed(response: Answer, gt: Answer | None, video_id: object = "v") -> ParsedPrediction:
    """Make a prediction whose texts fit the answers."""
    return Prediction(video_id, TEXT[response], TEXT[gt] if gt else None, "q"), answers_of(response, gt)


def run(*predictions: ParsedPrediction, policy: Policy = DEFAULT) -> tuple[list[Gap], Tally, list[Skip]]:
    """Classify predictions."""
    tally = Tally()
    skips: list[Skip] = []
    gaps = classify(
        predictions, tally=tally, resolve=lambda item, path: f"/{item}/{path}", on_skip=skips.append, policy=policy
    )
    return list(gaps), tally, skips


def run_items(
    *items: object, policy: Policy = SKIPS_INVALID, fields: Fields | None = None
) -> tuple[list[Gap], Tally, list[Skip]]:
    """Classify items as a reader gives them."""
    predictions = validate([list(items)], fields=fields or Fields(), skips_invalid=policy.skips_invalid)
    reading = Reading(reads_gt_of_unclear=policy.unclear is Unclear.GAP)
    return run(*parse(predictions, reading=reading), policy=policy)


def test_each_prediction_is_counted_once() -> None:
    """And gaps come out in order, with the raw texts."""
    gaps, tally, skips = run(
        parsed(Answer.YES, Answer.YES),
        parsed(Answer.NO, Answer.NO),
        parsed(Answer.YES, Answer.NO),
        parsed(Answer.NO, Answer.YES),
        parsed(Answer.BOTH, None),
        parsed(Answer.YES, Answer.NEITHER),
    )
    assert [
        Gap(2, "/2/v", ErrorType.FP, "q", "No", "Yes"),
        Gap(3, "/3/v", ErrorType.FN, "q", "Yes", "No"),
    ] == gaps
    reasons = [SkipReason("response", "both"), SkipReason("gt", "neither")]
    assert [Skip(4, "v", reasons[0], "yes or no"), Skip(5, "v", reasons[1], "?")] == skips
    assert (1, 1, 1, 1) == (tally.true_positives, tally.true_negatives, tally.false_positives, tally.false_negatives)
    assert dict.fromkeys(reasons, 1) == tally.skipped
    assert tally.records == 6


def test_a_warning_shows_80_characters() -> None:
    """However long the text is."""
    _, _, skips = run((Prediction("v", "x" * 500, "no"), answers_of(Answer.NEITHER, None)))
    assert ["x" * 80] == [skip.text for skip in skips]


def test_the_video_id_of_a_gap_must_be_a_text() -> None:
    """That of any other prediction is not looked at."""
    assert run(parsed(Answer.YES, Answer.YES, None), parsed(Answer.BOTH, None, 3))[1].records == 2
    with pytest.raises(RecordError, match="^item 0: 'video_id' must be a string, not null$"):
        run(parsed(Answer.YES, Answer.NO, None))


@pytest.mark.parametrize(("value", "name"), [(None, "null"), (True, "boolean"), (1, "number"), (["yes"], "array")])
def test_a_text_that_is_none_is_an_error(value: object, name: str) -> None:
    """Where it has to be read; it names the item, and all before it is counted."""
    good = Prediction("v", "no", "no")
    for field in ("response", "gt"):
        bad = Prediction("v", "no", "no")
        setattr(bad, field, value)
        tally = Tally()
        gaps = classify(parse([good, good, bad]), tally=tally, resolve=str, on_skip=print, first=5)  # type: ignore[arg-type]
        with pytest.raises(RecordError, match=f"^item 7: '{field}' must be a string, not {name}$"):
            list(gaps)
        assert (2, 2) == (tally.true_negatives, tally.records)


def test_the_tally_is_right_at_every_gap() -> None:
    """Whoever looks in between sees all that was counted."""
    right, wrong = Prediction("v", "yes", "yes"), Prediction("v", "yes", "no")
    tally = Tally(true_positives=10)
    gaps = classify(
        parse([right, right, wrong, right, wrong, right]), tally=tally, resolve=lambda _, path: path, on_skip=print
    )
    assert [(2, 13), (4, 15)] == [(gap.index, tally.records) for gap in gaps]
    assert tally.records == 16


# What is unclear ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", UNCLEAR)
def test_what_is_unclear_is_skipped_for_what_it_is(answer: Answer) -> None:
    """A response without a look at the ground truth; a ground truth whatever a clear response says."""
    gaps, tally, skips = run(parsed(answer, None), parsed(Answer.YES, answer), parsed(Answer.NO, answer))
    reasons = [SkipReason("response", answer.value), SkipReason("gt", answer.value), SkipReason("gt", answer.value)]
    assert ([], reasons) == (gaps, [skip.reason for skip in skips])
    assert ({reasons[0]: 1, reasons[1]: 2}, 3) == (tally.skipped, tally.records)
    assert [None] * 3 == [skip.record for skip in skips]


@pytest.mark.parametrize("answer", UNCLEAR)
def test_what_is_unclear_may_be_a_gap(answer: Answer) -> None:
    """It counts as wrong, and is marked, and counted as such; without a clear ground truth it is skipped."""
    policy = Policy(Unclear.GAP)
    gaps, tally, skips = run(
        parsed(answer, Answer.NO),
        parsed(answer, Answer.YES),
        parsed(answer, None),
        parsed(Answer.YES, answer),
        parsed(Answer.YES, Answer.NO),
        policy=policy,
    )
    text = TEXT[answer]
    assert [
        Gap(0, "/0/v", ErrorType.FP, "q", "No", text, unclear=True),
        Gap(1, "/1/v", ErrorType.FN, "q", "Yes", text, unclear=True),
        Gap(4, "/4/v", ErrorType.FP, "q", "No", "Yes"),
    ] == gaps
    reasons = [SkipReason("response", answer.value), SkipReason("gt", answer.value)]
    assert ([2, 3], reasons) == ([skip.index for skip in skips], [skip.reason for skip in skips])
    assert (2, 1, 2, 5) == (tally.false_positives, tally.false_negatives, tally.unclear, tally.records)


def test_the_video_id_of_an_unclear_gap_must_be_a_text() -> None:
    """As that of any gap."""
    unclear = parsed(Answer.BOTH, Answer.YES, None)
    with pytest.raises(RecordError, match="^item 0: 'video_id' must be a string, not null$"):
        run(unclear, policy=Policy(Unclear.GAP))
    gaps, tally, skips = run(unclear, policy=Policy(Unclear.GAP, skips_invalid=True))
    assert ([], 0, [SkipReason("video_id", "null")]) == (gaps, tally.unclear, [skip.reason for skip in skips])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer.NEITHER, "says neither yes nor no: '?'"),
        (Answer.BOTH, "says both yes and no: 'yes or no'"),
        (Answer.UNFINISHED, "has no final answer: '<think>Yes'"),
    ],
)
def test_what_is_unclear_may_be_an_error(answer: Answer, says: str) -> None:
    """It names the item, says what is unclear, and shows it."""
    right = parsed(Answer.YES, Answer.YES)
    for unclear, field, subject in (
        (parsed(answer, None), "response", "the response"),
        (parsed(Answer.YES, answer), "gt", "the ground truth"),
    ):
        with pytest.raises(RecordError) as caught:
            run(right, right, unclear, policy=Policy(Unclear.ERROR))
        words = f"item 2: {subject} {says}; --unclear skip goes on without it"
        assert (words, 2, field) == (str(caught.value), caught.value.index, caught.value.field)


# What is invalid ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "why"), [(None, "null"), (True, "not a string"), (1, "not a string"), ([], "not a string")]
)
def test_what_is_no_text_is_skipped_where_it_would_be_read(value: object, why: str) -> None:
    """And nowhere else; by its field and what it is."""
    good = {"video_id": "v", "response": "yes", "gt": "no"}
    gaps, tally, skips = run_items(*({**good, field: value} for field in ("response", "gt", "video_id", "question")))
    assert [Gap(3, "/3/v", ErrorType.FP, value, "no", "yes")] == gaps
    reasons = [SkipReason(field, why) for field in ("response", "gt", "video_id")]
    assert (reasons, [""] * 3) == ([skip.reason for skip in skips], [skip.text for skip in skips])
    assert ["v", "v", value] == [skip.video_id for skip in skips]
    assert (1, 3, 4) == (tally.gaps, tally.skipped.total(), tally.records)
    right = {"video_id": value, "response": "yes", "gt": "yes"}
    assert (1, 0) == (run_items(right)[1].correct, run_items(right)[1].skipped.total())


def test_what_is_no_prediction_is_skipped_with_its_reason() -> None:
    """Its text is the beginning of what there is."""
    _, tally, skips = run_items(
        Broken("wrong", b"{nope \xff" + b"x" * 100),
        "text",
        [1],
        {"video_id": "v", "response": "r"},
        {"gt": "g", "video_id": 7},
        {"gt": "g", "response": "r"},
    )
    assert [
        Skip(0, None, SkipReason("record", "malformed"), "{nope \ufffd" + "x" * 73),
        Skip(1, None, SkipReason("record", "not an object"), '"text"'),
        Skip(2, None, SkipReason("record", "not an object"), ""),
        Skip(3, "v", SkipReason("gt", "missing"), ""),
        Skip(4, 7, SkipReason("response", "missing"), ""),
        Skip(5, None, SkipReason("video_id", "missing"), ""),
    ] == skips
    assert {skip.reason: 1 for skip in skips if skip.reason.field != "record"} == {
        reason: count for reason, count in tally.skipped.items() if reason.field != "record"
    }
    assert 6 == tally.records


@pytest.mark.parametrize("unclear", [Unclear.SKIP, Unclear.GAP, Unclear.ERROR])
def test_what_is_invalid_is_not_unclear(unclear: Unclear) -> None:
    """Whatever becomes of what is: null says nothing, and nothing is read of a record that lacks a field."""
    items = [{"video_id": "v", "response": None, "gt": "no"}, {"video_id": "v", "response": "?"}]
    gaps, _, skips = run_items(*items, policy=Policy(unclear, skips_invalid=True))
    reasons = [SkipReason("response", "null"), SkipReason("gt", "missing")]
    assert ([], reasons) == (gaps, [skip.reason for skip in skips])


def test_of_what_is_skipped_all_that_is_known_may_be_kept() -> None:
    """Under the names that a gap has, with what is carried; of what is no object, its text."""
    fields = Fields(carried=(("id", ("doc", "id")), ("none", ("none",))))
    _, _, skips = run_items(
        {"video_id": "v", "response": "?", "gt": "no", "question": [1.0], "doc": {"id": 10**30}, "more": 1},
        {"video_id": "v", "response": "yes", "gt": None, "doc": {}},
        {"video_id": 3, "doc": {"id": None}},
        "text",
        Broken("wrong", b"{nope"),
        policy=KEEPS_RECORDS,
        fields=fields,
    )
    assert [
        {"video_id": "v", "question": [1.0], "ground_truth": "no", "response": "?", "id": 10**30},
        {"video_id": "v", "question": "", "ground_truth": None, "response": "yes"},
        {"video_id": 3, "question": "", "id": None},
        {"text": '"text"'},
        {"text": "{nope"},
    ] == [json.loads(skip.record or b"") for skip in skips]


ANSWER = st.sampled_from(["yes", "No", "?", "yes or no", None, 1, ["yes"]])
ITEMS = st.lists(
    st.fixed_dictionaries({}, optional={"video_id": st.sampled_from(["v", None]), "response": ANSWER, "gt": ANSWER})
    | st.sampled_from(["text", None])
)


@given(ITEMS)
def test_all_counts_come_to_the_records_that_were_read(items: list[object]) -> None:
    """By any policy; each gap that is told is counted, each skip is told, and no record is both or neither."""
    for unclear, keeps_records in product((Unclear.SKIP, Unclear.GAP), (False, True)):
        policy = Policy(unclear, skips_invalid=True, keeps_records=keeps_records)
        gaps, tally, skips = run_items(*items, policy=policy)
        assert len(items) == tally.records == tally.correct + len(gaps) + len(skips)
        assert len(gaps) == tally.gaps
        assert sum(gap.unclear for gap in gaps) == tally.unclear
        assert len(skips) == tally.skipped.total()
        told = [gap.index for gap in gaps] + [skip.index for skip in skips]
        assert len(told) == len(set(told))
        assert all((skip.record is not None) == keeps_records for skip in skips)
