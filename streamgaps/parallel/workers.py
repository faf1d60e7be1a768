"""Processes that work for this one, and never longer.

Not `concurrent.futures.ProcessPoolExecutor`: its processes share one pipe for their results, and if one of them
is killed while it writes there, whoever waits for a result waits for ever.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeVar

from streamgaps import system
from streamgaps.exceptions import WorkerError, reason
from streamgaps.signals import STOPPING, signal_mask, spawn_mask

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

__all__ = ["Workers"]

_AHEAD = 2
"""How many tasks a worker has at once: the one that it does, and the next."""

_AHEAD_BYTES = 4096
"""How long the next may be: what a pipe surely holds (that of macOS 8 KiB), for a worker may be busy with writing its
answer, and then reads nothing before that is read."""

_NOT_STARTED = (
    'it could not start; a program needs `if __name__ == "__main__":` around the call: on macOS and Windows, and on '
    "Linux where it has threads"
)

_Result = TypeVar("_Result")


class _Task(Future[Any]):
    """A future that is waited for by collecting what the workers send. There is no thread that does it."""

    def __init__(self, workers: Workers, call: Callable[[], Any]) -> None:
        super().__init__()
        self.message = pickle.dumps(call)
        self._workers = workers

    def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401 -- whatever was called returns
        """Wait for the result, or raise what the call raised; BrokenExecutor if a worker died."""
        while not self.done() and self._workers.collect(timeout):
            pass
        return super().result(0)


class _Worker:
    """A process, our end of its pipe, and the tasks that it has."""

    def __init__(self) -> None:
        # To fork is fast, and safe while there is only one thread.
        can_fork = sys.platform == "linux" and _threads() == 1
        context = multiprocessing.get_context("fork" if can_fork else "spawn")
        self.pipe, theirs = context.Pipe()
        inherited = self.pipe if can_fork else None
        self.process: BaseProcess = context.Process(target=_work, args=(theirs, inherited), daemon=True)  # type: ignore[attr-defined]
        self.tasks: deque[_Task] = deque()
        # It inherits what signals are blocked: to stop it is the business of this process.
        with signal_mask("SIG_BLOCK", STOPPING) if can_fork else spawn_mask(STOPPING):
            self.process.start()
        theirs.close()  # so that the pipe ends when the worker does
        self.has_answered = can_fork

    def may_have(self, task: _Task, busy: int) -> bool:
        """Say whether it may have this task, too, if it may have so many before it."""
        return len(self.tasks) <= busy and (not self.tasks or len(task.message) <= _AHEAD_BYTES)

    def give(self, task: _Task) -> None:
        """Send it a task."""
        self.tasks.append(task)
        try:
            # Not send(): when that fails, Python 3.12.1 crashes at exit, because the traceback keeps its buffer.
            self.pipe.send_bytes(task.message)
        except OSError as error:
            raise BrokenExecutor(self.why_it_died()) from error

    def why_it_died(self) -> str:
        """Say what is most likely."""
        if self.has_answered:
            return "it was killed, or ran out of memory"
        return _NOT_STARTED


class Workers(Executor):
    """An executor for one thread: what is submitted is done while `result()` is waited for, and in no other way.

    At the end of the `with` block the processes are killed, whatever they do. They end as well if this process dies.
    """

    def __init__(self, count: int) -> None:
        self._queue: deque[_Task] = deque()
        self._workers: list[_Worker] = []
        try:
            for _ in range(count):
                self._workers.append(_Worker())
        except (OSError, AssertionError) as error:  # AssertionError: a process that may not have children
            self.shutdown()
            message = f"{count} processes cannot be started: {reason(error)}; try fewer jobs, or one"
            raise WorkerError(message) from error

    def submit(self, call: Callable[..., _Result], /, *arguments: Any, **keywords: Any) -> Future[_Result]:  # noqa: ANN401
        """Have a call done; both it and what it returns must be picklable."""
        task = _Task(self, partial(call, *arguments, **keywords))
        self._queue.append(task)
        self._hand_out()
        return task

    def collect(self, timeout: float | None = None) -> bool:
        """Wait until some worker has a result, take it, and give the worker something to do.

        Returns:
            Whether there was one in time, given in seconds.

        Raises:
            BrokenExecutor: a worker died.
        """
        ready = wait([worker.pipe for worker in self._workers], timeout)
        for worker in self._workers:
            if worker.pipe in ready:
                try:
                    error, result = pickle.loads(worker.pipe.recv_bytes())  # noqa: S301 -- from our own worker
                except (EOFError, OSError) as dead:
                    raise BrokenExecutor(worker.why_it_died()) from dead
                worker.has_answered = True
                task = worker.tasks.popleft()
                task.set_result(result) if error is None else task.set_exception(error)
        self._hand_out()
        return bool(ready)

    def _hand_out(self) -> None:
        for busy in range(_AHEAD):
            for worker in self._workers:
                while self._queue and worker.may_have(self._queue[0], busy):
                    task = self._queue.popleft()
                    if task.set_running_or_notify_cancel():
                        worker.give(task)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- as in the base
        """Kill the processes."""
        del wait, cancel_futures
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()


def _threads() -> int:
    """Count the threads of this process; those that are not Python's too, where the system tells."""
    try:
        return len(system.listdir("/proc/self/task"))
    except OSError:  # /proc is not there
        return threading.active_count()


def _work(pipe: Connection, other_end: Connection | None) -> None:
    """Do one task after the other, as long as there is somebody to do them for: until the pipe ends."""
    if other_end is not None:
        other_end.close()
    if not hasattr(signal, "pthread_sigmask"):  # where it is there, the signals that stop us are blocked already
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            call = pickle.loads(pipe.recv_bytes())  # noqa: S301 -- from who started us
        except (EOFError, OSError):
            os._exit(0)
        answer = _answer(call)
        try:
            pipe.send_bytes(answer)
        except OSError:
            os._exit(0)


def _answer(call: Callable[[], Any]) -> bytes:
    """Return the error that a call raises, or what it returns, as it is sent."""
    try:
        return pickle.dumps((None, call()))
    except MemoryError as error:
        return pickle.dumps((error, None))
    except Exception as error:  # noqa: BLE001 -- it is raised where the result is waited for
        try:
            answer = pickle.dumps((error, None))
            pickle.loads(answer)  # noqa: S301 -- our own; here, for where it is waited for that would hide the error
        except Exception:  # noqa: BLE001 -- an error may hold anything
            answer = pickle.dumps((RuntimeError(repr(error)), None))
        return answer
