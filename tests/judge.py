"""What Python's own `json` makes of an input: the judge of what streamgaps reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from streamgaps.model import Prediction

FIELDS = Prediction.__struct_fields__


def loaded(data: bytes) -> Any:
    """Read it as Python does; the exception where it is refused."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return error


def array_in(data: bytes) -> list[Any] | None:
    """Return the items of an array; None where that is refused."""
    value = loaded(data)
    return value if isinstance(value, list) else None


def array_under(data: bytes) -> list[Any] | None:
    """Return the items of the array `r` in an object; None where that is refused."""
    value = loaded(data)
    found = value.get("r") if isinstance(value, dict) else None
    return found if isinstance(found, list) else None


def records_in(data: bytes) -> list[Any] | None:
    """Return the values that follow one another; None where something is refused."""
    values: list[Any] = []
    try:
        text = data.decode("utf-8-sig").strip(" \t\r\n")
        while text:
            value, end = json.JSONDecoder().raw_decode(text)
            values.append(value)
            text = text[end:].lstrip(" \t\r\n")
    except (ValueError, RecursionError):
        return None
    return values


def are_predictions(values: list[Any] | None) -> bool:
    """Say whether all of them are objects that have what they need."""
    return values is not None and all(
        isinstance(value, dict) and {"video_id", "response", "gt"} <= value.keys() for value in values
    )


def spelled(items: Iterable[Any], *, whole: bool = True) -> str:
    """Spell items, to the type of every number; not whole: only what the reader of events keeps of them."""
    return repr([_view(item, whole=whole) for item in items])


def _view(item: Any, *, whole: bool) -> Any:
    if isinstance(item, Prediction):
        return {name: getattr(item, name) for name in FIELDS}
    if isinstance(item, dict):
        if {"video_id", "response", "gt"} <= item.keys():
            return {name: item.get(name, "") for name in FIELDS}
        return item if whole else {name: item[name] for name in FIELDS if name in item}
    return [] if isinstance(item, list) and not whole else item
