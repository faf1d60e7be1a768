"""Items -> predictions, one at a time, or an error that says which item is none."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from streamgaps.exceptions import RecordError
from streamgaps.model import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["json_type", "require_text", "validate"]

_REQUIRED = ("gt", "response", "video_id")
"""The fields every item must have, in the order in which they are checked."""


def validate(batches: Iterable[list[Any]], *, first: int = 0) -> Iterator[Prediction]:
    """Make a prediction of each item, unless the reader did.

    Only the presence of fields is checked: whether one is a string matters where it has to be read.

    Args:
        batches: items in the order of the input, as many at a time as come at once.
        first: the place in the input of the first of them.

    Raises:
        RecordError: an item is not an object, or lacks a required field; after all before it.
    """
    return chain.from_iterable(_predictions(batches, first))


def _predictions(batches: Iterable[list[Any]], first: int) -> Iterator[Iterable[Prediction]]:
    for batch in batches:
        # The decoder makes predictions only where the whole batch consists of them.
        is_done = bool(batch) and isinstance(batch[0], Prediction)
        yield batch if is_done else map(_prediction, range(first, first + len(batch)), batch)
        first += len(batch)


def _prediction(index: int, item: Any) -> Prediction:  # noqa: ANN401 -- any JSON value
    if not isinstance(item, dict):
        message = f"item {index} is not an object"
        raise RecordError(message, index=index)
    for name in _REQUIRED:
        if name not in item:
            message = f"item {index}: missing '{name}'"
            raise RecordError(message, index=index, field=name)
    return Prediction(item["video_id"], item["response"], item["gt"], item.get("question", ""))


def require_text(index: int, prediction: Prediction, field: str) -> str:
    """Return a field that has to be read.

    Raises:
        RecordError: it is not a string.
    """
    value = getattr(prediction, field)
    if isinstance(value, str):
        return value
    message = f"item {index}: '{field}' must be a string, not {json_type(value)}"
    raise RecordError(message, index=index, field=field)


def json_type(value: object) -> str:
    """Name the JSON type of a decoded value, as error messages do."""
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "number")
