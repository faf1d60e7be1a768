from __future__ import annotations

import pytest

from streamgaps import RecordError
from streamgaps.fields import Fields
from streamgaps.model import Broken, Invalid, Prediction, SkipReason
from streamgaps.stages.validate import not_a_text, validate


def test_fields_are_taken_out_in_any_order_and_others_ignored() -> None:
    """A missing question is an empty one, and a null one stays null."""
    items = [
        {"gt": "no", "extra": {"gt": 1}, "response": "yes", "video_id": "v"},
        {"question": None, "video_id": 1, "response": None, "gt": []},
    ]
    assert [Prediction("v", "yes", "no", ""), Prediction(1, None, [], None)] == list(validate([items]))


def test_what_the_decoder_made_is_passed_on() -> None:
    """As it is, between batches of other items, and empty ones."""
    made = [Prediction("v", "yes", "no"), Prediction("w", "yes", "no")]
    item = {"gt": "no", "response": "yes", "video_id": "x"}
    assert [*made, Prediction("x", "yes", "no"), *made] == list(validate([[], made, [item], made, []]))


@pytest.mark.parametrize(
    ("item", "message", "field"),
    [
        ("text", "item 1 is not an object", None),
        (["gt", "response", "video_id"], "item 1 is not an object", None),
        (None, "item 1 is not an object", None),
        ({}, "item 1: missing 'gt'", "gt"),
        ({"gt": ""}, "item 1: missing 'response'", "response"),
        ({"gt": "", "response": ""}, "item 1: missing 'video_id'", "video_id"),
    ],
)
def test_an_item_that_is_no_prediction_is_an_error(item: object, message: str, field: str | None) -> None:
    """It names the item and the first field that is missing; items before it are delivered."""
    predictions = validate([[{"gt": "", "response": "", "video_id": ""}, item]])
    assert next(predictions) == Prediction("", "", "")
    with pytest.raises(RecordError) as caught:
        next(predictions)
    assert (message, 1, field) == (str(caught.value), caught.value.index, caught.value.field)


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "boolean"), (1, "number"), (1.5, "number"), (["yes"], "array"), ({}, "object")],
)
def test_a_field_that_has_to_be_read_is_a_text(value: object, name: str) -> None:
    """Types have their JSON names: users know JSON, not Python."""
    error = not_a_text(7, Prediction("v", value, "no"), "response")
    assert f"item 7: 'response' must be a string, not {name}" == str(error)
    assert (7, "response") == (error.index, error.field)


def test_a_field_has_the_name_that_it_has_in_the_input() -> None:
    """Users know their own files."""
    (prediction,) = validate(
        [[{"gt": None, "video_id": "v", "doc": {"text": 1}}]], fields=Fields(response=("doc", "text"))
    )
    error = not_a_text(7, prediction, "response")
    assert "item 7: 'doc.text' (response) must be a string, not number" == str(error)
    assert "item 7: 'gt' must be a string, not null" == str(not_a_text(7, prediction, "gt"))


def test_the_first_item_may_have_any_number() -> None:
    """For errors in a later part of an input, and in a later batch of it."""
    good = {"gt": "", "response": "", "video_id": ""}
    with pytest.raises(RecordError, match="^item 12 is not an object$"):
        list(validate([[good], [], [good, 3]], first=10))


@pytest.mark.parametrize(
    ("item", "reason", "text"),
    [
        (Broken("wrong", b"{nope \xff"), SkipReason("record", "malformed"), "{nope \ufffd"),
        ("é", SkipReason("record", "not an object"), '"é"'),
        (None, SkipReason("record", "not an object"), "null"),
        ([1], SkipReason("record", "not an object"), ""),
        ({}, SkipReason("gt", "missing"), ""),
        ({"gt": None}, SkipReason("response", "missing"), ""),
        ({"gt": "", "response": 1}, SkipReason("video_id", "missing"), ""),
    ],
)
def test_an_item_that_is_no_prediction_may_be_passed_on_to_be_skipped(
    item: object, reason: SkipReason, text: str
) -> None:
    """With its reason, and no text that would be read; the others are delivered."""
    good = {"gt": "g", "response": "r", "video_id": "v"}
    first, found, last = validate([[good, item], [good]], skips_invalid=True)
    assert [Prediction("v", "r", "g")] * 2 == [first, last]
    assert isinstance(found, Invalid)
    assert (reason, text, None, None) == (found.reason, found.text, found.response, found.gt)
    assert isinstance(item, dict) == (found.found is not None)


def test_what_is_there_of_an_invalid_item_is_kept() -> None:
    """For the report: its video, and all that was found."""
    fields = Fields(carried=(("id", ("id",)),))
    (found,) = validate([[{"video_id": "v", "gt": 0, "id": 5}]], fields=fields, skips_invalid=True)
    assert isinstance(found, Invalid)
    assert found.found is not None
    assert ("v", "v", 0, {"id": 5}) == (found.video_id, found.found.video_id, found.found.gt, found.found.carried)


@pytest.mark.parametrize("skips_invalid", [False, True])
def test_a_value_of_any_type_is_there(skips_invalid: bool) -> None:
    """Whether it is a text matters only where it is read; null is not missing."""
    item: dict[str, object] = {"gt": None, "response": [], "video_id": 0}
    assert [Prediction(0, [], None)] == list(validate([[item]], skips_invalid=skips_invalid))
