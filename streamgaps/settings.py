"""The options of a run, as they are given, and made into one value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar

from streamgaps import __version__
from streamgaps.answers.rules import RULES
from streamgaps.exceptions import ConfigurationError, StreamgapsError
from streamgaps.fields import Fields, Path, carried_name, parse_path
from streamgaps.model import Answer, Tally
from streamgaps.paths import Paths, base_of
from streamgaps.stages.classify import Policy, Unclear
from streamgaps.stages.parse import Reading, label_key
from streamgaps.stages.read import MAX_RECORD_BYTES, Format, Reader, Shape
from streamgaps.survey import MAX_GROUPS, Survey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from enum import Enum

    from streamgaps.beside.lookup import IndexFile
    from streamgaps.sources.inputs import Input

    Rule = Callable[[str], Answer | str | bool | None]

__all__ = ["Options", "Settings", "check_fields", "check_max_groups", "make_settings", "option_of", "texts_of"]


class Options(TypedDict, total=False):
    """What `analyze`, `iter_gaps`, `compare` and `audit` take as keyword arguments, beside their own; none is required.

    Attributes:
        videos_dir: the folder that relative `video_id`s are relative to; the working directory if None or blank.
        paths: what becomes of a `video_id`: `"resolve"` (default) makes it absolute and follows links,
            `"normalize"` follows none, `"keep"` leaves it as it is.
        format: `"array"`, `"jsonl"` (JSON Lines, or records that follow one another), or `"auto"` (default): told
            by the first byte.
        prefix: where in a JSON document the array of records is, as ijson names it: `"results.item"`.
        reader: `"auto"` (default) decodes whole blocks, and records of more than 8 MiB event by event; `"ijson"`
            decodes all event by event: slower, and it refuses some rare JSON that `json` reads.
        max_record_bytes: the length above which a record is refused, 1 GiB by default; with `reader="ijson"` it may
            be found out up to two blocks (128 KiB) later.
        fields: paths of `video_id`, `response`, `gt` and `question` where they have other names: `{"response":
            "doc.text"}`.
        carry: further fields that a gap gets, as paths, or as `"name=path"`.
        labels: what values of the ground truth mean: `{"yes": [1, True, "entailment"], "no": [0, False]}`.
        ground_truth: a file with the ground truth, and what else predictions lack, joined by the field `on`.
        on: the key of `ground_truth`: a path, or `"path=path in ground_truth"`.
        annotations: annotations in LLaVA's format, by which a `video_id` that is one of their ids becomes a video.
        media_dir: the folder that the videos of `annotations` are relative to; `videos_dir` if None.
        unmatched: what becomes of predictions that `ground_truth` or `annotations` do not know: `"error"` (default)
            or `"skip"`.
        rule: how a response is read: a name out of `streamgaps.RULES`, `"strict"` by default, or a function of
            yours.
        gt_rule: the same for the ground truth.
        final_answer: whether only the final answer of a response is read: that in `<answer>`, or what follows
            `</think>`.
        unclear: what becomes of an unclear response: `"skip"` (default); `"gap"`: it counts as wrong; `"error"`.
        on_invalid: what becomes of records that are no predictions: `"error"` (default) or `"skip"`.
        dedup: whether only the first gap of each `video_id` and `question` is kept.
        group_by: fields whose values make groups, each of which is counted in the tally's `survey`: `question`, what
            is carried, or a further path, which is then carried.
        max_groups: how many groups of a field are told apart, 10,000 by default: those that come first.
    """

    videos_dir: str | os.PathLike[str] | None
    paths: str
    format: str
    prefix: str | None
    reader: str
    max_record_bytes: int
    fields: Mapping[str, str]
    carry: Iterable[str]
    labels: Mapping[str, Collection[object]]
    ground_truth: Input | None
    on: str | None
    annotations: Input | None
    media_dir: str | os.PathLike[str] | None
    unmatched: str
    rule: str | Rule
    gt_rule: str | Rule
    final_answer: bool
    unclear: str
    on_invalid: str
    dedup: bool
    group_by: Iterable[str]
    max_groups: int


class Settings(NamedTuple):
    """The options of a run, checked. It can be sent to other processes."""

    shape: Shape
    reading: Reading
    policy: Policy
    paths: Paths
    base: str
    """The absolute path that relative `video_id`s are relative to."""
    lexical_base: str
    """The same without links being followed."""
    dedup: bool = False
    ground_truth: Input | None = None
    label_fields: Fields | None = None
    """The paths of the fields in `ground_truth`."""
    annotations: Input | None = None
    skips_unmatched: bool = False
    labels_index: IndexFile | None = None
    """`ground_truth`, once it is indexed."""
    videos_index: IndexFile | None = None
    """`annotations`, once they are indexed."""
    group_by: tuple[str, ...] = ()
    """The fields whose values make groups: `question`, and names of what is carried."""
    max_groups: int = MAX_GROUPS
    takes_survey: bool = False
    """Whether answers are counted against the truth, unclear ones too."""

    @property
    def beside(self) -> tuple[Input | None, Input | None]:
        """The files beside the predictions."""
        return self.ground_truth, self.annotations

    @property
    def group_attributes(self) -> tuple[str, ...]:
        """What has the values that make groups, in a prediction."""
        carried = [name for name, _ in self.shape.fields.carried]
        return tuple("question" if name == "question" else carried_name(carried.index(name)) for name in self.group_by)

    def surveyed(self) -> Settings:
        """Return the same for a run that counts answers against the truth."""
        return self._replace(takes_survey=True, reading=self.reading._replace(reads_gt_of_unclear=True))

    def new_tally(self, *, is_part: bool = False) -> Tally:
        """Return what counts a run; or a part of one, whose groups are told apart when it is added to the others."""
        if not self.takes_survey:
            return Tally()
        return Tally(survey=Survey(self.group_by, None if is_part else self.max_groups))

    def about(self, inputs: list[str]) -> dict[str, Any]:
        """Return what is to be known of a run that reads these inputs: how its answers were read, and of what."""
        reading = self.reading
        return {
            "inputs": inputs,
            "rule": reading.rule if isinstance(reading.rule, str) else None,
            "gt_rule": reading.gt_rule if isinstance(reading.gt_rule, str) else None,
            "final_answer": reading.final_answer,
            "unclear": self.policy.unclear.value,
            "dedup": self.dedup,
            "group_by": list(self.group_by),
            "max_groups": self.max_groups,
            "versions": {"streamgaps": __version__},
        }

    @property
    def can_be_sent(self) -> bool:
        """Whether other processes can get it: a rule that is no function of a module cannot."""
        import pickle  # noqa: PLC0415 -- it takes 2 ms, and is asked for only before processes start

        try:
            pickle.dumps(self.reading)
        except (pickle.PicklingError, AttributeError, TypeError):
            return False
        return True


def make_settings(options: Options) -> Settings:
    """Check the options, and make one value of them.

    Raises:
        TypeError: there is no option of that name.
        ConfigurationError: an option makes no sense, alone or beside another.
        SourceError: the working directory, which relative paths need, does not exist any more.
    """
    unknown = sorted(set(options) - set(Options.__annotations__))
    if unknown:
        message = f"there is no option {unknown[0]!r}; there are {', '.join(sorted(Options.__annotations__))}"
        raise TypeError(message)
    try:
        return _settings(options)
    except StreamgapsError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        message = f"an option has a value of the wrong type: {error}"
        raise ConfigurationError(message) from error


def _settings(options: Options) -> Settings:
    _check_pairs(options)
    carried, group_by = _further_fields(options)
    fields, label_fields = _fields(options, carried)
    skips_invalid = _choice(options, "on_invalid", ("error", "skip")) == "skip"
    unclear = _member(Unclear, options, "unclear")
    reading = Reading(
        rule=_rule(options, "rule"),
        gt_rule=_rule(options, "gt_rule"),
        final_answer=bool(options.get("final_answer", False)),
        labels=_labels(options.get("labels") or {}),
        reads_gt_of_unclear=unclear is Unclear.GAP,
    )
    paths = _member(Paths, options, "paths")
    folder = options.get("media_dir") or options.get("videos_dir")
    if paths is Paths.KEEP and folder and os.fspath(folder).strip():
        message = "a folder for videos (--videos-dir, --media-dir) has no effect where paths are kept as they are"
        raise ConfigurationError(message)
    settings = Settings(
        shape=_shape(options, fields, skips_broken=skips_invalid),
        reading=reading,
        policy=Policy(unclear=unclear, skips_invalid=skips_invalid),
        paths=paths,
        base=base_of(folder, paths),
        lexical_base=base_of(folder, Paths.NORMALIZE),
        dedup=bool(options.get("dedup", False)),
        ground_truth=options.get("ground_truth"),
        label_fields=label_fields,
        annotations=options.get("annotations"),
        skips_unmatched=_choice(options, "unmatched", ("error", "skip")) == "skip",
        group_by=group_by,
        max_groups=_whole_number(options, "max_groups", MAX_GROUPS),
    )
    check_max_groups(settings.max_groups, group_by)
    return settings.surveyed() if group_by else settings


def _check_pairs(options: Options) -> None:
    """Refuse options that have no effect without another."""
    needs = [("on", "ground_truth"), ("ground_truth", "on"), ("media_dir", "annotations")]
    for name, other in needs:
        if options.get(name) is not None and options.get(other) is None:
            message = f"{name} ({option_of(name)}) needs {other} ({option_of(other)})"
            raise ConfigurationError(message)
    if options.get("media_dir") and options.get("videos_dir"):
        message = "media_dir (--media-dir) takes the place of videos_dir (--videos-dir); give one of them"
        raise ConfigurationError(message)
    if options.get("unmatched") is not None and not (options.get("ground_truth") or options.get("annotations")):
        message = "unmatched (--unmatched) needs ground_truth (--ground-truth) or annotations (--annotations)"
        raise ConfigurationError(message)


def option_of(name: str) -> str:
    """Return what the command line calls a setting."""
    return f"--{name.replace('_', '-')}"


def _shape(options: Options, fields: Fields, *, skips_broken: bool) -> Shape:
    longest = _whole_number(options, "max_record_bytes", MAX_RECORD_BYTES)
    wanted, prefix = _member(Format, options, "format"), options.get("prefix")
    if prefix == "item" and wanted is not Format.JSONL:
        wanted, prefix = Format.ARRAY, None
    if prefix is not None:
        from streamgaps.decoding.prefix import check_prefix  # noqa: PLC0415 -- it loads ijson

        check_prefix(prefix)
        if wanted is Format.JSONL:
            message = "a prefix (--prefix) names an array in one JSON document, not in JSON Lines"
            raise ConfigurationError(message)
    return Shape(wanted, prefix, _member(Reader, options, "reader"), longest, fields, skips_broken)


def _whole_number(options: Options, name: str, default: int) -> int:
    number = options.get(name, default)
    if type(number) is not int or number < 1:  # nothing is more than nan
        message = f"{name} ({option_of(name)}) must be a whole number from 1 on, not {number!r}"
        raise ConfigurationError(message)
    return number


_Choice = TypeVar("_Choice", bound="Enum")


def _member(kind: type[_Choice], options: Options, name: str) -> _Choice:
    choices = {str(member.value): member for member in kind}
    return choices[_choice(options, name, tuple(choices))]


def _choice(options: Options, name: str, choices: tuple[str, ...]) -> str:
    """Return what was chosen; the first of the choices if nothing was."""
    value = options.get(name)
    if value is None:
        return choices[0]
    if value not in choices:
        message = f"{name} ({option_of(name)}) must be one of {', '.join(choices)}, not {value!r}"
        raise ConfigurationError(message)
    return str(getattr(value, "value", value))


def _rule(options: Options, name: str) -> Any:  # noqa: ANN401 -- a name or a function
    rule: Any = options.get(name, "strict")
    if not callable(rule) and rule not in RULES:
        message = f"{name} ({option_of(name)}) must be one of {', '.join(RULES)}, or a function, not {rule!r}"
        raise ConfigurationError(message)
    return rule


_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_MOST_FIELDS = 100
"""How many fields may make groups: each takes time for each record."""

_FIELDS = ("video_id", "response", "gt", "question")
_OUTPUT = ("video_id", "error_type", "question", "ground_truth", "response", "unclear")
"""The keys that a gap has anyway."""


def _fields(options: Options, carried: tuple[tuple[str, Path], ...]) -> tuple[Fields, Fields | None]:
    """Return the paths of fields in the predictions, and in the ground truth."""
    paths = {}
    for name, path in (options.get("fields") or {}).items():
        if name not in _FIELDS:
            message = f"there is no field {name!r} (--field); there are {', '.join(_FIELDS)}"
            raise ConfigurationError(message)
        paths[name] = _path(path, "--field")
    fields = Fields(**paths, carried=carried)
    on = options.get("on")
    if on is None:
        return fields, None
    here, equals, there = on.partition("=")
    return fields._replace(key=_path(here, "--on")), fields._replace(key=_path(there if equals else here, "--on"))


def _further_fields(options: Options) -> tuple[tuple[tuple[str, Path], ...], tuple[str, ...]]:
    """Return the names and paths of what is carried, and the names of what makes groups, which is carried, too."""
    carried: dict[str, Path] = {}
    for text in texts_of(options.get("carry")):
        name, path = _carried(text, "--carry")
        if name in carried:
            raise _is_taken(name)
        carried[name] = path
    group_by = []
    for text in texts_of(options.get("group_by")):
        if text in carried or text == "question":
            group_by.append(text)
            continue
        name, path = _carried(text, "--group-by")
        if carried.setdefault(name, path) != path:
            raise _is_taken(name)
        group_by.append(name)
    for name in carried:
        if name in _OUTPUT:
            raise _is_taken(name)
    check_fields(group_by)
    return tuple(carried.items()), tuple(dict.fromkeys(group_by))


def check_fields(group_by: Sequence[str]) -> None:
    """Refuse more fields that make groups than there may be.

    Raises:
        ConfigurationError: there are too many.
    """
    if len(group_by) > _MOST_FIELDS:
        message = f"there are {len(group_by)} fields that make groups (--group-by), and at most {_MOST_FIELDS} may"
        raise ConfigurationError(message)


def check_max_groups(max_groups: int, group_by: Sequence[str]) -> None:
    """Refuse a limit of groups where there are none.

    Raises:
        ConfigurationError: it would have no effect.
    """
    if max_groups != MAX_GROUPS and not group_by:
        message = "max_groups (--max-groups) has no effect without group_by (--group-by)"
        raise ConfigurationError(message)


def texts_of(value: Iterable[str] | None) -> tuple[str, ...]:
    """Return the texts of an option that takes one or several."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def _is_taken(name: str) -> ConfigurationError:
    return ConfigurationError(f"a gap has a field {name!r} already; carry it under another name: --carry name={name}")


def _carried(text: str, option: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if equals and not name:
        message = f"the field {text!r} ({option}) has no name; write 'name=path'"
        raise ConfigurationError(message)
    return name, _path(path if equals else name, option)


def _path(text: str, option: str) -> Path:
    if not isinstance(text, str):
        message = f"the path {text!r} ({option}) is no text; write 'doc.answers.0'"
        raise ConfigurationError(message)
    path = parse_path(text)
    # The decoder cannot be told of such keys.
    if not all(map(_is_key, path)):
        what = "an empty part, a quote, a backslash, or a character in it that is no text"
        message = f"the path {text!r} ({option}) has {what}"
        raise ConfigurationError(message)
    return path


def _is_key(part: str) -> bool:
    return bool(part) and all(
        character >= " " and character not in '"\\' and not "\ud800" <= character <= "\udfff" for character in part
    )


def _labels(labels: Mapping[str, Collection[object]]) -> tuple[tuple[str, Answer], ...]:
    found: dict[str, Answer] = {}
    for name, values in labels.items():
        if name not in ("yes", "no"):
            message = f"a label (--label) is for yes or for no, not for {name!r}"
            raise ConfigurationError(message)
        is_one = isinstance(values, (str, bytes, bytearray)) or not isinstance(values, Iterable)
        for value in (values,) if is_one else values:
            for key in _label_keys(value):
                if found.setdefault(key, Answer(name)) is not Answer(name):
                    message = f"the label {value!r} (--label) is given for both yes and no"
                    raise ConfigurationError(message)
    return tuple(found.items())


def _label_keys(value: object) -> set[str]:
    """Return by what a label is found: one that reads like a number, by that number too."""
    keys = {"" if isinstance(value, (bytes, bytearray)) else label_key(value)}
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        keys.add(label_key(float(value)))
    if "" in keys:
        message = f"the label {value!r} (--label) is empty, or no text, number or truth value"
        raise ConfigurationError(message)
    return keys
