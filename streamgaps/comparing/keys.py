"""A record -> the key by which it is matched with that of another run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamgaps.comparing.matching import key_of
from streamgaps.exceptions import RecordError
from streamgaps.fields import MISSING
from streamgaps.stages.join import key_bytes
from streamgaps.stages.validate import json_type

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["PAIR", "KeyReader"]


PAIR = ("video_id", "question")
"""What records are matched by, if nothing else is said."""


class KeyReader:
    """Finds the keys of records."""

    def __init__(self, on: tuple[str, ...], getters: Sequence[Any]) -> None:
        self._on = on
        self._getters = getters

    def key(self, record: Any, index: int, *, allows_none: bool) -> bytes | None:  # noqa: ANN401 -- a prediction, or a dict
        """Return the key of a record; None if it has none, and that is no error."""
        values = [get(record) for get in self._getters]
        problem = self._problem(values)
        if problem is None:
            try:
                return key_of(*values)
            except RecursionError:
                problem = f"its key ({' and '.join(self._on)}) is nested too deeply to be compared"
        if allows_none:
            return None
        message = f"item {index}: {problem}"
        raise RecordError(message, index=index, field=self._on[0])

    def _problem(self, values: list[Any]) -> str | None:
        if self._on == PAIR and MISSING not in values:
            return None
        for name, value in zip(self._on, values, strict=True):
            if value is MISSING:
                return f"'{name}' is missing, by which records are matched"
            if key_bytes(value) is None:
                return f"'{name}' must be a string or a whole number, to be matched by, not {json_type(value)}"
        return None
