from __future__ import annotations

import json
import re
from typing import Any

import pytest

from streamgaps.cli.terminal import printable
from streamgaps.comparing.changes import ABSENT, STATES, Changes, ComparedRun, Comparison, GroupChanges
from streamgaps.reports.comparison import document, markdown, text
from streamgaps.survey import Confusion


def changes(pairs: dict[tuple[int, int], int], **kind: bool) -> Changes:
    """Return so many records of each pair of states."""
    counts = [0] * STATES**2
    for (old, new), count in pairs.items():
        counts[old * STATES + new] = count
    return Changes(tuple(counts), **kind)


def run(name: str, whole: Confusion | None, **counts: Any) -> ComparedRun:
    """Return a run with these counts."""
    seen = whole or Confusion(false_positives=2)
    return ComparedRun(name, 9, seen, whole, counts.get("repeated", 0), counts.get("without_key", 0))


STEP = changes({(0, 0): 4, (2, 1): 2, (1, 2): 1, (3, 3): 1, (ABSENT, 0): 1})
BEFORE, AFTER = Confusion(4, 1, 2, 1), Confusion(5, 2, 1, 1)


def compared(*groups: GroupChanges, names: tuple[str, ...] = ("old", "new"), step: Changes = STEP) -> Comparison:
    """Return a comparison of these groups."""
    runs = (run(names[0], BEFORE), *(run(name, AFTER) for name in names[1:]))
    return Comparison(("video_id", "question"), runs, (step,) * (len(names) - 1), {"kind": [*groups]} if groups else {})


TEXT = """\
OLD: old, NEW: new; matched by video_id and question
+------------------------------------------------+---------+
| Outcome                                        | Records |
+------------------------------------------------+---------+
| Fixed: gaps in OLD, correct in NEW             |       2 |
| New: gaps in NEW only (regressions)            |       1 |
| Still there                                    |       1 |
| Flipped from FP to FN (the truth changed)      |       0 |
| Flipped from FN to FP (the truth changed)      |       0 |
| Gaps in OLD that are unclear or skipped in NEW |       0 |
| Responses that became unclear                  |       0 |
| Responses that became clear                    |       0 |
| Records in both                                |       8 |
| Records only in OLD                            |       0 |
| Records only in NEW                            |       1 |
+------------------------------------------------+---------+
McNemar's test: 2 got better, 1 got worse; p = 1.0000 (two-sided, exact; an unclear response is wrong)
Accuracy: 0.6250 -> 0.7500 (+0.1250): no sure difference

Records in both
+---------------+---------+----+----+---------+---------+
| OLD, then NEW | Correct | FP | FN | Unclear | Skipped |
+---------------+---------+----+----+---------+---------+
| Correct       |       4 |  1 |  0 |       0 |       0 |
| FP            |       2 |  0 |  0 |       0 |       0 |
| FN            |       0 |  0 |  1 |       0 |       0 |
| Unclear       |       0 |  0 |  0 |       0 |       0 |
| Skipped       |       0 |  0 |  0 |       0 |       0 |
+---------------+---------+----+----+---------+---------+

Metrics, over the records in both
+---------------------------+--------+--------+---------+--------------------+
| Metric                    |    OLD |    NEW |  Change |      95 % interval |
+---------------------------+--------+--------+---------+--------------------+
| Accuracy                  | 0.6250 | 0.7500 | +0.1250 | -0.2904 to +0.5404 |
"""


def test_the_tables_look_like_this() -> None:
    """Letter for letter."""
    assert text(compared()).startswith(TEXT)


def test_markdown_has_the_same_cells() -> None:
    """As rows that GitHub draws."""
    comparison = compared(GroupChanges("a", STEP), names=("one", "two", "three"))
    rows = [line for line in markdown(comparison).splitlines() if line.startswith("| ") and "---" not in line]
    cells = [[cell.strip(" `") for cell in row.strip("| ").split("|")] for row in rows]
    drawn = [line for line in text(comparison).splitlines() if line.startswith("|")]
    assert [[cell.strip() for cell in row.strip("| ").split("|")] for row in drawn] == cells
    assert markdown(comparison).startswith("**Trend (")
    assert "\n\nMcNemar's test: " in markdown(comparison)


HOSTILE = "a|b\n| c | @team <img src=x onerror=alert(1)> **bold** [link](http://x) `code` \\| \x1b[31m \u202e"


def test_hostile_texts_stay_in_their_cells() -> None:
    """In tables on a terminal, and in Markdown."""
    comparison = compared(GroupChanges(HOSTILE, STEP), names=(HOSTILE, "new\n", HOSTILE))
    for drawn in (text(comparison, shown=printable), markdown(comparison, shown=printable)):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", drawn)
        harmless = text(compared(GroupChanges("x", STEP), names=("o", "n", "m")))
        assert len(re.findall(r"(?m)^\|", harmless)) == len(re.findall(r"(?m)^\|(?! ---)", drawn))
    found = markdown(comparison, shown=printable)
    assert not re.search(r"[<`\[@]", without_code(found).replace("p < 0", ""))
    row = next(line for line in found.splitlines() if r"a\|b" in line and line.startswith("|"))
    assert 11 == len(re.findall(r"(?<!\\)\|", row)) - 1  # of the trend


def without_code(drawn: str) -> str:
    """Take away what GitHub shows as code."""
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", drawn)


def test_long_tables_are_cut() -> None:
    """And say so; a long value is cut, too."""
    groups = [GroupChanges(f"{number}" + "x" * 100, STEP) for number in range(25)]
    drawn = text(compared(*groups, GroupChanges(None, STEP, is_other=True)))
    assert "and 6 more groups; JSON (--json) has all of them" in drawn
    assert "| 19" + "x" * 57 + "… |" in drawn
    assert "xx | 20" not in drawn
    assert max(map(len, drawn.splitlines())) < 160


def test_groups_are_named_by_their_values() -> None:
    """The rest by what it is."""
    groups = [GroupChanges(None, STEP), GroupChanges({"a": 1}, STEP), GroupChanges(None, STEP, is_other=True)]
    assert ["(none)", '{"a": 1}', "(other)"] == re.findall(r"(?m)^\| (\S.*?) +\| +2 \| +1 \|", text(compared(*groups)))


def test_json_says_it_all() -> None:
    """In numbers, and null where there is none."""
    groups = [GroupChanges('"\n', STEP), GroupChanges(None, STEP, is_other=True)]
    found = json.loads("".join(document(compared(*groups))))
    assert ["predictions", ["video_id", "question"]] == [found["compared"], found["on"]]
    assert {"old": 5 / 8, "new": 6 / 8, "change": 1 / 8}.items() <= found["metrics"]["accuracy"].items()
    assert found["metrics"]["recall"]["interval"] is None
    assert {"fixed": 2, "new": 1, "still": 1, "matched": 8, "only_in_old": 0, "only_in_new": 1}.items() <= (
        found["steps"][0].items()
    )
    assert {"worse": 1, "better": 2, "p_value": 1.0, "is_exact": True} == found["steps"][0]["mcnemar"]
    assert [('"\n', False), (None, True)] == [
        (group["value"], group.get("is_other", False)) for group in found["groups"]["kind"]
    ]
    assert 8 == sum(row["count"] for row in found["transitions"])
    assert 5 / 8 == found["runs"][0]["metrics"]["accuracy"]
    assert {} == json.loads("".join(document(compared())))["groups"]


@pytest.mark.parametrize(
    ("unclear_is_gap", "gaps"),
    [(False, {"FP": 3, "FN": 4, "unclear": 0}), (True, {"FP": 9, "FN": 9, "unclear": 11})],
)
def test_json_counts_unclear_responses_as_gaps_only_where_they_are(unclear_is_gap: bool, gaps: dict[str, int]) -> None:
    """As the lines of the gaps, and `kpi_metrics.json`, do."""
    seen = Confusion(1, 2, 3, 4, unclear_positives=5, unclear_negatives=6)
    step = changes({(0, 0): 1}, unclear_is_gap=unclear_is_gap)
    found = json.loads("".join(document(Comparison(("id",), (run("old", seen), run("new", seen)), (step,), {}))))
    assert [(gaps, 11)] * 2 == [(one["gaps"], one["unclear"]) for one in found["runs"]]


GAPS_ONLY = changes({(2, ABSENT): 3, (ABSENT, 3): 2, (2, 2): 1}, is_complete=False, unclear_is_gap=True)


@pytest.mark.parametrize("known", [True, False])
def test_of_results_it_shows_what_is_known(known: bool) -> None:
    """And nothing is made up."""
    runs = (run("old", BEFORE, repeated=1), run("new", AFTER if known else None))
    comparison = Comparison(("id",), runs, (GAPS_ONLY,), {"kind": [GroupChanges("a", GAPS_ONLY)]})
    drawn = text(comparison)
    assert "| Fixed: gaps in OLD, none in NEW                   |       3 |" in drawn
    assert "McNemar's test: 3 got better, 2 got worse; p = 1.0000" in drawn
    assert "Records of one key are matched in their order; --on names" in drawn
    assert "Responses" not in drawn
    found = json.loads("".join(document(comparison)))
    assert "matched" not in found["steps"][0]
    assert "transitions" not in found
    if known:
        assert "| Accuracy                  | 0.6250 | 0.7778 | +0.1528 | not available |" in drawn
        assert found["metrics"]["accuracy"]["interval"] is None
    else:
        assert "not available: both folders need kpi_metrics.json" in drawn
        assert (None, None) == (found["metrics"], found["runs"][1]["metrics"])
    trend = text(comparison._replace(runs=(*runs, runs[1]), steps=(GAPS_ONLY,) * 2))
    assert ("not available" in trend.split("\n\n")[0]) == (not known)


def test_what_is_escaped_in_markdown_reads_as_it_was() -> None:
    """Code is shown as it is; what has backticks gets more of them around."""
    drawn = markdown(compared(names=("a_b*c", "x#y~z&lt;")))
    assert "`a_b*c`" in drawn
    assert "`x#y~z&lt;`" in drawn
    assert "`` `a ``" in markdown(compared(names=("`a", "b")))


@pytest.mark.parametrize("repeated", [(0, 0), (1, 0), (0, 1)])
def test_repeated_keys_are_told_of_whichever_run_has_them(repeated: tuple[int, int]) -> None:
    """And only where there are some."""
    runs = (run("old", BEFORE, repeated=repeated[0]), run("new", AFTER, repeated=repeated[1]))
    drawn = text(compared()._replace(runs=runs))
    assert any(repeated) == ("Records of one key are matched in their order; --on names" in drawn)
    assert [*map(bool, repeated)] == [f"Records in {name} with a key that" in drawn for name in ("OLD", "NEW")]


def test_a_difference_is_sure_if_the_test_says_so() -> None:
    """And not because an interval is narrow for few records."""
    told = {
        (2, 0): "NEW is better",
        (0, 2): "NEW is worse",
    }
    for (old, new), words in told.items():
        few, many = (compared()._replace(steps=(changes({(0, 0): 7, (old, new): count}),)) for count in (3, 30))
        assert "no sure difference" in text(few)
        assert words in text(many)


def test_options_of_results_are_texts_of_the_input() -> None:
    """They come from a file."""
    runs = [
        run("old", BEFORE)._replace(read_by={"rule": HOSTILE * 99}),
        run("new", AFTER)._replace(read_by={"rule": 1}),
    ]
    comparison = compared()._replace(runs=tuple(runs))
    for drawn in (text(comparison, shown=printable), markdown(comparison, shown=printable)):
        (line,) = (line for line in drawn.splitlines() if "different options" in line)
        assert len(line) < 250
        assert not re.search("[\x00-\x1f\x7f\u202e]", line)
    assert not re.search(r"[<`\[@]", without_code(line))


def test_a_bar_in_a_title_is_a_bar() -> None:
    """Only cells end with one."""
    assert markdown(compared(names=("a|b", "c"))).startswith("**OLD: `a|b`, NEW: `c`")


def test_of_results_it_is_not_known_whether_anything_changed() -> None:
    """The same numbers may come of other records."""
    step = changes({(1, 0): 1, (0, 1): 1}, is_complete=False, unclear_is_gap=True)
    runs = (run("old", BEFORE), run("new", BEFORE))
    shown = text(Comparison(("video_id", "question"), runs, (step,), {}))
    assert "| Accuracy " in shown
    assert "no change" not in shown
