"""Comparison -> tables, for a terminal and for Markdown, and JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.comparing.changes import CORRECT, FALSE_NEGATIVE, FALSE_POSITIVE, UNCLEAR, UNCOMPARED
from streamgaps.metrics import METRICS, interval_of, measure
from streamgaps.reports.text import group_name, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamgaps.comparing.changes import Changes, ComparedRun, Comparison, GroupChanges
    from streamgaps.metrics import Interval
    from streamgaps.survey import Confusion

__all__ = ["document", "markdown", "text"]

SCHEMA_VERSION = 1

_MOST_GROUPS = 20
"""How many groups of a field a table shows; JSON has all."""

_LONGEST = 60
"""How many characters of a text a cell shows."""

_NOT_KNOWN = "not available"

_SMALLEST_P = 0.0001

_SURE = 0.05
"""How likely a difference as great may be by chance, for it to be called one."""

_OUTCOMES = {
    "Correct": CORRECT,
    "FP": (FALSE_POSITIVE,),
    "FN": (FALSE_NEGATIVE,),
    "Unclear": UNCLEAR,
    "Skipped": UNCOMPARED,
}
"""What a record may be, by its states."""

_SAME = ("true_positive_rate", "true_negative_rate")
"""Metrics that are there under another name, too; JSON has them."""

_BACKTICKS = re.compile("`+")
_BAR = "\\|"  # a cell ends with a bar, also within code


class _Section(NamedTuple):
    """A table, and what is said of it."""

    title: str
    rows: Sequence[tuple[str, ...]]
    """The first of them the head; none if there is nothing to be shown in a table."""
    notes: Sequence[str] = ()


def text(comparison: Comparison, *, shown: Callable[[str], str] = str) -> str:
    """Draw the tables of a comparison.

    Args:
        comparison: what was found.
        shown: makes a text from outside fit to be shown, on one line.
    """
    return "\n".join("".join(_text(section)) for section in _sections(comparison, shown))


def _text(section: _Section) -> Iterator[str]:
    yield f"{section.title}\n"
    if section.rows:
        yield table(section.rows, numbers=range(1, len(section.rows[0])))
    yield from (f"{note}\n" for note in section.notes)


def markdown(comparison: Comparison, *, shown: Callable[[str], str] = str) -> str:
    """Write the tables in GitHub's Markdown; arguments as for `text`. What the input says stays text."""
    return "\n".join(
        "\n".join(_markdown(section)) + "\n" for section in _sections(comparison, lambda value: _code(shown(value)))
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"


def _code(value: str) -> str:
    """Write a text as code, the one thing in which nothing is obeyed: no mark-up, link, mention or formula."""
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(value)), default=0))
    edge = " " if not value.strip() or "`" in (value[0], value[-1]) else ""
    return f"{fence}{edge}{value}{edge}{fence}"


def _markdown(section: _Section) -> Iterator[str]:
    yield f"**{section.title}**\n"
    if section.rows:
        head, *rows = section.rows
        yield _row(head)
        yield f"|{' --- |' * len(head)}"
        yield from map(_row, rows)
    if section.notes:
        yield "\n" + "\n".join(section.notes) if section.rows else "\n".join(section.notes)


def _sections(comparison: Comparison, shown: Callable[[str], str]) -> Iterator[_Section]:
    *_, old, new = comparison.runs
    if len(comparison.runs) > 2:  # noqa: PLR2004 -- of two there is no trend
        yield _trend(comparison, shown)
    yield _outcomes(comparison, old, new, shown)
    if comparison.is_complete:
        yield _transitions(comparison.changes)
    yield _metrics(comparison, old, new)
    for field, groups in comparison.groups.items():
        yield _groups(field, groups, shown, is_complete=comparison.is_complete)


def _trend(comparison: Comparison, shown: Callable[[str], str]) -> _Section:
    rows: list[tuple[str, ...]] = [
        ("Run", "Records", "Accuracy", "95 % interval", "F1", "FP", "FN", "Unclear", "Fixed", "New", "Still there")
    ]
    if not comparison.is_complete:
        rows = [("Run", "Gaps", *rows[0][2:])]
    for run, step in zip(comparison.runs, (None, *comparison.steps), strict=True):
        whole = run.whole
        told = (_NOT_KNOWN,) * 3
        if whole is not None:
            values = measure(whole)
            told = (_number(values["accuracy"]), _range(interval_of("accuracy", whole)), _number(values["f1"]))
        counts = whole or run.seen
        unclear = f"{counts.unclear:,}" if whole is not None else _NOT_KNOWN
        changed = ("", "", "") if step is None else (f"{step.fixed:,}", f"{step.new:,}", f"{step.still:,}")
        gaps = (f"{counts.false_positives:,}", f"{counts.false_negatives:,}")
        rows.append((_cut(run.name, shown), f"{run.records:,}", *told, *gaps, unclear, *changed))
    return _Section("Trend (fixed, new and still there: against the run before)", rows)


def _outcomes(comparison: Comparison, old: ComparedRun, new: ComparedRun, shown: Callable[[str], str]) -> _Section:
    changes = comparison.changes
    is_complete = comparison.is_complete
    counts = {
        f"Fixed: gaps in OLD, {'correct' if is_complete else 'none'} in NEW": changes.fixed,
        "New: gaps in NEW only (regressions)": changes.new,
        "Still there": changes.still,
        "Flipped from FP to FN (the truth changed)": changes.false_positives_to_negatives,
        "Flipped from FN to FP (the truth changed)": changes.false_negatives_to_positives,
    }
    rare = {
        "Records of which the truth changed": changes.truth_changed,
        "Records in OLD with a key that an earlier one has": old.repeated,
        "Records in NEW with a key that an earlier one has": new.repeated,
        "Records in OLD without a key": old.without_key,
        "Records in NEW without a key": new.without_key,
    }
    if is_complete:
        counts |= {
            "Gaps in OLD that are unclear or skipped in NEW": changes.no_longer_compared,
            "Responses that became unclear": changes.became_unclear,
            "Responses that became clear": changes.became_clear,
            "Records in both": changes.matched,
            "Records only in OLD": changes.only_old,
            "Records only in NEW": changes.only_new,
        }
    else:
        counts |= {"Gaps in OLD": old.records, "Gaps in NEW": new.records}
    counts |= {name: count for name, count in rare.items() if count}
    rows = [("Outcome", "Records"), *((name, f"{count:,}") for name, count in counts.items())]
    title = (
        f"OLD: {_cut(old.name, shown)}, NEW: {_cut(new.name, shown)}; matched by {shown(' and '.join(comparison.on))}"
    )
    notes = [_test(changes), *_verdict(comparison), *_other_options(old, new, shown)]
    if old.repeated or new.repeated:
        notes.append("Records of one key are matched in their order; --on names a field that tells them apart")
    return _Section(title, rows, notes)


def _test(changes: Changes) -> str:
    test = changes.mcnemar()
    p_value = f"p < {_SMALLEST_P}" if test.p_value < _SMALLEST_P else f"p = {test.p_value:.4f}"
    way = "exact" if test.is_exact else "chi-square, continuity corrected"
    what = "an unclear response is wrong" if changes.is_complete else "what is no gap is right"
    return f"McNemar's test: {test.better:,} got better, {test.worse:,} got worse; {p_value} (two-sided, {way}; {what})"


def _other_options(old: ComparedRun, new: ComparedRun, shown: Callable[[str], str]) -> Iterator[str]:
    """Warn of results that do not tell the same things."""
    names = [name for name in old.read_by if name in new.read_by and old.read_by[name] != new.read_by[name]]
    if names:
        values = {name: [_cut(group_name(run.read_by[name]), shown) for run in (old, new)] for name in names}
        told = "; ".join(f"{name}: {', '.join(both)}" for name, both in values.items())
        yield f"The runs were read by different options ({told}): what changed may be due to that"


def _verdict(comparison: Comparison) -> Iterator[str]:
    """Say in a sentence whether it got better, where all records are known."""
    changes = comparison.changes
    if not comparison.is_complete:
        return
    if not changes.matched:
        yield "No record of one run is in the other: are they of the same predictions? --on names the field to match by"
        return
    found = changes.difference("accuracy")
    if found.old is None or found.new is None or found.change is None:
        return
    is_sure = changes.mcnemar().p_value < _SURE
    what = ("NEW is better" if found.change > 0 else "NEW is worse") if is_sure else "no sure difference"
    yield f"Accuracy: {found.old:.4f} -> {found.new:.4f} ({found.change:+.4f}): {what}"


def _transitions(changes: Changes) -> _Section:
    counts = _by_outcome(changes)
    rows = [("OLD, then NEW", *_OUTCOMES)]
    rows += [(old, *(f"{counts[old, new]:,}" for new in _OUTCOMES)) for old in _OUTCOMES]
    return _Section("Records in both", rows)


def _by_outcome(changes: Changes) -> dict[tuple[str, str], int]:
    found = {(old, new): 0 for old in _OUTCOMES for new in _OUTCOMES}
    name_of = {state: name for name, states in _OUTCOMES.items() for state in states}
    for old, new, count in changes.states():
        if old in name_of and new in name_of:  # not where one of them is absent
            found[name_of[old], name_of[new]] += count
    return found


def _metrics(comparison: Comparison, old: ComparedRun, new: ComparedRun) -> _Section:
    title = f"Metrics, over {'the records in both' if comparison.is_complete else 'all records of each'}"
    found = _differences(comparison, old, new)
    if found is None:
        return _Section(title, [], (f"{_NOT_KNOWN}: both folders need kpi_metrics.json (analyze --metrics writes it)",))
    rows = [("Metric", "OLD", "NEW", "Change", "95 % interval")]
    for name in (name for name in found if name not in _SAME):
        values = found[name]
        change = "" if values["change"] is None else f"{values['change']:+.4f}"
        numbers = (_number(values["old"]), _number(values["new"]), change or _NOT_KNOWN)
        # Of results it is not known which records changed.
        is_unchanged = comparison.is_complete and _is_unchanged(values)
        interval = "no change" if is_unchanged else _range(values["interval"], signed=True)
        rows.append((METRICS[name].label, *numbers, interval))
    return _Section(title, rows)


def _is_unchanged(values: dict[str, Any]) -> bool:
    return values["change"] == 0 and values["interval"] is None


def _differences(comparison: Comparison, old: ComparedRun, new: ComparedRun) -> dict[str, dict[str, Any]] | None:
    """Return what is known of each metric; None if nothing is."""
    if comparison.is_complete:
        return {name: found._asdict() for name, found in comparison.changes.differences().items()}
    if old.whole is None or new.whole is None:
        return None
    # Which of the correct records became what is not known, and so how surely the metrics changed is not either.
    before, after = measure(old.whole), measure(new.whole)
    return {
        name: {"old": before[name], "new": after[name], "change": _less(after[name], before[name]), "interval": None}
        for name in METRICS
    }


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _groups(field: str, groups: list[GroupChanges], shown: Callable[[str], str], *, is_complete: bool) -> _Section:
    rows: list[tuple[str, ...]] = [("Group", "Fixed", "New", "Still there", "Flipped")]
    if is_complete:
        rows = [(*rows[0], "In both", "Accuracy in OLD", "In NEW")]
    rows += [_group(group, shown, is_complete=is_complete) for group in groups[:_MOST_GROUPS]]
    more = len(groups) - _MOST_GROUPS
    notes = [f"and {more:,} more groups; JSON (--json) has all of them"] if more > 0 else []
    if groups and all(group.value is None and not group.is_other for group in groups):
        notes.append("no record has a value there; is --group-by misspelt?")
    return _Section(f"By {_cut(field, shown)}, the worst first", rows, notes)


def _group(group: GroupChanges, shown: Callable[[str], str], *, is_complete: bool) -> tuple[str, ...]:
    changes = group.changes
    name = group_name(group.value, is_other=group.is_other)
    counts = (changes.fixed, changes.new, changes.still, _flipped(changes))
    cells = (_cut(name, shown), *(f"{count:,}" for count in counts))
    if not is_complete:
        return cells
    accuracies = (METRICS["accuracy"].formula(counted) for counted in (changes.before, changes.after))
    return (*cells, f"{changes.matched:,}", *map(_number, accuracies))


def _flipped(changes: Changes) -> int:
    return changes.false_positives_to_negatives + changes.false_negatives_to_positives


def _cut(value: str, shown: Callable[[str], str]) -> str:
    return shown(value) if len(value) <= _LONGEST else shown(value[: _LONGEST - 1]) + "…"


def _number(value: float | None) -> str:
    return _NOT_KNOWN if value is None else f"{value:.4f}"


def _range(interval: Interval | None, *, signed: bool = False) -> str:
    if interval is None:
        return _NOT_KNOWN
    sign = "+" if signed else ""
    return f"{interval[0]:{sign}.4f} to {interval[1]:{sign}.4f}"


def document(comparison: Comparison) -> Iterator[str]:
    """Write a comparison as JSON, in pieces: with many groups it is long."""
    *_, old, new = comparison.runs
    head: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "compared": "predictions" if comparison.is_complete else "results",
        "on": comparison.on,
        "runs": [_run(run, unclear_is_gap=comparison.changes.unclear_is_gap) for run in comparison.runs],
        "steps": [_step(step) for step in comparison.steps],
        "metrics": _differences(comparison, old, new),
    }
    if comparison.is_complete:
        head["transitions"] = [
            {"old": old_name, "new": new_name, "count": count}
            for (old_name, new_name), count in _by_outcome(comparison.changes).items()
        ]
    yield json.dumps(head, indent=2, ensure_ascii=False)[: -len("\n}")] + ',\n  "groups": {'
    for number, (field, groups) in enumerate(comparison.groups.items()):
        yield f"{',' if number else ''}\n    {json.dumps(field, ensure_ascii=False)}: ["
        for place, group in enumerate(groups):
            row = {"value": group.value, **({"is_other": True} if group.is_other else {}), **_step(group.changes)}
            yield f"{',' if place else ''}\n      {json.dumps(row, ensure_ascii=False)}"
        yield "\n    ]"
    yield "\n  }\n}\n" if comparison.groups else "}\n}\n"


def _run(run: ComparedRun, *, unclear_is_gap: bool) -> dict[str, Any]:
    seen = run.seen
    unclear = (seen.unclear_negatives, seen.unclear_positives) if unclear_is_gap else (0, 0)
    return {
        "name": run.name,
        "records": run.records,
        "repeated_keys": run.repeated,
        "without_key": run.without_key,
        # As kpi_metrics.json counts them: FP and FN are the lines, and unclear is how many of these are.
        "gaps": {
            "FP": seen.false_positives + unclear[0],
            "FN": seen.false_negatives + unclear[1],
            "unclear": sum(unclear),
        },
        "unclear": seen.unclear,
        "metrics": None if run.whole is None else _measured(run.whole),
    }


def _measured(counts: Confusion) -> dict[str, Any]:
    intervals = {name: interval_of(name, counts) for name, metric in METRICS.items() if metric.share is not None}
    return {**measure(counts), "intervals": intervals}


def _step(changes: Changes) -> dict[str, Any]:
    """Return the counts of what changed; of results folders, those that are known."""
    found: dict[str, Any] = {
        "fixed": changes.fixed,
        "new": changes.new,
        "still": changes.still,
        "flipped_fp_to_fn": changes.false_positives_to_negatives,
        "flipped_fn_to_fp": changes.false_negatives_to_positives,
        "mcnemar": changes.mcnemar()._asdict(),
    }
    if changes.is_complete:
        found |= {
            "matched": changes.matched,
            "only_in_old": changes.only_old,
            "only_in_new": changes.only_new,
            "no_longer_compared": changes.no_longer_compared,
            "became_unclear": changes.became_unclear,
            "became_clear": changes.became_clear,
            "truth_changed": changes.truth_changed,
            "accuracy": changes.difference("accuracy")._asdict(),
        }
    return found
