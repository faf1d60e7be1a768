"""Stream the predictions of a vision-language model, and write its false positives and false negatives.

`analyze` writes a results folder, `iter_gaps` yields the gaps one at a time, `parse_answer` reads one answer.
All errors are `StreamgapsError`s, and `ValueError`s, `OSError`s or `RuntimeError`s besides.
"""

from streamgaps.exceptions import (
    ConfigurationError,
    InputError,
    MalformedInputError,
    NotAnArrayError,
    OutputError,
    RecordError,
    SourceError,
    SourceNotFoundError,
    StreamgapsError,
    UnsupportedInputError,
    WorkerError,
)
from streamgaps.model import Answer, ErrorType, Gap, Skip, SkipReason, Tally, UnresolvedPath
from streamgaps.pipeline import analyze, iter_gaps
from streamgaps.settings import Options
from streamgaps.stages.rules import RULES
from streamgaps.stages.rules import strict as parse_answer

__version__ = "0.3.0"

__all__ = [
    "RULES",
    "Answer",
    "ConfigurationError",
    "ErrorType",
    "Gap",
    "InputError",
    "MalformedInputError",
    "NotAnArrayError",
    "Options",
    "OutputError",
    "RecordError",
    "Skip",
    "SkipReason",
    "SourceError",
    "SourceNotFoundError",
    "StreamgapsError",
    "Tally",
    "UnresolvedPath",
    "UnsupportedInputError",
    "WorkerError",
    "__version__",
    "analyze",
    "iter_gaps",
    "parse_answer",
]
