"""Counts -> what a command says at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamgaps.cli import logs
from streamgaps.cli.terminal import printable
from streamgaps.log import log
from streamgaps.metrics import METRICS, wilson, worst_first
from streamgaps.reports.text import WORST, accuracy_of, closing, group_name, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamgaps.model import Tally
    from streamgaps.survey import Survey

__all__ = ["log_end", "shown_end"]


def log_end(tally: Tally) -> None:
    """Log the counts as one event: `streamgaps.finished`."""
    more: dict[str, object] = {
        "unclear": tally.unclear,
        "unused_labels": tally.unused_labels,
        "ambiguous_labels": tally.ambiguous_labels,
    }
    accuracy, part, whole = accuracy_of(tally)
    if tally.survey is not None:
        more["worst"] = {field: _worst(tally.survey, field) for field in tally.survey.fields}
    log.info(
        "streamgaps.finished",
        records=tally.records,
        correct=tally.correct,
        false_positives=tally.false_positives,
        false_negatives=tally.false_negatives,
        skipped={f"{reason.field} {reason.why}": count for reason, count in sorted(tally.skipped.items())},
        **{name: value for name, value in more.items() if value},
        compared=whole,
        **{accuracy: part / whole if whole else None, f"{accuracy}_interval": wilson(part, whole)},
    )


def _worst(survey: Survey, field: str) -> dict[str, float | None]:
    accuracy = METRICS["accuracy"].formula
    groups = worst_first(survey, field)[:WORST]
    return {group_name(group.value, is_other=group.is_other): accuracy(group.confusion) for group in groups}


_COLOURS: dict[str, dict[str, Any]] = {
    "head": {"bold": True},
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "odd": {"fg": "yellow"},
}


def _paint(text: str, kind: str) -> str:
    if kind not in _COLOURS or not logs.has_colours():
        return text
    from click import style  # noqa: PLC0415 -- what shows no colours has no use for it

    return style(text, **_COLOURS[kind])


def shown_end(tally: Tally, *, positive: str, files: Sequence[str] | None, seconds: float, size: int | None) -> str:
    """Return the counts as a table, and below it how good the answers are, where the files are, and how fast it was.

    Args:
        tally: the counts.
        positive: which answer is the positive one.
        files: what was written; None if nothing was to be.
        seconds: how long it took.
        size: how many bytes were read, if that is known.
    """
    lines = closing(tally, positive=positive)
    if files is not None:
        lines.append(("Written", ", ".join(files) or "nothing: there are no gaps"))
    lines.append(("Took", _speed(seconds, tally.records, size)))
    width = max(len(label) for label, _ in lines)
    listed = (f"{_paint(f'{printable(label):<{width}}', 'head')}  {printable(said)}\n" for label, said in lines)
    return summary(tally, paint=_paint) + "".join(listed)


def _speed(seconds: float, records: int, size: int | None) -> str:
    if not seconds:  # there are clocks that tick 64 times a second
        return "0.00 s"
    speed = f"{records / seconds:,.0f} records/s" + (f", {size / seconds / 1e6:,.1f} MB/s" if size else "")
    return f"{seconds:.2f} s ({speed})"
