from __future__ import annotations

import json
from typing import Any

import pytest

from streamgaps import RecordError
from streamgaps.fields import MISSING, Fields
from streamgaps.model import Invalid, Prediction, SkipReason
from streamgaps.stages.join import Found, JoinPolicy, join_labels, join_videos, key_bytes
from streamgaps.stages.read import Reader, Shape, read
from streamgaps.stages.validate import validate

IN_READERS = pytest.mark.parametrize("reader", list(Reader))
STRICT = JoinPolicy()
BY_ID = Fields(key=("id",))


class Side:
    """A file beside the input, in memory: the fields of each key."""

    name = "side.json"

    def __init__(
        self, *entries: tuple[object, dict[str, Any]], ambiguous: tuple[object, ...] = (), paths: str = ""
    ) -> None:
        self._found = {
            key_bytes(key): Found(number, key in ambiguous, fields) for number, (key, fields) in enumerate(entries)
        }
        self._paths = paths.split()

    def find(self, key: bytes) -> Found | None:
        """Return what there is."""
        return self._found.get(key)

    def has_path(self, video_id: str) -> bool:
        """Say whether it was made with this path."""
        return video_id in self._paths


def labelled(
    items: list[Any], side: Side, fields: Fields = BY_ID, policy: JoinPolicy = STRICT, reader: Reader = Reader.AUTO
) -> tuple[list[Prediction], list[int]]:
    """Join labels to items; return the predictions, and the numbers of the labels that were used."""
    used: list[int] = []
    batches = read([json.dumps(items).encode()], Shape(reader=reader, fields=fields))
    predictions = validate(batches, fields=fields, skips_invalid=policy.skips_invalid)
    return list(join_labels(predictions, side, fields=fields, policy=policy, mark=used.append)), used


def values(prediction: Prediction) -> tuple[Any, ...]:
    """Return the four fields."""
    return prediction.video_id, prediction.response, prediction.gt, prediction.question


def reason(prediction: Prediction) -> SkipReason | None:
    """Return why a prediction is to be skipped, if it is."""
    return prediction.reason if isinstance(prediction, Invalid) else None


@pytest.mark.parametrize(
    ("key", "spelled"),
    [
        ("", b"s"),
        ("1", b"s1"),
        ("é", "sé".encode()),
        ("\ud83d", b"s\xed\xa0\xbd"),
        (1, b"i1"),
        (-(10**30), b"i-1" + b"0" * 30),
        (True, None),
        (1.0, None),
        (None, None),
        ([1], None),
        ({}, None),
        (MISSING, None),
    ],
)
def test_texts_and_whole_numbers_are_keys(key: object, spelled: bytes | None) -> None:
    """And no two of them are the same: the number 1 is not the text `1`."""
    assert spelled == key_bytes(key)


# Ground truth ---------------------------------------------------------------------------------------------------------


@IN_READERS
def test_a_prediction_gets_the_ground_truth_of_its_key(reader: Reader) -> None:
    """In whatever order keys come, and as often as they are asked for."""
    side = Side(("a", {"gt": "yes"}), (1, {"gt": "no"}), ("1", {"gt": ["x"]}))
    items = [{"id": key, "response": "r", "video_id": "v"} for key in ("1", 1, "a", 1)]
    found, used = labelled(items, side, reader=reader)
    assert [("v", "r", gt, "") for gt in (["x"], "no", "yes", "no")] == [values(prediction) for prediction in found]
    assert [2, 1, 0, 1] == used


@IN_READERS
def test_the_ground_truth_is_never_that_of_the_prediction(reader: Reader) -> None:
    """All other fields are its own, if it has them, null too; else those of the label."""
    label = {"gt": "label", "video_id": "lv", "question": "lq", "carried_0": "lc"}
    side = Side(("k", label))
    fields = Fields(key=("id",), carried=(("split", ("meta", "split")),))
    own = {"id": "k", "response": "r", "gt": "own", "video_id": None, "question": "q", "meta": {"split": 0}}
    found, _ = labelled([own, {"id": "k", "response": "r", "meta": {}}], side, fields, reader=reader)
    assert [(None, "r", "label", "q"), ("lv", "r", "label", "lq")] == [values(prediction) for prediction in found]
    assert [{"split": 0}, {"split": "lc"}] == [prediction.carried for prediction in found]


def test_what_neither_has_is_missing() -> None:
    """A question is then empty, and a carried field not there; a required one is an error, or skipped."""
    fields = Fields(key=("id",), video_id=("v", "id"), carried=(("split", ("split",)),))
    full = Side(("k", {"gt": "yes", "video_id": "v"}))
    (found,), _ = labelled([{"id": "k", "response": "r"}], full, fields)
    assert ((("v", "r", "yes", "")), {}) == (values(found), found.carried)
    side = Side(("k", {"gt": "yes"}))
    with pytest.raises(RecordError) as caught:
        labelled([{"id": "k", "response": "r"}], side, fields)
    assert str(caught.value) == "item 0: missing 'v.id' (video_id), and side.json does not have it either"
    assert caught.value.field == "video_id"
    (found,), _ = labelled([{"id": "k", "response": "r"}], side, fields, JoinPolicy(skips_invalid=True))
    assert SkipReason("video_id", "missing") == reason(found)
    assert "r" == found.found.response  # type: ignore[attr-defined]  # it is invalid


@pytest.mark.parametrize(
    ("key", "problem", "why"),
    [
        ("b", "'id' (key) 'b' is not in side.json", "no match"),
        (7, "'id' (key) 7 is not in side.json", "no match"),
        ("two", "'id' (key) 'two' has several matches in side.json", "several matches"),
    ],
)
def test_a_key_without_a_match_is_an_error_or_skipped(key: object, problem: str, why: str) -> None:
    """All before it is joined; the sample keeps what it has."""
    side = Side(("a", {"gt": "yes"}), ("two", {"gt": "no"}), ambiguous=("two",))
    items = [{"id": key, "response": "r", "video_id": "v"} for key in ("a", key, "a")]
    with pytest.raises(RecordError) as caught:
        labelled(items, side)
    assert f"item 1: {problem}; --unmatched skip leaves such samples out" == str(caught.value)
    assert (1, "key") == (caught.value.index, caught.value.field)
    with pytest.raises(RecordError):
        labelled(items, side, policy=JoinPolicy(skips_invalid=True))
    found, used = labelled(items, side, policy=JoinPolicy(skips_unmatched=True))
    assert [None, SkipReason("key", why), None] == [reason(prediction) for prediction in found]
    kept = found[1].found  # type: ignore[attr-defined]  # it is invalid
    assert ("v", "r", str(key)) == (*values(kept)[:2], found[1].text)  # type: ignore[attr-defined]
    assert [0, 0] == used


def test_a_long_key_is_cut_in_the_message() -> None:
    """It is not printed by the megabyte."""
    for key in ("k" * 10**6, 10**4000):
        with pytest.raises(RecordError, match="is not in side.json") as caught:
            labelled([{"id": key, "response": "r"}], Side())
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("item", "problem", "why"),
    [
        ({}, "missing 'id' (key)", "missing"),
        ({"id": None}, "'id' (key) must be a string or a whole number, to be a key, not null", "null"),
        ({"id": True}, "'id' (key) must be a string or a whole number, to be a key, not boolean", "not a string"),
        ({"id": 1.0}, "'id' (key) must be a string or a whole number, to be a key, not number", "not a string"),
        ({"id": []}, "'id' (key) must be a string or a whole number, to be a key, not array", "not a string"),
    ],
)
def test_what_can_be_no_key_is_invalid(item: dict[str, Any], problem: str, why: str) -> None:
    """And not only without a match."""
    item = {"response": "r", "video_id": "v"} | item
    with pytest.raises(RecordError) as caught:
        labelled([item], Side(), policy=JoinPolicy(skips_unmatched=True))
    assert (f"item 0: {problem}", "key") == (str(caught.value), caught.value.field)
    (found,), used = labelled([item], Side(), policy=JoinPolicy(skips_invalid=True))
    assert (SkipReason("key", why), "", []) == (reason(found), found.text, used)  # type: ignore[attr-defined]


def test_the_first_prediction_may_have_any_number() -> None:
    """For errors in a later part of an input."""
    predictions = validate([[{"id": 1, "response": "r"}]], fields=BY_ID, first=41)
    with pytest.raises(RecordError, match="^item 41: ") as caught:
        list(join_labels(predictions, Side(), fields=BY_ID, policy=STRICT, mark=print, first=41))
    assert 41 == caught.value.index


# Videos ---------------------------------------------------------------------------------------------------------------


def video(key: object, path: str) -> tuple[object, dict[str, Any]]:
    """Return an annotation."""
    return key, {"video_id": path}


def filmed(*video_ids: object, side: Side, policy: JoinPolicy = STRICT) -> list[Prediction]:
    """Join videos to predictions."""
    return list(join_videos([Prediction(video_id, "r", "g") for video_id in video_ids], side, policy=policy, first=3))


def test_an_id_becomes_its_video() -> None:
    """A number as well as a text; all else stays."""
    found = filmed("a", 7, "a", side=Side(video("a", "a.mp4"), video(7, "dir/7.mp4")))
    assert [(path, "r", "g", "") for path in ("a.mp4", "dir/7.mp4", "a.mp4")] == [
        values(prediction) for prediction in found
    ]


def test_a_video_id_that_is_an_annotated_path_stays_as_it_is() -> None:
    """Though it may be the id of another."""
    side = Side(video("a.mp4", "b.mp4"), video("b", "b.mp4"), paths="a.mp4 /m/b.mp4")
    assert ["a.mp4", "/m/b.mp4", "b.mp4"] == [
        prediction.video_id for prediction in filmed("a.mp4", "/m/b.mp4", "b", side=side)
    ]


@pytest.mark.parametrize(
    ("video_id", "problem", "why", "policy"),
    [
        ("c", "'video_id' 'c' is not in side.json; --un", "no match", JoinPolicy(skips_unmatched=True)),
        (8, "'video_id' 8 is not in side.json; --un", "no match", JoinPolicy(skips_unmatched=True)),
        ("two", "'video_id' 'two' has several matches in", "several matches", JoinPolicy(skips_unmatched=True)),
        (None, "'video_id' must be a string or a whole n", "null", JoinPolicy(skips_invalid=True)),
        (1.5, "'video_id' must be a string or a whole n", "not a string", JoinPolicy(skips_invalid=True)),
        (["a"], "'video_id' must be a string or a whole n", "not a string", JoinPolicy(skips_invalid=True)),
    ],
)
def test_an_id_without_a_video_is_an_error_or_skipped(
    video_id: object, problem: str, why: str, policy: JoinPolicy
) -> None:
    """It names the item; the others get their videos."""
    side = Side(video("a", "a.mp4"), video("two", "b.mp4"), ambiguous=("two",))
    other = JoinPolicy(skips_unmatched=not policy.skips_unmatched, skips_invalid=not policy.skips_invalid)
    for refusing in (STRICT, other):
        with pytest.raises(RecordError) as caught:
            filmed("a", video_id, side=side, policy=refusing)
        assert str(caught.value).startswith(f"item 4: {problem}")
        assert (4, "video_id") == (caught.value.index, caught.value.field)
    found = filmed("a", video_id, "a", side=side, policy=policy)
    assert [None, SkipReason("video_id", why), None] == [reason(prediction) for prediction in found]
    assert ["a.mp4", video_id, "a.mp4"] == [prediction.video_id for prediction in found]
    text = str(video_id) if policy.skips_unmatched else ""
    assert text == found[1].text  # type: ignore[attr-defined]  # it is invalid


def test_an_annotation_without_a_video_is_no_match() -> None:
    """It may be left out as one that is not there."""
    side = Side(("none", {}), ambiguous=("none",))
    (found,) = filmed("none", side=side, policy=JoinPolicy(skips_unmatched=True))
    assert SkipReason("video_id", "no match") == reason(found)
    with pytest.raises(RecordError, match="^item 3: 'video_id' 'none' "):
        filmed("none", side=side)


def test_a_video_id_has_the_name_that_it_has_in_the_input() -> None:
    """In messages."""
    fields = Fields(video_id=("doc", "image"))
    predictions = validate([[{"doc": {"image": "x"}, "response": "r", "gt": "g"}]], fields=fields)
    with pytest.raises(RecordError, match="^item 0: 'doc.image' \\(video_id\\) 'x' is not in side.json;"):
        list(join_videos(predictions, Side(), policy=STRICT))


def test_what_is_invalid_already_passes() -> None:
    """Its first reason counts; a label that it names is used, all the same."""
    items: list[Any] = [{"id": "k"}, 3, {"id": "k", "response": "r", "video_id": "v"}]
    side = Side(("k", {"gt": "yes"}))
    found, used = labelled(items, side, policy=JoinPolicy(skips_invalid=True))
    reasons = [SkipReason("response", "missing"), SkipReason("record", "not an object"), None]
    assert (reasons, [0, 0]) == ([reason(prediction) for prediction in found], used)
    videos = list(join_videos(found, Side(video("v", "v.mp4")), policy=STRICT))
    assert reasons == [reason(prediction) for prediction in videos]
    assert "v.mp4" == videos[2].video_id
