"""A long input through a pipe: memory and descriptors stay as they are, nothing is left, and all is counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import command, names
from tests.measured import MIB

MB = 1000 * 1000
GB = 1000 * MB
SAMPLES = 200
COUNTS = {"correct": 960, "false_positives": 20, "false_negatives": 10, "skipped": 10}
"""Of one block."""


def block(separator: str) -> bytes:
    """Make a block of a thousand records of about a kilobyte."""
    kinds = {"correct": ("yes", "yes"), "false_positives": ("Yes", "no"), "false_negatives": ("no", "B. Yes")}
    kinds["skipped"] = ("maybe", "no")
    records = []
    for at in range(1000):
        kind = "skipped" if at % 100 == 7 else "false_negatives" if at % 100 == 3 else "correct"
        response, truth = kinds["false_positives" if at % 50 == 1 else kind]
        thoughts = f"{at}: the silver sedan slows down — 減速 — before the line. " * (5 + at % 30)
        records.append(
            {"video_id": f"/videos/{at}.mp4", "question": "?", "response": f"{thoughts}{response}", "gt": truth}
        )
    return separator.join(json.dumps(record, ensure_ascii=False) for record in records).encode()


class Usage(NamedTuple):
    """What a process has."""

    memory: int
    descriptors: int


def usage(process: int) -> Usage:
    """Look at a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return Usage(pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{process}/fd")))  # noqa: PTH208 -- as fast as can be


def soak(folder: Path, size: int, form: str, output: str) -> None:
    """Let it run, look at it on the way, and check what it leaves."""
    begin, separator, end = {"array": ("[", ", ", "]"), "jsonl": ("", "\n", "\n")}[form]
    data = block(separator)
    times = size // len(data)
    (folder / "tmp").mkdir()
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [*command("streamgaps"), "analyze", "-", "-o", output, "--log-format", "json"],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder / "tmp")},
            bufsize=0,
        )
        assert process.stdin is not None
        started = time.monotonic()
        samples = []
        with process.stdin as pipe:
            pipe.write(begin.encode() + data)
            further = separator.encode() + data
            for number in range(1, times):
                pipe.write(further)
                if number % max(1, times // SAMPLES) == 0:
                    samples.append(usage(process.pid))
            pipe.write(end.encode())
        assert 0 == process.wait()
    check_flat(samples)
    check_left(folder, output, times)
    memory = [sample.memory for sample in samples]
    rate = size / MB / (time.monotonic() - started)
    sys.stdout.write(f"{size:,} bytes, {rate:.0f} MB/s, {min(memory) / MIB:.1f} to {max(memory) / MIB:.1f} MiB\n")


def check_flat(samples: list[Usage]) -> None:
    """Compare the last quarter with the first; the first sample may come before the run has opened all."""
    quarter = len(samples) // 4
    first, last = samples[1 : quarter + 1], samples[-quarter:]
    assert max(sample.memory for sample in last) <= max(sample.memory for sample in first) + 2 * MIB
    assert 1 == len({sample.descriptors for sample in samples[1:]})


def check_left(folder: Path, output: str, times: int) -> None:
    """Check the counts and the files."""
    finished = json.loads((folder / "err").read_text().splitlines()[-1])
    skipped = finished["skipped"].values()
    assert {name: count * times for name, count in COUNTS.items()} == {
        **{name: finished[name] for name in COUNTS},
        "skipped": sum(skipped),
    }
    results = [] if output == "-" else [output]
    assert sorted(["err", "out", "tmp", *results]) == names(folder)
    assert [] == names(folder / "tmp")
    if results:
        assert [GAPS_NAME, REPORT_NAME] == names(folder / output)
    with (folder / "out" if output == "-" else folder / output / GAPS_NAME).open("rb") as file:
        assert 30 * times == sum(1 for _ in file)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "output"), [("jsonl", "gaps"), ("array", "-")])
def test_a_run_stays_as_it_is(form: str, output: str, tmp_path: Path) -> None:
    """For as long as 200 MB last."""
    soak(tmp_path, 200 * MB, form, output)


@pytest.mark.long
@pytest.mark.parametrize(("form", "output"), [("jsonl", "gaps"), ("array", "-"), ("jsonl", "-"), ("array", "gaps")])
def test_a_long_run_stays_as_it_is(form: str, output: str, tmp_path: Path) -> None:
    """For as long as 20 GB last."""
    soak(tmp_path, 20 * GB, form, output)
