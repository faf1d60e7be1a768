"""One file, read by one process and by several: what comes out must be the same."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamgaps import InputError, Skip, Tally, UnresolvedPath, iter_gaps
from streamgaps.parallel.ahead import Ahead
from streamgaps.parallel.dispatch import Pool
from streamgaps.settings import make_settings
from streamgaps.stages.write import write
from tests.doubles import Here

if TYPE_CHECKING:
    from streamgaps.parallel.units import Part

RANGES: dict[str, Any] = Ahead.__init__.__kwdefaults__ or {}
"""Where the length of ranges can be set, under `range_bytes`."""

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


class Taken:
    """What inputs come to, as it is taken."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parts: list[Part] = []

    def begin(self, name: str) -> None:
        """Begin to take an input."""
        self.names.append(name)

    def take(self, name: str, part: Part) -> None:
        """Take a part."""
        assert name == self.names[-1]
        self.parts.append(part)

    def show_progress(self) -> None:
        """Show nobody."""


def read_ahead(
    inputs: Sequence[Path], taken: Taken, executor: Executor, range_bytes: int, *, jobs: int = 2, **options: Any
) -> None:
    """Have inputs read by an executor."""
    settings = make_settings({"videos_dir": "/videos", "format": "array", **options})  # type: ignore[typeddict-item]
    pool = Pool(lambda: executor, lambda: jobs)
    Ahead(pool, taken, settings=settings, range_bytes=range_bytes).read(inputs)  # type: ignore[arg-type]  # the rest is not called


def parts_of(path: Path, executor: Executor, range_bytes: int, *, jobs: int = 2, **options: Any) -> list[Part]:
    """Read a file in parts."""
    taken = Taken()
    read_ahead([path], taken, executor, range_bytes, jobs=jobs, **options)
    return taken.parts


def in_parts(
    path: Path,
    range_bytes: int,
    executor: Executor | None = None,
    form: str = "array",
    jobs: int = 2,
    **options: Any,
) -> Outcome:
    """Read a file as several processes do."""
    taken, error = Taken(), ""
    try:
        read_ahead([path], taken, executor or Here(), range_bytes, jobs=jobs, format=form, **options)
    except InputError as refused:
        error = str(refused).removeprefix(f"{path}: ")
    tally, notices = Tally(), []
    for part in taken.parts:
        tally += part.tally
        notices += part.notices
    return b"".join(part.gaps for part in taken.parts), notices, tally, error


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
