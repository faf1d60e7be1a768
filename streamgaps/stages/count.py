"""ParsedPrediction -> the same, counted with its group."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from streamgaps.model import Answer, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    return _count_groups(parsed, survey, [(number, attrgetter(name)) for number, name in enumerate(attributes)])


def _count_all(parsed: Iterable[ParsedPrediction], row: list[int]) -> Iterator[ParsedPrediction]:
    for pair in parsed:
        response, gt = answers = pair[1]
        if response is gt and gt is _YES:
            row[_TRUE_POSITIVE] += 1
        else:
            row[cell_of(answers)] += 1
        yield pair


def _count_groups(
    parsed: Iterable[ParsedPrediction], survey: Survey, fields: list[tuple[int, attrgetter[object]]]
) -> Iterator[ParsedPrediction]:
    tables = [(number, get, survey.tables[number].get) for number, get in fields]
    for pair in parsed:
        prediction, answers = pair
        cell = cell_of(answers)
        for number, get, known in tables:
            try:
                value = get(prediction)
            except AttributeError:
                value = _of_invalid(prediction, get)
            row = known(value) if type(value) is str else None
            if row is None:
                row = survey.row(number, value)
            row[cell] += 1
        yield pair


def _of_invalid(prediction: Prediction, get: attrgetter[object]) -> object:
    """Return the value of what there is of a prediction that is none."""
    found = prediction.found if isinstance(prediction, Invalid) else None
    return None if found is None else get(found)
