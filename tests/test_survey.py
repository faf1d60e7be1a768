from __future__ import annotations

import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.fields import MISSING
from streamgaps.survey import CELLS, LONGEST_KEY, SHOWN, Confusion, Group, Survey, group_key
from tests.strategies import JSON

COUNTS = st.lists(st.integers(min_value=0, max_value=99), min_size=CELLS, max_size=CELLS).map(
    lambda row: Confusion(*row)
)
LONG = st.sampled_from(["a" * 300, "a" * 299 + "b", "é" * 257, ["a" * 300], {"a": list(range(300))}, 10**300])
VALUES = (
    st.sampled_from(["a", " a", "b", 1, "1", 1.0, True, "true", None, "null", [1], "[1]", {"b": 1, "a": 2}])
    | LONG
    | JSON
)
SAMPLES = st.lists(st.tuples(VALUES, VALUES, st.integers(min_value=0, max_value=CELLS - 1)), max_size=40)
MOST = st.none() | st.integers(min_value=1, max_value=6)
FIELDS = ("one", "other")
GROUPED = st.sampled_from([(), FIELDS[:1], FIELDS])


def surveyed(samples: list[tuple[Any, Any, int]], most: int | None, fields: tuple[str, ...] = FIELDS) -> Survey:
    """Count samples: the values of two fields, and the place in the confusion matrix."""
    survey = Survey(fields, most)
    for *values, cell in samples:
        for number, _ in enumerate(fields):
            survey.row(number, values[number])[cell] += 1
        if not fields:
            survey.rest[-1][cell] += 1
    return survey


def grouped(values: list[tuple[Any, int]], most: int | None) -> list[tuple[str, Confusion, bool]]:
    """Count the values of one field as plainly as it can be said; each is shown by its JSON text."""
    tables: dict[str, list[int]] = {}
    rest = [0] * CELLS
    for value, cell in values:
        text = json.dumps(value, sort_keys=True)
        is_known = text in tables or most is None or len(tables) < most
        (tables.setdefault(text, [0] * CELLS) if is_known else rest)[cell] += 1
    found = [(text, Confusion(*row), False) for text, row in tables.items()]
    return [*found, ("null", Confusion(*rest), True)] if any(rest) else found


def shown(group: Group) -> tuple[str, Confusion, bool]:
    """Return a group with the JSON text of its value."""
    return json.dumps(group.value, sort_keys=True), group.confusion, group.is_other


def shortened(text: str) -> str:
    """Return the JSON text of what is shown of a value."""
    value = json.loads(text)
    whole = value if isinstance(value, str) else text
    return json.dumps(whole[:SHOWN] + "…") if len(whole) > LONGEST_KEY else text


@given(SAMPLES, MOST)
def test_groups_are_those_that_come_first_and_the_rest(samples: list[tuple[Any, Any, int]], most: int | None) -> None:
    """As an oracle counts them; each field has groups of its own."""
    survey = surveyed(samples, most)
    for number, field in enumerate(FIELDS):
        expected = grouped([(sample[number], sample[2]) for sample in samples], most)
        assert [(shortened(text), *rest) for text, *rest in expected] == [shown(one) for one in survey.groups(field)]


@given(SAMPLES, MOST, GROUPED)
def test_groups_come_to_the_total(
    samples: list[tuple[Any, Any, int]], most: int | None, fields: tuple[str, ...]
) -> None:
    """Whatever is left of values that are not told apart."""
    survey = surveyed(samples, most, fields)
    row = [0] * CELLS
    for *_, cell in samples:
        row[cell] += 1
    assert Confusion(*row) == survey.total
    for field in fields:
        assert survey.total == sum((group.confusion for group in survey.groups(field)), Confusion())


@given(SAMPLES, MOST, st.lists(st.integers(min_value=0, max_value=40), max_size=4).map(sorted), GROUPED)
def test_parts_add_up_to_the_whole(
    samples: list[tuple[Any, Any, int]], most: int | None, cuts: list[int], fields: tuple[str, ...]
) -> None:
    """In their order, wherever the cuts are; a part tells all of its groups apart."""
    total = Survey(fields, most)
    for begin, end in zip([0, *cuts], [*cuts, len(samples)], strict=True):
        total += surveyed(samples[begin:end], None, fields)
    assert surveyed(samples, most, fields) == total


@given(SAMPLES)
def test_parts_add_up_after_they_were_sent(samples: list[tuple[Any, Any, int]]) -> None:
    """As another process sends them: nothing of a group depends on where it was counted."""
    part = surveyed(samples, None)
    total = Survey(FIELDS, 3)
    total += part
    total += pickle.loads(pickle.dumps(part))  # noqa: S301 -- it was pickled here
    assert surveyed(samples * 2, 3) == total


@given(SAMPLES, st.integers(min_value=1, max_value=3))
def test_the_memory_of_groups_is_bounded(samples: list[tuple[Any, Any, int]], most: int) -> None:
    """By their number and by the length of what is kept of a value; added parts make no difference."""
    survey = Survey(FIELDS, most)
    survey += surveyed(samples, None)
    for one in (survey, surveyed(samples, most)):
        assert all(len(table) <= most for table in one.tables)
        assert all(len(key) <= LONGEST_KEY for table in one.tables for key in table)
        assert len(one.beginnings) <= most * len(FIELDS)
        assert all(len(beginning) <= SHOWN + 1 for beginning in one.beginnings.values())


def test_what_is_not_the_same_in_json_is_told_apart() -> None:
    """Numbers by how they are written, and none from the text that looks like it."""
    values: list[Any] = [1, "1", True, "true", 1.0, "1.0", None, "null", 0, False, -0.0, [], "[]", {}]
    assert len(values) == len({group_key(value)[0] for value in values})
    survey = surveyed([(value, value, 0) for value in values * 2], None)
    assert [Confusion(2)] * len(values) == [group.confusion for group in survey.groups("one")]
    assert repr(values) == repr([group.value for group in survey.groups("one")])


def test_what_is_the_same_in_json_is_one_group() -> None:
    """Objects in any order of their keys; null and a field that is not there."""
    assert group_key({"a": 1, "b": 2}) == group_key({"b": 2, "a": 1})
    assert group_key(None) == group_key(MISSING)


def nested(levels: int) -> list[Any]:
    """Nest an array."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_what_is_nested_too_deeply_counts_as_null() -> None:
    """The run does not end for that."""
    assert group_key(None) == group_key(nested(100_000))


@pytest.mark.parametrize("length", [LONGEST_KEY, LONGEST_KEY + 1, 1_000_000])
def test_long_values_are_told_apart_by_all_of_them(length: int) -> None:
    """Though only the beginning is kept; a text is not the value that is written like it."""
    value = ["1" * (length - 4)]
    values = [value, json.dumps(value), [value[0][:-1] + "2"], value[0], value[0] + "2", value[0] + "\ud800"]
    assert len(values) == len({group_key(value)[0] for value in values})
    assert all(len(group_key(value)[0]) <= LONGEST_KEY for value in values)


@given(COUNTS, COUNTS)
def test_confusions_add_up_cell_by_cell(one: Confusion, other: Confusion) -> None:
    """And so do the sums of their cells."""
    total = one + other
    for name in (*Confusion.__struct_fields__, "correct", "parsed", "unclear", "samples", "positives", "negatives"):
        assert getattr(one, name) + getattr(other, name) == getattr(total, name)


@given(COUNTS)
def test_each_sample_is_positive_or_negative_and_parsed_or_unclear(counts: Confusion) -> None:
    """Those that are not compared are none of it."""
    assert counts.samples == counts.positives + counts.negatives == counts.parsed + counts.unclear
    assert sum(msgspec.structs.astuple(counts)) == counts.samples + counts.uncompared


@given(COUNTS)
def test_flipped_has_the_other_answer_for_the_positive_one(counts: Confusion) -> None:
    """Twice, it is what it was."""
    flipped = counts.flipped()
    assert (counts.positives, counts.negatives) == (flipped.negatives, flipped.positives)
    assert (counts.correct, counts.unclear, counts.uncompared) == (flipped.correct, flipped.unclear, flipped.uncompared)
    assert counts.false_positives == flipped.false_negatives
    assert counts == flipped.flipped()


def test_what_json_has_no_word_for_is_shown_by_its_name() -> None:
    """Python's reader takes NaN; a document that had it would not be JSON."""
    survey = Survey(("field",))
    survey.row(0, float("nan"))[0] += 1
    assert ["NaN"] == [group.value for group in survey.groups("field")]


@pytest.mark.parametrize("fields", [(), ("one",), ("other", "one"), ("one", "third"), ("one", "other", "third")])
def test_counts_of_other_groups_cannot_be_added(fields: tuple[str, ...]) -> None:
    """They would be counted where they do not belong; nothing is."""
    survey, other = surveyed([("a", "b", 0)], None), Survey(fields)
    for row in [other.row(number, "a") for number, _ in enumerate(fields)] or other.rest:
        row[0] += 1
    with pytest.raises(ValueError, match="other groups"):
        survey += other
    assert surveyed([("a", "b", 0)], None) == survey
