from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamgaps import machine
from streamgaps.machine import usable_processors

MIB = 1024 * 1024


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put this process, which may use 64 processors, into a control group without limits."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    monkeypatch.setattr(machine, "_OWN_CGROUP", tmp_path / "own")
    (tmp_path / "own").write_text("0::/outer/inner\n")
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    assert usable_processors() == 64
    return folder


def test_affinity_counts(monkeypatch: pytest.MonkeyPatch, group: Path) -> None:
    """As `taskset` sets it."""
    assert group.exists()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert usable_processors() == 3


@pytest.mark.parametrize(("text", "expected"), [("max 100000", 64), ("150000 100000", 2), ("50000 100000", 1)])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_processor_time_of_a_group_and_those_above_it_counts(
    group: Path, text: str, expected: int, level: int
) -> None:
    """A part of a processor is one."""
    folder = [group, *group.parents][level]
    (folder / "cpu.max").write_text(text)
    assert usable_processors() == expected


def test_version_1_counts(group: Path) -> None:
    """With a hierarchy for each controller."""
    (group.parent.parent / "own").write_text("4:memory:/a/b\n3:cpu,cpuacct:/a/b\n1:name=systemd:/\n")
    folder = group.parent.parent / "cpu,cpuacct" / "a"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_period_us").write_text("100000")
    (folder / "cpu.cfs_quota_us").write_text("-1")
    assert usable_processors() == 64
    (folder / "cpu.cfs_quota_us").write_text("300000")
    assert usable_processors() == 3
    memory = group.parent.parent / "memory" / "a" / "b"
    memory.mkdir(parents=True)
    (memory / "memory.limit_in_bytes").write_text(str(64 * MIB))
    assert usable_processors() == 2


@pytest.mark.parametrize(("mib", "expected"), [(10, 1), (63, 1), (64, 2), (100, 4), (10_000, 64)])
def test_no_more_are_used_than_there_is_memory_for(group: Path, mib: int, expected: int) -> None:
    """In a small container on a large machine."""
    (group / "memory.max").write_text(str(mib * MIB))
    assert usable_processors() == expected


def test_what_cannot_be_read_sets_no_limit(group: Path) -> None:
    """Nor what makes no sense."""
    (group / "cpu.max").write_text("x")
    (group / "memory.max").write_text("max")
    (group.parent.parent / "own").write_text("nonsense\n0::/nowhere\n")
    assert usable_processors() == 64
