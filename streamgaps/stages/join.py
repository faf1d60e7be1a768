"""Prediction -> prediction, with what files beside the input know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from streamgaps.exceptions import RecordError
from streamgaps.fields import MISSING, carried_name
from streamgaps.model import Invalid, SkipReason
from streamgaps.stages.validate import EXCERPT, invalid, json_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.fields import Fields
    from streamgaps.model import Prediction

__all__ = ["Found", "JoinPolicy", "SideFile", "join_labels", "join_videos", "key_bytes", "no_key"]


class Found(NamedTuple):
    """What a file beside the input has for a key."""

    number: int
    """The place of the key in the file, counted from 0."""
    is_ambiguous: bool
    """Whether it is given more than once, or means more than one thing."""
    values: dict[str, Any]
    """The fields that it has there, by the names that they have in a `Prediction`."""


class SideFile(Protocol):
    """A file beside the input, to be looked into by key."""

    name: str

    def find(self, key: bytes) -> Found | None:
        """Return what the file has for a key."""

    def has_path(self, video_id: str) -> bool:
        """Say whether a text is the path of an annotated video."""


class JoinPolicy(NamedTuple):
    """What becomes of predictions that a file beside the input does not know."""

    skips_unmatched: bool = False
    skips_invalid: bool = False


def key_bytes(key: object) -> bytes | None:
    """Spell out a key, so that the number 1 and the text `1` are two; None if it can be no key.

    >>> key_bytes(1), key_bytes("1"), key_bytes(1.0)
    (b'i1', b's1', None)
    """
    if isinstance(key, str):
        return b"s" + key.encode("utf-8", "surrogatepass")
    if isinstance(key, int) and not isinstance(key, bool):
        return b"i%d" % key
    return None


def join_labels(
    predictions: Iterable[Prediction],
    labels: SideFile,
    *,
    fields: Fields,
    policy: JoinPolicy,
    mark: Callable[[int], object],
    first: int = 0,
) -> Iterator[Prediction]:
    """Give each prediction its ground truth, and what else it has not.

    The ground truth is always that of the labels; other fields are theirs where the prediction does not have them.

    Args:
        predictions: in the order of the input.
        labels: where the ground truth is.
        fields: the paths of the fields, with that of the key.
        policy: what becomes of those without a match.
        mark: told of the number of each label that is used.
        first: the place in the input of the first prediction.

    Raises:
        RecordError: a prediction has no key, or no label or several have it; or a required field is nowhere.
    """
    names = ("video_id", "question", *(carried_name(number) for number in range(len(fields.carried))))
    shown = fields.shown("key")
    for index, prediction in enumerate(predictions, first):
        if isinstance(prediction, Invalid):
            spelled = key_bytes(getattr(prediction.found, "key", None))
            used = None if spelled is None else labels.find(spelled)
            if used is not None:
                mark(used.number)
            yield prediction
            continue
        key = prediction.key  # type: ignore[attr-defined]  # a layout with a key has it
        found = _find(labels, key, shown, index, policy)
        if isinstance(found, SkipReason):
            yield invalid(prediction, found, _text(key))
            continue
        mark(found.number)
        prediction.gt = found.values["gt"]  # there is no label without it
        for name in names:
            if getattr(prediction, name) is MISSING and name in found.values:
                setattr(prediction, name, found.values[name])
        if prediction.question is MISSING:
            prediction.question = ""
        if prediction.video_id is not MISSING:
            yield prediction
        elif policy.skips_invalid:
            yield invalid(prediction, SkipReason("video_id", "missing"))
        else:
            message = f"item {index}: missing {fields.shown('video_id')}, and {labels.name} does not have it either"
            raise RecordError(message, index=index, field="video_id", is_missing=True)


def join_videos(
    predictions: Iterable[Prediction], annotations: SideFile, *, policy: JoinPolicy, first: int = 0
) -> Iterator[Prediction]:
    """Turn each `video_id` that is the id of an annotation into the path of its video; leave those that are paths.

    Args:
        predictions: in the order of the input.
        annotations: where ids and videos are.
        policy: what becomes of those without a match.
        first: the place in the input of the first prediction.

    Raises:
        RecordError: no annotation has the id, or several with different videos have.
    """
    for index, prediction in enumerate(predictions, first):
        video_id = prediction.video_id
        if isinstance(prediction, Invalid) or (isinstance(video_id, str) and annotations.has_path(video_id)):
            yield prediction
            continue
        shown = prediction.names.get("video_id", "'video_id'")
        found = _find(annotations, video_id, shown, index, policy, field="video_id")
        if isinstance(found, SkipReason):
            yield invalid(prediction, found, _text(video_id))
        else:
            prediction.video_id = found.values["video_id"]
            yield prediction


def _find(
    side: SideFile, key: object, shown: str, index: int, policy: JoinPolicy, *, field: str = "key"
) -> Found | SkipReason:
    """Look a key up; where there is no match, raise, or return why there is none."""
    spelled = key_bytes(key)
    if spelled is None:
        if policy.skips_invalid:
            return SkipReason(field, _why_no_key(key))
        message = f"item {index}: {no_key(key, shown)}"
        raise RecordError(message, index=index, field=field, is_missing=key is MISSING)
    found = side.find(spelled)
    if found is not None and not found.is_ambiguous:
        return found
    is_there = found is not None and bool(found.values)
    if policy.skips_unmatched:
        return SkipReason(field, "several matches" if is_there else "no match")
    problem = "has several matches in" if is_there else "is not in"
    message = f"item {index}: {shown} {_brief(key)} {problem} {side.name}; --unmatched skip leaves such samples out"
    raise RecordError(message, index=index, field=field)


def no_key(key: object, shown: str) -> str:
    """Say why a field can be no key; `shown` is what messages call it."""
    if key is MISSING:
        return f"missing {shown}"
    return f"{shown} must be a string or a whole number, to be a key, not {json_type(key)}"


def _why_no_key(key: object) -> str:
    if key is MISSING:
        return "missing"
    return "null" if key is None else "not a string"


def _brief(key: object) -> str:
    return repr(key[:EXCERPT] if isinstance(key, str) else key)[: 2 * EXCERPT]


def _text(key: object) -> str:
    return "" if key_bytes(key) is None else str(key)
