"""Run one command and print what it took: `python -S -E measure.py time|memory TIMEOUT ERRORS COMMAND...`.

It is a program of its own, and a small one, because a process is charged the memory of the one that started it,
if that is larger. It prints, in this order:

    status     as the command left it; -9 if it was stopped after TIMEOUT seconds
    wall       seconds from the start of the command to its end
    user, sys  seconds of CPU of the command and all its descendants, those too that it left behind
    maxrss     the largest resident size of any one of these processes, in KiB, exactly, as the kernel keeps it
    pss        the peak of the proportional sizes (PSS) of all of them together, in KiB; 0 in a run for `time`
    processes  how many there were at once, at most; 0 in a run for `time`

PSS shares out memory that several processes have in common, so that the sum counts it once. It is sampled 50 to
100 times a second, which takes CPU from the command: so a run measures either time or memory.
"""

# ruff: noqa: PTH123, PTH208, SIM105 -- pathlib and contextlib would make this process twice as large
from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_INTERVAL = 0.01


def main(mode: str, timeout: str, errors: str, *command: str) -> None:
    """Run `command`, with its standard error in the file `errors`, and print the figures."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans become ours, to be waited for
    begin = time.perf_counter()
    process = _start(command, errors)
    try:
        signal.signal(signal.SIGALRM, lambda *_: _kill(process))
        signal.alarm(int(timeout))
        pss, processes = _sample(process) if mode == "memory" else (0, 0)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        wall = time.perf_counter() - begin
        _wait_for_all()
    finally:
        _kill(process)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(status, wall, used.ru_utime, used.ru_stime, used.ru_maxrss, pss, processes)


def _start(command: tuple[str, ...], errors: str) -> int:
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    return os.posix_spawn(command[0], command, os.environ, file_actions=files, setsid=True)


def _kill(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _wait_for_all() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def _sample(leader: int) -> tuple[int, int]:
    """Watch the memory of the session of `leader` until it ends; return the peak, and the most processes seen."""
    peak = most = 0
    ours: dict[str, bool] = {}  # of each process of the machine, so that each is looked at once
    while os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        pids = [name for name in os.listdir("/proc") if name.isdecimal()]
        for pid in pids:
            if pid not in ours:
                ours[pid] = _session(pid) == leader
        sizes = [_pss(pid) for pid in pids if ours[pid]]
        peak, most = max(peak, sum(sizes)), max(most, len([size for size in sizes if size]))
        time.sleep(_INTERVAL)
    return peak, most


def _session(pid: str) -> int:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[3]) if fields else 0


def _pss(pid: str) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # it has just ended
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
