from __future__ import annotations

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.page.excerpts import Excerpt, Piece, cost, excerpt, visible

TEXTS = st.text(max_size=400) | st.text(alphabet="<&\0\ud800漢a ", max_size=3000)
NOTES = 3


@st.composite
def texts_with_marks(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """Give a text, and places of up to three letters in it, in order."""
    text = draw(TEXTS)
    starts = sorted(draw(st.sets(st.integers(0, max(0, len(text) - 1)), max_size=30))) if text else []
    return text, [(start, min(start + 3, end)) for start, end in zip(starts, [*starts[1:], len(text)], strict=False)]


@given(texts_with_marks(), st.integers(min_value=120, max_value=2000))
def test_an_excerpt_has_its_price(text_and_marks: tuple[str, list[tuple[int, int]]], most: int) -> None:
    """What is shown and what is left out come to the text; the first and last mark are shown; it keeps its limit."""
    text, marked = text_and_marks
    found = excerpt(text, most, marked)
    shown = at = 0
    marks = []
    for piece in found.pieces:
        at += piece.before
        assert piece.text == text[at : at + len(piece.text)]
        if piece.is_marked:
            marks.append((at, at + len(piece.text)))
        at += len(piece.text)
        shown += len(piece.text)
    assert (len(text), len(text) - shown) == (at + found.after, found.left_out)
    assert NOTES >= sum(piece.before > 0 for piece in found.pieces) + (found.after > 0)
    for mark in marked[:1] + marked[-1:]:
        assert any(start < mark[1] and mark[0] < end for start, end in marks)
    assert most + 150 >= found.cost
    if cost(text) + 13 * len(marked) <= most:
        assert 0 == found.left_out


def test_a_short_text_is_whole() -> None:
    """And where nothing is marked, in one piece."""
    assert Excerpt((Piece("a <b>"),)) == excerpt("a <b>", 20)


def test_a_mark_in_the_middle_of_100_mb_is_shown() -> None:
    """Beside the beginning and the end."""
    text = "x" * 50_000_000 + " yes " + "y" * 50_000_000
    found = excerpt(text, 300, [(50_000_001, 50_000_004)])
    assert [False, False, True, False, False] == [piece.is_marked for piece in found.pieces]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufffe\U0001ffff", "\\ufffe\\U0001ffff"),
        ("\u2067abc\u2069", "\\u2067abc\\u2069"),
        ("\r\t\n", "\\r\t\n"),
        ("\u200d\u200f", "\u200d\u200f"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_cannot_be_shown_is_made_visible(text: str, expected: str) -> None:
    """And what may not be obeyed; joiners and marks of direction, which some scripts need, are left."""
    assert expected == visible(text)


@given(st.text())
def test_a_text_costs_what_is_written(text: str) -> None:
    """Whatever is in it, it can be encoded."""
    assert len(escape(visible(text)).encode()) == cost(text)
