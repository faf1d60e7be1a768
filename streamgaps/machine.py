"""What this process may use of the machine that it runs on."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from streamgaps import system

__all__ = ["usable_processors"]

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")

_MIB = 1024 * 1024
_MEMORY_FOR_ALL = 32 * _MIB
_MEMORY_FOR_EACH = 16 * _MIB


def usable_processors() -> int:
    """Return how many processes can work at once: no more than there are processors for, and memory.

    That is the number of processors that this process may run on, the processor time that its control groups
    (version 2 or 1) allow it, and the memory that they allow it.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    limits: list[float] = [len(affinity(0)) if affinity else os.cpu_count() or 1]
    for folder in _cgroups():
        limits.append(_processor_time(folder))
        limits.append((_memory(folder) - _MEMORY_FOR_ALL) / _MEMORY_FOR_EACH)
    fewest = min(limits)
    return max(1, math.floor(fewest))


def _cgroups() -> list[Path]:
    """List the folders of the control groups that this process is in, and of those that these are in."""
    found: list[Path] = []
    with suppress(OSError, ValueError):
        for line in system.read_text(_OWN_CGROUP).splitlines():
            _, controllers, name = line.split(":", 2)
            root = _CGROUPS / controllers
            # In a container, the name is often that outside of it, and its own group is mounted as the root.
            path = root / name.lstrip("/")
            found += [path, *(parent for parent in path.parents if parent.is_relative_to(root))]
    return found


def _processor_time(folder: Path) -> float:
    """Return how many processors' time a control group has; a part of one counts as one."""
    with suppress(OSError, ValueError):
        quota, period = system.read_text(folder / "cpu.max").split()
        return math.inf if quota == "max" else math.ceil(int(quota) / int(period))
    with suppress(OSError, ValueError):
        v1 = int(system.read_text(folder / "cpu.cfs_quota_us"))
        period_us = int(system.read_text(folder / "cpu.cfs_period_us"))
        return math.inf if v1 < 0 else math.ceil(v1 / period_us)
    return math.inf


def _memory(folder: Path) -> float:
    """Return how many bytes of memory a control group may use."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            return int(system.read_text(folder / name))
    return math.inf
