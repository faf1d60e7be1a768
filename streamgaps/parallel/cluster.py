"""The address of a scheduler -> workers elsewhere. Dask's `distributed` has its one door here."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
import warnings
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from streamgaps import __version__
from streamgaps.exceptions import ConfigurationError, WorkerError, reason
from streamgaps.log import log
from streamgaps.parallel.dispatch import Pool
from streamgaps.signals import spawn_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LOCAL", "check_scheduler", "open_cluster"]

_Result = TypeVar("_Result")

LOCAL = "local"
"""The scheduler that is started here, with workers on this machine."""

_INSTALL = "pip install 'streamgaps[dask]'"
_NO_WORKERS = 'its workers cannot be started; a program needs `if __name__ == "__main__":` around the call'
_CHECK = "; check that it runs, and the address"
_RETRIES = 2
"""How often a unit is read again after an error that may have been that of one worker's machine."""

_COUNT_SECONDS = 5
"""How old the number of workers may be: to ask for it takes a message."""


def check_scheduler(scheduler: str, *, jobs: int | None, executor: Executor | None) -> None:
    """Refuse what is no address, or contradicts the choice of a cluster.

    Raises:
        ConfigurationError: it is refused.
    """
    if executor is not None:
        message = "scheduler contradicts executor; give one of them"
        raise ConfigurationError(message)
    if scheduler != LOCAL and "://" not in scheduler:
        message = f"the scheduler (--scheduler) must be local, or an address such as tcp://host:8786, not {scheduler!r}"
        raise ConfigurationError(message)
    if scheduler != LOCAL and jobs not in (None, 1):
        message = "the scheduler has as many workers as it has: jobs (--jobs) has an effect on a local one only"
        raise ConfigurationError(message)


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
        message = f"a cluster needs Dask, which is not installed ({error.name} is missing): {_INSTALL}"
        raise ConfigurationError(message) from error
    with ExitStack() as stack:
        # What goes wrong is said here; Dask's own words are for who looks after a cluster, and in its logs.
        stack.enter_context(_quiet("distributed"))
        try:
            if scheduler == LOCAL:
                scheduler = stack.enter_context(_local_cluster(workers))
            else:
                _check_address(scheduler)
            with warnings.catch_warnings():  # of other versions of libraries that do no work for us
                warnings.simplefilter("ignore")
                client = stack.enter_context(distributed.Client(scheduler, set_as_default=False))
            _check_all_have_it(client)
        except WorkerError:  # which is a RuntimeError, too
            raise
        except (OSError, RuntimeError, asyncio.TimeoutError) as error:
            what, hint = (_NO_WORKERS, "") if scheduler == LOCAL else ("the scheduler cannot be reached", _CHECK)
            message = f"{scheduler}: {what}: {reason(error)}{hint}"
            raise WorkerError(message) from error
        executor = _Executor(client)
        yield Pool(lambda: executor, _Width(client), is_elsewhere=True, deaths=(KilledWorker, CommClosedError))


@contextmanager
def _local_cluster(workers: int) -> Iterator[str]:
    """Start a scheduler and workers on this machine; it is given its address."""
    from distributed import LocalCluster  # noqa: PLC0415 -- it takes 0.5 s
    from distributed.utils import LoopRunner  # noqa: PLC0415

    runner = LoopRunner()
    # A terminal sends it to all processes, and each would show where it is; to stop them is the business of this one.
    with spawn_mask({signal.SIGINT}):
        runner.start()
    try:
        with LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # our own bound is lower than any that Dask would set
            dashboard_address="127.0.0.1:0",  # with None its port is 8787, which may be taken
            silence_logs=logging.CRITICAL,
            loop=runner.loop,
        ) as cluster:
            yield cluster.scheduler_address
    finally:
        runner.stop()


def _check_address(scheduler: str) -> None:
    """Refuse what can be no address, before a client does: one that cannot start keeps the process from ending."""
    from distributed.comm import get_address_host_port, parse_address  # noqa: PLC0415 -- it takes 0.5 s
    from distributed.security import Security  # noqa: PLC0415

    try:
        get_address_host_port(scheduler)
    except ValueError as error:
        message = f"the scheduler (--scheduler) cannot be {scheduler!r}, but what looks like tcp://host:8786: {error}"
        raise ConfigurationError(message) from error
    is_secret = parse_address(scheduler)[0] in ("tls", "wss")
    if is_secret and Security().get_connection_args("client").get("ssl_context") is None:
        message = (
            f"{scheduler}: Dask's settings name no certificates (distributed.comm.tls), which such an address needs"
        )
        raise ConfigurationError(message)


def _check_all_have_it(client: Any) -> None:  # noqa: ANN401 -- Dask is loaded only if it is used
    """Check that streamgaps is there: a worker without it dies of its first unit, and the run would wait for ever.

    Whether it is this version is found out with each unit: Dask asks for the one that was installed, and where somebody
    works on it, that is another one.
    """
    found = client.get_versions(packages=["streamgaps"])
    names = ["the scheduler", *(f"the worker {address}" for address in found["workers"])]
    known = [found["scheduler"], *found["workers"].values()]
    for who, versions in zip(names, known, strict=True):
        if versions["packages"].get("streamgaps") is None:
            message = f"{who} has no streamgaps; install version {__version__} there"
            raise WorkerError(message)


class _Executor(Executor):
    """Submits to a cluster.

    Not `Client.get_executor()`: where a worker is lost while its result is fetched, that gives an error of its own.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 -- Dask is loaded only if it is used
        self._client = client

    def submit(self, call: Callable[..., _Result], /, *arguments: Any, **keywords: Any) -> Future[_Result]:  # noqa: ANN401
        """Have a call done by a worker, and once more if that is lost."""
        if self._client.status not in ("running", "connecting"):  # such a future would never be done
            raise CancelledError
        there = self._client.submit(partial(call, **keywords), *arguments, pure=False, retries=_RETRIES)
        here: Future[_Result] = Future()
        loop = self._client.loop
        loop.add_callback(self._fetch, there, here)
        here.add_done_callback(lambda done: loop.add_callback(there.cancel) if done.cancelled() else None)
        return here

    async def _fetch(self, there: Any, here: Future[Any]) -> None:  # noqa: ANN401
        """Take over what a call has come to, unless nobody waits for that any more.

        In the client's loop: a thread that waits for that would wait for ever where the client is closed meanwhile, and
        Dask has one thread for the callbacks of all clients.
        """
        with suppress(InvalidStateError):
            try:
                here.set_result(await self._client.gather(there, asynchronous=True))
            except asyncio.CancelledError:
                here.set_exception(CancelledError())
            except Exception as error:  # noqa: BLE001 -- it is raised where the result is waited for
                here.set_exception(error)


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
            with suppress(OSError, RuntimeError, ValueError, asyncio.TimeoutError):  # who waits for a unit is told
                self._width = self._count(is_first=is_first)
        return self._width

    def _count(self, *, is_first: bool) -> int:
        threads: int = sum(self._client.nthreads().values())
        if is_first and not threads:
            log.warning("streamgaps.no_workers", note="the cluster has none now; the run waits for them")
        return max(1, threads)


@contextmanager
def _quiet(library: str) -> Iterator[None]:
    """Let a library log nothing in this process, for each of its loggers may have a level of its own."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == library]
    before = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in before:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)
