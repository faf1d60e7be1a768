"""What flows through the pipeline. Imports nothing of ours."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

__all__ = [
    "Answer",
    "Answers",
    "ErrorType",
    "Gap",
    "ParsedPrediction",
    "Prediction",
    "Skip",
    "SkipReason",
    "Tally",
    "UnresolvedPath",
]


class Answer(Enum):
    """What a text says to a yes/no question; `NEITHER` and `BOTH` are unclear."""

    YES = "yes"
    NO = "no"
    NEITHER = "neither"
    BOTH = "both"


class ErrorType(str, Enum):
    """How a response is wrong."""

    FP = "FP"
    """False positive: the model said yes, the ground truth is no."""
    FN = "FN"
    """False negative: the model said no, the ground truth is yes."""


class Prediction(msgspec.Struct, gc=False):  # nothing that JSON can say refers to itself
    """An item of the input that has every required field; their types are not looked at yet."""

    video_id: Any
    response: Any
    gt: Any
    question: Any = ""


class Answers(NamedTuple):
    """What the texts of a prediction say. What is no text counts as unclear here."""

    response: Answer
    gt: Answer | None
    """None where the response is unclear: the ground truth is then not looked at."""


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
    ground_truth: str
    """The raw `gt`."""
    response: str
    """The raw response."""


class SkipReason(NamedTuple):
    """Why a prediction was not compared."""

    field: str
    """`"response"` or `"gt"`: the text that is unclear."""
    why: str
    """`"neither"` yes nor no, or `"both"`."""


class Skip(msgspec.Struct, frozen=True):
    """A prediction that was skipped, as its warning shows it."""

    index: int
    video_id: object
    reason: SkipReason
    text: str
    """The first 80 characters of the unclear text."""


class UnresolvedPath(msgspec.Struct, frozen=True):
    """A gap whose `video_id` could not be resolved: its lexical absolute path is written instead."""

    index: int
    video_id: str
    path: str
    error: str


class Tally(msgspec.Struct):
    """The counts of a run. Tallies of parts of an input add up to the tally of the whole."""

    true_positives: int = 0
    true_negatives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    skipped: Counter[SkipReason] = msgspec.field(default_factory=Counter)

    @property
    def correct(self) -> int:
        """Predictions that agree with their ground truth."""
        return self.true_positives + self.true_negatives

    @property
    def gaps(self) -> int:
        """Predictions that contradict their ground truth."""
        return self.false_positives + self.false_negatives

    @property
    def records(self) -> int:
        """All predictions read: each is correct, a gap or skipped."""
        return self.correct + self.gaps + self.skipped.total()

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
        return self
