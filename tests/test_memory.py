from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.generate import KINDS, generate
from streamgaps.outputs.names import GAPS_NAME
from tests.measured import MIB, measured

pytestmark = pytest.mark.slow


def peak_memory(path: Path, results: Path, *options: str) -> int:
    """Return the peak of the memory of a run, in bytes: of all its processes together, shared pages shared out."""
    run = measured(results, path, *options)
    assert run.status == 0
    return run.peak


@pytest.mark.parametrize("kind", KINDS)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, kind: str) -> None:
    """Nor with the number of gaps and skipped samples: ten times as many take less than 2 MiB more."""
    peaks = []
    for count in (10_000, 100_000) if kind == "short" else (3_000, 30_000):
        with (tmp_path / "p.json").open("w") as file:
            generate(kind, count, file)
        peaks.append(peak_memory(tmp_path / "p.json", tmp_path / "gaps", "--jobs", "1"))
    assert abs(peaks[1] - peaks[0]) < 2 * MIB
    assert max(peaks) < 40 * MIB


@pytest.mark.parametrize("response", ["yes", "yes and no"])
def test_memory_of_all_processes_is_bounded(tmp_path: Path, response: str) -> None:
    """However long the file is; here all records are gaps, or all warnings, and most is passed between processes."""
    text = json.dumps([{"video_id": "v", "response": response, "gt": "no"}] * 20_000)
    peaks = []
    for times in (10, 100):
        (tmp_path / "p.json").write_text("[" + ", ".join([text[1:-1]] * times) + "]")
        peaks.append(peak_memory(tmp_path / "p.json", tmp_path / "gaps", "--jobs", "2"))
    assert max(peaks) < 64 * MIB


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ignored_fields_take_no_memory(tmp_path: Path, jobs: str) -> None:
    """Even if a record has 100 MB of them."""
    path = tmp_path / "p.json"
    record = '{"video_id": "v", "response": "yes", "gt": "no"'
    with path.open("w") as file:
        file.write(f'[{record}}}, {record}, "logprobs": [')
        for _ in range(100):
            file.write('{"token": " a", "logprob": -0.25}, ' * 30_000)
        file.write(f"0]}}, {record}}}]")
    assert peak_memory(path, tmp_path / "gaps", "--jobs", jobs) < 80 * MIB
    assert len((tmp_path / "gaps" / GAPS_NAME).read_text().splitlines()) == 3


def test_memory_is_bounded_by_the_largest_text(tmp_path: Path) -> None:
    """A record of 20 MB takes a few times as much, once."""
    record = {"video_id": "v", "response": "yes", "gt": "no", "log": "x" * 20 * MIB}
    (tmp_path / "p.json").write_text(json.dumps([record] * 5))
    assert peak_memory(tmp_path / "p.json", tmp_path / "gaps", "--jobs", "1") < 64 * MIB + 4 * 20 * MIB
