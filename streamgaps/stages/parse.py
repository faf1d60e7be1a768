"""Text -> Answer, and Prediction -> ParsedPrediction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streamgaps.model import Answer, ParsedPrediction
from streamgaps.stages.validate import require_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.model import Prediction

__all__ = ["parse", "parse_answer"]

_YES = re.compile(r"\byes\b")
_NO = re.compile(r"\bno\b")


def parse_answer(text: str) -> Answer:
    r"""Read a yes/no answer by the strict rule.

    The text is lower-cased, and searched for the words `yes` and `no` between Unicode word
    boundaries. If exactly one of them is there, it is the answer. The rule is that of the
    `gap_analysis vlm_bcq` action of NVIDIA's TAO Toolkit.

    Lower-casing first is not the same as `re.IGNORECASE`, which takes a long s (U+017F) for an s.

    >>> parse_answer("Yes, there is a collision.")
    <Answer.YES: 'yes'>
    >>> parse_answer("B. No")
    <Answer.NO: 'no'>
    >>> parse_answer("nothing happened")
    <Answer.NEITHER: 'neither'>
    >>> parse_answer("Yes. No doubt.")
    <Answer.BOTH: 'both'>
    """
    text = text.lower()
    # Asking for the letters first saves most searches, which cost half of a run's time.
    yes = "yes" in text and _YES.search(text) is not None
    no = "no" in text and _NO.search(text) is not None
    if yes:
        return Answer.BOTH if no else Answer.YES
    return Answer.NO if no else Answer.NEITHER


def parse(predictions: Iterable[Prediction]) -> Iterator[ParsedPrediction]:
    """Read the answers of each prediction: the response, and where that is clear the ground truth.

    Raises:
        RecordError: a text that has to be read is not a string.
    """
    for prediction in predictions:
        response = parse_answer(require_text(prediction, "response"))
        clear = response is Answer.YES or response is Answer.NO
        gt = parse_answer(require_text(prediction, "gt")) if clear else None
        yield ParsedPrediction(prediction, response, gt)
