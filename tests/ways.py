"""The same job in a row and in parts, for a comparison."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

from streamgaps import Gap, InputError, Skip, Tally, UnresolvedPath, iter_gaps
from streamgaps.parallel import Part, read_parts
from streamgaps.settings import make_settings
from streamgaps.sources import open_source
from streamgaps.stages.write import write

Outcome = tuple[bytes, list[Skip | UnresolvedPath], Tally, str]


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


def in_a_row(path: Path, form: str = "array", **options: Any) -> Outcome:
    """Read a file as one process does."""
    notices: list[Skip | UnresolvedPath] = []
    tally, file, error = Tally(), io.BytesIO(), ""
    gaps: Iterator[Gap] = iter_gaps(
        path, videos_dir="/videos", format=form, on_warning=notices.append, tally=tally, **options
    )
    try:
        for _ in write(gaps, file):
            pass
    except InputError as refused:
        error = str(refused).removeprefix(f"{path}: ")
    return file.getvalue(), notices, tally, error


def parts_of(path: Path, executor: Executor, range_bytes: int, **options: Any) -> Iterator[Part]:
    """Read a file in parts."""
    settings = make_settings({"videos_dir": "/videos", "format": "array", **options})  # type: ignore[typeddict-item]
    with open_source(path) as source:
        assert source.file is not None
        yield from read_parts(
            source.file, executor, jobs=2, settings=settings, found=settings.shape.format, range_bytes=range_bytes
        )


def in_parts(
    path: Path, range_bytes: int, executor: Executor | None = None, form: str = "array", **options: Any
) -> Outcome:
    """Read a file as several processes do."""
    notices: list[Skip | UnresolvedPath] = []
    tally, data, error = Tally(), b"", ""
    try:
        for part in parts_of(path, executor or Here(), range_bytes, format=form, **options):
            tally += part.tally
            data += part.gaps
            notices += part.notices
    except InputError as refused:
        error = str(refused)
    return data, notices, tally, error
