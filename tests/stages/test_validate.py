from __future__ import annotations

import pytest

from streamgaps import RecordError
from streamgaps.model import Prediction
from streamgaps.stages.validate import json_type, validate


def test_fields_are_taken_out_in_any_order_and_others_ignored() -> None:
    """A missing question is an empty one, and a null one stays null."""
    items = [
        {"gt": "no", "extra": {"gt": 1}, "response": "yes", "video_id": "v"},
        {"question": None, "video_id": 1, "response": None, "gt": []},
    ]
    assert [Prediction(0, "v", "yes", "no", ""), Prediction(1, 1, None, [], None)] == list(validate(items))


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
    predictions = validate([{"gt": "", "response": "", "video_id": ""}, item])
    assert next(predictions).item == 0
    with pytest.raises(RecordError) as caught:
        next(predictions)
    assert (message, 1, field) == (str(caught.value), caught.value.index, caught.value.field)


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "boolean"), (1, "number"), (1.5, "number"), ("", "string"), ([], "array"), ({}, "object")],
)
def test_types_have_their_json_names(value: object, name: str) -> None:
    """Users know JSON, not Python."""
    assert name == json_type(value)
