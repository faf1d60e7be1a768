"""Text of any length -> what of it is shown, within so many bytes of HTML."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamgaps.answers.rule import Span

__all__ = ["Excerpt", "Piece", "cost", "excerpt", "visible"]

MARK = "<mark>{}</mark>"
"""How a marked word is shown."""

_MARK_COST = len(MARK) - len("{}")

# What HTML does not allow, what is drawn as nothing, lone surrogates, and what reverses the direction of text. Marks
# of direction and joiners stay: some languages need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
    f"|[{''.join(chr(plane + last) for plane in range(0x10000, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))}]"
)


class Piece(NamedTuple):
    """A part of a text that is shown."""

    text: str
    is_marked: bool = False
    before: int = 0
    """How many characters are left out before it."""


class Excerpt(NamedTuple):
    """What is shown of a text."""

    pieces: tuple[Piece, ...]
    left_out: int = 0
    """How many characters of the text are not shown."""
    after: int = 0
    """How many of them are behind the last piece."""

    @property
    def text(self) -> str:
        """The pieces without what is between them: the whole text if nothing is left out."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def cost(self) -> int:
        """How many bytes of HTML the pieces take."""
        return sum(cost(piece.text) + (_MARK_COST if piece.is_marked else 0) for piece in self.pieces)


def visible(text: str) -> str:
    r"""Write control characters and others that cannot be shown, or are not to be obeyed, as escapes.

    >>> visible("a\r\nb\0\u202e")
    'a\nb\\x00\\u202e'
    """
    if text.replace("\n", " ").isprintable():  # as most are, with lines: a tenth of the time
        return text
    return _INVISIBLE.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


def cost(text: str) -> int:
    """Return how many bytes a text takes in a page.

    >>> cost("é <b>")
    12
    """
    return len(escape(visible(text)).encode())


def excerpt(text: str, most: int, marked: Sequence[Span] = ()) -> Excerpt:
    """Shorten a text to about so many bytes of HTML: its beginning, its end, and the first and last marked place.

    Args:
        text: of any length; the time that it takes depends on `most` only.
        most: how many bytes the text that is shown takes, escaped and encoded and with its marks. What tells how much
            is left out comes to at most three notes beside it.
        marked: where the text is marked, in order; words of a few letters.
    """
    if len(text) <= most:
        whole = _pieces(text, [(0, len(text))], marked)
        if whole.cost <= most:
            return whole
    share = most // 8
    ranges = [(0, _reach(text, 0, 3 * share, marked)), (_reach(text, len(text), -2 * share, marked), len(text))]
    for start, end in {marked[0], marked[-1]} if marked else ():
        ranges.append((_reach(text, start, -share // 2, marked), _reach(text, end, share // 2, marked)))
    return _pieces(text, _merged(ranges), marked)


def _reach(text: str, place: int, room: int, marked: Sequence[Span]) -> int:
    """Return how far from a place on the text costs no more than there is room; backwards, if that is negative."""
    length = abs(room)
    while length > 0:
        start, end = (place, place + length) if room > 0 else (max(0, place - length), place)
        words = sum(start < word_end and word_start < end for word_start, word_end in marked)
        spent = cost(text[start:end]) + _MARK_COST * words
        if spent <= abs(room):
            return min(end, len(text)) if room > 0 else start
        length = min(length - 1, length * abs(room) // spent)
    return place


def _merged(ranges: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _pieces(text: str, ranges: list[Span], marked: Sequence[Span]) -> Excerpt:
    pieces, shown, last = [], 0, 0
    for start, end in ranges:
        before = start - last
        for piece_start, piece_end, is_marked in _parted(start, end, marked):
            pieces.append(Piece(text[piece_start:piece_end], is_marked, before))
            before = 0
        shown, last = shown + end - start, end
    return Excerpt(tuple(pieces), len(text) - shown, len(text) - last)


def _parted(start: int, end: int, marked: Sequence[Span]) -> Iterator[tuple[int, int, bool]]:
    """Part a range where marks begin and end."""
    for mark_start, mark_end in marked:
        if start < mark_end and mark_start < end:
            if start < mark_start:
                yield start, mark_start, False
            yield max(start, mark_start), min(end, mark_end), True
            start = min(end, mark_end)
    if start < end:
        yield start, end, False
