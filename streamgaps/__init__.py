r"""Stream the predictions of a vision-language model, and write its false positives and false negatives.

    analyze        write the gaps of predictions, and a report, to a folder
    iter_gaps      yield the gaps one at a time, writing nothing
    audit          tell how much depends on the rule by which an answer is read
    compare        tell what changed between runs
    report         make a page of a results folder
    measure        compute the metrics of a `Confusion`
    parse_answer   read one answer by the default rule; `RULES` has all of them
    Options        what the first four take as keyword arguments

Predictions are JSON objects with `video_id`, `response`, `gt` and, if there is one, `question`:

>>> import io, json, pathlib, tempfile
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> rows = [
...     {"video_id": "/v/1.mp4", "response": "Yes, it does.", "gt": "no", "question": "Does it turn?"},
...     {"video_id": "/v/2.mp4", "response": "No.", "gt": "no", "question": "Does it turn?"},
...     {"video_id": "/v/3.mp4", "response": "Perhaps.", "gt": "yes", "question": "Does it stop?"},
... ]
>>> path = folder / "results.json"
>>> _ = path.write_text(json.dumps(rows))

>>> skipped, file = [], io.BytesIO()  # or a folder, which gets a report, too
>>> tally = analyze(path, file, on_warning=skipped.append, group_by=["question"])
>>> tally.false_positives, tally.false_negatives, tally.correct, tally.skipped.total()
(1, 0, 1, 1)
>>> file.getvalue().decode()
'{"video_id":"/v/1.mp4","error_type":"FP","question":"Does it turn?","ground_truth":"no","response":"Yes, it does."}\n'
>>> skipped[0].index, skipped[0].reason.field, skipped[0].reason.why
(2, 'response', 'neither')
>>> measure(tally.survey.total)["accuracy"]  # an unclear response counts as wrong
0.3333333333333333

>>> [(gap.index, gap.error_type.value, gap.video_id) for gap in iter_gaps(path, unclear="gap")]
[(0, 'FP', '/v/1.mp4'), (2, 'FN', '/v/3.mp4')]

>>> [(one.rule, one.confusion.correct) for one in audit(path).rules][:3]
[('strict', 1), ('leading', 1), ('first-word', 1)]

>>> better = folder / "better.json"
>>> _ = better.write_text(json.dumps([{**rows[0], "response": "No."}, *rows[1:]]))
>>> found = compare([path, better])
>>> found.changes.fixed, found.changes.new
(1, 0)

>>> parse_answer("B. No")
<Answer.NO: 'no'>

All errors but those of misspelt options (`TypeError`) are `StreamgapsError`s, and `ValueError`s, `OSError`s or
`RuntimeError`s besides:

>>> try:
...     analyze(folder / "none.json", io.BytesIO())
... except SourceNotFoundError as error:
...     print(isinstance(error, FileNotFoundError), str(error).partition(": ")[2])
True there is no such file

Whatever its length, a file is read in about 30 MiB, and a few times its largest record.
"""

from importlib import import_module

TYPE_CHECKING = False  # what a type checker takes for true; `typing` takes 5 ms to load
if TYPE_CHECKING:
    from streamgaps.answers.rules import RULES
    from streamgaps.answers.strict import strict as parse_answer
    from streamgaps.auditing import Audit, Disagreement, RuleReading, audit
    from streamgaps.comparing.changes import Changes, ComparedRun, Comparison, Difference, GroupChanges, McNemar
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
    "ComparedRun",
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
    "comparing.changes": ["Changes", "Comparison", "Difference", "GroupChanges", "McNemar", "ComparedRun"],
    "comparing.compare": ["compare"],
    "auditing": ["Audit", "Disagreement", "RuleReading", "audit"],
    "exceptions": [name for name in __all__ if name.endswith("Error")],
    "metrics": ["measure"],
    "model": ["Answer", "ErrorType", "Gap", "Skip", "SkipReason", "Tally", "UnresolvedPath"],
    "page.report": ["report"],
    "pipeline": ["analyze", "iter_gaps"],
    "settings": ["Options"],
    "answers.rules": ["RULES"],
    "answers.strict": ["parse_answer"],
    "survey": ["Confusion", "Group", "Survey"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_NAMED_THERE = {"parse_answer": "strict"}


def __getattr__(name: str) -> object:
    """Load what a public name stands for when it is first asked for.

    The commands import this package first, and must catch signals before anything slow is loaded.
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
