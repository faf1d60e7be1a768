from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamgaps import ConfigurationError, InputError, OutputError, SourceError, WorkerError, analyze
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from streamgaps.parallel.cluster import open_cluster
from tests.conftest import command, names
from tests.packing import COMPRESS

distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Dask's own warnings are not ours to mend

SHARDS = 200


@pytest.fixture(autouse=True)
def all_are_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers read small inputs, too."""
    monkeypatch.setattr("streamgaps.parallel.ahead._SMALL_BYTES", 0)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of shards: compressed and not, arrays and JSON Lines, some empty, some of several ranges."""
    folder = tmp_path_factory.mktemp("inputs") / "shards"
    folder.mkdir()
    draw = random.Random(7)  # noqa: S311 -- not a secret
    packings = [None, *sorted(COMPRESS)]
    for number in range(SHARDS):
        count = 40_000 if number in (60, 130) else draw.choice([0, 1, 30, 2000])
        records = [
            {
                "video_id": f"clips/{number}_{item}.mp4",
                "question": "Is there a collision?",
                "response": draw.choice(["Yes.", "No, nothing.", "No.", "hard to say"]),
                "gt": draw.choice(["A. Yes", "B. No"]),
            }
            for item in range(count)
        ]
        is_lines = bool(records) and number % 4 == 0
        text = "\n".join(map(json.dumps, records)) if is_lines else json.dumps(records, indent=number % 3 or None)
        packing = None if count == 40_000 else packings[number % len(packings)]
        data = text.encode()
        (folder / f"{number:03}.json").write_bytes(data if packing is None else COMPRESS[packing](data))
    return folder


Results = tuple[bytes, bytes, bytes]


def results_of(folder: Path, *inputs: Path, told: list[object] | None = None, **options: Any) -> Results:
    """Analyze, and return the gaps, the report and what was skipped; nothing else may be left."""
    notices: list[object] = [] if told is None else told
    skipped = folder / "skipped.jsonl"
    folder.mkdir()
    options = {"videos_dir": "/videos", "on_warning": notices.append, **options}
    tally = analyze(list(inputs), folder, skipped=skipped, **options)
    assert {GAPS_NAME, REPORT_NAME, skipped.name} == set(names(folder))
    assert len(notices) == tally.skipped.total()
    return (folder / GAPS_NAME).read_bytes(), (folder / REPORT_NAME).read_bytes(), skipped.read_bytes()


@pytest.fixture(scope="module")
def expected(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, list[object]]:
    """Return what one process makes of them, and what it tells."""
    told: list[object] = []
    return results_of(tmp_path_factory.mktemp("one") / "gaps", shards, told=told), told


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        self.workers: dict[int, subprocess.Popen[bytes]] = {}

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        module = f"distributed.cli.dask_{kind}"
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def add_worker(self) -> None:
        """Start one more worker, which nobody starts again if it dies."""
        process = self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        self.workers[process.pid] = process

    def kill_a_busy_worker(self) -> None:
        """Kill one that has something to do."""
        with distributed.Client(self.address, set_as_default=False) as client:
            pids = client.run(os.getpid)
            busy = [pids[worker] for worker, tasks in client.processing().items() if tasks]
        assert busy
        self.workers[busy[0]].kill()


@contextmanager
def cluster_of(workers: int) -> Iterator[Cluster]:
    """Start a cluster, and wait until all of its workers are there."""
    with ExitStack() as stack:
        cluster = Cluster(stack)
        for _ in range(workers):
            cluster.add_worker()
        with distributed.Client(cluster.address, set_as_default=False, timeout=30) as client:
            if workers:
                client.wait_for_workers(workers, timeout=30)
        yield cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Return a cluster of two workers, which no test kills."""
    with cluster_of(2) as running:
        yield running


def slowly(text: str) -> str | None:
    """Read an answer, and take time for it."""
    time.sleep(0.0002)
    words = re.findall(r"\w+", text.lower())
    return "yes" if "yes" in words else "no" if "no" in words else None


def once(act: Callable[[], None], at: int) -> Callable[[int, object], None]:
    """Return what is told of progress, and acts when so many bytes are read."""
    left = [act]

    def tell(done: int, _: object) -> None:
        if done >= at and left:
            left.pop()()

    return tell


def test_two_processes_give_the_bytes_of_one(shards: Path, expected: Any, tmp_path: Path) -> None:
    """And the warnings, in their order."""
    told: list[object] = []
    assert expected == (results_of(tmp_path / "gaps", shards, told=told, jobs=2), told)


def test_a_local_cluster_gives_the_bytes_of_one_process(shards: Path, expected: Any, tmp_path: Path) -> None:
    """And the warnings, in their order."""
    told: list[object] = []
    assert expected == (results_of(tmp_path / "gaps", shards, told=told, scheduler="local", jobs=2), told)


def test_a_pool_of_processes_gives_the_bytes_of_one_process(shards: Path, expected: Any, tmp_path: Path) -> None:
    """As any executor does."""
    with ProcessPoolExecutor(2) as executor:
        assert expected[0] == results_of(tmp_path / "gaps", shards, executor=executor, jobs=2)


def test_a_worker_that_is_killed_changes_nothing(shards: Path, tmp_path: Path) -> None:
    """One of two, while it works: what it did is done again."""
    alone = results_of(tmp_path / "one", shards, rule=slowly)
    size = sum(path.stat().st_size for path in shards.iterdir())
    seen: list[int] = []
    with cluster_of(2) as killed:
        kill = once(killed.kill_a_busy_worker, size // 10)

        def watch(done: int, tally: object) -> None:
            seen.append(done)
            kill(done, tally)

        found = results_of(tmp_path / "gaps", shards, rule=slowly, scheduler=killed.address, on_progress=watch)
        assert [signal.SIGKILL * -1] == [code for one in killed.workers.values() if (code := one.poll()) is not None]
    assert alone == found
    assert sorted(seen) == seen
    assert seen[-1] == size


def test_workers_may_come_later(shards: Path, expected: Any, tmp_path: Path) -> None:
    """The run waits for the first."""
    with cluster_of(0) as empty:
        empty.add_worker()
        assert expected[0] == results_of(tmp_path / "gaps", shards, scheduler=empty.address)


@pytest.mark.parametrize(
    ("number", "wrong"), [(13, b'[{"video_id": "v", "response": "yes"}]'), (60, None), (150, b"\x1f\x8b\x08")]
)
def test_what_is_wrong_in_a_shard_is_said_in_the_words_of_one_process(
    shards: Path, cluster: Cluster, tmp_path: Path, number: int, wrong: bytes | None
) -> None:
    """With the name of the shard, and the item; nothing is left."""
    broken = tmp_path / "broken.json"
    data = (shards / f"{number:03}.json").read_bytes()
    at = data.find(b'{"video_id"', len(data) * 2 // 3)
    broken.write_bytes(data[:at] + b"}" + data[at:] if wrong is None else wrong)
    inputs = [broken if path.name == f"{number:03}.json" else path for path in sorted(shards.iterdir())]
    said = []
    for way in ({"jobs": 1}, {"jobs": 2}, {"scheduler": cluster.address}):
        with pytest.raises(InputError, match="broken.json: ") as caught:
            analyze(inputs, tmp_path / "gaps", on_warning=lambda _: None, **way)
        said.append(f"{type(caught.value)} {caught.value}")
        assert names(tmp_path) == ["broken.json"]
    assert len(set(said)) == 1


def test_results_that_are_long_go_through_files(
    shards: Path, cluster: Cluster, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them here; the folder is beside the results, and gone at the end."""
    monkeypatch.setattr("streamgaps.parallel.dispatch._WAITING_BYTES", 0)
    monkeypatch.setattr("streamgaps.parallel.dispatch._LEAST_MESSAGE_BYTES", 0)
    seen: set[str] = set()

    def look(_: int, __: object) -> None:
        seen.update(name for name in names(tmp_path / "gaps") if name.endswith(".parts"))

    assert expected[0] == results_of(tmp_path / "gaps", shards, scheduler=cluster.address, on_progress=look)
    assert len(seen) == 1


def test_gaps_go_to_a_stream(shards: Path, cluster: Cluster, expected: Any, tmp_path: Path) -> None:
    """Where there is no folder for long results, a shard with many is read here."""
    with (tmp_path / "gaps.jsonl").open("wb") as file:
        analyze(shards, file, videos_dir="/videos", scheduler=cluster.address, on_warning=lambda _: None)
    assert expected[0][0] == (tmp_path / "gaps.jsonl").read_bytes()


def test_labels_and_groups_are_seen_by_workers(cluster: Cluster, tmp_path: Path) -> None:
    """The index of labels lies beside the results."""
    labels = tmp_path / "labels.jsonl"
    labels.write_text("\n".join(json.dumps({"id": n, "gt": "yes" if n % 3 else "no"}) for n in range(6000)))
    for shard in range(6):
        records = [
            {"id": n, "video_id": "v", "response": "yes", "kind": n % 7}
            for n in range(shard * 1000, shard * 1000 + 1000)
        ]
        (tmp_path / f"{shard}.json").write_text(json.dumps(records))
    inputs = sorted(tmp_path.glob("?.json"))
    options: dict[str, Any] = {"ground_truth": labels, "on": "id", "group_by": "kind", "metrics": True}
    found = []
    for name, way in (("one", {}), ("many", {"scheduler": cluster.address})):
        tally = analyze(inputs, tmp_path / name, **options, **way)  # type: ignore[arg-type]  # two ways
        found.append((tally, [(tmp_path / name / file).read_bytes() for file in names(tmp_path / name)]))
    assert found[0] == found[1]


def test_a_worker_that_cannot_see_an_input_is_told(tmp_path: Path) -> None:
    """By the name of its machine; what is not there for anybody is said as by one process."""
    there = tmp_path / "p.json"
    there.write_text("[]")

    class Blind(ProcessPoolExecutor):
        def submit(self, call: Any, /, *arguments: Any, **_: Any) -> Any:
            unit, version = arguments
            return super().submit(call, unit._replace(path="/nowhere/p.json"), version)

    with Blind(1) as executor:
        message = f"p.json: a worker on {socket.gethostname()} cannot read it: /nowhere/p.json: there is no such file"
        with pytest.raises(SourceError, match=re.escape(message)):
            analyze([there, there], tmp_path / "gaps", executor=executor)
        with pytest.raises(SourceError, match=r"missing\.json: there is no such file"):
            analyze([there, tmp_path / "missing.json"], tmp_path / "gaps", executor=ProcessPoolExecutor(1))
    assert names(tmp_path) == ["p.json"]


def test_a_scheduler_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence; nothing is left."""
    (tmp_path / "p.json").write_text("[]")
    monkeypatch.setitem(distributed.config["distributed"]["comm"]["timeouts"], "connect", "1s")
    with pytest.raises(
        WorkerError, match=r"tcp://127\.0\.0\.1:1: the scheduler cannot be reached: .*; check that it runs"
    ):
        analyze(tmp_path / "p.json", tmp_path / "gaps", scheduler="tcp://127.0.0.1:1")
    assert names(tmp_path) == ["p.json"]


def test_a_scheduler_that_goes_away_ends_the_run(shards: Path, tmp_path: Path) -> None:
    """With an error, and no results."""
    with cluster_of(1) as lost, pytest.raises(WorkerError):
        analyze(
            shards,
            tmp_path / "gaps",
            rule=slowly,
            scheduler=lost.address,
            on_warning=lambda _: None,
            on_progress=once(lost.scheduler.kill, 1),
        )
    assert names(tmp_path) == []


def test_a_folder_that_workers_cannot_see_is_told(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For long results go there."""
    monkeypatch.setattr("streamgaps.parallel.dispatch._WAITING_BYTES", 0)
    monkeypatch.setattr("streamgaps.parallel.dispatch._LEAST_MESSAGE_BYTES", 0)
    monkeypatch.setattr("streamgaps.outputs.outputs.Outputs.spill_folder", lambda _: str(tmp_path / "nowhere"))
    said = "cannot be written on .*: No such file or directory; workers on other machines need"
    with ProcessPoolExecutor(1) as executor, pytest.raises(OutputError, match=said):
        analyze(shards, tmp_path / "gaps", executor=executor, on_warning=lambda _: None)
    assert names(tmp_path) == []


def test_a_scheduler_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """As wrong usage, by its name."""
    (tmp_path / "p.json").write_text("[]")
    for scheduler, said in (
        ("here", "must be local, or an address such as tcp://host:8786, not 'here'"),
        ("tls://127.0.0.1:1", "tls://127.0.0.1:1: Dask's settings name no certificates"),
        ("odd://127.0.0.1:1", "cannot be 'odd://127.0.0.1:1', but what looks like tcp://host:8786: "),
        ("tcp://", "cannot be 'tcp://', but what looks like tcp://host:8786: missing port number"),
    ):
        with pytest.raises(ConfigurationError, match=re.escape(said)):
            analyze(tmp_path / "p.json", tmp_path / "gaps", scheduler=scheduler)
    with pytest.raises(ConfigurationError, match="jobs"):
        analyze(tmp_path / "p.json", tmp_path / "gaps", scheduler="tcp://127.0.0.1:1", jobs=2)
    with pytest.raises(ConfigurationError, match="contradicts executor"):
        analyze(tmp_path / "p.json", tmp_path / "gaps", scheduler="local", executor=ProcessPoolExecutor(1))
    assert names(tmp_path) == ["p.json"]


def test_the_command_says_nothing_but_its_own(shards: Path, expected: Any, tmp_path: Path) -> None:
    """Dask starts, works and ends without a word."""
    arguments = ["analyze", str(shards), "-o", str(tmp_path / "gaps"), "--videos-dir", "/videos", "-q"]
    options = ["--scheduler", "local", "--jobs", "2"]
    ended = subprocess.run([*command("streamgaps"), *arguments, *options], check=True, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("", "")
    assert expected[0][:2] == tuple((tmp_path / "gaps" / name).read_bytes() for name in (GAPS_NAME, REPORT_NAME))


def test_dasks_own_executor_is_one(shards: Path, cluster: Cluster, expected: Any, tmp_path: Path) -> None:
    """As any other."""
    with distributed.Client(cluster.address, set_as_default=False) as client:
        executor = client.get_executor(pure=False)
        assert expected[0] == results_of(tmp_path / "gaps", shards, executor=executor, jobs=2)


def test_what_nobody_waits_for_is_not_done(cluster: Cluster, tmp_path: Path) -> None:
    """Though it was handed to the scheduler."""
    with open_cluster(cluster.address, 1) as pool:
        executor = pool.open()
        before = [executor.submit(time.sleep, 0.5) for _ in range(4 * pool.width())]
        unwanted = [executor.submit((tmp_path / str(number)).touch) for number in range(10)]
        assert all(future.cancel() for future in unwanted)
        assert [future.result() for future in before] == [None] * len(before)
        executor.submit(int).result()
    assert names(tmp_path) == []


def test_workers_here_leave_ctrl_c_to_this_process() -> None:
    """Each would show a traceback. What holds for the first processes that a program starts is what matters."""
    code = """
import signal
from streamgaps.parallel.cluster import LOCAL, open_cluster
if __name__ == "__main__":
    with open_cluster(LOCAL, 1) as pool:
        print(signal.SIGINT in pool.open().submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result())
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("True\nFalse\n", "")


def test_what_a_killed_run_leaves_is_removed_by_the_next(shards: Path, cluster: Cluster, tmp_path: Path) -> None:
    """The folder of parts, too."""
    arguments = ["analyze", str(shards), "-o", str(tmp_path), "-q", "--scheduler", cluster.address]
    process = subprocess.Popen([*command("streamgaps"), *arguments])
    for _ in range(1000):
        if any(name.endswith(".parts") for name in names(tmp_path)):
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert [name for name in names(tmp_path) if name.endswith(".parts")]
    analyze(shards / "001.json", tmp_path, on_warning=lambda _: None)
    assert not [name for name in names(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("who", ["the scheduler", "the worker tcp://"])
def test_who_has_no_streamgaps_is_told(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """For a worker would die of it, and the run wait for ever."""
    (tmp_path / "p.json").write_text("[]")
    ask = distributed.Client.get_versions

    def without_it(client: Any, **options: Any) -> Any:
        found = ask(client, **options)
        lacking = found["scheduler"] if who == "the scheduler" else next(iter(found["workers"].values()))
        lacking["packages"]["streamgaps"] = None
        return found

    monkeypatch.setattr(distributed.Client, "get_versions", without_it)
    with pytest.raises(WorkerError, match=f"^{who}.* has no streamgaps; install version"):
        analyze(tmp_path / "p.json", tmp_path / "gaps", scheduler=cluster.address)
    assert names(tmp_path) == ["p.json"]


def test_a_stop_while_workers_end_leaves_what_was_there(
    shards: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For nothing is put in place before they have ended."""
    close = distributed.Client.close

    def stopped(client: Any, *arguments: Any, **options: Any) -> Any:
        close(client, *arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(distributed.Client, "close", stopped)
    with pytest.raises(KeyboardInterrupt):
        analyze(shards / "001.json", tmp_path / "gaps", scheduler=cluster.address)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("scheduler", "code"), [("odd://h:1", 2), ("tcp://", 2), ("tls://127.0.0.1:1", 2), ("tcp://127.0.0.1:1", 3)]
)
def test_a_command_that_cannot_use_a_scheduler_ends(tmp_path: Path, scheduler: str, code: int) -> None:
    """A client of Dask's that has failed to start kept it from that."""
    (tmp_path / "p.json").write_text("[]")
    arguments = ["analyze", "p.json", "-o", "gaps", "--scheduler", scheduler, "--log-format", "console"]
    environment = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    ended = subprocess.run(
        [*command("streamgaps"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=60,
    )
    assert (code, 1) == (ended.returncode, ended.stderr.count("\n"))
    assert names(tmp_path) == ["p.json"]
