from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Future
from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest

from streamgaps import WorkerError
from streamgaps.parallel import workers as workers_module
from streamgaps.parallel.workers import Workers, _work, _Worker

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class Odd(Exception):  # noqa: N818 -- it is no error of ours
    """An exception that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("odd", lambda: None)


class Coded(Exception):  # noqa: N818 -- as above
    """An exception that is pickled, and cannot be unpickled: its arguments are not those of its class."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text}: {code}")


def fail(error: Exception) -> NoReturn:
    """Raise it."""
    raise error


def fail_oddly() -> NoReturn:
    """Raise what cannot be pickled."""
    raise Odd


def fail_oddly_there() -> NoReturn:
    """Raise what cannot be unpickled."""
    raise Coded(5, "odd")


def die() -> None:
    """End without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def large(number: int) -> bytes:
    """Return more than a pipe holds."""
    return bytes([number]) * 3_000_000


def test_results_come_to_whom_they_belong() -> None:
    """In any order, however large they are."""
    with Workers(2) as workers:
        futures = [workers.submit(large, number) for number in range(20)]
        for number in (19, 0, *range(20)):
            assert large(number) == futures[number].result()


def longer(text: bytes) -> bytes:
    """Return more than a pipe holds, and more than was sent."""
    return text * 2


@pytest.mark.timeout(60)
def test_nobody_waits_for_ever_where_calls_and_results_are_large() -> None:
    """A worker that sends a result reads nothing meanwhile."""
    with Workers(2) as workers:
        futures = [workers.submit(longer, bytes([number]) * 3_000_000) for number in range(10)]
        assert [bytes([number]) * 6_000_000 for number in range(10)] == [future.result() for future in futures]


def test_what_a_call_raises_is_raised_where_its_result_is_wanted() -> None:
    """And the worker goes on; what cannot be pickled, or unpickled, is told in words."""
    with Workers(1) as workers:
        futures: list[Future[Any]] = [workers.submit(fail, MemoryError("full")), workers.submit(fail_oddly)]
        futures += [workers.submit(abs, -1), workers.submit(fail_oddly_there), workers.submit(abs, -2)]
        with pytest.raises(MemoryError, match="full"):
            futures[0].result()
        with pytest.raises(RuntimeError, match="Odd"):
            futures[1].result()
        assert futures[2].result() == 1
        with pytest.raises(RuntimeError, match=r"Coded\('odd: 5'\)"):
            futures[3].result()
        assert futures[4].result() == 2


def test_a_call_gets_all_its_arguments() -> None:
    """By their names, too."""
    with Workers(1) as workers:
        assert 5 == workers.submit(int, "101", base=2).result()


def test_a_worker_that_inherits_no_blocked_signals_ignores_what_a_terminal_sends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where there are none, as on Windows."""

    class Ended:
        def recv_bytes(self) -> NoReturn:
            raise EOFError

    monkeypatch.delattr(signal, "pthread_sigmask")
    monkeypatch.setattr(os, "_exit", sys.exit)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit):
            _work(cast("Connection", Ended()), None)
        assert signal.SIG_IGN == signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_is_cancelled_in_time_is_not_done() -> None:
    """A worker has two tasks at most; the others can still be cancelled."""
    with Workers(1) as workers:
        futures = [workers.submit(time.sleep, 0.01) for _ in range(5)]
        assert [False, False, True, True] == [future.cancel() for future in futures[:4]]
        futures[4].result()


def test_a_dead_worker_breaks_the_executor() -> None:
    """Whoever waits is told, and nobody waits for ever."""
    with Workers(2) as workers, pytest.raises(BrokenExecutor, match="it was killed"):
        for future in [workers.submit(abs, -1) for _ in range(4)]:  # both of them have started
            assert future.result() == 1
        dead = workers.submit(die)
        results = [workers.submit(large, 1) for _ in range(10)]
        for result in results:
            result.result()
        dead.result()


def test_workers_that_cannot_be_started_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that could are ended."""
    started: list[_Worker] = []

    class Few(_Worker):
        def __init__(self) -> None:
            if len(started) == 2:
                raise OSError(errno.EAGAIN, "no more processes")
            super().__init__()
            started.append(self)

    monkeypatch.setattr(workers_module, "_Worker", Few)
    with pytest.raises(WorkerError, match="3 processes cannot be started: no more processes; try fewer jobs"):
        Workers(3)
    assert not any(worker.process.is_alive() for worker in started)


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.01])
def test_workers_are_killed_whatever_they_do(delay: float) -> None:
    """Also in the middle of a result."""
    begin = time.monotonic()
    with Workers(2) as workers:
        for number in range(10):
            workers.submit(large, number)
        workers.submit(time.sleep, 1000)
        time.sleep(delay)
    assert time.monotonic() - begin < 60


def test_spawned_workers_leave_signals_to_this_process() -> None:
    """Those that fork cannot serve, for there are threads; the first that a program starts, too."""
    code = """
import signal, threading
from streamgaps.signals import STOPPING
from streamgaps.parallel.workers import Workers
threading.Thread(target=threading.Event().wait, daemon=True).start()
with Workers(2) as workers:
    asked = [workers.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()) for _ in range(2)]
    print([STOPPING <= one.result() for one in asked])
print(STOPPING & signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("[True, True]\nset()\n", "")
