"""Signals at random moments, for the command and for those who work for it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import command

pytestmark = pytest.mark.slow

TIMES = [pytest.param(12, id="few"), pytest.param(250, id="many", marks=pytest.mark.long)]


class Bench:
    """Two inputs with different results, and a folder for these."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, response, gt in (("old", "no", "yes"), ("new", "yes", "no")):
            record = json.dumps({"video_id": "/v", "response": response, "gt": gt, "question": "?" * 100})
            (folder / f"{name}.json").write_text("[" + ", ".join([record] * 40_000) + "]")
        self.seconds = 0.0
        self.new = self.run("new")
        self.old = self.run("old")
        self.random = random.Random(0)  # noqa: S311 -- to be repeated

    def start(self, name: str) -> subprocess.Popen[str]:
        """Begin a run with two workers."""
        arguments = ["analyze", f"{name}.json", "-o", "gaps", "--jobs", "2", "--log-format", "console", "-q"]
        return subprocess.Popen(
            [*command("streamgaps"), *arguments], cwd=self.folder, stderr=subprocess.PIPE, text=True
        )

    def run(self, name: str) -> dict[str, bytes]:
        """Run it to the end, and return what is left; remember how long it took."""
        begin = time.monotonic()
        with self.start(name) as process:
            _, stderr = process.communicate()
        assert process.returncode == 0, stderr
        self.seconds = time.monotonic() - begin
        return self.left()

    def left(self) -> dict[str, bytes]:
        """Read all that is in the results folder."""
        return {path.name: path.read_bytes() for path in (self.folder / "gaps").iterdir()}

    def wait(self) -> None:
        """Wait for some part of the time that a run takes, or a little longer."""
        time.sleep(self.random.uniform(0, 1.1 * self.seconds))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Set up inputs and results."""
    return Bench(tmp_path)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("times", TIMES)
def test_a_command_that_is_killed_leaves_the_old_results_or_the_new(bench: Bench, times: int) -> None:
    """Or, between two renames, the old gaps beside the new report; the next run sweeps up."""
    between = {GAPS_NAME: bench.old[GAPS_NAME], REPORT_NAME: bench.new[REPORT_NAME]}
    killed = 0
    for _ in range(times):
        with bench.start("new") as process:
            bench.wait()
            process.kill()
            process.communicate()
        killed += process.returncode == -signal.SIGKILL
        left = {name: data for name, data in bench.left().items() if not name.startswith(".")}
        assert left in (bench.old, between, bench.new)
        assert bench.old == bench.run("old")
    assert killed > times / 2


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("times", TIMES)
def test_a_worker_that_is_killed_ends_the_run_with_a_sentence(bench: Bench, times: int) -> None:
    """And without new results, unless it had nothing more to do."""
    killed = 0
    for _ in range(times):
        with bench.start("new") as process:
            bench.wait()
            workers = children(process.pid)
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(bench.random.choice(workers), signal.SIGKILL)
            _, stderr = process.communicate()
        if process.returncode == 0:
            assert bench.new == bench.left()
        else:
            killed += 1
            assert process.returncode == 3
            assert stderr.startswith("streamgaps: a process that read a part of the input died: ")
            assert stderr.count("\n") == 1
            assert bench.old == bench.left()
        assert bench.old == bench.run("old")
    assert killed > times / 8


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("times", TIMES)
def test_a_command_that_is_stopped_cleans_up(bench: Bench, times: int) -> None:
    """At any moment, also while it starts: one line at the most, and no staging file."""
    stopped = 0
    for _ in range(times):
        number = bench.random.choice([signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
        with bench.start("new") as process:
            bench.wait()
            process.send_signal(number)
            begin = time.monotonic()
            _, stderr = process.communicate()
            seconds = time.monotonic() - begin
        if process.returncode == 0:
            assert bench.new == bench.left()
        else:
            stopped += 1
            if not is_from_start(stderr):
                assert process.returncode == -number
                assert stderr in ("", f"streamgaps: stopped by {number.name}\n")
            assert bench.left() in (bench.old, bench.new)
            assert seconds < 30
        assert bench.old == bench.run("old")
    assert stopped > times / 2


def children(number: int) -> list[int]:
    """List the processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{number}/task/{number}/children").read_text().split()]
    except OSError:  # it has ended
        return []


def is_from_start(stderr: str) -> bool:
    """Say whether a traceback is Python's own, from before it has come to the first line of ours that does something.

    SIGINT is not ours to take then: some 20 ms, in which Python itself ends with this, or with exit code 1.
    """
    return "KeyboardInterrupt" in stderr and not any(name in stderr for name in ("exits.py", "cli/streamgaps.py"))
