"""The chain read -> validate -> parse -> classify -> write, written here and nowhere else."""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import structlog

from streamgaps.exceptions import ConfigurationError, InputError
from streamgaps.model import Tally
from streamgaps.outputs import GAPS_NAME, open_outputs
from streamgaps.paths import PathResolver
from streamgaps.reports import text
from streamgaps.sources import open_source
from streamgaps.stages.classify import classify
from streamgaps.stages.parse import parse
from streamgaps.stages.read import MAX_RECORD_BYTES, read
from streamgaps.stages.validate import validate
from streamgaps.stages.write import write
from streamgaps.warn import log_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.model import Gap, Skip, UnresolvedPath

__all__ = ["analyze", "iter_gaps"]

log = structlog.get_logger("streamgaps")


def analyze(
    predictions: str | os.PathLike[str] | BinaryIO,
    results_dir: str | os.PathLike[str],
    *,
    videos_dir: str | os.PathLike[str] | None = None,
    max_record_bytes: int = MAX_RECORD_BYTES,
    on_warning: Callable[[Skip | UnresolvedPath], None] | None = None,
    on_progress: Callable[[int, Tally], None] | None = None,
) -> Tally:
    """Write the false positives and false negatives of a predictions file, and a report.

    `results_dir` gets `kpi_gaps.jsonl`, one gap a line in the order of the input, and
    `kpi_gaps_report.txt`. Both appear whole at the end, or not at all. Without gaps there are no
    files; those of an earlier run are removed.

    Memory: bounded by a small constant (about 30 MiB with the interpreter) plus the largest single record
    decoded; not by the length of the file or the number of gaps.

    Args:
        predictions: a path, or a file open in binary mode, which is not closed. It holds a JSON array of
            objects with `video_id`, `response`, `gt` and, if you like, `question`.
        results_dir: the folder for the results; made if it does not exist.
        videos_dir: the folder that relative `video_id`s are relative to; the working directory if None or blank.
        max_record_bytes: the length above which a record is refused; it may be found out up to two blocks
            (128 KiB) later.
        on_warning: called for each skipped sample and each path that cannot be resolved, instead of logging
            it with structlog.
        on_progress: called after each block with the number of bytes read so far and the counts.

    Returns:
        The counts of the run.

    Raises:
        InputError: the input is refused; a ValueError. See its subclasses.
        SourceError: the input cannot be read, or does not exist (then also a FileNotFoundError); an OSError.
        OutputError: the results cannot be written; an OSError.
        ConfigurationError: `videos_dir` or `max_record_bytes` makes no sense; a ValueError.
    """
    if not os.fspath(results_dir):
        message = "results_dir is empty; name a folder"
        raise ConfigurationError(message)
    tally = Tally()
    on_warning = on_warning or log_warning
    resolve = PathResolver(videos_dir, on_unresolved=on_warning)
    with open_source(predictions) as source, open_outputs(results_dir) as outputs, _named(source.name):
        blocks = source.blocks if on_progress is None else _watched(source.blocks, tally, on_progress)
        gaps = _gaps(blocks, tally, resolve, on_warning, max_record_bytes)
        _exhaust(write(gaps, outputs.gaps))
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
        max_record_bytes: as for `analyze`.
        on_warning: as for `analyze`.
        tally: where to count; yours to read at any time.

    Raises:
        InputError: the input is refused; a ValueError.
        SourceError: the input cannot be read; an OSError.
        ConfigurationError: `videos_dir` or `max_record_bytes` makes no sense; a ValueError.
    """
    tally = Tally() if tally is None else tally
    on_warning = on_warning or log_warning
    resolve = PathResolver(videos_dir, on_unresolved=on_warning)
    with open_source(predictions) as source, _named(source.name):
        yield from _gaps(source.blocks, tally, resolve, on_warning, max_record_bytes)


def _gaps(
    blocks: Iterable[bytes],
    tally: Tally,
    resolve: PathResolver,
    on_skip: Callable[[Skip], None],
    max_record_bytes: int,
) -> Iterator[Gap]:
    if max_record_bytes < 1:
        message = f"max_record_bytes must be at least 1, not {max_record_bytes}"
        raise ConfigurationError(message)
    items = read(blocks, max_record_bytes=max_record_bytes)
    return classify(parse(validate(items)), tally=tally, resolve=resolve, on_skip=on_skip)


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


def _exhaust(iterator: Iterator[object]) -> None:
    deque(iterator, maxlen=0)
