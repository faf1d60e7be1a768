from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generate import KINDS, generate
from tests.conftest import command

MIB = 1024 * 1024

# A process of its own measures: a child counts the memory of the process that started it, if that is larger.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def peak_memory(path: Path, results: Path) -> int:
    """Return the peak resident size of a run, in bytes."""
    arguments = [*command("streamgaps"), "analyze", str(path), "-o", str(results), "-q"]
    measured = subprocess.run(
        [sys.executable, "-S", "-c", MEASURE, *arguments], check=True, capture_output=True, text=True
    )
    return int(measured.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, kind: str) -> None:
    """Nor with the number of gaps and skipped samples: ten times as many take less than 2 MiB more."""
    peaks = []
    for count in (10_000, 100_000) if kind == "short" else (3_000, 30_000):
        with (tmp_path / "p.json").open("w") as file:
            generate(kind, count, file)
        peaks.append(peak_memory(tmp_path / "p.json", tmp_path / "gaps"))
    assert abs(peaks[1] - peaks[0]) < 2 * MIB
    assert max(peaks) < 40 * MIB


def test_memory_is_bounded_by_the_largest_record(tmp_path: Path) -> None:
    """A record of 20 MB takes a few times as much, once."""
    record = {"video_id": "v", "response": "yes", "gt": "no", "log": "x" * 20 * MIB}
    (tmp_path / "p.json").write_text(json.dumps([record] * 5))
    assert peak_memory(tmp_path / "p.json", tmp_path / "gaps") < 64 * MIB + 4 * 20 * MIB
