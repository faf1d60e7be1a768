from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.comparing.changes import ABSENT, STATES, Changes, mcnemar
from streamgaps.metrics import METRICS
from streamgaps.survey import CELLS, Confusion

TP, TN, FP, FN, UP, UN, OUT = range(CELLS)


def changes(pairs: dict[tuple[int, int], int], **kind: bool) -> Changes:
    """Return so many records of each pair of states."""
    counts = [0] * STATES**2
    for (old, new), count in pairs.items():
        counts[old * STATES + new] = count
    return Changes(tuple(counts), **kind)


CHANGES = st.builds(
    changes,
    st.dictionaries(st.tuples(st.integers(0, ABSENT), st.integers(0, ABSENT - 1)), st.integers(0, 30)),
    unclear_is_gap=st.booleans(),
)


@given(CHANGES)
def test_each_gap_is_counted_once(found: Changes) -> None:
    """Those of OLD and those of NEW, as far as the other run has the record."""
    flipped = found.false_positives_to_negatives + found.false_negatives_to_positives
    old = found.count(lambda old, new: found.is_gap(old) and new != ABSENT)
    new = found.count(lambda old, new: found.is_gap(new) and old != ABSENT)
    assert old == found.fixed + found.still + flipped + found.no_longer_compared
    assert new == found.new + found.still + flipped


@given(CHANGES)
def test_the_other_way_round_the_signs_change(found: Changes) -> None:
    """Of each change, and of the ends of its interval."""
    back = changes({(new, old): count for old, new, count in found.states() if old != ABSENT})
    for name, there in found.differences().items():
        here = back.difference(name)
        assert (there.old, there.new) == (here.new, here.old)
        assert here.change == (None if there.change is None else -there.change)
        assert (here.interval is None) == (there.interval is None)
        if here.interval is not None and there.interval is not None:
            assert here.interval == pytest.approx([-there.interval[1], -there.interval[0]])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (FP, TN, {"fixed"}),
        (FN, TP, {"fixed"}),
        (TN, FP, {"new"}),
        (UP, FN, {"new", "became_clear"}),
        (OUT, FP, {"new"}),
        (FP, FP, {"still"}),
        (FP, FN, {"false_positives_to_negatives", "truth_changed"}),
        (FN, FP, {"false_negatives_to_positives", "truth_changed"}),
        (FP, UN, {"no_longer_compared", "became_unclear"}),
        (FN, OUT, {"no_longer_compared"}),
        (TP, UP, {"became_unclear"}),
        (UP, TP, {"became_clear"}),
        (TP, TN, {"truth_changed"}),
        (TP, TP, set()),
        (ABSENT, FP, {"only_new"}),
        (FP, ABSENT, {"only_old"}),
    ],
)
def test_what_a_change_is_called(old: int, new: int, expected: set[str]) -> None:
    """By the states in which a record was and is."""
    found = changes({(old, new): 3})
    names = ["fixed", "new", "still", "false_positives_to_negatives", "false_negatives_to_positives", "only_old"]
    names += ["no_longer_compared", "became_unclear", "became_clear", "truth_changed", "only_new"]
    assert expected == {name for name in names if getattr(found, name)}
    assert all(getattr(found, name) == 3 for name in expected)


def test_an_unclear_response_is_a_gap_if_it_counts_as_one() -> None:
    """One that was there, or is new, or fixed."""
    found = changes({(UP, TP): 1, (TN, UN): 2, (FP, UN): 4, (UN, UP): 8}, unclear_is_gap=True)
    assert (1, 2, 4, 8) == (found.fixed, found.new, found.still, found.false_positives_to_negatives)


def test_where_only_gaps_are_known_the_others_count_as_right() -> None:
    """For there is nothing else to go by."""
    found = changes({(FP, ABSENT): 5, (ABSENT, FN): 1, (FN, FN): 7}, is_complete=False, unclear_is_gap=True)
    assert (5, 1, 7) == (found.fixed, found.new, found.still)
    assert mcnemar(1, 5) == found.mcnemar()


def test_the_example_of_a_textbook() -> None:
    """Agresti's approval of the prime minister: of 1,600 people 944 approved at first, and 880 later."""
    found = changes({(TP, TP): 794, (TP, FN): 150, (FN, TP): 86, (FN, FN): 570})
    accuracy = found.difference("accuracy")
    assert accuracy.change == pytest.approx(-0.04)
    assert accuracy.interval == pytest.approx((-0.0587, -0.0213), abs=5e-5)
    assert (150, 86) == found.mcnemar()[:2]


@given(CHANGES)
def test_the_interval_of_the_accuracy_is_that_of_paired_shares(found: Changes) -> None:
    """By the formula of the textbooks, where all records have a clear truth."""
    pairs = {(old, new): count for old, new, count in found.states() if OUT not in (old, new) and old != ABSENT}
    worse = sum(count for (old, new), count in pairs.items() if old in (TP, TN) and new not in (TP, TN))
    better = sum(count for (old, new), count in pairs.items() if old not in (TP, TN) and new in (TP, TN))
    total = sum(pairs.values())
    interval = changes(pairs).difference("accuracy").interval
    if not total or not worse + better - (better - worse) ** 2 / total:
        assert interval is None or interval[1] - interval[0] < 1e-6
        return
    reach = 1.959963984540054 * math.sqrt(worse + better - (better - worse) ** 2 / total) / total
    change = (better - worse) / total
    assert (max(-1, change - reach), min(1, change + reach)) == pytest.approx(interval, abs=1e-6)


def test_of_records_that_did_not_change_nothing_is_known_but_that() -> None:
    """No interval says how surely; and what is not defined is None."""
    same = changes({(TP, TP): 5, (FN, FN): 1})
    assert (5 / 6, 5 / 6, 0.0, None) == same.difference("accuracy")
    assert (None, None, None, None) == same.difference("specificity")
    assert all(found.interval is None for found in same.differences().values())


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_intervals_are_those_of_a_bootstrap(name: str) -> None:
    """Which draws the records again and again, and knows no formula."""
    pairs = {(TP, TP): 300, (TN, TN): 400, (TP, FN): 40, (FN, TP): 70, (FP, TN): 30, (TN, FP): 20, (FN, FN): 60}
    pairs |= {(FP, FP): 50, (TP, UP): 10, (UN, TN): 25, (UP, FN): 5, (TN, OUT): 8}
    found = changes(pairs).difference(name)
    dice = random.Random(1)  # noqa: S311 -- no secret
    formula = METRICS[name].formula

    def drawn() -> float:
        before, after = [0] * CELLS, [0] * CELLS
        for old, new in dice.choices(list(pairs), weights=list(pairs.values()), k=sum(pairs.values())):
            before[old] += 1
            after[new] += 1
        values = formula(Confusion(*before)), formula(Confusion(*after))
        assert values[0] is not None
        assert values[1] is not None
        return values[1] - values[0]

    draws = [drawn() for _ in range(1500)]
    mean = sum(draws) / len(draws)
    spread = math.sqrt(sum((draw - mean) ** 2 for draw in draws) / (len(draws) - 1))
    assert found.interval is not None
    assert found.change == pytest.approx(mean, abs=spread / 5)
    assert found.interval[1] - found.interval[0] == pytest.approx(2 * 1.96 * spread, rel=0.08)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_exact_test_is_that_of_scipy(worse: int, better: int) -> None:
    """A binomial test of an even split."""
    stats: Any = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(worse, worse + better).pvalue if worse + better else 1.0
    assert mcnemar(worse, better).p_value == pytest.approx(expected, rel=1e-9)
    assert mcnemar(worse, better).is_exact


@given(st.integers(4_900, 200_000), st.integers(5_200, 200_000))
def test_beyond_it_is_that_of_the_chi_square_distribution(worse: int, better: int) -> None:
    """With continuity correction, and as good as the same as the exact one where they meet."""
    stats: Any = pytest.importorskip("scipy.stats")
    found = mcnemar(worse, better)
    assert not found.is_exact
    statistic = max(0, abs(worse - better) - 1) ** 2 / (worse + better)
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic, 1), rel=1e-9, abs=1e-300)
    assert mcnemar(4_900, 5_100).p_value == pytest.approx(mcnemar(4_901, 5_100).p_value, rel=0.03)


@pytest.mark.parametrize(
    ("name", "pairs", "most"),
    [
        ("accuracy", {(TP, FN): 2, (TP, TP): 1}, 1.0),
        ("matthews_correlation", {(TP, FN): 5, (TN, FP): 5, (TP, TP): 1}, 2.0),
    ],
)
def test_an_interval_ends_where_no_change_can_be_greater(
    name: str, pairs: dict[tuple[int, int], int], most: float
) -> None:
    """For the normal distribution would go beyond: a correlation can change from 1 to -1, all others by 1."""
    worse = changes(pairs).difference(name)
    better = changes({(new, old): count for (old, new), count in pairs.items()}).difference(name)
    assert worse.interval is not None
    assert better.interval is not None
    assert (-most, most) == (worse.interval[0], better.interval[1])
    assert worse.change is not None
    assert -most < worse.change < worse.interval[1] < 0 < better.interval[0] < most
