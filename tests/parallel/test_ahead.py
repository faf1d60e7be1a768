from __future__ import annotations

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError  # Python's own from 3.11 on
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generate import generate
from streamgaps import SourceError, WorkerError, analyze
from streamgaps.decoding.blocks import BlockReader
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from streamgaps.parallel import ahead as ahead_module
from streamgaps.parallel import dispatch as dispatch_module
from streamgaps.parallel import ranges as ranges_module
from streamgaps.parallel.ahead import Ahead
from streamgaps.parallel.dispatch import Pool
from streamgaps.parallel.ranges import RANGE_BYTES
from streamgaps.parallel.units import PIECE_BYTES
from streamgaps.parallel.workers import Workers
from streamgaps.settings import make_settings
from streamgaps.sources import source as sources_module
from streamgaps.sources.source import open_source
from tests.conftest import command, names
from tests.doubles import Here
from tests.runs import RANGES as RUN_RANGES
from tests.runs import Taken, in_a_row, in_parts, parts_of, read_ahead
from tests.strategies import DOCUMENTS, HOSTILE, RECORDS, SPELLINGS, TAILS, broken_documents

if TYPE_CHECKING:
    from streamgaps.parallel.units import Part

GAP = {"video_id": "/v", "response": "yes", "gt": "no"}


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    """Return the path of a file to write to, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "p.json"


RANGES = st.integers(min_value=1, max_value=200)


FORMS = st.sampled_from(["array", "jsonl"])


@given(RECORDS, SPELLINGS, TAILS, RANGES, FORMS)
def test_ranges_of_any_length_give_the_results_of_one(
    file: Path, records: list[dict[str, Any]], spelling: dict[str, Any], tail: str, range_bytes: int, form: str
) -> None:
    """Gaps, warnings and their order, and counts; with text in it that looks like the end of a record."""
    lines = "\n".join(json.dumps(record, **spelling) for record in records * 3)
    file.write_text((json.dumps(records * 3, **spelling) if form == "array" else lines) + tail)
    assert in_a_row(file, form) == in_parts(file, range_bytes, form=form)


@given(DOCUMENTS | broken_documents(), RANGES, FORMS)
def test_what_is_wrong_is_said_in_the_same_words(file: Path, data: bytes, range_bytes: int, form: str) -> None:
    """With the same item, byte and line, after the same results."""
    file.write_bytes(data)
    assert in_a_row(file, form) == in_parts(file, range_bytes, form=form)


LIMITS = st.fixed_dictionaries(
    {
        "RANGE_BYTES": st.sampled_from([10, 50, 200, RANGE_BYTES]),
        "PIECE_BYTES": st.sampled_from([50, 200, 10**6]),
        "_LONGEST_READ_ON": st.sampled_from([1, 2, 16]),
        "_WINDOW_BYTES": st.sampled_from([8, 64, 10**6]),
        "_HEAD_BYTES": st.sampled_from([20, 100, 10**6]),
    }
)


WRONG = st.sampled_from([b"", b"", b"x", b"\xff"])


@given(RECORDS, SPELLINGS, RANGES, FORMS, LIMITS, st.sampled_from([1, 3, 16, 50]), WRONG)
def test_no_limit_and_no_block_makes_a_difference(
    file: Path,
    records: list[dict[str, Any]],
    spelling: dict[str, Any],
    range_bytes: int,
    form: str,
    limits: dict[str, int],
    block_bytes: int,
    wrong: bytes,
) -> None:
    """However little is read at once, and however soon a part is full: here all of them are reached all the time."""
    gap = {"video_id": "a", "response": "yes", "gt": "no"}
    among = [one for record in records for one in (gap, record, gap)]
    data = (json.dumps(among, **spelling) if form == "array" else "\n".join(map(json.dumps, among))).encode()
    file.write_bytes(data[: len(data) * 2 // 3] + wrong + data[len(data) * 2 // 3 :])
    expected = in_a_row(file, form)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(dispatch_module if name == "PIECE_BYTES" else ranges_module, name, value)
        patch.setattr(dispatch_module, "_LEAST_MESSAGE_BYTES", 1)
        patch.setattr(sources_module, "BLOCK_BYTES", block_bytes)
        patch.setattr(BlockReader, "PATIENCE", limits["_HEAD_BYTES"])
        for jobs, factor in ((1, 1), (2, 4), (3, 2)):
            assert expected == in_parts(file, factor * range_bytes, form=form, jobs=jobs)


@given(RECORDS.filter(bool), st.data(), FORMS)
def test_a_broken_record_among_good_ones_is_found(
    file: Path, records: list[dict[str, Any]], data: st.DataObject, form: str
) -> None:
    """At any byte of many ranges."""
    text = json.dumps(records * 5) if form == "array" else "\n".join(map(json.dumps, records * 5))
    good = text.encode()
    at = data.draw(st.integers(min_value=0, max_value=len(good)))
    wrong = data.draw(
        st.sampled_from([b"", b"x", b'"', b"}", b",", b"]", b"\xff", b"\\", b'{"a": 1}, ', b"}, {", b"\n", b"\n{"])
    )
    end = at + data.draw(st.integers(min_value=0, max_value=3))
    file.write_bytes(good[:at] + wrong + good[end:])
    assert in_a_row(file, form) == in_parts(file, data.draw(RANGES), form=form)


@pytest.mark.parametrize("hostile", [json.dumps(text) for text in HOSTILE])
def test_text_that_looks_like_records_costs_time_and_nothing_else(file: Path, hostile: str) -> None:
    """Not even where all of it looks so, and every guess is wrong."""
    record = '{"video_id": "a", "response": "yes", "gt": "no", "x": %s}'
    inner = json.dumps(', {"video_id": "b", "response": "no", "gt": "yes"}, {"video_id": ' * 20)
    texts = [record % random.Random(number).choice([hostile, inner]) for number in range(200)]  # noqa: S311
    file.write_text("[" + ", ".join(texts) + "]")
    expected = in_a_row(file)
    assert expected[2].false_positives == 200
    for range_bytes in (1, 100, 1000, 3000):
        assert expected == in_parts(file, range_bytes)


@pytest.mark.parametrize("range_bytes", [1, 3, 4, 7, 50])
def test_no_range_is_empty(file: Path, range_bytes: int) -> None:
    """Not even where the last record ends with the file."""
    file.write_bytes(b"{}\n" * 5)
    with open_source(file) as source:
        assert source.file is not None
        borders = [0, *ranges_module._borders(source.file, b"\n", 0, range_bytes)]
    assert sorted({*borders, 15}) == borders


def test_ranges_are_not_read_again_without_need(file: Path) -> None:
    """Each is read once, where guesses are right: in any usual file, also one with lists of objects in its records."""
    record = {"tokens": [{"token": "a", "p": [1, {}]}] * 5, "video_id": "a", "response": "yes", "gt": "no"}
    for indent in (None, 2):
        file.write_text(json.dumps([record] * 5000, indent=indent))
        here = Here()
        ends = [part.end for part in parts_of(file, here, 100_000)]
        assert len(ends) > 5
        assert ends == [task.end for task in here.tasks]


@pytest.mark.slow
def test_a_record_longer_than_ranges_is_read(file: Path) -> None:
    """Also one that only events can be read of, in the middle."""
    small = {"video_id": "a", "response": "yes", "gt": "no"}
    large = {**small, "x": list(range(2_000_000))}
    file.write_text(json.dumps([small] * 10 + [large] + [small] * 1000))
    assert in_a_row(file) == in_parts(file, 3000)


def test_a_file_that_changes_its_style_is_read_in_bounded_parts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though no place is found any more where a range could end."""
    monkeypatch.setattr(ranges_module, "RANGE_BYTES", 1000)
    monkeypatch.setattr(dispatch_module, "PIECE_BYTES", 4000)  # of results
    monkeypatch.setattr(dispatch_module, "_LEAST_MESSAGE_BYTES", 1)
    record = {"video_id": "a", "response": "yes", "gt": "no"}
    styles: list[dict[str, Any]] = [{"indent": 2}, {"separators": (" ,  ", ":")}, {"indent": 1}]
    texts = [json.dumps([record] * 300, **style)[1:-1] for style in styles]
    file.write_text(f"[{', '.join(texts)}]")
    assert in_a_row(file) == in_parts(file, 1000)
    parts = list(parts_of(file, Here(), 1000))
    assert max(part.items for part in parts) * len(json.dumps(record)) < 80_000
    assert sum(part.items for part in parts) == 900


def test_results_that_grow_are_sent_in_parts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long folder for each path makes more of a range than it is itself."""
    monkeypatch.setattr(dispatch_module, "PIECE_BYTES", 100_000)
    file.write_text(json.dumps([{"video_id": "a", "response": "yes", "gt": "no"}] * 20_000))
    parts = parts_of(file, Here(), 10**6, videos_dir="/" + "v" * 3000)
    sizes = [(len(part.gaps), part.items) for part in parts]
    assert sum(items for _, items in sizes) == 20_000
    assert max(size for size, _ in sizes) < 100_000 + 3200 * 65536 / 40


@pytest.mark.parametrize("form", ["array", "jsonl"])
def test_results_that_grow_lose_nothing_where_a_block_ends_with_a_record(
    file: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a part was taken for one that goes to the end of its range, and the rest of the range was left out."""
    monkeypatch.setattr(dispatch_module, "PIECE_BYTES", 100_000)
    record = json.dumps({"video_id": "a", "response": "yes", "gt": "no"}).ljust(63)
    begin, separator, end = (" " * 63 + "[", ",", "]") if form == "array" else ("", "\n", "\n")
    file.write_text(begin + separator.join([record] * 20_000) + end)
    assert in_a_row(file, form) == in_parts(file, 300_000, form=form)


@pytest.mark.parametrize("levels", [1, 600])
def test_a_video_id_that_cannot_be_sent_is_told(file: Path, levels: int) -> None:
    """It is read again by who need not send it."""
    skip = f'{{"video_id": {"[" * levels}1{"]" * levels}, "response": "maybe", "gt": "no"}}'
    file.write_text("[" + ", ".join(['{"video_id": "a", "response": "yes", "gt": "no"}', skip] * 300) + "]")
    with Workers(2) as workers:
        assert in_a_row(file) == in_parts(file, 1000, workers)


def test_no_more_is_read_ahead_than_twice_the_jobs(file: Path) -> None:
    """What waits for its turn is bounded."""
    file.write_text(json.dumps([{"video_id": "a", "response": "yes", "gt": "no"}] * 2000))
    here, taken = Here(), Taken()

    def tasks_so_far(_: str, __: Part) -> None:
        raise StopIteration(len(here.tasks))

    taken.take = tasks_so_far  # type: ignore[method-assign, assignment]  # to stop there
    with pytest.raises(StopIteration) as stopped:
        read_ahead([file], taken, here, 1000)
    assert stopped.value.value == 4


def test_an_executor_of_the_users_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads, here, which do not mix up their warnings; it is not shut down."""
    path = tmp_path / "p.json"
    with path.open("w", encoding="utf-8") as file:
        generate("short", 30_000, file)
    told: tuple[list[object], list[object]] = ([], [])
    monkeypatch.setitem(RUN_RANGES, "range_bytes", 100_000)
    with ThreadPoolExecutor(4) as executor:
        tally = analyze(path, tmp_path / "a", jobs=6, executor=executor, on_warning=told[0].append)
        executor.submit(print).result()
    assert tally == analyze(path, tmp_path / "b", on_warning=told[1].append)
    assert told[0] == told[1]
    for name in (GAPS_NAME, REPORT_NAME):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_worker_that_dies_is_an_error_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves no half results."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps([{"video_id": "a", "response": "yes", "gt": "no"}] * 1000))
    monkeypatch.setitem(RUN_RANGES, "range_bytes", 1000)
    with pytest.raises(WorkerError, match="a process that read a part of the input died"):
        analyze(path, tmp_path / "gaps", jobs=2, executor=Here(broken_from=3))
    assert names(tmp_path) == ["p.json"]


def test_a_unit_that_is_done_just_when_waiting_ends_is_taken(tmp_path: Path) -> None:
    """It was taken for one that ran into a timeout of its own."""

    class Late(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            if timeout is not None:
                raise NotYetError
            return super().result()

    class Slow(Here):
        def submit(self, call: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
            late = Late()
            late.set_result(super().submit(call, *arguments).result())
            return late

    path = tmp_path / "p.json"
    path.write_text(json.dumps([GAP]))
    assert 1 == analyze(path, tmp_path / "gaps", executor=Slow()).false_positives


def test_a_unit_that_does_not_get_something_in_time_is_an_error(tmp_path: Path) -> None:
    """It is not waited for again."""

    class Failing(Here):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            failed: Future[Any] = Future()
            failed.set_exception(NotYetError("of the unit"))
            return failed

    path = tmp_path / "p.json"
    path.write_text(json.dumps([GAP]))
    with pytest.raises(NotYetError, match="of the unit"):
        analyze(path, tmp_path / "gaps", executor=Failing())


def test_a_file_that_changes_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds it out."""
    path = tmp_path / "p.json"
    records = [{"video_id": "a", "response": "yes", "gt": "no"}] * 1000
    changes: list[object] = [records[:-1], records[:500], records * 2, {}]
    for change in changes:
        path.write_text(json.dumps(records))

        class Changing(Here):
            def submit(self, call: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
                if len(self.tasks) == 5:
                    path.write_text(json.dumps(change))  # noqa: B023 -- called at once
                return super().submit(call, *arguments)

        monkeypatch.setitem(RUN_RANGES, "range_bytes", 1000)
        with pytest.raises(SourceError, match="changed while it was read"):
            analyze(path, tmp_path / "gaps", jobs=2, executor=Changing())
    assert names(tmp_path) == ["p.json"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of several ranges."""
    path = tmp_path_factory.mktemp("large") / "p.json"
    with path.open("w", encoding="utf-8") as file:
        generate("short", 90_000, file)
    assert path.stat().st_size > 4 * RANGE_BYTES
    return path


@pytest.fixture(scope="module")
def huge(large: Path) -> Path:
    """Return a file that takes long enough for something to happen meanwhile."""
    path = large.with_name("huge.json")
    path.write_bytes(b"[" + b",".join([large.read_bytes().strip()[1:-1]] * 10) + b"]")
    return path


def analyzed(path: Path, results: Path, *options: str) -> tuple[int, str, dict[str, bytes]]:
    """Run the command; return its exit code, what it logs but for the time, and its results."""
    arguments = [*command("streamgaps"), "analyze", str(path), "-o", str(results), "--max-warnings", "-1", *options]
    result = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)
    log = re.sub(r'"timestamp":"[^"]*"|"path":"[^"]*"', "", result.stderr)
    files = {file.name: file.read_bytes() for file in results.iterdir()} if results.exists() else {}
    return result.returncode, log, files


def test_processes_give_the_results_of_one(large: Path, tmp_path: Path) -> None:
    """And the same warnings, in the same order."""
    expected = analyzed(large, tmp_path / "1", "--jobs", "1")
    assert expected[0] == 0
    assert expected[1].count("sample_skipped") > 500
    assert expected == analyzed(large, tmp_path / "2", "--jobs", "2")
    assert expected == analyzed(large, tmp_path / "3", "--jobs", "3")


@pytest.mark.parametrize("place", [0.3, pytest.param(0.9, marks=pytest.mark.slow)])
@pytest.mark.parametrize("wrong", [b"}", b"\xff", b'{"gt": ""},'])
def test_processes_find_the_errors_of_one(large: Path, tmp_path: Path, place: float, wrong: bytes) -> None:
    """And leave nothing."""
    data = large.read_bytes()
    at = data.index(b"{\n    ", int(place * len(data)))
    path = tmp_path / "p.json"
    path.write_bytes(data[:at] + wrong + data[at:])
    expected = analyzed(path, tmp_path / "gaps", "--jobs", "1")
    assert (1, {}) == (expected[0], expected[2])
    assert expected == analyzed(path, tmp_path / "gaps", "--jobs", "2")


def workers_of(process: subprocess.Popen[str], at_least: int) -> list[int]:
    """Wait for the children of a process."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(2000):
        children = [int(child) for child in path.read_text().split()]
        if len(children) >= at_least:
            return children
        time.sleep(0.005)
    raise AssertionError


def is_alive(pid: int) -> bool:
    """Say whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc")


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_command(huge: Path, tmp_path: Path, number: signal.Signals) -> None:
    """However it ends; and what is left behind is only what a killed run leaves."""
    arguments = [*command("streamgaps"), "analyze", str(huge), "-o", str(tmp_path / "gaps"), "--jobs", "2", "-q"]
    process = subprocess.Popen(
        [*arguments, "--log-format", "console"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    workers = workers_of(process, 2)
    time.sleep(0.1)
    if number is signal.SIGINT:  # as a terminal does it, to all of them
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=10)
    assert -number == process.returncode
    assert said == ("" if number is signal.SIGKILL else f"streamgaps: stopped by {number.name}\n")
    for _ in range(400):
        if not any(map(is_alive, workers)):
            break
        time.sleep(0.005)
    assert not any(map(is_alive, workers))
    left = names(tmp_path / "gaps") if (tmp_path / "gaps").exists() else []
    assert [name for name in left if not name.startswith(".")] == []


@needs_proc
def test_a_worker_that_is_killed_is_said(huge: Path, tmp_path: Path) -> None:
    """With exit code 3, in one sentence, and no results."""
    arguments = [*command("streamgaps"), "analyze", str(huge), "-o", str(tmp_path / "gaps"), "--jobs", "2", "-q"]
    process = subprocess.Popen([*arguments, "--log-format", "console"], stderr=subprocess.PIPE, text=True)
    os.kill(workers_of(process, 2)[0], signal.SIGKILL)
    _, said = process.communicate(timeout=10)
    assert (3, 1) == (process.returncode, said.count("\n"))
    assert "a process that read a part of the input died" in said
    assert names(tmp_path) == []


def test_processes_start_where_there_are_threads(large: Path, tmp_path: Path) -> None:
    """By another way, for to fork is not safe there."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with Workers(1) as executor:
            assert "Fork" not in type(executor._workers[0].process).__name__
            tally = analyze(large, tmp_path / "gaps", executor=executor, on_warning=lambda _: None)
    finally:
        stop.set()
        thread.join()
    assert tally.records == 90_000


def test_a_program_that_does_not_guard_its_call_is_told(large: Path, tmp_path: Path) -> None:
    """Its workers are to start as it did, and cannot."""
    script = tmp_path / "program.py"
    script.write_text(
        "import threading, time, streamgaps\n"
        "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
        f"streamgaps.analyze({str(large)!r}, {str(tmp_path / 'gaps')!r}, jobs=2)\n"
    )
    result = subprocess.run([sys.executable, str(script)], check=False, capture_output=True, text=True, timeout=60)
    assert "WorkerError: a process that read a part of the input died: it could not start; a program" in result.stderr
    assert not (tmp_path / "gaps" / GAPS_NAME).exists()


@pytest.mark.parametrize("limit", [0, 1, 150, None])
def test_no_more_warnings_are_told_than_wanted(large: Path, tmp_path: Path, limit: int | None) -> None:
    """And those are the first, whoever finds them; all are counted."""
    told: list[list[object]] = []
    for jobs in (1, 2):
        told.append([])
        tally = analyze(large, tmp_path / "gaps", jobs=jobs, max_warnings=limit, on_warning=told[-1].append)
    assert told[0] == told[1]
    assert len(told[0]) == (tally.skipped.total() if limit is None else limit)
    assert [notice.index for notice in told[0]] == sorted(notice.index for notice in told[0])  # type: ignore[attr-defined]


def test_the_first_separator_is_learned_from_the_first_records(file: Path) -> None:
    """Not from what stands inside of them."""
    record = '{"tokens": [{"token": 1}, {"token": 2}, {"token": 3}], "gt": 1}'
    file.write_text(f"[{record},\n {record},\n {record}]")
    with open_source(file) as source:
        assert source.file is not None
        assert ranges_module._separator(source.file, make_settings({}).shape, 0) == b'},\n {"tokens"'


@pytest.mark.parametrize("last", [GAP, GAP | {"pad": "x" * 9_000_000}], ids=["short", "giant"])
@pytest.mark.parametrize("behind", ["", "[]", ","])
@pytest.mark.parametrize("mib", [2, 18])
def test_what_follows_an_array_is_read_to_its_end(file: Path, last: dict[str, str], behind: str, mib: int) -> None:
    """However much it is: the array is whole before that, and the input is not."""
    file.write_text(json.dumps([GAP] * 50 + [last]) + " " * (mib << 20) + behind)
    assert in_a_row(file) == in_parts(file, RANGE_BYTES)


def test_the_groups_told_apart_are_those_that_come_first_in_the_file(file: Path) -> None:
    """And not in a part, which may begin with others."""
    options: dict[str, Any] = {"group_by": ["kind"], "max_groups": 2}
    file.write_text(json.dumps([{**GAP, "kind": kind} for kind in "abcde" * 20]))
    total = make_settings(options).new_tally()  # type: ignore[arg-type]  # the names are right
    for part in parts_of(file, Here(), 300, **options):
        total += part.tally
    assert total.survey is not None
    assert [("a", 20), ("b", 20), (None, 60)] == [
        (group.value, group.confusion.false_positives) for group in total.survey.groups("kind")
    ]
    assert in_a_row(file, **options)[2] == total


def test_progress_counts_what_is_read_again_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where guesses are wrong: inside of a record that looks like many."""
    monkeypatch.setitem(RUN_RANGES, "range_bytes", 1000)
    inner = json.dumps([GAP] * 400)
    path = tmp_path / "p.json"
    path.write_text(f'[{json.dumps(GAP)}, {json.dumps(GAP)[:-1]}, "x": {inner}}}, {json.dumps(GAP)}]')
    seen: list[int] = []
    tally = analyze(path, tmp_path / "gaps", executor=Here(), on_progress=lambda done, _: seen.append(done))
    assert tally.records == 3
    assert sorted(seen) == seen
    assert seen[-1] == path.stat().st_size


def test_the_more_workers_come_the_less_each_may_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what waits here is bounded."""
    monkeypatch.setattr(ahead_module, "_SMALL_BYTES", 0)
    paths = [tmp_path / f"{number:03}.json" for number in range(400)]
    for path in paths:
        path.write_text(json.dumps([GAP]))
    here = Here()
    width = iter([1] * 20 + [1000] * 100_000)
    Ahead(Pool(lambda: here, lambda: next(width), is_elsewhere=True), Taken(), settings=make_settings({})).read(paths)  # type: ignore[arg-type]  # the rest is not called
    assert [task.name for task in here.tasks] == [str(path) for path in paths]
    assert here.tasks[0].options.most_bytes == PIECE_BYTES
    assert here.tasks[-1].options.most_bytes == 16 * 1024


@pytest.mark.parametrize("is_small", [False, True])
def test_small_inputs_are_read_ahead_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_small: bool) -> None:
    """Compressed ones as well; files that are open, and what is too small for a worker, in their turn."""
    monkeypatch.setattr(ahead_module, "_SMALL_BYTES", 10_000 if is_small else 0)
    gap = [GAP]
    plain, packed = tmp_path / "a.json", tmp_path / "b.json.gz"
    plain.write_text(json.dumps(gap))
    packed.write_bytes(gzip.compress(json.dumps(gap).encode()))
    here = Here()
    with plain.open("rb") as opened:
        tally = analyze([plain, opened, packed], tmp_path / "gaps", executor=here)
    assert tally.false_positives == 3
    assert [task.path for task in here.tasks] == ([] if is_small else [str(plain), str(packed)])
    assert names(tmp_path / "gaps") == [GAPS_NAME, REPORT_NAME]


def test_a_worker_of_another_version_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of its machine."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps([GAP]))
    monkeypatch.setattr(dispatch_module, "__version__", "0.0.1")
    with pytest.raises(WorkerError, match=r".* has streamgaps .*, and the run is one of 0\.0\.1; install the same"):
        analyze(path, tmp_path / "gaps", executor=Here())
    assert names(tmp_path) == ["p.json"]


def test_progress_counts_what_is_around_an_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it, and behind it."""
    monkeypatch.setitem(RUN_RANGES, "range_bytes", 1000)
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"about": "x" * 3000, "results": [GAP] * 100, "more": ["y"] * 1000}))
    seen: list[int] = []
    options: dict[str, Any] = {"prefix": "results.item", "on_progress": lambda done, _: seen.append(done)}
    assert analyze(path, tmp_path / "gaps", executor=Here(), **options).records == 100
    assert sorted(seen) == seen
    assert seen[-1] == path.stat().st_size
