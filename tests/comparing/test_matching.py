from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamgaps.comparing.matching import Records, key_of, matched
from tests.strategies import JSON

KEYS = st.lists(st.binary(min_size=1, max_size=1) | st.sampled_from([b"a", b"b"]), max_size=12)


@contextmanager
def stored(path: Path, keys: list[bytes]) -> Iterator[Records]:
    """Keep records with these keys; the state of each is its number, too."""
    records = Records(str(path), groups=1)
    try:
        for number, key in enumerate(keys):
            records.add(key, number, number, [number % 3])
        yield records
    finally:
        records.close()


@given(KEYS, KEYS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_kth_of_a_key_is_matched_with_the_kth(tmp_path: Path, old: list[bytes], new: list[bytes]) -> None:
    """And what is left over is told, too."""
    places: list[dict[bytes, list[int]]] = [defaultdict(list), defaultdict(list)]
    for where, keys in zip(places, (old, new), strict=True):
        for number, key in enumerate(keys):
            where[key].append(number)
    expected = [
        pair for key in {*old, *new} for pair in itertools.zip_longest(places[0].get(key, []), places[1].get(key, []))
    ]
    with stored(tmp_path / "old", old) as one, stored(tmp_path / "new", new) as other:
        found = [(a and a[2], b and b[2]) for a, b in matched(one.by_key(), other.by_key())]
    assert sorted(expected, key=str) == sorted(found, key=str)


def test_many_records_go_to_the_disk_in_batches(tmp_path: Path) -> None:
    """And come back with all that was kept of them, but for the file, which is gone."""
    keys = [key_of(number % 7_000) for number in range(10_000)]
    with stored(tmp_path / "run", keys) as records:
        expected: list[Any] = sorted((key, number, number, number % 3) for number, key in enumerate(keys))
        assert expected == list(records.by_key())
        records.add_line(3, b"three\n")
        records.add_line(10, b"ten\n")
        assert [(3, b"three\n"), (10, b"ten\n")] == list(records.lines())
        assert ["run"] == [path.name for path in tmp_path.iterdir()]
    assert [] == list(tmp_path.iterdir())


@given(JSON, JSON)
def test_keys_are_told_apart_by_what_json_says(one: Any, other: Any) -> None:
    """A pair is not the pair the other way round, and a list of both is something else again."""
    assert key_of(one, other) == key_of(one, other)
    assert key_of(one, other) != key_of([one, other])
    assert key_of(one) != key_of(one, other)


def test_numbers_texts_and_truth_values_are_different_keys() -> None:
    """As they are in JSON; the order of the keys of an object is not."""
    assert 4 == len({key_of(value) for value in (1, 1.0, True, "1")})
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of("a", "b,c") != key_of("a,b", "c")


def test_a_key_may_be_nested_too_deeply() -> None:
    """Which is told by the error that Python has for that."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        key_of(deep)
