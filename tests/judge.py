"""What Python's own `json` makes of an input: the judge of what streamgaps reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from streamgaps.model import Broken, Prediction

FIELDS = Prediction.__struct_fields__

_TOKEN = re.compile(r"[-+.\w]+")


def loaded(data: bytes) -> Any:
    """Read a document as Python does; an exception where it is not JSON."""
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
    return next(arrays_under(loaded(data), ["r", "item"]), None)


def arrays_under(value: object, names: list[str]) -> Iterator[list[object]]:
    """Find the arrays that a prefix names in a value as it is in memory."""
    name, rest = names[0], names[1:]
    if isinstance(value, list) and name == "item":
        yield from (found for item in value for found in arrays_under(item, rest)) if rest else [value]
    elif isinstance(value, dict) and name != "item" and name in value and rest:
        yield from arrays_under(value[name], rest)


def records_in(data: bytes) -> list[Any] | None:
    """Return the values that follow one another; None where something is refused."""
    found, is_json = records(data)
    return [item for item, _ in found] if is_json else None


def records(data: bytes, *, skips_broken: bool = False) -> tuple[list[tuple[object, int]], bool]:
    """Read JSON Lines: each record, and the line on which it begins; and whether all of it is JSON."""
    text = data.decode("utf-8-sig", "surrogateescape")  # in which a byte that is no UTF-8 becomes a lone surrogate
    found: list[tuple[object, int]] = []
    at = 0
    while text[at:].strip(" \t\n\r"):
        at += len(text[at:]) - len(text[at:].lstrip(" \t\n\r"))
        line = 1 + text.count("\n", 0, at)
        item: object
        try:
            item, end = json.JSONDecoder().raw_decode(text, at)
            token = _TOKEN.match(text, at)  # a number or a word: what follows at once belongs to it
            text[at : max(end, token.end() + 1) if token else end].encode()
            at = end
        except (ValueError, RecursionError):
            if not skips_broken:
                return found, False
            item, at = Broken("", b""), at + len(text[at:].partition("\n")[0])
        found.append((item, line))
    return found, True


def longest_item(data: bytes) -> int:
    """Return the length of the longest item of an array, in bytes."""
    text = data.decode("utf-8-sig")
    at, lengths = text.index("[") + 1, [0]
    while True:
        at += len(text[at:]) - len(text[at:].lstrip(" \t\n\r,"))
        if text[at] == "]":
            return max(lengths)
        begin = at
        _, at = json.JSONDecoder().raw_decode(text, at)
        lengths.append(len(text[begin:at].encode()))


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
    if isinstance(item, Broken):
        return Broken
    if isinstance(item, dict):
        if {"video_id", "response", "gt"} <= item.keys():
            return {name: item.get(name, "") for name in FIELDS}
        return item if whole else {name: item[name] for name in FIELDS if name in item}
    return [] if isinstance(item, list) and not whole else item
