"""Bytes -> raw items, one at a time. ijson has its one door here."""

from __future__ import annotations

import decimal
import os
from typing import TYPE_CHECKING, Any

from streamgaps.exceptions import MalformedInputError, SourceError
from streamgaps.stages.fence import RefusedError, follow, join, refuse
from streamgaps.stages.locate import Recent

# What this variable names would be loaded first, and may be missing or unfit; the back end is chosen below.
_unwanted = os.environ.pop("IJSON_BACKEND", None)
import ijson  # noqa: E402 -- only now

if _unwanted is not None:
    os.environ["IJSON_BACKEND"] = _unwanted


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.exceptions import InputError

__all__ = ["BACKEND", "MAX_RECORD_BYTES", "read"]

MAX_RECORD_BYTES = 256 * 1024 * 1024
"""How long an item may be, unless the user says otherwise."""

BACKEND = "yajl2_c"
"""The ijson back end. By name: left to itself ijson may choose one that loses data, as the ctypes ones do,
or that takes `+1.5` and `1_000` for numbers, as the one in Python does."""


def read(blocks: Iterable[bytes], *, max_record_bytes: int = MAX_RECORD_BYTES) -> Iterator[object]:
    """Decode the items of a JSON array, one at a time, as `json.load` would.

    Args:
        blocks: the input, in pieces of any size; read as items are asked for.
        max_record_bytes: how long an item may be; it may be found out up to two blocks later.

    Memory: a few blocks, up to 4 MiB of the item under way, and that item decoded.

    Raises:
        SourceError: ijson was installed without its C back end.
        NotAnArrayError: the top-level value is not an array.
        MalformedInputError: after every item before it, what is not JSON or not UTF-8, or an early end.
        UnsupportedInputError: after every item before it, JSON that ijson would read wrongly: lone
            surrogates, NaN and infinities, nesting of more than 1,000 levels (16 in a very long item),
            numbers of more than 4,300 digits, exponents of 18 digits, items of more than `max_record_bytes`.
    """
    recent = Recent(max_record_bytes)
    file = _BlockFile(join(recent.keep(refuse(follow(blocks)))))
    try:
        for item in _backend().items(file, "item"):
            recent.items += 1
            yield _with_floats(item)
    except RefusedError as refused:
        raise _input_error(refused, recent.items) from refused.__cause__
    except (ijson.JSONError, decimal.InvalidOperation, UnicodeDecodeError) as error:
        raise _input_error(recent.explain(_words(error)), recent.items) from error
    if not recent.complete:
        raise _input_error(recent.explain("the array has no end"), recent.items)


def _backend() -> Any:  # noqa: ANN401 -- ijson's back ends are modules without types
    try:
        return ijson.get_backend(BACKEND)
    except ImportError as error:
        message = f"ijson's back end {BACKEND} is missing; install ijson from a wheel, or where a C compiler is"
        raise SourceError(message) from error


class _BlockFile:
    """Blocks as the binary file that ijson wants."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def read(self, size: int = -1) -> bytes:
        """Return the next block, of whatever size; `b""` at the end, or if nothing is asked for."""
        return next(self._blocks, b"") if size else b""


def _with_floats(item: object) -> object:
    """Turn the `Decimal`s that ijson makes into the floats that `json.load` gives, in place."""
    if isinstance(item, decimal.Decimal):
        return float(item)
    waiting = [item]
    while waiting:
        parent: Any = waiting.pop()
        if isinstance(parent, dict):
            pairs: Iterable[tuple[Any, object]] = parent.items()
        elif isinstance(parent, list):
            pairs = enumerate(parent)
        else:
            continue
        for key, value in pairs:
            kind = type(value)
            if kind is str:  # nearly all are
                continue
            if kind is decimal.Decimal:
                parent[key] = float(value)  # type: ignore[arg-type]  # `kind` says so
            elif kind is dict or kind is list:
                waiting.append(value)
    return item


def _words(error: Exception) -> str:
    """Return what ijson says, without its drawing of the place."""
    words = error.args[0] if error.args else ""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return text.partition("\n")[0].rstrip(".")


def _input_error(refused: RefusedError, items: int) -> InputError:
    if not issubclass(refused.kind, MalformedInputError):
        return refused.kind(refused.reason)
    last = f"the last complete item is {items - 1}" if items else "no item is complete"
    title = "malformed JSON" if refused.kind is MalformedInputError else "unsupported JSON"
    message = f"{title} at byte {refused.offset}: {refused.reason}; {last}"
    return refused.kind(message, offset=refused.offset, items=items)
