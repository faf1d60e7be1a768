"""What a page may be asked for. Runs that make none load no more of it."""

from __future__ import annotations

from streamgaps.exceptions import ConfigurationError

__all__ = ["MOST_SAMPLES", "check_samples"]

MOST_SAMPLES = 200
"""How many gaps of each error type are shown at most, if nothing else is said."""


def check_samples(most: object) -> None:
    """Refuse what is no number of samples.

    Raises:
        ConfigurationError: it is none.
    """
    if type(most) is not int or most < 0:
        message = f"report_samples (--report-samples) must be a whole number from 0 on, not {most!r}"
        raise ConfigurationError(message)
