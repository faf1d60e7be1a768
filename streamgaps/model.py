"""What flows through the pipeline. Imports nothing of ours but the counts of groups."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec

from streamgaps.survey import Confusion, Survey

if TYPE_CHECKING:
    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

__all__ = [
    "Answer",
    "Answers",
    "Broken",
    "ErrorType",
    "Gap",
    "Invalid",
    "Notice",
    "ParsedPrediction",
    "Prediction",
    "Skip",
    "SkipReason",
    "Tally",
    "UnresolvedPath",
    "answers_of",
]


class Answer(Enum):
    """What a text says to a yes/no question; all but `YES` and `NO` are unclear."""

    YES = "yes"
    NO = "no"
    NEITHER = "neither"
    BOTH = "both"
    UNFINISHED = "no final answer"
    """It breaks off before it comes to an answer."""


class ErrorType(str, Enum):
    """How a response is wrong."""

    FP = "FP"
    """False positive: the model said yes, the ground truth is no."""
    FN = "FN"
    """False negative: the model said no, the ground truth is yes."""


class SkipReason(NamedTuple):
    """Why a prediction was not compared."""

    field: str
    """`"response"` or `"gt"` where that text is unclear; whatever is wrong otherwise: a field, `"record"`, `"gap"`."""
    why: str
    """`"neither"` yes nor no, `"both"`, `"no final answer"`; `"null"`, `"not a string"`, `"missing"`,
    `"not an object"`, `"malformed"`; `"no match"` or `"several matches"` in another file; `"duplicate"`."""

    @property
    def words(self) -> str:
        """What is wrong, to be read by people.

        >>> SkipReason("gt", "neither").words
        'ground truth says neither yes nor no'
        """
        return f"{_SUBJECTS.get(self.field, self.field)} {_PREDICATES.get(self.why, f'is {self.why}')}"


_SUBJECTS = {"gt": "ground truth"}
_PREDICATES = {
    Answer.NEITHER.value: "says neither yes nor no",
    Answer.BOTH.value: "says both yes and no",
    Answer.UNFINISHED.value: "has no final answer",
    "no match": "has no match",
    "several matches": "has several matches",
    "duplicate": "of the same video and question",
}


class Prediction(msgspec.Struct, gc=False):  # nothing that JSON can say refers to itself
    """An item of the input that has every required field; their types are not looked at yet."""

    video_id: Any
    response: Any
    gt: Any
    question: Any = ""

    carried: ClassVar[dict[str, Any] | None] = None
    """Further fields to be copied into a gap."""
    names: ClassVar[dict[str, str]] = {}
    """What messages call the fields that have another name in the input."""


class Invalid(Prediction, gc=False, kw_only=True):
    """An item that is no prediction, on its way to be skipped; it has no texts that could be read."""

    reason: SkipReason
    text: str = ""
    """The beginning of what is wrong."""
    found: Prediction | None = None
    """What there is of it."""


class Broken(NamedTuple):
    """A line that is not JSON, in place of an item."""

    problem: str
    text: bytes
    """The beginning of the line, which may be no UTF-8."""


Answers = tuple[Answer, Answer | None, int]
"""What the texts of a prediction say; what is no text counts as unclear here.

The answer of the response; that of the ground truth, which is None where the response is unclear and nobody wants to
know; and where in the confusion matrix that is: the place of the count among the fields of a `Confusion`. A plain
tuple: to unpack a named one takes 36 ns more.
"""


def _cell(response: Answer, gt: Answer | None) -> int:
    return Confusion.__struct_fields__.index(_count_of(response, gt))


def _count_of(response: Answer, gt: Answer | None) -> str:
    if gt not in (Answer.YES, Answer.NO):
        return "uncompared"
    if response not in (Answer.YES, Answer.NO):
        return "unclear_positives" if gt is Answer.YES else "unclear_negatives"
    if response is gt:
        return "true_positives" if gt is Answer.YES else "true_negatives"
    return "false_negatives" if gt is Answer.YES else "false_positives"


_ANSWERS = {id(said): {id(gt): (said, gt, _cell(said, gt)) for gt in (*Answer, None)} for said in Answer}


def answers_of(response: Answer, gt: Answer | None) -> Answers:
    """Return what there is one of each."""
    return _ANSWERS[id(response)][id(gt)]  # the hash of a member takes three times as long in Python 3.11


ParsedPrediction = tuple[Prediction, Answers]
"""A prediction with its answers read. A plain tuple: to make a named one takes 80 ns more."""


class Gap(msgspec.Struct, frozen=True):  # 1 µs less to make than a frozen dataclass
    """A prediction that contradicts its ground truth."""

    index: int
    """The item's place in the input, counted from 0."""
    video_id: str
    """The absolute path of the video, or its URL."""
    error_type: ErrorType
    question: object
    """As in the input: a text, as a rule, but any JSON value is kept."""
    ground_truth: object
    """The raw `gt`: a text, unless labels say what other values mean."""
    response: str
    """The raw response."""
    carried: dict[str, Any] | None = None
    """Further fields of the input that were asked for."""
    unclear: bool = False
    """Whether the response says neither yes nor no, and counts as wrong for that."""


class Notice(msgspec.Struct, frozen=True):
    """Something that is told of an item, and does not end the run."""

    index: int
    """The item's place in its input, counted from 0."""

    def replace(self, **changes: object) -> Self:
        """Return the same with other values."""
        return msgspec.structs.replace(self, **changes)


class Skip(Notice, frozen=True):
    """A prediction that was skipped, as its warning shows it."""

    video_id: object
    reason: SkipReason
    text: str
    """The first 80 characters of the unclear text."""
    source: str | None = None
    """The name of the input, where there are several."""
    record: bytes | None = None
    """What is known of the prediction, as a JSON object, if that was asked for."""


class UnresolvedPath(Notice, frozen=True):
    """A gap whose `video_id` could not be resolved: its lexical absolute path is written instead."""

    video_id: str
    path: str
    error: str
    source: str | None = None
    """The name of the input, where there are several."""


class Tally(msgspec.Struct):
    """The counts of a run. Tallies of parts of an input add up to the tally of the whole."""

    true_positives: int = 0
    true_negatives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    skipped: Counter[SkipReason] = msgspec.field(default_factory=Counter)
    unclear: int = 0
    """How many of the false positives and negatives are unclear responses."""
    unused_labels: int = 0
    """How many labels of another file have no prediction."""
    ambiguous_labels: int = 0
    """How many keys are given more than once there."""
    survey: Survey | None = None
    """What the answers say against the truth, for groups too, if that was asked for. It counts each prediction by its
    answer, those too that `dedup` drops."""

    @property
    def correct(self) -> int:
        """Predictions that agree with their ground truth."""
        return self.true_positives + self.true_negatives

    @property
    def gaps(self) -> int:
        """Predictions that contradict their ground truth."""
        return self.false_positives + self.false_negatives

    @property
    def uncompared(self) -> int:
        """Predictions that could not be compared: all that were skipped, but for gaps dropped as repeats."""
        return sum(count for reason, count in self.skipped.items() if reason.field != "gap")

    @property
    def records(self) -> int:
        """All predictions read: each is correct, a gap or skipped."""
        return self.correct + self.gaps + self.skipped.total()

    def take(self) -> Tally:
        """Return what is counted so far, and begin anew; whoever counts goes on to count here."""
        taken = msgspec.structs.replace(self, skipped=Counter(self.skipped), survey=self.survey and self.survey.take())
        for name in ("true_positives", "true_negatives", "false_positives", "false_negatives", "unclear"):
            setattr(self, name, 0)
        self.unused_labels = self.ambiguous_labels = 0
        self.skipped.clear()
        return taken

    def __add__(self, other: Tally) -> Tally:
        total = Tally()
        total += self
        total += other
        return total

    def __iadd__(self, other: Tally) -> Self:
        self.true_positives += other.true_positives
        self.true_negatives += other.true_negatives
        self.false_positives += other.false_positives
        self.false_negatives += other.false_negatives
        self.skipped.update(other.skipped)
        self.unclear += other.unclear
        self.unused_labels += other.unused_labels
        self.ambiguous_labels += other.ambiguous_labels
        if other.survey is not None:
            if self.survey is None:
                self.survey = Survey(other.survey.fields, other.survey.most)
            self.survey += other.survey
        return self
