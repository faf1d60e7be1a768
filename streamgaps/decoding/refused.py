"""What both readers refuse, in the same words."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from streamgaps.exceptions import MalformedInputError, NotAnArrayError

if TYPE_CHECKING:
    from streamgaps.exceptions import InputError

__all__ = ["BLANK", "BOM", "CUT", "CUT_RECORD", "RefusedError", "refused_top_level", "too_long"]

BLANK = b" \t\n\r"
"""White space in JSON."""

BOM = codecs.BOM_UTF8

CUT = "the input ends inside the array (was it cut short, or is it still being written?)"

CUT_RECORD = "the input ends inside a record (was it cut short, or is it still being written?)"

_STARTS_OF_OTHER_VALUES = b'{"-0123456789tfnNI'


class RefusedError(Exception):
    """The input goes wrong at `offset`; what is before it has been passed on."""

    def __init__(self, kind: type[InputError], reason: str, offset: int, line: int | None = None) -> None:
        super().__init__(kind, reason, offset, line)
        self.kind = kind
        self.reason = reason
        self.offset = offset
        self.line = line

    def as_input_error(self, items: int) -> InputError:
        """Make the error that a user sees, who has got that many items."""
        if not issubclass(self.kind, MalformedInputError):
            return self.kind(self.reason)
        last = f"the last complete item is {items - 1}" if items else "no item is complete"
        title = "malformed JSON" if self.kind is MalformedInputError else "unsupported JSON"
        place = f"byte {self.offset}" if self.line is None else f"byte {self.offset} (line {self.line})"
        message = f"{title} at {place}: {self.reason}; {last}"
        return self.kind(message, offset=self.offset, items=items)


def refused_top_level(text: bytes, offset: int) -> RefusedError:
    """Say what is wrong with an input that begins, after blanks, with this, and not with an array."""
    if not text:
        return RefusedError(MalformedInputError, "nothing in it, where a JSON array must be", offset)
    if text[0] in _STARTS_OF_OTHER_VALUES:
        return RefusedError(NotAnArrayError, "must be a JSON array of prediction objects", offset)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        if error.start == 0:
            return RefusedError(MalformedInputError, f"invalid UTF-8 ({error.reason})", offset)
    return RefusedError(MalformedInputError, "expected '[', the beginning of a JSON array", offset)


def too_long(index: int, longest: int) -> str:
    """Say that an item is too long, and what may be done: the limit is there against records without end."""
    return f"item {index} is longer than {longest:,} bytes; --max-record-bytes allows more"
