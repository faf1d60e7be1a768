"""Where in an item the fields of a prediction are."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from streamgaps.model import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DEFAULT", "MISSING", "Fields", "Layout", "Path", "carried_name", "layout_of", "look_up", "parse_path"]

Path = tuple[str, ...]
"""Keys of nested objects, and indices of arrays among them, from the outside in."""

MISSING: Any = msgspec.UNSET
"""What a field has that is not there: in JSON, null is a value."""

_INDEX = re.compile(r"-?[0-9]{1,18}")
_DOT = re.compile(r"(?<!\\)\.")


def parse_path(text: str) -> Path:
    r"""Take a path apart: `doc.answers.0` is item 0 of `answers` in `doc`. A dot in a key is written `\.`.

    >>> parse_path("doc.answers.0")
    ('doc', 'answers', '0')
    >>> parse_path(r"a\.b")
    ('a.b',)
    """
    return tuple(part.replace("\\.", ".") for part in _DOT.split(text))


def look_up(value: Any, path: Iterable[str]) -> Any:  # noqa: ANN401 -- any JSON value
    """Follow a path into a value; `MISSING` if it leads nowhere.

    >>> look_up({"choices": [{"text": "Yes"}]}, ("choices", "0", "text"))
    'Yes'
    """
    for part in path:
        if isinstance(value, dict):
            if part not in value:
                return MISSING
            value = value[part]
        elif isinstance(value, list) and _INDEX.fullmatch(part):
            index = int(part)
            if not -len(value) <= index < len(value):
                return MISSING
            value = value[index]
        else:
            return MISSING
    return value


class Fields(NamedTuple):
    """The paths of a prediction's fields in an item."""

    video_id: Path = ("video_id",)
    response: Path = ("response",)
    gt: Path = ("gt",)
    question: Path = ("question",)
    carried: tuple[tuple[str, Path], ...] = ()
    """The names and paths of further fields that a gap gets."""
    key: Path = ()
    """The key by which ground truth from elsewhere is joined, if it is."""

    def path(self, name: str) -> Path:
        """Return the path of one of the four fields."""
        path: Path = getattr(self, name)
        return path

    def shown(self, name: str) -> str:
        """Return what messages call a field: by its path, and by what it means if that is something else."""
        path = ".".join(part.replace(".", "\\.") for part in self.path(name))
        return f"'{path}'" if path == name else f"'{path}' ({name})"


DEFAULT = Fields()

_NAMES = ("video_id", "response", "gt", "question")
_REQUIRED = ("gt", "response", "video_id")


class Layout:
    """How items become predictions: a type that the decoder fills, and what is left to be done then.

    A field that is a key of the item is filled by the decoder. What is further inside is looked up afterwards, and so
    is what has the same key as another field.

    Attributes:
        fields: the paths.
        type: the predictions of this layout.
        required: the fields that an item must have, in the order in which they are checked.
        keys: the keys of an item that are needed.
    """

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        # What is joined by a key gives the ground truth, and what else the item has not.
        self.required = ("response",) if fields.key else _REQUIRED
        paths: dict[str, Path] = {name: fields.path(name) for name in _NAMES if name != "gt" or not fields.key}
        paths |= {carried_name(number): path for number, (_, path) in enumerate(fields.carried)}
        paths |= {"key": fields.key} if fields.key else {}
        filled = {path[0]: name for name, path in reversed(paths.items()) if len(path) == 1}
        for number, path in enumerate(paths.values()):
            filled.setdefault(path[0], f"root_{number}")
        self._filled = filled
        self._steps = [(name, filled[path[0]], path[1:]) for name, path in paths.items() if filled[path[0]] != name]
        self._defaults = dict.fromkeys((*_NAMES, *paths, *filled.values()), MISSING)
        if not fields.key:
            self._defaults["question"] = ""
        self.keys = tuple(filled)
        self.type = Prediction if fields == DEFAULT else self._make_type()

    @property
    def is_filled(self) -> bool:
        """Whether the decoder does it all."""
        return not self._steps

    def _make_type(self) -> type[Prediction]:
        encoded = {name: key for key, name in self._filled.items()}
        # What the decoder does not fill is named as no key is; if one is, its value is replaced.
        encoded = {name: encoded.get(name) or self._free_key(name) for name in self._defaults}
        filled = set(self._filled.values())
        namespace: dict[str, Any] = {"names": {name: self.fields.shown(name) for name in _NAMES}}
        if self.fields.carried:
            namespace["carried"] = property(self._carried)
        made: Any = msgspec.defstruct(
            "MappedPrediction",
            [
                (name, Any) if name in self.required and name in filled else (name, Any, default)
                for name, default in self._defaults.items()
            ],
            bases=(Prediction,),
            namespace=namespace,
            rename=encoded,
            gc=False,
            kw_only=True,
        )
        return made  # type: ignore[no-any-return]  # its base says what it is

    def _free_key(self, name: str) -> str:
        """Return a key that is not one of those that are needed."""
        key = f"<{name}>"
        while key in self.keys:
            key = f"<{key}>"
        return key

    def _carried(self, prediction: Prediction) -> dict[str, Any]:
        values = ((shown, getattr(prediction, carried_name(n))) for n, (shown, _) in enumerate(self.fields.carried))
        return {shown: value for shown, value in values if value is not MISSING}

    def make(self, item: dict[str, Any]) -> Prediction:
        """Make a prediction of an object, or of what is left of it; what is missing is `MISSING`."""
        values = {name: item.get(key, self._defaults[name]) for key, name in self._filled.items()}
        return self.fill(self.type(**values))

    def fill(self, prediction: Prediction) -> Prediction:
        """Fill the fields that the decoder has not."""
        for name, source, path in self._steps:
            value = look_up(getattr(prediction, source), path)
            setattr(prediction, name, self._defaults[name] if value is MISSING else value)
        return prediction

    def missing(self, prediction: Prediction) -> str | None:
        """Return the first field that must be there and is not."""
        return next((name for name in self.required if getattr(prediction, name) is MISSING), None)


def carried_name(number: int) -> str:
    """Return what a further field is called in a prediction."""
    return f"carried_{number}"


@lru_cache(maxsize=8)
def layout_of(fields: Fields) -> Layout:
    """Return the layout for these paths."""
    return Layout(fields)
