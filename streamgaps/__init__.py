"""Stream the predictions of a vision-language model, and write its false positives and false negatives.

`analyze` writes a results folder, `iter_gaps` yields the gaps one at a time, `parse_answer` reads one answer; `report`
makes a page of a results folder, `compare` tells what changed between runs, `audit` how much depends on the rule.
All errors are `StreamgapsError`s, and `ValueError`s, `OSError`s or `RuntimeError`s besides.
"""

from importlib import import_module

TYPE_CHECKING = False  # what a type checker takes for true; `typing` takes 5 ms to load
if TYPE_CHECKING:
    from streamgaps.answers.rules import RULES
    from streamgaps.answers.rules import strict as parse_answer
    from streamgaps.auditing import Audit, Disagreement, RuleReading, audit
    from streamgaps.comparing.changes import Changes, Comparison, Difference, GroupChanges, McNemar, Run
    from streamgaps.comparing.compare import compare
    from streamgaps.exceptions import (
        ConfigurationError,
        GateError,
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
    from streamgaps.metrics import measure
    from streamgaps.model import Answer, ErrorType, Gap, Skip, SkipReason, Tally, UnresolvedPath
    from streamgaps.page.report import report
    from streamgaps.pipeline import analyze, iter_gaps
    from streamgaps.settings import Options
    from streamgaps.survey import Confusion, Group, Survey

__version__ = "0.7.0"

__all__ = [
    "RULES",
    "Answer",
    "Audit",
    "Changes",
    "Comparison",
    "ConfigurationError",
    "Confusion",
    "Difference",
    "Disagreement",
    "ErrorType",
    "Gap",
    "GateError",
    "Group",
    "GroupChanges",
    "InputError",
    "MalformedInputError",
    "McNemar",
    "NotAnArrayError",
    "Options",
    "OutputError",
    "RecordError",
    "RuleReading",
    "Run",
    "Skip",
    "SkipReason",
    "SourceError",
    "SourceNotFoundError",
    "StreamgapsError",
    "Survey",
    "Tally",
    "UnresolvedPath",
    "UnsupportedInputError",
    "WorkerError",
    "__version__",
    "analyze",
    "audit",
    "compare",
    "iter_gaps",
    "measure",
    "parse_answer",
    "report",
]

_HOMES = {
    "comparing.changes": ["Changes", "Comparison", "Difference", "GroupChanges", "McNemar", "Run"],
    "comparing.compare": ["compare"],
    "auditing": ["Audit", "Disagreement", "RuleReading", "audit"],
    "exceptions": [name for name in __all__ if name.endswith("Error")],
    "metrics": ["measure"],
    "model": ["Answer", "ErrorType", "Gap", "Skip", "SkipReason", "Tally", "UnresolvedPath"],
    "page.report": ["report"],
    "pipeline": ["analyze", "iter_gaps"],
    "settings": ["Options"],
    "answers.rules": ["RULES", "parse_answer"],
    "survey": ["Confusion", "Group", "Survey"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_NAMED_THERE = {"parse_answer": "strict"}


def __getattr__(name: str) -> object:
    """Load what a public name stands for when it is first asked for.

    For the commands begin with this module, and are to take signals before all else is loaded.
    """
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), _NAMED_THERE.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what is public."""
    return list(__all__)
