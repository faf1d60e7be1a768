"""Raw item -> Prediction, or an error that says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamgaps.exceptions import RecordError
from streamgaps.model import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["json_type", "require_text", "validate"]

_REQUIRED = ("gt", "response", "video_id")
"""The fields every item must have, in the order in which they are checked."""


def validate(items: Iterable[object]) -> Iterator[Prediction]:
    """Take the fields out of each item.

    Only their presence is checked: whether a field is a string matters where it has to be read.

    Raises:
        RecordError: an item is not an object, or lacks a required field.
    """
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            message = f"item {index} is not an object"
            raise RecordError(message, index=index)
        for name in _REQUIRED:
            if name not in item:
                message = f"item {index}: missing '{name}'"
                raise RecordError(message, index=index, field=name)
        yield Prediction(index, item["video_id"], item["response"], item["gt"], item.get("question", ""))


def require_text(prediction: Prediction, field: str) -> str:
    """Return a field that has to be read.

    Raises:
        RecordError: it is not a string.
    """
    value: object = getattr(prediction, field)
    if isinstance(value, str):
        return value
    message = f"item {prediction.item}: '{field}' must be a string, not {json_type(value)}"
    raise RecordError(message, index=prediction.item, field=field)


def json_type(value: object) -> str:
    """Name the JSON type of a decoded value, as error messages do."""
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "number")
