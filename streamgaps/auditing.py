"""Predictions -> what each rule reads in their responses, and what follows of it, in one pass."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from streamgaps.answers.final_answer import final_answer
from streamgaps.answers.rules import RULES
from streamgaps.beside.files import indexed, left_over
from streamgaps.chain import Chain, ignore
from streamgaps.exceptions import ConfigurationError
from streamgaps.model import Answer, Notice, Tally, answers_of
from streamgaps.reading import Meter, explained
from streamgaps.settings import make_settings
from streamgaps.sources.inputs import list_inputs
from streamgaps.sources.source import open_source
from streamgaps.stages.classify import Skipping
from streamgaps.stages.parse import MOST, remember, truth_reader
from streamgaps.stages.read import read
from streamgaps.survey import CELLS, Confusion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.model import Prediction, SkipReason
    from streamgaps.settings import Options, Settings
    from streamgaps.sources.inputs import Input
    from streamgaps.sources.source import Source

__all__ = ["Audit", "Disagreement", "RuleReading", "audit"]

MOST_SHOWN = 5
"""How many samples are given on which rules differ."""

EXCERPT = 160
"""How many characters of a response are kept, about."""

LONGEST_PATH = 1024
"""How many characters of a `video_id` are kept."""


_NO_USE = ("carry", "dedup", "group_by", "max_groups", "paths", "rule", "unclear", "videos_dir")
"""Options that change which gaps there are, or what they look like."""

_SIDES = {Answer.YES: 0, Answer.NO: 1}
"""Where samples are counted, by what is true."""


class RuleReading(NamedTuple):
    """How the responses come out by one rule."""

    rule: str
    """The name of the rule in `RULES`."""
    confusion: Confusion
    """The answers against the truth; `uncompared` is the same for each rule."""

    @property
    def yes(self) -> int:
        """Responses that the rule reads as yes, where the truth is clear."""
        return self.confusion.true_positives + self.confusion.false_positives

    @property
    def no(self) -> int:
        """Responses that the rule reads as no, where the truth is clear."""
        return self.confusion.true_negatives + self.confusion.false_negatives

    @property
    def unclear(self) -> int:
        """Responses that the rule reads as neither, or as both, where the truth is clear."""
        return self.confusion.unclear


class Disagreement(Notice, frozen=True):
    """The first of all samples on which the rules differ in the same way."""

    video_id: str | None
    """As in the input; None if that is no text. Of more than 1,024 characters only the beginning and the end."""
    response: str
    """The response; of more than 160 characters only the beginning and the end."""
    truth: Answer
    """What is true: yes or no."""
    answers: Mapping[str, Answer]
    """What each rule reads, by its name."""
    samples: int
    """How many samples are read as yes, as no and as unclear by the same rules."""
    source: str | None
    """The name of the input, where there are several."""


class Audit(NamedTuple):
    """What each rule makes of the same predictions."""

    rules: tuple[RuleReading, ...]
    """One for each rule, in the order of `RULES`: that by which `analyze` reads by default comes first."""
    disagreeing: int
    """Samples that one rule reads as yes, no or unclear, and another one does not."""
    patterns: int
    """In how many ways the rules differ."""
    disagreements: tuple[Disagreement, ...]
    """The first sample of each of these ways, at most five: first those in which some rule says yes and another one no,
    then those in which some rule finds no answer; the most frequent first, of equals the one that came first."""
    skipped: Mapping[SkipReason, int]
    """How many predictions have no clear truth, or no text for a response, and records that are no predictions."""
    unused_labels: int = 0
    """How many labels of another file have no prediction."""
    ambiguous_labels: int = 0
    """How many keys are given more than once there."""

    @property
    def samples(self) -> int:
        """How many predictions are compared: the same ones by each rule."""
        return self.rules[0].confusion.samples

    @property
    def records(self) -> int:
        """All records read: each is compared or skipped."""
        return self.samples + sum(self.skipped.values())


def audit(
    predictions: Input | Iterable[Input],
    *,
    on_progress: Callable[[int], object] | None = None,
    **options: Unpack[Options],
) -> Audit:
    """Read each response by every rule of `RULES`, and count what follows.

    One pass for all rules. The ground truth is read by `gt_rule` and `labels` for all of them; where it is unclear,
    the prediction is skipped whatever its response says. Of a `video_id` nothing is asked.

    >>> import io
    >>> file = io.BytesIO(b'[{"video_id": "1.mp4", "response": "Yes, no doubt.", "gt": "B. No"}]')
    >>> {one.rule: one.confusion.false_positives for one in audit(file).rules if one.yes}
    {'leading': 1, 'first-word': 1, 'startswith': 1, 'mme': 1}

    Memory: as for `analyze` with one job, and at most a few MiB for texts that repeat, and for samples.

    Args:
        predictions: as for `analyze`.
        on_progress: called after each block with the number of bytes read so far.
        **options: see `Options`; not `rule` and `unclear`, nor those that say what a gap looks like.

    Raises:
        InputError: the input is refused; a ValueError.
        SourceError: the input cannot be read; an OSError.
        OutputError: the temporary folder for files beside the predictions cannot be used; an OSError.
        ConfigurationError: an argument makes no sense, or has no effect here; a ValueError.
    """
    for name in _NO_USE:
        if options.get(name):
            message = f"an audit has no use for {name!r}: it reads each response by every rule, and gives no gaps"
            raise ConfigurationError(message)
    settings = make_settings(options)
    inputs = list_inputs(predictions, without=settings.beside)
    with ExitStack() as stack:
        auditing = _Auditing(indexed(settings, stack), stack, on_progress, is_one=len(inputs) == 1)
        for one in inputs:
            with open_source(one) as source:
                auditing.read(source)
        return auditing.result()


class _Pattern:
    """What each rule reads in the same way, and how often it was so.

    Attributes:
        counts: how many samples, by the side of the truth.
        first: the first of them.
    """

    __slots__ = ("counts", "first")

    def __init__(self, first: Disagreement) -> None:
        self.counts = [0, 0]
        self.first = first


class _Auditing:
    """What goes on from one input to the next."""

    def __init__(
        self, settings: Settings, stack: ExitStack, on_progress: Callable[[int], object] | None, *, is_one: bool
    ) -> None:
        self._settings = settings
        self._is_one = is_one
        self._meter = Meter(on_progress)
        self._chain = stack.enter_context(Chain(settings))
        self._marks = None
        if settings.labels_index is not None:
            from streamgaps.beside.lookup import Marks  # noqa: PLC0415 -- it loads SQLite

            self._marks = Marks(settings.labels_index)
        self._tally = Tally()
        self._skipping = Skipping(self._tally, ignore, settings.policy)
        self._truth = truth_reader(settings.reading)
        self._patterns: dict[tuple[Answer, ...], _Pattern] = {}
        # Short texts repeat: of each it is remembered where it is counted.
        self._remembered: dict[str, list[int]] = {}
        self._sides: dict[str, int] = {}

    def read(self, source: Source) -> None:
        """Read an input to its end."""
        settings = self._settings
        items = read(self._meter.blocks(source), settings.shape)
        mark = ignore if self._marks is None else self._marks.set
        name = None if self._is_one else source.name
        with explained(source.name, lambda: items.format, settings, items.line_of):
            self._count(self._chain.predictions(items, mark=mark), name)

    def _count(self, predictions: Iterable[Prediction], source: str | None) -> None:
        remembered, sides = self._remembered, self._sides
        for index, prediction in enumerate(predictions):
            try:
                remembered[prediction.response][sides[prediction.gt]] += 1
            except (KeyError, TypeError):  # new, or not a text, but a list or the like
                self._look(index, prediction, source)

    def _look(self, index: int, prediction: Prediction, source: str | None) -> None:
        """Count a prediction that is not known, or skip it as `classify` does."""
        response, gt = prediction.response, prediction.gt
        if not isinstance(response, str):
            self._skipping.skip_unclear(index, prediction, "response", Answer.NEITHER)
            return
        truth = self._truth(gt)
        side = _SIDES.get(truth)
        if side is None:
            self._skipping.skip_unclear(index, prediction, "gt", truth)
            return
        answers = self._answers(response)
        pattern = self._patterns.get(answers)
        if pattern is None:
            first = _sample(index, prediction, truth, answers, source)
            pattern = self._patterns[answers] = _Pattern(first)
        pattern.counts[side] += 1
        remember(self._remembered, response, pattern.counts, MOST)
        if isinstance(gt, str):
            remember(self._sides, gt, side, MOST)

    def _answers(self, response: str) -> tuple[Answer, ...]:
        text = final_answer(response) if self._settings.reading.final_answer else response
        if text is None:
            return (Answer.UNFINISHED,) * len(RULES)
        return tuple([rule(text) for rule in RULES.values()])

    def result(self) -> Audit:
        """Return what was found; behind the last input."""
        unused, ambiguous = left_over(self._settings, self._marks)
        skipped = self._tally.skipped
        ways = _ways(self._patterns)
        # Yes against no tells more than an answer that one rule does not find. Of equals the order is kept.
        by_frequency = sorted(ways, key=lambda first: (not _contradict(first), -first.samples))
        return Audit(
            rules=tuple(
                RuleReading(rule, _confusion(self._patterns, place, skipped.total()))
                for place, rule in enumerate(RULES)
            ),
            disagreeing=sum(first.samples for first in ways),
            patterns=len(ways),
            disagreements=tuple(by_frequency[:MOST_SHOWN]),
            skipped=dict(skipped),
            unused_labels=unused,
            ambiguous_labels=ambiguous,
        )


def _sample(
    index: int, prediction: Prediction, truth: Answer, answers: tuple[Answer, ...], source: str | None
) -> Disagreement:
    video_id = prediction.video_id
    return Disagreement(
        index=index,
        video_id=_excerpt(video_id, LONGEST_PATH) if isinstance(video_id, str) else None,
        response=_excerpt(prediction.response, EXCERPT),
        truth=truth,
        answers=dict(zip(RULES, answers, strict=True)),
        samples=0,
        source=source,
    )


def _excerpt(text: str, longest: int) -> str:
    """Return a text, or its beginning and its end: an answer is at one of them, most often."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} … {text[-half:]}"


def _ways(patterns: Mapping[tuple[Answer, ...], _Pattern]) -> list[Disagreement]:
    """Return the first sample of each way in which rules differ, with how many there are, in the order they came.

    To say neither or both is the same here: it is unclear, and counts as wrong.
    """
    found: dict[tuple[int | None, ...], Disagreement] = {}
    for answers, pattern in patterns.items():
        way = tuple(_SIDES.get(answer) for answer in answers)
        if len(set(way)) > 1:
            first = found.get(way, pattern.first)
            found[way] = first.replace(samples=first.samples + sum(pattern.counts))
    return list(found.values())


def _contradict(sample: Disagreement) -> bool:
    """Say whether some rule reads yes, and another one no."""
    return set(_SIDES) <= set(sample.answers.values())


def _confusion(patterns: Mapping[tuple[Answer, ...], _Pattern], place: int, uncompared: int) -> Confusion:
    """Return what one rule makes of the samples."""
    cells = [0] * CELLS
    for answers, pattern in patterns.items():
        for truth, side in _SIDES.items():
            cells[answers_of(answers[place], truth)[2]] += pattern.counts[side]
    cells[-1] = uncompared
    return Confusion(*cells)
