from __future__ import annotations

import pytest

from streamgaps import RecordError
from streamgaps.model import Prediction
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
