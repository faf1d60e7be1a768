"""Locks on files and folders, which end with the process that holds them, however it ends."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from streamgaps import system
from streamgaps.exceptions import as_output_error
from streamgaps.signals import STOPPING, signal_mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["close", "locked", "try_lock"]


@contextmanager
def locked(folders: Mapping[Path, str]) -> Iterator[None]:
    """Keep other runs away from folders. A run that is killed leaves no lock.

    Args:
        folders: how messages about each begin.

    Raises:
        OutputError: one cannot be opened.
    """
    if system.flock is None:
        yield
        return
    with ExitStack() as stack:
        descriptors: dict[tuple[int, int], int] = {}
        for folder, what in folders.items():
            with as_output_error(what):
                descriptor = system.open_descriptor(folder, os.O_RDONLY | system.FOLDER)
                stack.callback(close, descriptor)
                status = system.fstat(descriptor)
                descriptors[status.st_dev, status.st_ino] = descriptor  # under two names it is still one folder
        # In the same order in all runs, or two of them could wait for each other.
        for _, descriptor in sorted(descriptors.items()):
            # Whoever holds the lock may hold it long: that must not make us deaf.
            with signal_mask("SIG_UNBLOCK", STOPPING), suppress(OSError):  # a file system without locks
                system.flock(descriptor, system.LOCK)
        yield


def close(descriptor: int) -> None:
    """Close a folder, which has nothing left to write."""
    with suppress(OSError):
        system.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file; False if another run holds it, or the file system has no locks."""
    if system.flock is None:
        return False
    try:
        system.flock(descriptor, system.LOCK_NOW)
    except OSError:
        return False
    return True
