"""A results folder -> the report page of it."""

from __future__ import annotations

import json
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from streamgaps import system
from streamgaps.exceptions import ConfigurationError, InputError, SourceError, SourceNotFoundError, reason
from streamgaps.log import log
from streamgaps.metrics import METRICS
from streamgaps.outputs.atomic import write_file
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.outputs.results import content_of, gap_lines, metrics_error, read_metrics
from streamgaps.page import html as page
from streamgaps.page.options import MOST_SAMPLES, check_samples
from streamgaps.page.sampler import error_type_of
from streamgaps.paths import check_is_local
from streamgaps.sources.inputs import is_same
from streamgaps.stages.write import encode_exactly

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

__all__ = ["report"]

_COUNTS = (
    "total_samples",
    "unparseable_predictions",
    "unparseable_positive_predictions",
    "unparseable_negative_predictions",
    "true_positives",
    "true_negatives",
    "false_positives",
    "false_negatives",
    "uncompared",
)
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_RATES = (*METRICS, "yes_ratio_answers", "yes_ratio_truth")


class _Gap(msgspec.Struct):
    """What a line of `kpi_gaps.jsonl` has."""

    video_id: str
    error_type: Literal["FP", "FN"]
    question: Any
    ground_truth: Any
    response: str


class _Skipped(msgspec.Struct):
    field: str
    reason: str
    count: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


_Described: Any = msgspec.defstruct(
    "_Described",
    [
        *((name, _Count) for name in _COUNTS),
        *((name, float | None) for name in _RATES),
        ("intervals", dict[str, tuple[float, float] | None]),
    ],
)
_Group: Any = msgspec.defstruct(
    "_Group", [("value", Any), ("is_other", bool, False)], bases=(_Described,), kw_only=True
)
_Metrics: Any = msgspec.defstruct(
    "_Metrics",
    [
        ("schema_version", Literal[1]),
        ("positive", Literal["yes", "no"]),
        ("records", _Count),
        ("gaps", dict[Literal["FP", "FN", "unclear"], _Count]),
        ("skipped", list[_Skipped]),
        ("run", dict[str, Any]),
        ("groups", dict[str, list[_Group]]),
        ("number_of_groups", dict[str, _Count], msgspec.field(default_factory=dict)),
    ],
    bases=(_Described,),
    kw_only=True,
)
_decode_gap = msgspec.json.Decoder(_Gap).decode


def report(
    results_dir: str | os.PathLike[str],
    html: str | os.PathLike[str] | None = None,
    *,
    report_samples: int = MOST_SAMPLES,
) -> Path:
    """Write the report page of a results folder: one file of HTML that needs no other.

    It shows what `kpi_metrics.json` of that folder says, and a sample of the gaps in `kpi_gaps.jsonl`. Without the
    former, or if it is of another run, all that it would say is "not available"; without the latter there are no gaps.

    Memory: bounded by a small constant, a few times the longest line, and six times `kpi_metrics.json`, which is 1 MB
    for a thousand groups; not by the number of gaps.

    Args:
        results_dir: the folder that a run wrote its results to.
        html: where the page is written to; `kpi_report.html` in the folder if None.
        report_samples: how many gaps of each error type are shown at most; they are drawn evenly from those.

    Returns:
        Where the page is.

    Raises:
        InputError: `kpi_gaps.jsonl` or `kpi_metrics.json` is not what a run writes; a ValueError.
        SourceError: they cannot be read, or there is no such folder; an OSError.
        OutputError: the page cannot be written; an OSError.
        ConfigurationError: an argument makes no sense, or the extra `streamgaps[report]` is not installed.
    """
    page.check_available()
    check_is_local(results_dir, "results_dir", kind="folder", may_be_missing=False)
    check_is_local(html, "html (--html)")
    check_samples(report_samples)
    folder = Path(results_dir)
    target = folder / page.HTML_NAME if html is None else Path(html)
    sources = folder / GAPS_NAME, folder / METRICS_NAME, folder / REPORT_NAME
    _check_folder(folder)
    if any(is_same(target, source) for source in sources):
        message = f"{target}: the page would replace the results that it shows; name another file"
        raise ConfigurationError(message)
    document = _read_metrics(sources[1])
    run = document["run"] if document else {}
    sampler = page.new_sampler(report_samples, rule=run.get("rule"), final_answer=run.get("final_answer") is True)
    for lines in _read_gaps(sources[0]):
        sampler.add(lines)
    counts = sampler.counts
    if document and any(document["gaps"][kind] != count for kind, count in counts.items()):
        log.warning(
            "streamgaps.metrics_of_another_run",
            path=str(sources[1]),
            metrics={kind: document["gaps"][kind] for kind in counts},
            gaps=counts,
            note=f"the counts are not those of {GAPS_NAME}: the page does not show the metrics",
        )
        document = None
    text = page.render(document, sampler.samples(), counts=counts)
    write_file(target, [text.encode()], content="page")
    log.info("streamgaps.page_written", path=str(target), gaps=sum(counts.values()))
    return target


def _check_folder(folder: Path) -> None:
    try:
        is_folder = S_ISDIR(system.stat(folder).st_mode)
    except FileNotFoundError as error:
        message = f"{folder}: there is no such folder"
        raise SourceNotFoundError(message) from error
    except (OSError, ValueError) as error:
        message = f"{folder}: cannot be opened: {reason(error)}"
        raise SourceError(message) from error
    if not is_folder:
        message = f"{folder}: is no folder; name the one that the results were written to"
        raise SourceError(message)
    if not content_of(folder).has_results:
        message = f"{folder}: there are no results in it; a run without gaps leaves none, unless --metrics was given"
        raise SourceNotFoundError(message)


def _read_metrics(path: Path) -> dict[str, Any] | None:
    """Read what the metrics of a run are; None if there are none.

    Raises:
        InputError: they are not what a run writes.
    """
    document = read_metrics(path, with_groups=True)
    if document is None:
        return None
    try:
        checked = msgspec.convert(document, _Metrics)
    except (RecursionError, msgspec.ValidationError) as error:
        raise metrics_error(path, error) from error
    _check_complete(path, checked)
    return document


def _check_complete(path: Path, checked: Any) -> None:  # noqa: ANN401 -- made of the names of the metrics
    """Check that there are the counts of gaps, and an interval of each accuracy that there is."""
    described = [checked, *(group for groups in checked.groups.values() for group in groups)]
    is_complete = {"FP", "FN", "unclear"} == checked.gaps.keys() and all(
        one.accuracy is None or one.intervals.get("accuracy") is not None for one in described
    )
    if not is_complete:
        raise metrics_error(path, "counts or intervals are missing")


def _read_gaps(path: Path) -> Iterator[bytes]:
    """Yield the lines of a run's gaps as a run writes them; none if there is no such file.

    Raises:
        InputError: a line is no gap.
    """
    for number, line in gap_lines(path):
        try:
            yield _gap(line) + b"\n"
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            message = f"{path}: line {number} is not a gap as streamgaps writes it: {error}"
            raise InputError(message) from error


def _gap(line: bytes) -> bytes:
    """Return a line as a run writes it: another program may have put blanks between, or the keys in another order."""
    try:
        gap = _decode_gap(line)
        if error_type_of(line) == gap.error_type:
            return line
    except msgspec.MsgspecError:  # it takes no lone surrogates, for one
        pass
    record: Mapping[str, Any] = json.loads(line)
    msgspec.convert(record, _Gap)
    head = {name: record[name] for name in _Gap.__struct_fields__}
    return encode_exactly({**head, **record})
