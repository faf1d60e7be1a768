"""What a run of the command takes, as a small process measures it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT, command

MIB = 1024 * 1024
_TIMEOUT = "3000"  # of the run; pytest's is shorter, as a rule


class Measured(NamedTuple):
    """How a run ended."""

    status: int
    cpu: float
    """Seconds."""
    largest: int
    """The most memory that the largest of its processes had, in bytes."""
    together: int
    """The most that all of them had, shared pages shared out; 0 if that was not asked for."""
    processes: int
    stderr: str

    @property
    def peak(self) -> int:
        """The most memory that it took."""
        return self.largest if self.processes < 2 else self.together


def measured(results: Path, path: Path, *options: str, mode: str = "memory") -> Measured:
    """Run `streamgaps analyze` on a file; mode `time` does not look at the memory of several processes."""
    return _finished(_start(results, str(path), options, mode), results)


def measured_pipe(results: Path, blocks: Iterable[bytes], *options: str) -> Measured:
    """Run `streamgaps analyze` on what comes through a pipe; how much of that it takes is up to it."""
    read_end, write_end = os.pipe()
    process = _start(results, f"/dev/fd/{read_end}", options, "time", read_end)
    os.close(read_end)
    with suppress(BrokenPipeError), os.fdopen(write_end, "wb", buffering=0) as pipe:
        pipe.writelines(blocks)
    return _finished(process, results)


def _start(results: Path, source: str, options: tuple[str, ...], mode: str, *descriptors: int) -> subprocess.Popen[str]:
    arguments = [*command("streamgaps"), "analyze", source, "-o", str(results), "-q", *options]
    # A small process measures: a child is charged the memory of the process that started it, if that is larger.
    measure = [sys.executable, "-S", "-E", str(ROOT / "benchmarks" / "measure.py"), mode, _TIMEOUT, f"{results}.log"]
    return subprocess.Popen([*measure, *arguments], stdout=subprocess.PIPE, text=True, pass_fds=descriptors)


def _finished(process: subprocess.Popen[str], results: Path) -> Measured:
    figures, _ = process.communicate()
    assert process.returncode == 0
    status, _, user, system, largest, together, processes = map(float, figures.split())
    stderr = Path(f"{results}.log").read_text("utf-8")
    return Measured(int(status), user + system, int(largest) * 1024, int(together) * 1024, int(processes), stderr)
