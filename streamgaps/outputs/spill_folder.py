"""The folder beside the gaps where workers put what is too long to be sent."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from streamgaps import system
from streamgaps.outputs.locks import close, try_lock

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SpillFolder"]


class SpillFolder:
    """A folder for what workers write; it is locked while its run lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def make(self) -> None:
        """Make it."""
        system.mkdir(self.path)
        with suppress(OSError):  # who sweeps then finds no lock: better than no run
            self._lock()

    def _lock(self) -> bool:
        """Lock it; False if another run holds it, or it cannot be told."""
        if system.flock is None:
            return False
        self._descriptor = system.open_descriptor(self.path, os.O_RDONLY | system.FOLDER | system.NO_LINK)
        return try_lock(self._descriptor)

    def sweep(self) -> None:
        """Remove it, if nobody has locked it; or where there are no locks, what of it can be removed."""
        try:
            if system.flock is None or self._lock():
                self._remove()
        finally:
            self._unlock()

    def discard(self) -> None:
        """Remove it."""
        self._remove()
        self._unlock()

    def _remove(self) -> None:
        # A worker that was not told in time may put something there even now; the next run has to do it then.
        with suppress(OSError, MemoryError):
            for name in system.listdir(self.path):
                with suppress(OSError):
                    system.unlink(self.path / name)
        with suppress(OSError, MemoryError):
            system.rmdir(self.path)

    def _unlock(self) -> None:
        if self._descriptor is not None:
            close(self._descriptor)
            self._descriptor = None
