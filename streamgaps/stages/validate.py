"""Items -> predictions, one at a time, or an error that says which item is none."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from streamgaps.exceptions import RecordError
from streamgaps.fields import DEFAULT, layout_of
from streamgaps.model import Broken, Invalid, Prediction, SkipReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.fields import Fields, Layout

__all__ = ["EXCERPT", "invalid", "json_type", "not_a_text", "validate"]

EXCERPT = 80
"""How many characters of a text a warning shows."""


def validate(
    batches: Iterable[list[Any]], *, fields: Fields = DEFAULT, skips_invalid: bool = False, first: int = 0
) -> Iterator[Prediction]:
    """Make a prediction of each item, unless the reader did.

    Only the presence of fields is checked: whether one is a string matters where it has to be read.

    Args:
        batches: items in the order of the input, as many at a time as come at once.
        fields: where in an item the fields are.
        skips_invalid: whether what is no prediction is passed on as `Invalid`, and no error.
        first: the place in the input of the first item.

    Raises:
        RecordError: an item is not an object, or lacks a required field; after all before it.
    """
    return chain.from_iterable(_predictions(batches, _Validator(layout_of(fields), skips_invalid), first))


def _predictions(batches: Iterable[list[Any]], validator: _Validator, first: int) -> Iterator[Iterable[Prediction]]:
    is_filled = validator.layout.is_filled
    for batch in batches:
        # The decoder makes predictions only where the whole batch consists of them.
        is_done = is_filled and bool(batch) and isinstance(batch[0], Prediction)
        yield batch if is_done else map(validator.prediction, range(first, first + len(batch)), batch)
        first += len(batch)


class _Validator:
    def __init__(self, layout: Layout, skips_invalid: bool) -> None:  # noqa: FBT001 -- as for `validate`
        self.layout = layout
        self._skips_invalid = skips_invalid

    def prediction(self, index: int, item: Any) -> Prediction:  # noqa: ANN401 -- any JSON value
        if isinstance(item, Prediction):
            prediction = self.layout.fill(item)
        elif isinstance(item, dict):
            prediction = self.layout.make(item)
        elif isinstance(item, Broken):
            # Only where these are to be skipped is there one.
            return Invalid(
                None, None, None, reason=SkipReason("record", "malformed"), text=item.text.decode("utf-8", "replace")
            )
        else:
            return self._not_an_object(index, item)
        name = self.layout.missing(prediction)
        if name is None:
            return prediction
        if self._skips_invalid:
            return invalid(prediction, SkipReason(name, "missing"))
        message = f"item {index}: missing {self.layout.fields.shown(name)}"
        raise RecordError(message, index=index, field=name, is_missing=True)

    def _not_an_object(self, index: int, item: Any) -> Invalid:  # noqa: ANN401
        if not self._skips_invalid:
            message = f"item {index} is not an object"
            raise RecordError(message, index=index)
        text = "" if isinstance(item, list) else json.dumps(item, ensure_ascii=False)
        return invalid(None, SkipReason("record", "not an object"), text)


def invalid(prediction: Prediction | None, reason: SkipReason, text: str = "") -> Invalid:
    """Mark a prediction, or what there is of one, to be skipped."""
    video_id = None if prediction is None else prediction.video_id
    return Invalid(video_id, None, None, reason=reason, text=text, found=prediction)


def not_a_text(index: int, prediction: Prediction, field: str) -> RecordError:
    """Return the error for a field that has to be read, and is not a string."""
    shown = prediction.names.get(field, f"'{field}'")
    message = f"item {index}: {shown} must be a string, not {json_type(getattr(prediction, field))}"
    return RecordError(message, index=index, field=field)


def json_type(value: object) -> str:
    """Name the JSON type of a decoded value, as error messages do."""
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "number")
