"""Which signals ask us to stop, and how they are made to wait."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STOPPING", "signal_mask", "spawn_mask"]

STOPPING: set[int] = {getattr(signal, name) for name in ("SIGHUP", "SIGINT", "SIGTERM") if hasattr(signal, name)}
"""The signals that ask a process to stop, as far as this system has them."""


@contextmanager
def signal_mask(how: str, signals: set[int]) -> Iterator[set[int]]:
    """Change which signals wait, give those that waited before, and change it back."""
    if not hasattr(signal, "pthread_sigmask"):
        yield set()
        return
    before: set[int] = signal.pthread_sigmask(getattr(signal, how), signals)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def spawn_mask(signals: set[int]) -> Iterator[None]:
    """Block signals in processes spawned, and threads started, inside the block.

    multiprocessing's resource tracker is started first, because starting it unblocks SIGINT and SIGTERM (up to
    Python 3.13 at least).
    """
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker  # noqa: PLC0415 -- many runs never need it

        resource_tracker.ensure_running()
    with signal_mask("SIG_BLOCK", signals):
        yield
