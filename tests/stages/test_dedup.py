from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.exceptions import OutputError, RecordError
from streamgaps.model import ErrorType, Gap, SkipReason, Tally
from streamgaps.stages.dedup import DUPLICATE, Repeats, drop_repeated_lines, drop_repeats
from streamgaps.stages.write import write
from tests.strategies import JSON

FP, FN = ErrorType.FP, ErrorType.FN
SMALL = st.sampled_from(["", "a", "b", "ab", '"', "\\", "\ud800", "é"])
QUESTIONS = SMALL | st.sampled_from([None, True, 1, 1.0, 0.0, -0.0, float("nan"), {"a": 1, "b": 2}, ["a"]]) | JSON


def gap(video_id: str, question: object, error_type: ErrorType = FP, *, index: int = 0, unclear: bool = False) -> Gap:
    """Make a gap."""
    return Gap(index, video_id, error_type, question, "no", "yes", unclear=unclear)


def count(gaps: list[Gap]) -> Tally:
    """Count gaps as they are counted before repeated ones are dropped."""
    found = Counter(gap.error_type for gap in gaps)
    unclear = sum(gap.unclear for gap in gaps)
    return Tally(true_positives=7, false_positives=found[FP], false_negatives=found[FN], unclear=unclear)


def nested(depth: int) -> list[Any]:
    """Nest lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@given(st.lists(st.tuples(SMALL, QUESTIONS), max_size=20))
def test_a_pair_is_new_once(pairs: list[tuple[str, object]]) -> None:
    """Two are the same if their JSON texts are."""
    seen = set()
    with Repeats() as repeats:
        for video_id, question in pairs:
            key = json.dumps([video_id, question], sort_keys=True)
            assert (key not in seen) == repeats.is_new(video_id, question)
            seen.add(key)


def test_what_looks_alike_is_told_apart() -> None:
    """By type, and by where the one text ends and the other begins."""
    different: list[tuple[str, object]] = [("v", value) for value in (1, 1.0, True, "1", None, "null", -0.0, 0.0, 0)]
    different += [
        ("ab", "c"),
        ("a", "bc"),
        ("abc", ""),
        ("", "abc"),
        ('a","b', "c"),
        ("a", 'b","c'),
        ("1", 2),
        ("", 12),
    ]
    different += [("v", ["a", "b"]), ("v", ["ab"]), ("v", '["ab"]'), ("v", {"a": 1}), ("v", "\ud800"), ("v", "\\ud800")]
    with Repeats() as repeats:
        assert [True] * len(different) == [repeats.is_new(*pair) for pair in different]
        assert [False] * len(different) == [repeats.is_new(*pair) for pair in different]


def test_what_is_the_same_is_known_again() -> None:
    """The order of keys says nothing, and NaN is NaN."""
    with Repeats() as repeats:
        assert repeats.is_new("v", {"a": 1, "b": {"c": 2, "d": 3}})
        assert not repeats.is_new("v", {"b": {"d": 3, "c": 2}, "a": 1})
        assert repeats.is_new("v", [float("nan")])
        assert not repeats.is_new("v", [json.loads("NaN")])


def test_runs_know_nothing_of_each_other() -> None:
    """Even side by side."""
    with Repeats() as first, Repeats() as second:
        assert first.is_new("v", "q")
        assert second.is_new("v", "q")


def test_the_first_of_each_stays_and_the_others_are_counted_as_skipped() -> None:
    """Each is counted once."""
    gaps = [
        gap("v", "q", FP),
        gap("v", "p", FN),
        gap("v", "q", FN),
        gap("w", "q", FP, unclear=True),
        gap("v", "q", FP, unclear=True),
        gap("v", "p", FP),
    ]
    tally = count(gaps)
    with Repeats() as repeats:
        kept = list(drop_repeats(gaps, repeats, tally))
    assert [gaps[0], gaps[1], gaps[3]] == kept
    skipped = Counter({SkipReason("gap", "duplicate"): 3})
    assert Tally(true_positives=7, false_positives=2, false_negatives=1, skipped=skipped, unclear=1) == tally
    assert tally.records == 7 + len(gaps)
    assert SkipReason("gap", "duplicate") == DUPLICATE


def test_gaps_are_passed_on_as_they_come() -> None:
    """And are remembered from one call to the next."""
    tally = count([gap("v", "q")] * 2)
    with Repeats() as repeats:
        assert gap("v", "q") == next(drop_repeats(iter([gap("v", "q")]), repeats, tally))
        assert [] == list(drop_repeats([gap("v", "q")], repeats, tally))
    assert tally.gaps == 1


@given(st.lists(st.builds(gap, SMALL, QUESTIONS, st.sampled_from(ErrorType), unclear=st.booleans()), max_size=12))
def test_lines_are_treated_as_gaps_are(gaps: list[Gap]) -> None:
    """Those that are kept are not touched."""
    tally, tally_of_lines = count(gaps), count(gaps)
    lines, expected = Lines(), Lines()
    list(write(gaps, lines))  # type: ignore[arg-type]  # it only writes
    with Repeats() as repeats:
        list(write(drop_repeats(gaps, repeats, tally), expected))  # type: ignore[arg-type]
    with Repeats() as repeats:
        assert b"".join(expected) == drop_repeated_lines(b"".join(lines), repeats, tally_of_lines)
    assert tally == tally_of_lines


class Lines(list[bytes]):
    """A file that is a list."""

    write = list.append


def test_a_question_that_is_nested_too_deeply_is_the_inputs_fault() -> None:
    """As when it is written."""
    deep = nested(100_000)
    line = b'{"video_id": "v", "error_type": "FP", "question": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    with Repeats() as repeats:
        with pytest.raises(RecordError, match="item 3: 'question' is nested too deeply") as caught:
            list(drop_repeats([gap("v", deep, index=3)], repeats, Tally()))
        assert (3, "question") == (caught.value.index, caught.value.field)
        with pytest.raises(RecordError, match="^a gap's 'question' is nested too deeply to be compared$") as caught:
            drop_repeated_lines(line, repeats, Tally())
        assert caught.value.field == "question"


def test_it_may_be_asked_and_closed_in_another_thread() -> None:
    """Whoever takes gaps from a generator may close it elsewhere, as servers do."""
    with ThreadPoolExecutor(1) as thread:
        repeats = thread.submit(Repeats).result()
        assert repeats.is_new("v", "q")
        thread.submit(repeats.__exit__, None, None, None).result()


def test_a_full_temporary_folder_is_an_error_of_ours() -> None:
    """It says what to do; SQLite's own stays inside."""
    with Repeats() as repeats:
        repeats._database.execute("PRAGMA temp.max_page_count = 3")
        with pytest.raises(OutputError, match="^the temporary folder is full; let TMPDIR name another$"):
            for number in range(10_000):
                repeats.is_new("v", number)


def test_what_else_goes_wrong_with_the_file_is_an_error_of_ours() -> None:
    """Here, that it is closed."""
    with Repeats() as repeats:
        pass
    with pytest.raises(OutputError, match="^the temporary folder cannot be used: Cannot operate on a closed database"):
        repeats.is_new("v", "q")


def test_a_table_that_cannot_be_made_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left open."""
    monkeypatch.setattr("streamgaps.stages.dedup._SETUP", "CREATE nonsense")
    with pytest.raises(OutputError, match="^the temporary folder cannot be used: .*nonsense"):
        Repeats()


PROBE = """
import os, resource, sys
from streamgaps.stages.dedup import Repeats

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

with Repeats() as repeats:
    before = resident()
    for number in range(300_000):
        repeats.is_new("video", number)
    folder = os.path.realpath(os.environ["SQLITE_TMPDIR"])
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    spilt = sum(os.stat(link).st_size for link in links if os.path.exists(link) and folder in os.readlink(link))
    print(resident() - before, spilt, len(os.listdir(folder)))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_is_bounded_and_the_rest_is_in_a_file_without_a_name(tmp_path: Path) -> None:
    """300,000 pairs take 12 MB, of which 8 MiB are kept in memory."""
    environment = {**os.environ, "SQLITE_TMPDIR": str(tmp_path)}
    probe = subprocess.run([sys.executable, "-c", PROBE], env=environment, check=True, capture_output=True, text=True)
    grown, spilt, named = map(int, probe.stdout.split())
    assert grown < 10 * 1024 * 1024
    assert spilt > 300_000 * 32
    assert named == 0
