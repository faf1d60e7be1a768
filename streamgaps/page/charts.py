"""Shares with their intervals -> a chart as inline SVG. pygal has its one door here."""

from __future__ import annotations

import re
import sys
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamgaps.metrics import Interval

__all__ = ["Bar", "bars"]

_WIDTH, _BAR_HEIGHT, _AXIS_HEIGHT = 960, 32, 40
_FONT_SIZE = 13
_LABEL_WIDTH = 40

_DROPPED = {"defs", "title", "desc"}
"""Elements that are not drawn: pygal's style and script, and what its script shows."""

_DROPPED_ATTRIBUTES = {"id", "rx", "ry", "style"}
_DROPPED_CLASSES = {"text-overlay", "tooltip-overlay", "background"}


_long_number = re.compile(r"\d+\.\d{2,}")


class Bar(NamedTuple):
    """A bar of a chart."""

    label: str
    """Text without control characters."""
    share: float
    """From 0 to 1."""
    interval: Interval


def bars(rows: Sequence[Bar]) -> str:
    """Draw a bar for each row, the first on top, with its interval as a whisker.

    Returns:
        An `svg` element without style, script, comments or ids: the same for the same rows on any day. What is in it
        has classes of pygal's: `bars`, `ci`, `guides`, `axis`. It is hidden from screen readers.
    """
    pygal = _load()
    labels = [_short(row.label) for row in rows[::-1]]  # it draws the first one at the bottom
    chart = pygal.HorizontalBar(
        css=[],
        js=[],
        width=_WIDTH,
        height=_BAR_HEIGHT * len(rows) + _AXIS_HEIGHT,
        margin_top=4,
        margin_bottom=4,
        # It takes all letters to be of the same width.
        margin_left=4 + int(0.6 * _FONT_SIZE * max(_width(label) - len(label) for label in labels)),
        margin_right=24,
        range=(0, 1),
        y_labels=[0, 0.25, 0.5, 0.75, 1],
        value_formatter="{:.0%}".format,
        show_legend=False,
        spacing=12,
        style=pygal.style.Style(label_font_size=_FONT_SIZE, major_label_font_size=_FONT_SIZE),
    )
    chart.x_labels = labels
    chart.add(
        "", [{"value": row.share, "ci": dict(zip(("low", "high"), row.interval, strict=True))} for row in rows[::-1]]
    )
    root = chart.render_tree()
    drawn = "".join(piece for child in root for piece in _element(child))
    return f'<svg class="chart" viewBox="{root.attrib["viewBox"]}" aria-hidden="true" focusable="false">{drawn}</svg>'


def _load() -> Any:  # noqa: ANN401 -- a module without types
    """Load pygal, but not what it puts among Python's own finders of modules: each later import would be warned of.

    Only its own: `importlib_metadata`, which it loads, puts one there in place of Python's.
    """
    import pygal.style  # noqa: PLC0415 -- an optional extra, and it takes 30 ms

    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


def _short(label: str) -> str:
    """Cut a label off where there is no room for more of it."""
    if _width(label) <= _LABEL_WIDTH:
        return label
    end = next(end for end in range(_LABEL_WIDTH, 0, -1) if _width(label[:end]) < _LABEL_WIDTH)
    return label[:end] + "…"


def _width(label: str) -> int:
    """Return how wide a label is, in letters; those of some scripts are twice as wide."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in label)


def _element(node: Any) -> Iterator[str]:  # noqa: ANN401
    """Write an element without what is not drawn."""
    if not isinstance(node.tag, str) or node.tag in _DROPPED:  # a comment has a function there
        return
    classes = set(node.attrib.get("class", "").split())
    if classes & _DROPPED_CLASSES or (node.tag == "g" and not len(node)):
        return
    attributes = "".join(
        f' {name}="{escape(_long_number.sub(_rounded, value))}"'
        for name, value in node.attrib.items()
        if value and name not in _DROPPED_ATTRIBUTES
    )
    yield f"<{node.tag}{attributes}>{escape(node.text or '')}"
    for child in node:
        yield from _element(child)
    yield f"</{node.tag}>"


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}"
