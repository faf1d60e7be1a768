from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import SkipReason, Tally
from streamgaps.metrics import METRICS, interval_of, measure, wilson, worst_first
from streamgaps.reports.metrics import describe, document
from streamgaps.survey import CELLS, Confusion, Survey

CELL = st.sampled_from([0, 0, 1, 2]) | st.integers(min_value=0, max_value=30)
COUNTS = st.lists(CELL, min_size=CELLS, max_size=CELLS).map(lambda row: Confusion(*row))
POSITIVE = st.sampled_from(["yes", "no"])
LABELS = {"yes": ["yes", "no", "unclear"], "no": ["no", "yes", "unclear"]}
VALUES = st.sampled_from(["a", "b", "c", "(other)", 1, None, True, "é\u2028</script>", "\ud800", "x" * 400])
ROWS = st.lists(st.tuples(VALUES, COUNTS), max_size=12)


def labels_of(counts: Confusion) -> tuple[list[str], list[str]]:
    """Return the truths and the answers that come to these counts."""
    cells = [
        ("yes", "yes", counts.true_positives),
        ("no", "no", counts.true_negatives),
        ("no", "yes", counts.false_positives),
        ("yes", "no", counts.false_negatives),
        ("yes", "unclear", counts.unclear_positives),
        ("no", "unclear", counts.unclear_negatives),
    ]
    pairs = [(truth, answer) for truth, answer, count in cells for _ in range(count)]
    return [truth for truth, _ in pairs], [answer for _, answer in pairs]


def by_scikit_learn(counts: Confusion, positive: str) -> dict[str, float]:
    """Return the metrics that scikit-learn computes, with an unclear answer for a third label; nan if undefined."""
    metrics = pytest.importorskip("sklearn.metrics")
    truths, answers = labels_of(counts)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truths, answers, labels=LABELS[positive], zero_division=math.nan
    )
    parsed = [(truth, answer) for truth, answer in zip(truths, answers, strict=True) if answer != "unclear"]
    return {
        "true_positive_rate": recall[0],
        "true_negative_rate": recall[1],
        "accuracy": metrics.accuracy_score(truths, answers),
        "balanced_accuracy": (recall[0] + recall[1]) / 2,
        "accuracy_parsed": metrics.accuracy_score(*zip(*parsed, strict=True)) if parsed else math.nan,
        "precision": precision[0],
        "recall": recall[0],
        "specificity": recall[1],
        "f1": f1[0],
        "matthews_correlation": metrics.matthews_corrcoef(truths, answers),
        "unclear_rate": sum(answer == "unclear" for answer in answers) / len(answers),
    }


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@given(COUNTS.filter(lambda counts: counts.samples > 0), POSITIVE)
def test_metrics_are_those_of_scikit_learn(counts: Confusion, positive: str) -> None:
    """Of any counts, with either answer for the positive one; a correlation that is not defined is a 0 there."""
    found, expected = describe(counts, positive=positive), by_scikit_learn(counts, positive)
    assert list(METRICS) == list(expected)
    for name, value in expected.items():
        if found[name] is None:
            assert math.isnan(value) or (name, value) == ("matthews_correlation", 0)
        else:
            assert value == pytest.approx(found[name], abs=1e-9), name
    is_constant = 1 in {len(set(labels)) for labels in labels_of(counts)}
    assert is_constant == (found["matthews_correlation"] is None)


def test_a_correlation_is_defined_where_there_are_two_truths_and_two_answers() -> None:
    """And only there."""
    assert measure(Confusion(1, 1))["matthews_correlation"] == 1.0
    assert measure(Confusion(0, 0, 1, 1))["matthews_correlation"] == -1.0
    assert measure(Confusion(1, 0, 0, 0, 0, 1))["matthews_correlation"] == 0.5  # where the truth is no, it is unclear
    for counts in (Confusion(1, 0, 1), Confusion(1, 0, 0, 1), Confusion(0, 0, 0, 0, 1, 1)):
        assert measure(counts)["matthews_correlation"] is None


@given(COUNTS)
def test_scores_beyond_counts_have_no_interval(counts: Confusion) -> None:
    """Of all others it is that of a share, around the value."""
    for name, value in measure(counts).items():
        interval = interval_of(name, counts)
        if METRICS[name].share is None or value is None:
            assert interval is None
        else:
            assert interval is not None
            assert 0 <= interval[0] <= value <= interval[1] <= 1


@given(st.integers(min_value=1, max_value=10**6), st.data())
def test_wilson_is_that_of_scipy(whole: int, data: st.DataObject) -> None:
    """At 95 %, for any share."""
    stats = pytest.importorskip("scipy.stats")
    part = data.draw(st.integers(min_value=0, max_value=whole) | st.sampled_from([0, whole]))
    interval = stats.binomtest(part, whole).proportion_ci(confidence_level=0.95, method="wilson")
    assert (interval.low, interval.high) == pytest.approx(wilson(part, whole), abs=1e-12)


def test_nothing_is_made_up_of_nothing() -> None:
    """No metric of no samples is defined, but for counts."""
    found = describe(Confusion(uncompared=3))
    assert 3 == found["uncompared"]
    assert {None} == {found[name] for name in (*METRICS, "yes_ratio_answers", "yes_ratio_truth")}
    assert {None} == set(found["intervals"].values())


@given(COUNTS)
def test_the_share_of_yes_is_the_same_whatever_is_positive(counts: Confusion) -> None:
    """It speaks of answers; the counts change places."""
    one, other = describe(counts), describe(counts, positive="no")
    for name in ("yes_ratio_answers", "yes_ratio_truth", "accuracy", "matthews_correlation", "total_samples"):
        assert one[name] == pytest.approx(other[name])
    assert (one["true_positives"], one["recall"]) == (other["true_negatives"], other["specificity"])
    assert one["unparseable_positive_predictions"] == other["unparseable_negative_predictions"]
    truths, answers = labels_of(counts)
    if truths:
        assert truths.count("yes") / len(truths) == one["yes_ratio_truth"]
    if counts.parsed:
        assert answers.count("yes") / counts.parsed == one["yes_ratio_answers"]


def made(rows: list[tuple[Any, Confusion]], most: int = 4) -> Tally:
    """Return the tally of a run with groups of these counts."""
    survey = Survey(("kind", "question"), most)
    for value, counts in rows:
        for number in (0, 1):
            row = survey.row(number, value)
            row[:] = [one + getattr(counts, name) for one, name in zip(row, Confusion.__struct_fields__, strict=True)]
    return Tally(survey=survey, false_positives=3, unclear=1, skipped=Counter({SkipReason("gt", "both"): 2}))


def loaded(tally: Tally, **options: Any) -> dict[str, Any]:
    """Read the document as a strict reader does, as it is written to a file."""
    text = "".join(document(tally, about={"version": "1"}, **options))
    assert text.endswith("}\n")

    def refuse(name: str) -> None:
        message = f"{name} is no JSON"
        raise AssertionError(message)

    found: dict[str, Any] = json.loads(text.encode("utf-8", "backslashreplace"), parse_constant=refuse)
    return found


@given(ROWS, POSITIVE)
def test_the_document_is_json_and_its_groups_come_to_the_total(
    rows: list[tuple[Any, Confusion]], positive: str
) -> None:
    """The groups with all that the whole has; undefined is null."""
    tally = made(rows)
    found = loaded(tally, positive=positive)
    assert tally.survey is not None
    expected = json.loads(json.dumps(describe(tally.survey.total, positive=positive)))
    assert expected.items() <= found.items()
    assert ["kind", "question"] == list(found["groups"])
    for groups in found["groups"].values():
        for name in ("total_samples", "true_positives", "unparseable_negative_predictions", "uncompared"):
            assert found[name] == sum(group[name] for group in groups)
        for group in groups:
            assert expected.keys() <= group.keys()


@given(ROWS)
def test_the_worst_group_comes_first(rows: list[tuple[Any, Confusion]]) -> None:
    """By the upper end of its interval; behind all that can be compared what cannot, and last what is left."""
    tally = made(rows)
    groups = loaded(tally)["groups"]["kind"]
    others = [group.get("is_other", False) for group in groups]
    assert sorted(others) == others
    assert others.count(True) <= 1
    ends = [
        2.0 if group["accuracy"] is None else group["intervals"]["accuracy"][1]
        for group in groups
        if not group.get("is_other")
    ]
    assert sorted(ends) == ends


def test_one_wrong_sample_is_not_worse_than_a_hundred() -> None:
    """Of a single sample nothing is sure."""
    rows = [("one", Confusion(0, 0, 1)), ("many", Confusion(10, 0, 90)), ("none", Confusion(uncompared=9))]
    rows += [("good", Confusion(90, 0, 10)), ("left", Confusion(0, 0, 500)), ("over", Confusion(1))]
    survey = made(rows).survey
    assert survey is not None
    groups = worst_first(survey, "kind")
    assert ["many", "one", "good", "none", None] == [group.value for group in groups]
    assert [False] * 4 + [True] == [group.is_other for group in groups]
    assert 501 == groups[-1].confusion.samples


def test_of_groups_that_are_as_bad_the_largest_comes_first() -> None:
    """All of these may be without a fault."""
    survey = made([("small", Confusion(1)), ("large", Confusion(9)), ("medium", Confusion(5))]).survey
    assert survey is not None
    assert ["large", "medium", "small"] == [group.value for group in worst_first(survey, "kind")]


def test_the_document_says_what_the_run_was() -> None:
    """With the counts that a tally has beside the survey."""
    found = loaded(made([]), positive="no")
    assert (1, "no", {"version": "1"}) == (found["schema_version"], found["positive"], found["run"])
    assert ({"FP": 3, "FN": 0, "unclear": 1}, 5) == (found["gaps"], found["records"])
    assert [{"field": "gt", "reason": "both", "count": 2}] == found["skipped"]
    assert {"kind": [], "question": []} == found["groups"]
    assert {} == loaded(Tally(survey=Survey()))["groups"]
