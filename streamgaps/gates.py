"""Counts -> whether a run keeps the limits that the user has set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from streamgaps.exceptions import ConfigurationError, GateError
from streamgaps.metrics import METRICS, measure

if TYPE_CHECKING:
    from streamgaps.model import Tally

__all__ = ["check_least", "check_metrics", "check_percentage", "check_skipped_share"]

_GATES = tuple(name for name, metric in METRICS.items() if metric.is_good)
"""The metrics that may have a least value: of the others, less is better."""


def check_percentage(value: object, name: str) -> None:
    """Refuse what is no percentage.

    Raises:
        ConfigurationError: it is none.
    """
    if value is None:
        return
    if isinstance(value, bool) or not (isinstance(value, (int, float)) and 0 <= value <= 100):  # noqa: PLR2004 -- of 100
        message = f"{name} must be a percentage from 0 to 100, not {value!r}"
        raise ConfigurationError(message)


def check_least(fail_under: Mapping[str, object]) -> None:
    """Refuse least values of what is no metric, or that no metric can have.

    Raises:
        ConfigurationError: one is not right.
    """
    if not isinstance(fail_under, Mapping):
        message = f"fail_under (--fail-under) must be a mapping of metrics to their least values, not {fail_under!r}"
        raise ConfigurationError(message)
    for name, least in fail_under.items():
        if name not in _GATES:
            message = f"fail_under (--fail-under): there is no metric {name!r} for it; there are {', '.join(_GATES)}"
            raise ConfigurationError(message)
        if isinstance(least, bool) or not isinstance(least, (int, float)) or not -1 <= least <= 1:
            message = f"fail_under (--fail-under): {name} must be a number from -1 to 1, not {least!r}; 90 % is 0.9"
            raise ConfigurationError(message)


def check_skipped_share(tally: Tally, most: float | None, *, is_stream: bool) -> None:
    """Refuse results that say nothing of too many of the predictions.

    Args:
        tally: the counts of the run.
        most: how many of a hundred may be skipped; None: all.
        is_stream: whether the gaps are out already.

    Raises:
        GateError: more could not be compared.
    """
    count = tally.uncompared
    share = 100 * count / tally.records if count else 0
    if most is None or share <= most:
        return
    what_is_left = (
        "the gaps were handed on before that was known"
        if is_stream
        else "no results were put in place; without the limit, --skipped lists them"
    )
    shown = f"{share:.6g}"
    if float(shown) <= most:
        shown = _exact(share)
    limit = f"at most {_exact(most)} % may be (--max-skipped)" if most else "none may be (--strict)"
    message = f"{count:,} of {tally.records:,} records ({shown} %) were skipped, and {limit}; {what_is_left}"
    raise GateError(message, tally)


def check_metrics(tally: Tally, fail_under: Mapping[str, float] | None, *, positive: str, is_stream: bool) -> None:
    """Say that metrics are less than they have to be; the results are in place by then.

    Args:
        tally: the counts of the run, with its survey.
        fail_under: the least value of each metric; None: any will do.
        positive: which answer is the positive one.
        is_stream: whether the gaps went to a stream.

    Raises:
        GateError: at least one is less, or not defined.
    """
    if not fail_under:
        return
    assert tally.survey is not None  # noqa: S101 -- a run with such limits counts answers; without, none would be kept
    counts = tally.survey.total
    found = measure(counts if positive == "yes" else counts.flipped())
    low = [
        f"{name} is {'not defined' if value is None else _shown(value, least)}, and must be at least {_exact(least)}"
        for name, least in fail_under.items()
        for value in [found[name]]
        if value is None or value < least
    ]
    if low:
        message = f"{'; '.join(low)} (--fail-under); the {'gaps' if is_stream else 'results'} are written all the same"
        raise GateError(message, tally, is_written=True)


def _shown(value: float, least: float) -> str:
    """Write so many digits that it is seen to be less."""
    text = f"{value:.4f}"
    return text if float(text) < least else _exact(value)


def _exact(number: float) -> str:
    """Write a number with all of its digits: rounded, it could seem to keep a limit."""
    return repr(number).removesuffix(".0")
