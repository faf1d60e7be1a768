"""Stand-ins for files that misbehave, and for processes."""

from __future__ import annotations

import errno
import os
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, Any

from streamgaps import system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Cut the data into blocks of `size` bytes."""
    return (data[at : at + size] for at in range(0, len(data), size))


class ChunkedFile:
    """A binary file that gives `size` bytes at a time, whatever is asked for."""

    def __init__(self, data: bytes, size: int) -> None:
        self._blocks = cut(data, size)

    def read(self, _: int = -1) -> bytes:
        """Read a piece."""
        return next(self._blocks, b"")


class NoFurther:
    """A binary file that must not be read beyond the data it was given."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = iter(blocks)

    def read(self, _: int = -1) -> bytes:
        """Read a piece, or fail."""
        block = next(self._blocks, None)
        assert block is not None, "read further than it was needed"
        return block


class NthCall:
    """Makes the n-th call to the system fail, or all from there on; or does something before it."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, n: int, act: Callable[[], object] | None = None, *, lasts: bool = False
    ) -> None:
        self.calls = 0
        self.name = ""
        self._n = n
        self._act = act
        self._lasts = lasts
        for name in system.CALLS:
            call = getattr(system, name)
            if call is not None:
                monkeypatch.setattr(system, name, self._wrap(name, call))

    def _wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self._n or (self._lasts and self.calls > self._n):
                self.name = name
                if self._act is None:
                    if name == "close":  # closes even if it fails
                        call(*args)
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                self._act()
            return call(*args, **kwargs)

        return wrapped


class Here(Executor):
    """Does everything at once, in the same thread."""

    def __init__(self, *, broken_from: int = 10**9) -> None:
        self.tasks: list[Any] = []
        self._broken_from = broken_from

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        self.tasks.append(arguments[0])
        if len(self.tasks) > self._broken_from:
            future.set_exception(BrokenExecutor())
        else:
            future.set_result(call(*arguments))
        return future
