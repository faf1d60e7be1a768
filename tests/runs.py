"""One file, read by one process and by several: what comes out must be the same."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from streamgaps import InputError, Skip, Tally, UnresolvedPath, iter_gaps
from streamgaps.parallel import Part, read_parts
from streamgaps.settings import make_settings
from streamgaps.sources import open_source
from streamgaps.stages.write import write
from tests.doubles import Here

Outcome = tuple[bytes, list[Skip | UnresolvedPath], Tally, str]
"""The lines of gaps, what is told, the counts, and the words of the error."""


def in_a_row(path: Path, form: str = "array", **options: Any) -> Outcome:
    """Read a file as one process does."""
    notices: list[Skip | UnresolvedPath] = []
    tally, file, error = Tally(), io.BytesIO(), ""
    gaps = iter_gaps(path, videos_dir="/videos", format=form, on_warning=notices.append, tally=tally, **options)
    try:
        for _ in write(gaps, file):
            pass
    except InputError as refused:
        error = str(refused).removeprefix(f"{path}: ")
    return file.getvalue(), notices, tally, error


def parts_of(path: Path, executor: Executor, range_bytes: int, *, jobs: int = 2, **options: Any) -> Iterator[Part]:
    """Read a file in parts."""
    settings = make_settings({"videos_dir": "/videos", "format": "array", **options})  # type: ignore[typeddict-item]
    with open_source(path) as source:
        assert source.file is not None
        yield from read_parts(
            source.file, executor, jobs=jobs, settings=settings, found=settings.shape.format, range_bytes=range_bytes
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


Found = tuple[list[Any], InputError | None]


def taken(batches: Iterable[list[Any]]) -> Found:
    """Take all items, and the error that ends them."""
    items: list[Any] = []
    try:
        for batch in batches:
            items += batch
    except InputError as error:
        return items, error
    return items, None
