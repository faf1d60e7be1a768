"""Stand-ins for files that misbehave, and for processes."""

from __future__ import annotations

import errno
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, Any

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


class FailingCalls:
    """Makes the n-th of a module's calls fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, names: tuple[str, ...], n: int) -> None:
        self.calls = 0
        self._n = n
        for name in names:
            monkeypatch.setattr(module, name, self._wrap(getattr(module, name)))

    def _wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self._n:
                if call.__name__ == "close":  # closes even if it fails
                    call(*args)
                raise OSError(errno.EIO, "made to fail")
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
