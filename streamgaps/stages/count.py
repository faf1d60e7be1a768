"""ParsedPrediction -> the same, counted with its group."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from streamgaps.model import Answer, Invalid
from streamgaps.stages.fields import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.model import Answers, ParsedPrediction, Prediction
    from streamgaps.survey import Survey

__all__ = ["cell_of", "count"]

_YES, _NO = Answer.YES, Answer.NO
(
    _TRUE_POSITIVE,
    _TRUE_NEGATIVE,
    _FALSE_POSITIVE,
    _FALSE_NEGATIVE,
    _UNCLEAR_POSITIVE,
    _UNCLEAR_NEGATIVE,
    _UNCOMPARED,
) = range(7)
"""The places of the counts, as in a `Confusion`."""


def cell_of(answers: Answers) -> int:
    """Return the place in the confusion matrix, by the order of the fields of a `Confusion`."""
    response, gt = answers
    if gt is _YES:
        if response is _YES:
            return _TRUE_POSITIVE
        return _FALSE_NEGATIVE if response is _NO else _UNCLEAR_POSITIVE
    if gt is _NO:
        if response is _NO:
            return _TRUE_NEGATIVE
        return _FALSE_POSITIVE if response is _YES else _UNCLEAR_NEGATIVE
    return _UNCOMPARED


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
    yes, no = _YES, _NO
    for pair in parsed:
        response, gt = pair[1]
        if response is gt:
            row[_TRUE_POSITIVE if gt is yes else _TRUE_NEGATIVE if gt is no else _UNCOMPARED] += 1
        else:
            row[cell_of(pair[1])] += 1
        yield pair


def _count_groups(
    parsed: Iterable[ParsedPrediction], survey: Survey, field: int, get: attrgetter[object]
) -> Iterator[ParsedPrediction]:
    yes, no = _YES, _NO
    known: Callable[[Any], list[int] | None] = survey.tables[field].get  # only a short text finds something there
    nothing = None
    for pair in parsed:
        prediction, (response, gt) = pair
        try:
            row = known(value := get(prediction))
        except (AttributeError, TypeError):  # of what is no prediction; of a list
            row = None
            value = _value_of(prediction, get)
        if row is None and value is MISSING:  # often the field is nowhere
            row = nothing = nothing or survey.row(field, None)
        elif row is None:
            row = survey.row(field, value)
        if response is gt:  # the most frequent cases, without a call: 0.1 µs less
            row[_TRUE_POSITIVE if gt is yes else _TRUE_NEGATIVE if gt is no else _UNCOMPARED] += 1
        else:
            row[cell_of(pair[1])] += 1
        yield pair


def _value_of(prediction: Prediction, get: attrgetter[object]) -> object:
    """Return a value; None of what there is not of a prediction that is none."""
    found = prediction.found if isinstance(prediction, Invalid) else prediction
    return None if found is None else get(found)
