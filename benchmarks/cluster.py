"""What a cluster costs, and when it pays: `python -m benchmarks.cluster` prints the figures of CLUSTER.md.

It measures the same shards by one process and by a local Dask cluster of one and of two workers, for shards that are
many and for shards that are large: a run's time is what is fixed, and so much for each shard and each gigabyte. And it
puts a real scheduler, and the command's own side, under the load of a great many units that workers only sleep through.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import distributed

from benchmarks.generate import generate
from streamgaps.parallel.ahead import Ahead
from streamgaps.parallel.cluster import open_cluster
from streamgaps.parallel.units import Findings, Part, Range, Shard, UnitResult
from streamgaps.settings import make_settings

REPEATS = 3


def main() -> None:
    """Measure, and print a table of each."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--megabytes", type=int, default=200, help="how much there is to read")
    arguments.add_argument("--shards", type=int, default=400, help="how many small shards there are")
    arguments.add_argument("--units", type=int, default=20_000, help="how many units the simulation has")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("nothing", folder, shards(folder / "nothing", 2, 0))
        measure(f"{asked.shards} shards of 80 KB", folder, shards(folder / "small", asked.shards, 350))
        records = asked.megabytes * 1_000_000 // 8 // 230  # of 230 bytes each, about
        measure(f"{asked.megabytes} MB in 8 shards", folder, shards(folder / "large", 8, records))
        for workers in (8, 32):
            simulate(folder, workers, asked.units)


def shards(folder: Path, count: int, records: int) -> Path:
    """Make up shards."""
    folder.mkdir()
    with (folder / "first.json").open("w", encoding="utf-8") as file:
        generate("short", records, file)
    for number in range(1, count):
        shutil.copyfile(folder / "first.json", folder / f"{number:06}.json")
    return folder


def measure(what: str, folder: Path, inputs: Path) -> None:
    """Print how long the command takes, the best of some: with the start of a local cluster."""
    ways = {
        "one process": ("--jobs", "1"),
        "2 jobs": ("--jobs", "2"),
        "local cluster, 1 worker": ("--jobs", "1", "--scheduler", "local"),
        "local cluster, 2 workers": ("--jobs", "2", "--scheduler", "local"),
    }
    for name, way in ways.items():
        print(f"| {what} | {name} | {min(timed(folder, inputs, way) for _ in range(REPEATS)):.2f} s |", flush=True)
    for workers in (1, 2):
        with distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
            way = ("--scheduler", cluster.scheduler_address)
            timed(folder, inputs, way)  # workers load what they need
            seconds = min(timed(folder, inputs, way) for _ in range(REPEATS))
            print(f"| {what} | a cluster that is there, workers: {workers} | {seconds:.2f} s |", flush=True)


def timed(folder: Path, inputs: Path, way: tuple[str, ...]) -> float:
    """Return how many seconds the command takes."""
    command = [sys.executable, "-m", "streamgaps", "analyze", os.fspath(inputs), "-o", os.fspath(folder / "gaps")]
    begin = time.perf_counter()
    subprocess.run([*command, "--videos-dir", "/videos", "-q", *way], check=True)
    return time.perf_counter() - begin


def sleep(unit: Range | Shard, version: str) -> UnitResult:
    """Do what a worker does, but for the work."""
    del version
    time.sleep(0.05)
    with Findings(unit.options) as found:
        found.lines += b"x" * 1000
        return found.result(found.take(items=1), 1)


class Nobody:
    """Takes what comes, and counts it."""

    parts = 0

    def begin(self, name: str) -> None:
        """Begin to take an input."""

    def take(self, _: str, __: Part) -> None:
        """Count a part."""
        self.parts += 1

    def show_progress(self) -> None:
        """Tell nobody."""


def simulate(folder: Path, workers: int, units: int) -> None:
    """Print what a unit costs the scheduler and the command, where workers have a thread for each of many units."""
    one = folder / "small" / "first.json"
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=workers // 2, dashboard_address=None) as cluster,
        open_cluster(cluster.scheduler_address, 1) as pool,
    ):
        taker = Nobody()
        ahead = Ahead(pool, taker, settings=make_settings({"videos_dir": "/videos"}))  # type: ignore[arg-type]  # the rest is not called
        submit = pool.open().submit
        pool.open().submit = lambda _, *rest: submit(sleep, *rest)  # type: ignore[method-assign, assignment]  # the load, not the work
        before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        ahead.read([os.fspath(one)] * units)
        seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        peak = after.ru_maxrss / 1024
        print(
            f"| {workers} threads | {units} units | {taker.parts / seconds:.0f} units/s | scheduler and command "
            f"{1e3 * spent / units:.2f} ms of processor time a unit | peak {peak:.0f} MiB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
