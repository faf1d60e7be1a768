"""The address of a scheduler -> workers elsewhere. Dask's `distributed` has its one door here."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from streamgaps.exceptions import ConfigurationError, WorkerError, reason
from streamgaps.log import log
from streamgaps.parallel import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LOCAL", "open_cluster"]

_Result = TypeVar("_Result")

LOCAL = "local"
"""The scheduler that is started here, with workers on this machine."""

_INSTALL = "pip install 'streamgaps[dask]'"
_RETRIES = 2
"""How often a unit is read again after an error that may have been that of one worker's machine."""

_COUNT_SECONDS = 5
"""How old the number of workers may be: to ask for it takes a message."""


@contextmanager
def open_cluster(scheduler: str, workers: int) -> Iterator[Pool]:
    """Connect to the workers of a Dask cluster.

    Args:
        scheduler: its address, `tcp://host:8786`; or `LOCAL`.
        workers: how many processes `LOCAL` starts.

    Raises:
        WorkerError: nobody is there, or processes cannot be started.
        ConfigurationError: that is no address, or Dask is not installed.
    """
    try:
        import distributed  # noqa: PLC0415 -- it takes 0.5 s
        from distributed.comm import CommClosedError  # noqa: PLC0415
        from distributed.scheduler import KilledWorker  # noqa: PLC0415
    except ImportError as error:
        message = f"something that it takes to use a cluster is not installed: {error.name}: {_INSTALL}"
        raise ConfigurationError(message) from error
    with ExitStack() as stack:
        # What goes wrong is said here; Dask's own words are for who looks after a cluster, and in its logs.
        stack.enter_context(_quiet("distributed"))
        try:
            if scheduler == LOCAL:
                cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,  # our own bound is lower than any that Dask would set
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
                stack.enter_context(cluster)
                scheduler = cluster.scheduler_address
            client = stack.enter_context(distributed.Client(scheduler, set_as_default=False))
        except ValueError as error:
            message = f"{scheduler}: is no address of a scheduler, as tcp://host:8786 is: {error}"
            raise ConfigurationError(message) from error
        except (OSError, RuntimeError) as error:
            message = f"{scheduler}: the scheduler cannot be reached: {reason(error)}"
            raise WorkerError(message) from error
        executor = _Executor(client)
        yield Pool(lambda: executor, _Width(client), is_elsewhere=True, deaths=(KilledWorker, CommClosedError))


class _Executor(Executor):
    """Submits to a cluster.

    Not `Client.get_executor()`: where a worker is lost while its result is fetched, that gives an error of its own.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 -- Dask is loaded only if it is used
        self._client = client

    def submit(self, call: Callable[..., _Result], /, *arguments: Any, **_: Any) -> Future[_Result]:  # noqa: ANN401
        """Have a call done by a worker, and once more if that is lost."""
        there = self._client.submit(call, *arguments, pure=False, retries=_RETRIES)
        here: Future[_Result] = Future()
        here.add_done_callback(lambda done: there.cancel() if done.cancelled() else None)
        there.add_done_callback(lambda _: _fetch(there, here))  # in a thread of the client's
        return here


def _fetch(there: Any, here: Future[Any]) -> None:  # noqa: ANN401
    """Take over what a call has come to, unless nobody waits for that any more."""
    try:
        result = there.result()
    except Exception as error:  # noqa: BLE001 -- it is raised where the result is waited for
        with suppress(InvalidStateError):
            here.set_exception(error)
    else:
        with suppress(InvalidStateError):
            here.set_result(result)


class _Width:
    """How many units the workers of a cluster read at once: they come and go."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 -- Dask is loaded only if it is used
        self._client = client
        self._counted = -float(_COUNT_SECONDS)
        self._width = 1

    def __call__(self) -> int:
        """Return their number; what it was, if nobody can be asked now."""
        now = time.monotonic()
        if now - self._counted >= _COUNT_SECONDS:
            is_first, self._counted = self._counted < 0, now
            threads = sum(self._client.nthreads().values())
            if is_first and not threads:
                log.warning("streamgaps.no_workers", note="the cluster has none now; the run waits for them")
            self._width = max(1, threads)
        return self._width


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
