"""The pipeline read -> validate -> parse -> classify -> write, in a row or with parts of it side by side."""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from streamgaps.chain import find_gaps
from streamgaps.exceptions import ConfigurationError, InputError
from streamgaps.log import log
from streamgaps.machine import usable_processors
from streamgaps.model import Tally
from streamgaps.outputs import GAPS_NAME, open_outputs
from streamgaps.paths import PathResolver
from streamgaps.reports import text
from streamgaps.sources import open_source
from streamgaps.stages.read import MAX_RECORD_BYTES, Reader, read
from streamgaps.stages.write import write
from streamgaps.warn import log_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor

    from streamgaps.model import Gap, Skip, UnresolvedPath
    from streamgaps.parallel import Part
    from streamgaps.sources import RegularFile

__all__ = ["PARALLEL_FROM_BYTES", "analyze", "iter_gaps"]

PARALLEL_FROM_BYTES = 32 * 1024 * 1024
"""How long an input is, at least, for several processes to be faster than one: to start them takes 60 ms."""


def analyze(
    predictions: str | os.PathLike[str] | BinaryIO,
    results_dir: str | os.PathLike[str],
    *,
    videos_dir: str | os.PathLike[str] | None = None,
    reader: str = "auto",
    jobs: int | None = 1,
    executor: Executor | None = None,
    max_record_bytes: int = MAX_RECORD_BYTES,
    on_warning: Callable[[Skip | UnresolvedPath], None] | None = None,
    max_warnings: int | None = None,
    on_progress: Callable[[int, Tally], None] | None = None,
) -> Tally:
    """Write the false positives and false negatives of a predictions file, and a report.

    `results_dir` gets `kpi_gaps.jsonl`, one gap a line in the order of the input, and
    `kpi_gaps_report.txt`. Both appear whole at the end, or not at all. Without gaps there are no
    files; those of an earlier run are removed.

    Memory: bounded by a small constant (about 30 MiB with the interpreter, and 10 to 20 MiB for each further process)
    plus a few times the largest single record, for each process; not by the length of the file or the number of
    gaps. Of a record of more than 8 MiB only the fields that are used count, and its longest text.

    Args:
        predictions: a path, or a file open in binary mode, which is not closed. It holds a JSON array of
            objects with `video_id`, `response`, `gt` and, if you like, `question`.
        results_dir: the folder for the results; made if it does not exist.
        videos_dir: the folder that relative `video_id`s are relative to; the working directory if None or blank.
        reader: `"auto"` decodes whole blocks, and records of more than 8 MiB event by event; `"ijson"` decodes all
            event by event: slower, and it refuses some rare JSON that `json` reads.
        jobs: how many processes read a file at once; if None, as many as this process may use, but one for small
            files. The results are the same. Pipes, files that are open already and `reader="ijson"` are read by one
            process. A program that has threads needs `if __name__ == "__main__":` around the call.
        executor: reads ranges of the file instead of processes of our own; `jobs` is then how many it is to be given
            at once, at least 2. What it runs opens the file by its path; threads are no faster than one job.
        max_record_bytes: the length above which a record is refused; with `reader="ijson"` it may be found out up to
            two blocks (128 KiB) later.
        on_warning: called for each skipped sample and each path that cannot be resolved, instead of logging
            it with structlog.
        max_warnings: after how many warnings the others are only counted; never if None.
        on_progress: called after each block or range with the number of bytes read so far and the counts; of correct
            records those since the last gap or skip may be missing.

    Returns:
        The counts of the run.

    Raises:
        InputError: the input is refused; a ValueError. See its subclasses.
        SourceError: the input cannot be read, or does not exist (then also a FileNotFoundError); an OSError.
        OutputError: the results cannot be written; an OSError.
        WorkerError: a process that read a part of the input died; a RuntimeError.
        ConfigurationError: an argument makes no sense; a ValueError.
    """
    if not os.fspath(results_dir):
        message = "results_dir is empty; name a folder"
        raise ConfigurationError(message)
    chosen = _checked(reader, max_record_bytes)
    tally = Tally()
    on_warning = _limited(on_warning or log_warning, max_warnings)
    resolve = PathResolver(videos_dir, on_unresolved=on_warning)
    jobs = _jobs(predictions, chosen, jobs, executor)
    with open_source(predictions) as source, open_outputs(results_dir) as outputs, _named(source.name):
        if jobs == 1 or source.file is None:
            blocks = source.blocks if on_progress is None else _watched(source.blocks, tally, on_progress)
            batches = read(blocks, reader=chosen, max_record_bytes=max_record_bytes)
            gaps = find_gaps(batches, tally=tally, resolve=resolve, on_skip=on_warning)
            deque(write(gaps, outputs.gaps), maxlen=0)
        else:
            options = {"base": resolve.base, "max_record_bytes": max_record_bytes, "max_notices": max_warnings}
            for part in _parts(source.file, jobs, executor, **options):
                tally += part.tally
                deque(map(on_warning, part.notices), maxlen=0)
                outputs.gaps.write(part.gaps)
                if on_progress is not None:
                    on_progress(part.end, tally)
        outputs.commit(text.report(tally) if tally.gaps else None)
    if tally.gaps:
        log.info("streamgaps.gaps_written", path=str(Path(results_dir) / GAPS_NAME), count=tally.gaps)
    else:
        log.info("No KPI Gaps found!")
    return tally


def iter_gaps(
    predictions: str | os.PathLike[str] | BinaryIO,
    *,
    videos_dir: str | os.PathLike[str] | None = None,
    reader: str = "auto",
    max_record_bytes: int = MAX_RECORD_BYTES,
    on_warning: Callable[[Skip | UnresolvedPath], None] | None = None,
    tally: Tally | None = None,
) -> Iterator[Gap]:
    """Yield the gaps of a predictions file one at a time, writing nothing.

    Lazy: nothing is opened or read before the first gap is asked for, and then no more than it takes.
    An error in the input is raised after all gaps before it.

    >>> import io
    >>> file = io.BytesIO(b'[{"video_id": "/v/1.mp4", "response": "Yes.", "gt": "B. No"}]')
    >>> [(gap.index, gap.error_type.value, gap.video_id) for gap in iter_gaps(file)]
    [(0, 'FP', '/v/1.mp4')]

    Memory: as for `analyze`.

    Args:
        predictions: as for `analyze`.
        videos_dir: as for `analyze`.
        reader: as for `analyze`.
        max_record_bytes: as for `analyze`.
        on_warning: as for `analyze`.
        tally: where to count; up to date whenever you have got a gap, and at the end.

    Raises:
        InputError: the input is refused; a ValueError.
        SourceError: the input cannot be read; an OSError.
        ConfigurationError: an argument makes no sense; a ValueError.
    """
    chosen = _checked(reader, max_record_bytes)
    on_warning = on_warning or log_warning
    resolve = PathResolver(videos_dir, on_unresolved=on_warning)
    with open_source(predictions) as source, _named(source.name):
        batches = read(source.blocks, reader=chosen, max_record_bytes=max_record_bytes)
        tally = Tally() if tally is None else tally
        yield from find_gaps(batches, tally=tally, resolve=resolve, on_skip=on_warning)


def _checked(reader: str, max_record_bytes: int) -> Reader:
    if max_record_bytes < 1:
        message = f"max_record_bytes must be at least 1, not {max_record_bytes}"
        raise ConfigurationError(message)
    try:
        return Reader(reader)
    except ValueError as error:
        message = f"reader must be one of {', '.join(Reader)}, not {reader!r}"
        raise ConfigurationError(message) from error


def _jobs(predictions: object, reader: Reader, jobs: int | None, executor: Executor | None) -> int:
    """Choose how many processes there are to be."""
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        message = f"jobs must be None or a whole number from 1 on, not {jobs!r}"
        raise ConfigurationError(message)
    if reader is not Reader.AUTO or not isinstance(predictions, (str, os.PathLike)):
        return 1
    if executor is not None:
        return max(2, jobs or 0)
    if jobs is None:
        return usable_processors() if _size(predictions) >= PARALLEL_FROM_BYTES else 1
    return jobs


def _size(path: str | os.PathLike[str]) -> int:
    """Return the length of a file in bytes, 0 if it is no regular file; whether it can be read is found out later."""
    try:
        return Path(path).stat().st_size if Path(path).is_file() else 0
    except (OSError, ValueError):
        return 0


def _parts(file: RegularFile, jobs: int, executor: Executor | None, **options: Any) -> Iterator[Part]:  # noqa: ANN401 -- those of `read_parts`
    from streamgaps.parallel import read_parts  # noqa: PLC0415 -- many runs never need it
    from streamgaps.workers import Workers  # noqa: PLC0415

    with Workers(jobs) if executor is None else nullcontext(executor) as pool:
        yield from read_parts(file, pool, jobs=jobs, **options)
    file.check_unchanged()


def _limited(
    tell: Callable[[Skip | UnresolvedPath], None], limit: int | None
) -> Callable[[Skip | UnresolvedPath], None]:
    """Pass so many warnings on."""
    if limit is None:
        return tell
    left = limit

    def tell_limited(notice: Skip | UnresolvedPath) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            tell(notice)

    return tell_limited


@contextmanager
def _named(source: str) -> Iterator[None]:
    """Add to errors about the input which input it is: the stages do not know."""
    try:
        yield
    except InputError as error:
        error.source = source
        raise


def _watched(blocks: Iterable[bytes], tally: Tally, on_progress: Callable[[int, Tally], None]) -> Iterator[bytes]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        on_progress(done, tally)
