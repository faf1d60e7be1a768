"""What is wrong with the input where ijson gave up, and at which byte.

ijson says neither precisely. So the input since the last complete item is kept, and when ijson fails,
Python's own `json` is asked about it: it knows the position, and its words are the ones people know.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from streamgaps.decoding.fence import Place
from streamgaps.decoding.refused import CUT, RefusedError, too_long
from streamgaps.exceptions import MalformedInputError, UnsupportedInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.decoding.fence import Block

__all__ = ["Recent"]

KEPT_BYTES = 4 * 1024 * 1024
"""How much of the input since the last complete item is kept; an error further on is placed to the block."""

# An open string goes to the end: looking for its end again and again, from each quote in it, would take hours.
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_REST_OF_STRING = re.compile(_STRING[1:], re.DOTALL)
_BRACKET = re.compile(_STRING + r"|(?P<open>[\[{])|(?P<close>[\]}])", re.DOTALL)
# What Python's json accepts and ijson does not.
_NOT_FOR_IJSON = re.compile(_STRING + r"|(?P<value>NaN|-?Infinity|(?<![\d.])-?\d[\d.]*[eE][+-]?\d{18,})", re.DOTALL)
_REST_OF_LITERAL = re.compile(r"[-+.\w]*")
_CUT_LITERAL = re.compile(r"[-+.\w]*\s*")
# A beginning that puts a parser into the state in which it stands after the given byte, between two items.
_LEADS = {b"": "", b"[": "[", b",": "[0,"}


class Recent:
    """The input since the end of the last complete item, to the block.

    Whoever takes the items sets `items` to their number as they come.
    """

    def __init__(self, max_record_bytes: int, *, items: int = 0) -> None:
        self.items = items
        self._max_record_bytes = max_record_bytes
        self._end: Place | None = None
        self._start = self._latest = Place(0, 0, in_string=False, before=b"")
        self._kept: list[bytes] | None = []
        self._open_since = 0

    def keep(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Pass the blocks on, and keep what may be needed to explain an error.

        Raises:
            RefusedError: an item is longer than it may be.
        """
        items, data = self.items, b""
        for block in blocks:
            if not block.data:
                self._end = block.start
                return
            if block.start.between_items:
                self._start, self._kept = block.start, []
                self._open_since = block.start.offset + len(block.data)
            elif self.items > items:  # one ended in the block before this
                self._start, self._kept = self._latest, [data]
                self._open_since = block.start.offset
            if block.start.offset - self._open_since > self._max_record_bytes:
                reason = too_long(self.items, self._max_record_bytes)
                raise RefusedError(UnsupportedInputError, reason, block.start.offset)
            if self._kept is not None:
                self._kept.append(block.data)
                if block.start.offset - self._start.offset > KEPT_BYTES:
                    self._kept = None
            items, data, self._latest = self.items, block.data, block.start
            yield block

    @property
    def complete(self) -> bool:
        """Whether the input ended with the end of the array. ijson overlooks what is unfinished after it."""
        end = self._end
        return end is not None and end.depth == 0 and not end.in_string and end.before == b"]"

    def explain(self, words: str) -> RefusedError:
        """Say what is wrong in what was passed on last, and where.

        Args:
            words: what ijson said, for when no more can be told.
        """
        unexplained = RefusedError(MalformedInputError, words, self._latest.offset)
        if self._kept is None:
            return unexplained if self._end is None else RefusedError(MalformedInputError, CUT, self._end.offset)
        text = b"".join(self._kept).decode("utf-8", "surrogateescape")
        begin, lead = self._next_item(text)
        document = lead + text[begin:]
        try:
            at, reason = _first_error(document)
        except RecursionError:
            return unexplained

        def refused(kind: type[MalformedInputError], reason: str, at: int) -> RefusedError:
            before = text[: begin + max(0, at - len(lead))]
            return RefusedError(kind, reason, self._start.offset + len(before.encode("utf-8", "surrogateescape")))

        value = next((found for found in _NOT_FOR_IJSON.finditer(document) if found["value"]), None)
        if value is not None and value.start() < at:
            return refused(UnsupportedInputError, f"the value {value[0]:.40}", value.start())
        if self._end is not None and reason != "Extra data" and _CUT_LITERAL.fullmatch(document, at):
            return refused(MalformedInputError, CUT, len(document))
        for name in ("NaN", "Infinity", "-Infinity"):
            if reason == "Expecting value" and document[at:] and name.startswith(document[at:]):
                return refused(UnsupportedInputError, f"the value {name}", at)
        return unexplained if at == len(document) else refused(MalformedInputError, reason, at)

    def _next_item(self, text: str) -> tuple[int, str]:
        """Find the first place between two items, and a lead for what follows it."""
        at, depth = 0, self._start.depth
        if self._start.between_items:
            if depth == 0 and self._start.before:
                return at, "[]"
            return at, _LEADS.get(self._start.before, "[0")
        rest = (_REST_OF_STRING if self._start.in_string else _REST_OF_LITERAL).match(text)
        at = rest.end() if rest and (depth == 1 or self._start.in_string) else 0
        for bracket in _BRACKET.finditer(text, at):
            if depth == 1:
                break
            depth += bool(bracket["open"]) - bool(bracket["close"])
            at = bracket.end()
        return at, "[0"


def _first_error(document: str) -> tuple[int, str]:
    """Where Python's json finds an error, and what it says; the end where it finds none but the end."""
    try:
        json.loads(document)
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated string")
        return (len(document) if cut else error.pos), error.msg.removesuffix(" at")
    return len(document), ""
