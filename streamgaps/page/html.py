"""kpi_metrics.json, sample of the gaps -> the report as one page of HTML. Jinja2 has its one door here."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from functools import lru_cache
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.answers.rules import RULES
from streamgaps.exceptions import ConfigurationError
from streamgaps.metrics import METRICS
from streamgaps.model import SkipReason
from streamgaps.page import charts
from streamgaps.page.excerpts import MARK, Excerpt, excerpt, visible
from streamgaps.page.highlight import deciding
from streamgaps.page.options import MOST_SAMPLES
from streamgaps.page.sampler import Sampler
from streamgaps.reports import text
from streamgaps.survey import shown_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

    from streamgaps.page.samples import Sample
    from streamgaps.survey import Key

__all__ = ["HTML_NAME", "SHOWN_GROUPS", "check_available", "new_sampler", "render"]

HTML_NAME = "kpi_report.html"
"""What the page is called if nothing else is said."""

SHOWN_GROUPS = 12
"""How many groups of a field are shown."""

_MOST_FIELDS = 6
"""By how many fields samples can be filtered, and how many have their groups shown."""

_MOST_CHOICES = 60
"""How many values of such a field can be chosen by themselves: those that most samples have."""

_OPTION, _LABEL, _VALUE = 80, 140, 600
"""How many bytes of HTML the value of a group takes in a filter and in a table, and what is said of the run."""

_NO_VALUE: tuple[Key, str | None] = (b"null", None)
"""By what the group of samples is told that lack a field."""

_RATES = {
    "accuracy": "of all samples, how many were answered rightly",
    "balanced_accuracy": "the mean of recall and specificity: either truth counts the same",
    "accuracy_parsed": "of the clear answers, how many are right",
    "precision": "of the positive answers, how many are right",
    "recall": "of the samples with a positive truth, how many were found",
    "specificity": "of the samples with a negative truth, how many were found",
    "f1": "the harmonic mean of precision and recall",
    "matthews_correlation": "of answers and truth: 1 agrees, 0 is chance, \N{MINUS SIGN}1 is the contrary",
    "unclear_rate": "of all samples, how many answers say neither yes nor no, or both",
    "yes_ratio_answers": "of the clear answers, how many are yes",
    "yes_ratio_truth": "of all samples, for how many the truth is yes",
}
_LABELS = {"yes_ratio_answers": "Yes among the answers", "yes_ratio_truth": "Yes among the truth"}
_NO_SHARES = {"matthews_correlation"}

_RUN = {
    "inputs": "Predictions",
    "rule": "Rule for responses",
    "gt_rule": "Rule for the ground truth",
    "final_answer": "Final answer only",
    "unclear": "Unclear responses",
    "dedup": "Repeated gaps left out",
    "group_by": "Grouped by",
    "max_groups": "Most groups of a field",
    "versions": "Versions",
}


class _Rate(NamedTuple):
    label: str
    meaning: str
    value: float | None
    interval: Sequence[float] | None
    is_share: bool


class _Cell(NamedTuple):
    number: int
    kind: str
    name: str


class _Row(NamedTuple):
    label: str
    cells: list[_Cell]


class _Choice(NamedTuple):
    number: int
    label: str
    members: int


class _Filter(NamedTuple):
    """A field by which samples can be told apart."""

    field: str
    choices: list[_Choice]
    numbers: dict[tuple[Key, str | None], int]


def check_available() -> None:
    """Check that what it takes to make a page is installed.

    Raises:
        ConfigurationError: it is not.
    """
    from importlib.util import find_spec  # noqa: PLC0415 -- many runs never need it

    missing = [name for name in ("jinja2", "pygal") if find_spec(name) is None]
    if missing:
        message = f"a page needs {' and '.join(missing)}; install them: pip install 'streamgaps[report]'"
        raise ConfigurationError(message)


def new_sampler(most_per_type: int = MOST_SAMPLES, *, rule: object = None, final_answer: bool = False) -> Sampler:
    """Return what takes the lines of `kpi_gaps.jsonl`, and chooses what the page shows of them.

    Args:
        most_per_type: how many false positives, and how many false negatives, are shown at most.
        rule: the rule by which responses were read; None if it is not known.
        final_answer: whether only the final answers were read.
    """
    return Sampler(most_per_type, deciding=lambda response: deciding(response, rule, final_answer=final_answer))


def render(document: Mapping[str, Any] | None, samples: Sequence[Sample], *, counts: Mapping[str, int]) -> str:
    """Render the page: one file that needs no other, and the same for the same arguments on any day.

    Args:
        document: what `kpi_metrics.json` says; None if there is none: what it would say is then "not available".
        samples: the gaps to show, as `Sampler.samples` returns them.
        counts: how many gaps of each error type there are, as in `Sampler.counts`.

    Returns:
        HTML in which all texts are escaped, without lone surrogates. It runs no script but its own, and asks for
        nothing but videos and pictures of the samples.
    """
    template, style, script = _parts()
    filters = _filters(document, samples)
    run = document["run"] if document else {}
    page: str = template.render(
        document=document,
        inputs=_said(run["inputs"]) if run.get("inputs") else "",
        is_marked=run.get("rule") in [*RULES],  # whatever it is
        counts=counts,
        samples=samples,
        filters=filters,
        chosen=lambda sample: " ".join(str(one.numbers[sample.keys.get(one.field, _NO_VALUE)]) for one in filters),
        matrix=_matrix(document) if document else [],
        rates=_rates(document) if document else [],
        fields=list(_fields(document)) if document else [],
        skipped=[
            (SkipReason(one["field"], one["reason"]).words, one["count"]) for one in (document or {}).get("skipped", ())
        ],
        about=list(_about(run)),
        most=SHOWN_GROUPS,
        style=style,
        script=script,
        policy=_policy(style, script),
    )
    return page


@lru_cache(maxsize=1)
def _parts() -> tuple[Any, Markup, Markup]:
    """Return the template, the style and the script."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 -- an optional extra; it takes 60 ms
    from markupsafe import Markup  # noqa: PLC0415

    loader = PackageLoader("streamgaps.page", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "count": "{:,}".format,
        "excerpt": lambda one: Markup(_excerpt_html(one)),  # noqa: S704 -- it escapes each text
        "interval": _interval,
        "percent": _percent,
        "visible": visible,
    }
    style, script = (
        Markup(loader.get_source(environment, name)[0])  # noqa: S704 -- files of our own
        for name in ("page.css", "page.js")
    )
    return environment.get_template("page.html"), style, script


def _policy(*inlined: str) -> str:
    """Return a Content-Security-Policy that allows the style and the script of the page, and nobody else's."""
    style, script = (f"'sha256-{b64encode(sha256(one.encode()).digest()).decode()}'" for one in inlined)
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; img-src file:; "
        "media-src file: https: http:; base-uri 'none'; form-action 'none'"
    )


def _excerpt_html(one: Excerpt) -> str:
    pieces = []
    for piece in one.pieces:
        shown = escape(visible(piece.text))
        pieces.append(_left_out(piece.before) + (MARK.format(shown) if piece.is_marked else shown))
    return "".join(pieces) + _left_out(one.after)


def _left_out(count: int) -> str:
    return f"<i>… {count:,} characters left out …</i>" if count else ""


def _percent(share: float | None) -> str:
    return "not available" if share is None else f"{100 * share:.1f} %"


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{100 * ends[0]:.1f}\N{EN DASH}{100 * ends[1]:.1f} %"


def _matrix(document: Mapping[str, Any]) -> list[_Row]:
    """Return the counts of answers by what the truth is, told by yes whatever the positive answer is."""
    names = (
        ("true_positives", "false_positives", "false_negatives", "true_negatives"),
        ("unparseable_positive_predictions", "unparseable_negative_predictions"),
    )
    counts, unclear = ([document[name] for name in group] for group in names)
    if document["positive"] == "no":
        counts, unclear = counts[::-1], unclear[::-1]
    yes, no = counts[:2], counts[2:]
    rows = [
        ("Said yes", yes, ("good", "fp"), ("right", "false positives")),
        ("Said no", no, ("fn", "good"), ("false negatives", "right")),
        ("Unclear", unclear, ("unclear", "unclear"), ("neither or both", "neither or both")),
        ("All", list(map(sum, zip(yes, no, unclear, strict=True))), ("sum", "sum"), ("", "")),
    ]
    return [
        _Row(label, [*map(_Cell, numbers, kinds, notes), _Cell(sum(numbers), "sum", "")])
        for label, numbers, kinds, notes in rows
    ]


def _rates(document: Mapping[str, Any]) -> list[_Rate]:
    return [
        _Rate(
            _LABELS[name] if name in _LABELS else METRICS[name].label,
            meaning,
            document[name],
            document["intervals"].get(name),
            name not in _NO_SHARES,
        )
        for name, meaning in _RATES.items()
    ]


def _fields(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield for each field the groups that are shown of it, the worst first, and a chart of them."""
    from markupsafe import Markup  # noqa: PLC0415

    for field, groups in list(document["groups"].items())[:_MOST_FIELDS]:
        shown = [(_group_label(group, _LABEL), group) for group in groups[:SHOWN_GROUPS]]
        rows = [
            charts.Bar(label, group["accuracy"], group["intervals"]["accuracy"])
            for label, group in shown
            if group["accuracy"] is not None
        ]
        chart = Markup(charts.bars(rows)) if rows else None  # noqa: S704 -- it escapes each label
        total = document.get("number_of_groups", {}).get(field, len(groups))
        yield {"name": _short(field, _LABEL), "groups": shown, "chart": chart, "total": total}


def _group_label(group: Mapping[str, Any], most: int) -> str:
    return "(other)" if group.get("is_other") else _short(group["value"], most)


def _short(value: object, most: int) -> str:
    """Return a value as a text in which nothing is obeyed, of so many bytes of HTML."""
    shown = text.group_name(value)
    short = excerpt(shown, most)
    return visible(" … ".join(piece.text for piece in short.pieces).replace("\n", " "))


def _filters(document: Mapping[str, Any] | None, samples: Sequence[Sample]) -> list[_Filter]:
    """Return the fields by which the samples can be told apart: those of the groups."""
    return [_filter(field, samples) for field in list(document["groups"] if document else ())[:_MOST_FIELDS]]


def _filter(field: str, samples: Sequence[Sample]) -> _Filter:
    found = Counter(sample.keys.get(field, _NO_VALUE) for sample in samples)
    ranked = found.most_common()
    numbers = {key: min(number, _MOST_CHOICES) for number, (key, _) in enumerate(ranked)}
    choices = [
        _Choice(number, _short(shown_value(*key), _OPTION), members)
        for number, (key, members) in enumerate(ranked[:_MOST_CHOICES])
    ]
    if len(ranked) > _MOST_CHOICES:
        members = sum(members for _, members in ranked[_MOST_CHOICES:])
        choices.append(_Choice(_MOST_CHOICES, "(all others)", members))
    return _Filter(field, choices, numbers)


def _about(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is known of the run, the known names first."""
    for name in [*(name for name in _RUN if name in run), *(name for name in run if name not in _RUN)]:
        yield _RUN.get(name, _short(name, _LABEL)), _said(run[name])


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return _short(", ".join(f"{name} {said}" for name, said in value.items()), _VALUE)
    if isinstance(value, (list, tuple)):
        return _short(", ".join(map(str, value)) or "none", _VALUE)
    return "none" if value is None else _short(value, _VALUE)
