from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import RecordError
from streamgaps.fields import DEFAULT, MISSING, Fields, Path, layout_of, look_up, parse_path
from streamgaps.model import Prediction, SkipReason
from streamgaps.stages.read import Format, Reader, Shape, read
from streamgaps.stages.validate import validate
from tests.doubles import cut

IN_READERS = pytest.mark.parametrize("reader", list(Reader))
NAMES = ("video_id", "response", "gt", "question")


def values(prediction: Prediction) -> dict[str, Any]:
    """Return what a prediction has, without what is missing."""
    found = {name: getattr(prediction, name) for name in NAMES}
    return {name: value for name, value in found.items() if value is not MISSING}


def predictions(data: bytes, fields: Fields, reader: Reader = Reader.AUTO, size: int = 65536) -> list[Prediction]:
    """Read records, and make predictions of them."""
    return list(validate(read(cut(data, size), Shape(Format.AUTO, reader=reader, fields=fields)), fields=fields))


# Paths ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("response", ("response",)),
        ("doc.answers.0", ("doc", "answers", "0")),
        (r"a\.b", ("a.b",)),
        (r"a\.b.c\.d\.e.-1", ("a.b", "c.d.e", "-1")),
        ("", ("",)),
        (".a..b.", ("", "a", "", "b", "")),
    ],
)
def test_a_path_is_taken_apart_at_its_dots(text: str, path: Path) -> None:
    """Not at those behind a backslash."""
    assert path == parse_path(text)


@given(st.lists(st.text(st.characters(exclude_characters="\\")), min_size=1))
def test_any_keys_can_be_spelled(parts: list[str]) -> None:
    """Whatever dots are in them."""
    assert tuple(parts) == parse_path(".".join(part.replace(".", "\\.") for part in parts))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), "whole"),
        (("a",), "whole"),
        (("a", "b"), {"b": [10, [20, None]], "0": "zero", "": 1}),
        (("a", "b", "b", "0"), 10),
        (("a", "b", "b", "1", "0"), 20),
        (("a", "b", "b", "-1", "-2"), 20),
        (("a", "b", "b", "-1", "-1"), None),
        (("a", "b", "b", "01"), [20, None]),
        (("a", "b", "0"), "zero"),
        (("a", "b", ""), 1),
    ],
)
def test_a_path_leads_to_a_value(path: Path, expected: object) -> None:
    """By keys of objects and indices of arrays, which may count from the end; an object may have digits for keys."""
    value = {"a": {"b": {"b": [10, [20, None]], "0": "zero", "": 1}}}
    wholes = {(): value, ("a",): value["a"]}
    assert wholes.get(path, expected) == look_up(value, path)


@pytest.mark.parametrize(
    "path",
    ["x", "list.2", "list.-3", "list.", "list.-", "list.--1", "list.+1", "list.1.0", "list.²", "list.١", "text.0"],
)
def test_a_path_that_leads_nowhere_is_missing(path: str) -> None:
    """A text has no items, and only plain digits are an index."""
    assert look_up({"list": ["a", "b"], "text": "yes", "null": None}, parse_path(path)) is MISSING


@pytest.mark.parametrize("path", ["null.x", "number.0", "false.0"])
def test_a_value_that_has_no_inside_is_the_end(path: str) -> None:
    """Null is a value, and not missing, but nothing is in it."""
    item = {"null": None, "number": 1.5, "false": False}
    assert look_up(item, parse_path(path)) is MISSING
    assert item[path[:-2]] == look_up(item, parse_path(path[:-2]))


def test_a_field_is_shown_by_its_path() -> None:
    """And by what it means, where that is something else."""
    fields = Fields(response=("a.b", "0"))
    assert ("'a\\.b.0' (response)", "'gt'") == (fields.shown("response"), fields.shown("gt"))


# Predictions ----------------------------------------------------------------------------------------------------------


@IN_READERS
@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (Fields(response=("text",)), {"response": "Yes"}),
        (Fields(response=("choices", "0", "text"), gt=("doc", "answer")), {"response": "No", "gt": "Yes."}),
        (Fields(response=("choices", "-1", "text")), {"response": "Maybe"}),
        (Fields(gt=("doc.answer",)), {"gt": "dotted"}),
        (Fields(video_id=("doc", "id"), gt=("doc", "answer")), {"video_id": 3, "gt": "Yes."}),
        (Fields(question=("doc", "nowhere")), {"question": ""}),
        (Fields(question=("nowhere",)), {"question": ""}),
        (Fields(question=("choices",)), {"question": [{"text": "No"}, {"text": "Maybe"}]}),
        (Fields(response=("text",), question=("text",)), {"response": "Yes", "question": "Yes"}),
        (Fields(question=("gt",)), {"question": "g"}),
        (Fields(response=("gt",), gt=("response",)), {"response": "g", "gt": "r"}),
        (Fields(response=("doc", "answer"), gt=("<response>",)), {"response": "Yes.", "gt": "odd"}),
        (Fields(video_id=("null",), question=("null", "x")), {"video_id": None, "question": ""}),
    ],
)
def test_fields_are_found_by_their_paths(fields: Fields, expected: dict[str, Any], size: int, reader: Reader) -> None:
    """Keys of their own, keys inside of others, the same key twice; and what is not named stays."""
    item = {
        "video_id": "v",
        "response": "r",
        "gt": "g",
        "text": "Yes",
        "doc.answer": "dotted",
        "doc": {"answer": "Yes.", "id": 3},
        "choices": [{"text": "No"}, {"text": "Maybe"}],
        "null": None,
        "<response>": "odd",
    }
    data = json.dumps([item, item]).encode()
    wanted = {"video_id": "v", "response": "r", "gt": "g", "question": ""} | expected
    assert [wanted] * 2 == [values(prediction) for prediction in predictions(data, fields, reader, size)]


@IN_READERS
@pytest.mark.parametrize(
    ("fields", "item", "message", "field"),
    [
        (Fields(response=("text",)), {"video_id": 1, "gt": 1, "response": 1}, "missing 'text' (response)", "response"),
        (Fields(gt=("a", "0")), {"video_id": 1, "a": [], "response": 1}, "missing 'a.0' (gt)", "gt"),
        (Fields(gt=("a.b",)), {"video_id": 1, "a": {"b": 1}, "response": 1}, "missing 'a\\.b' (gt)", "gt"),
        (Fields(video_id=("response", "x")), {"gt": 1, "response": 1}, "missing 'response.x' (video_id)", "video_id"),
        (Fields(question=("q",)), {"video_id": 1, "response": 1}, "missing 'gt'", "gt"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_missing_field(
    fields: Fields, item: dict[str, Any], message: str, field: str, reader: Reader
) -> None:
    """The message has the path that was asked for; where it is to be skipped, it has that reason."""
    data = json.dumps([item]).encode()
    with pytest.raises(RecordError) as caught:
        predictions(data, fields, reader)
    assert (f"item 0: {message}", field) == (str(caught.value), caught.value.field)
    batches = read([data], Shape(reader=reader, fields=fields))
    skipped = list(validate(batches, fields=fields, skips_invalid=True))
    assert [SkipReason(field, "missing")] == [prediction.reason for prediction in skipped]  # type: ignore[attr-defined]


@IN_READERS
def test_carried_fields_are_those_that_are_there(reader: Reader) -> None:
    """In the order asked for, by the names asked for; null is there. A field of a prediction may be carried, too."""
    carried = (("id", ("doc", "id")), ("score", ("score",)), ("same", ("response",)), ("last", ("list", "-1")))
    full = {"response": "r", "gt": "g", "video_id": "v", "doc": {"id": 7}, "score": None, "list": [1, 2]}
    bare = {"response": "r", "gt": "g", "video_id": "v", "list": []}
    data = json.dumps([full, bare]).encode()
    first, second = predictions(data, Fields(carried=carried), reader)
    assert [("id", 7), ("score", None), ("same", "r"), ("last", 2)] == list((first.carried or {}).items())
    assert {"same": "r"} == second.carried
    assert {"video_id": "v", "response": "r", "gt": "g", "question": ""} == values(second)


@IN_READERS
@pytest.mark.parametrize("place", [("key",), ("doc", "id"), ("response",)])
def test_with_a_key_only_the_response_must_be_there(place: Path, reader: Reader) -> None:
    """What else is missing may be in the other file; the ground truth always is there, and not here."""
    item = {"response": "r", "gt": "here", "key": 5, "doc": {"id": 6}}
    fields = Fields(key=place)
    (found,) = predictions(json.dumps([item]).encode(), fields, reader)
    assert ({"response": "r"}, look_up(item, place)) == (values(found), found.key)  # type: ignore[attr-defined]
    with pytest.raises(RecordError, match="^item 0: missing 'response'$"):
        predictions(b'[{"gt": "x", "key": 5, "doc": {"id": 6}}]', fields, reader)


def test_fields_that_are_not_mapped_need_no_type_of_their_own() -> None:
    """Nor any work behind the decoder; so it is for others that are keys, and different ones."""
    assert layout_of(DEFAULT).type is Prediction
    assert layout_of(DEFAULT).is_filled
    assert layout_of(Fields(response=("text",), carried=(("a", ("b",)),))).is_filled
    assert not layout_of(Fields(response=("gt",))).is_filled
    assert not layout_of(Fields(response=("a", "b"))).is_filled


KEYS = st.sampled_from(
    ["a", "b", "gt", "response", "video_id", "question", "a.b", "0", "root_0", "<root_0>", "carried_0", "é"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
PATHS = st.lists(KEYS | st.sampled_from(["0", "1", "-1", "-2"]), min_size=1, max_size=3).map(tuple)
MAPPINGS = st.builds(
    Fields,
    video_id=PATHS | st.just(("video_id",)),
    response=PATHS | st.just(("response",)),
    gt=PATHS | st.just(("gt",)),
    question=PATHS,
    carried=st.lists(PATHS, max_size=3, unique=True).map(
        lambda paths: tuple((f"name {number}", path) for number, path in enumerate(paths))
    ),
    key=st.just(()) | PATHS,
)


@given(st.lists(st.dictionaries(KEYS, NESTED, max_size=6) | LEAVES, max_size=5), MAPPINGS, st.sampled_from([7, 65536]))
def test_any_field_is_what_its_path_leads_to(items: list[Any], fields: Fields, size: int) -> None:
    """Whether the decoder fills it or it is looked up, by both readers, and of what is no prediction, too."""
    expected = [plain(item, fields) for item in items]
    data = json.dumps(items).encode()
    for reader in Reader:
        batches = read(cut(data, size), Shape(reader=reader, fields=fields))
        found = list(validate(batches, fields=fields, skips_invalid=True))
        assert repr(expected) == repr([seen(prediction, fields) for prediction in found])


def plain(item: Any, fields: Fields) -> dict[str, Any] | None:
    """Look all fields up in a value as `json` gives it; None if it is no prediction."""
    if not isinstance(item, dict):
        return None
    names = [name for name in NAMES if name != "gt" or not fields.key]
    found = {name: look_up(item, fields.path(name)) for name in names}
    if MISSING in [found[name] for name in (("response",) if fields.key else ("gt", "response", "video_id"))]:
        return None
    if not fields.key and found["question"] is MISSING:
        found["question"] = ""
    found |= {"carried": {name: look_up(item, path) for name, path in fields.carried}} if fields.carried else {}
    found |= {"key": look_up(item, fields.key)} if fields.key else {}
    return without_missing(found)


def seen(prediction: Prediction, fields: Fields) -> dict[str, Any] | None:
    """Return the same of a prediction."""
    if hasattr(prediction, "reason"):
        return None
    found: dict[str, Any] = values(prediction)
    found |= {"carried": prediction.carried} if fields.carried else {}
    found |= {"key": prediction.key} if fields.key else {}  # type: ignore[attr-defined]  # a layout with a key has it
    return without_missing(found)


def without_missing(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is missing, and put names in order."""
    if "carried" in found:
        found["carried"] = {name: value for name, value in found["carried"].items() if value is not MISSING}
    return {name: value for name, value in sorted(found.items()) if value is not MISSING}
