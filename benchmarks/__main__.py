"""Measure time and memory of a run against the way that loads the whole file: `python -m benchmarks [COUNT]`.

Each measurement is a process of its own, the two take turns, and the counts stand beside the times: a fast
wrong answer would show.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.generate import KINDS, generate

_ROUNDS = 3

# A small process measures: a child is charged the memory of the process that started it, if that is larger.
_MEASURE = """
import os, resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
wall = time.perf_counter() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""

_WHOLE_FILE = Path(__file__).with_name("whole_file.py")
_CONTENDERS = {
    "streamgaps": [sys.executable, "-m", "streamgaps", "analyze", "DATA", "-o", "RESULTS", "-q"],
    "whole file": [sys.executable, str(_WHOLE_FILE), "DATA", "RESULTS"],
}


def _measure(arguments: list[str]) -> tuple[float, ...]:
    command = [sys.executable, "-S", "-c", _MEASURE, *arguments]
    return tuple(map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()))


def _counts(results: Path) -> str:
    report = (results / "kpi_gaps_report.txt").read_text("utf-8")
    return "  ".join(f"{kind} {count}" for kind, count in re.findall(r"\| (FP|FN) +\| (\d+)", report))


def main(count: int) -> None:
    """Print a table: medians of wall and CPU seconds, and the highest peak of memory."""
    print(f"{'data':8}{'MB':>6}  {'contender':12}{'wall s':>8}{'CPU s':>8}{'MiB':>8}  counts")
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            data = Path(folder) / f"{kind}.json"
            with data.open("w", encoding="utf-8") as file:
                generate(kind, count if kind == "short" else count // 7, file)
            figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in _CONTENDERS}
            for _ in range(_ROUNDS):
                for name, command in _CONTENDERS.items():
                    places = {"DATA": str(data), "RESULTS": str(Path(folder) / name)}
                    figures[name].append(_measure([places.get(word, word) for word in command]))
            for name, runs in figures.items():
                wall, cpu, memory = zip(*runs, strict=True)
                print(
                    f"{kind:8}{data.stat().st_size / 1e6:6.0f}  {name:12}{statistics.median(wall):8.2f}"
                    f"{statistics.median(cpu):8.2f}{max(memory):8.0f}  {_counts(Path(folder) / name)}"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("count", nargs="?", type=int, default=200_000, help="how many short records (long ones: 1/7)")
    main(parser.parse_args().count)
