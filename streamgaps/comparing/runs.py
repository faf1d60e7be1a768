"""Runs, of predictions or of results -> what reads them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from streamgaps import system
from streamgaps.comparing.predictions import Predictions
from streamgaps.comparing.results import Results
from streamgaps.exceptions import ConfigurationError, SourceNotFoundError
from streamgaps.outputs.results import content_of
from streamgaps.paths import is_url
from streamgaps.sources.inputs import name_of

if TYPE_CHECKING:
    from streamgaps.reading import Meter
    from streamgaps.settings import Options
    from streamgaps.sources.inputs import Input

__all__ = ["reader_of"]


def reader_of(runs: list[Input], options: Options, meter: Meter) -> Predictions | Results:
    """Return what reads all of the runs; `meter` is for predictions, which are long.

    Raises:
        ConfigurationError: some are results and some are not, or an option makes no sense for them.
    """
    are_results = [_is_results(run) for run in runs]
    if all(are_results):
        return Results(options)
    if any(are_results):
        for run, is_results in zip(runs, are_results, strict=True):
            _check_is_there(run, is_results=is_results)
        one, other = (name_of(runs[are_results.index(kind)]) for kind in (True, False))
        message = (
            f"{one} is a folder with results, and {other} is not: compare predictions with predictions, or results "
            "with results"
        )
        raise ConfigurationError(message)
    return Predictions(options, meter)


def _check_is_there(run: Input, *, is_results: bool) -> None:
    if is_results or not isinstance(run, (str, os.PathLike)) or is_url(os.fspath(run)):
        return
    try:
        system.stat(run)
    except FileNotFoundError as error:
        message = (
            f"{os.fspath(run)}: there is no such file or folder; a run without gaps leaves no folder, unless --metrics "
            "was given"
        )
        raise SourceNotFoundError(message) from error
    except (OSError, ValueError):
        return


def _is_results(run: Input) -> bool:
    if not isinstance(run, (str, os.PathLike)) or is_url(os.fspath(run)):
        return False
    try:
        content = content_of(run)
    except (OSError, ValueError):  # a file, as a rule; whatever is wrong with it is said when it is opened
        return False
    return content.has_results or content.is_empty
