"""ParsedPrediction -> the same, counted with its group."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from streamgaps.fields import MISSING
from streamgaps.model import Invalid
from streamgaps.survey import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.model import ParsedPrediction
    from streamgaps.survey import Survey

__all__ = ["count"]


def count(
    parsed: Iterable[ParsedPrediction], survey: Survey, *, attributes: tuple[str, ...]
) -> Iterator[ParsedPrediction]:
    """Count each prediction by what it says and what is true, and pass it on.

    Args:
        parsed: predictions whose answers are read; the truth, too, where a response is unclear.
        survey: where they are counted.
        attributes: what has the values of the survey's fields in a prediction.
    """
    if not attributes:
        return _count_all(parsed, survey.rest[0])
    tapped = iter(parsed)
    for number, name in enumerate(attributes):
        tapped = _count_groups(tapped, survey, number, attrgetter(name))
    return tapped


def _count_all(parsed: Iterable[ParsedPrediction], row: list[int]) -> Iterator[ParsedPrediction]:
    for pair in parsed:
        row[pair[1][2]] += 1
        yield pair


def _count_groups(
    parsed: Iterable[ParsedPrediction], survey: Survey, field: int, get: attrgetter[Any]
) -> Iterator[ParsedPrediction]:
    # All of it takes 0.15 µs for each. To count batches at once with a Counter takes as long.
    known: Callable[[Any], list[int] | None] = survey.tables[field].get  # a short text finds something there
    for pair in parsed:
        prediction, answers = pair
        value = get(prediction) if type(prediction) is not Invalid else _value_of_invalid(prediction, get)
        try:
            row = known(value)
        except TypeError:  # of a list
            row = None
        if row is None and value is MISSING:  # often the field is nowhere
            row = known(NOTHING) or survey.row(field, None)
        elif row is None:
            row = survey.row(field, value)
        row[answers[2]] += 1
        yield pair


def _value_of_invalid(record: Invalid, get: attrgetter[Any]) -> object:
    """Return the field's value in what was found of a record; None if nothing was."""
    return None if record.found is None else get(record.found)
