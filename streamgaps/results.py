"""A results folder -> what is in it, and the lines of its gaps, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamgaps import system
from streamgaps.exceptions import SourceNotFoundError, UnsupportedInputError
from streamgaps.outputs import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.sources import open_source
from streamgaps.stages.read import MAX_RECORD_BYTES

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

__all__ = ["files_in", "gap_lines"]


def files_in(folder: str | os.PathLike[str]) -> tuple[bool, bool]:
    """Say whether there are files of results in a folder, and whether there is anything at all.

    Raises:
        OSError: it is no folder, or cannot be listed.
        ValueError: no folder can have that name.
    """
    found = system.listdir(folder)
    return not {GAPS_NAME, REPORT_NAME, METRICS_NAME}.isdisjoint(found), bool(found)


def gap_lines(path: str | os.PathLike[str], *, longest: int = MAX_RECORD_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a `kpi_gaps.jsonl` without their ends, with their numbers from 1 on.

    Memory: twice the longest line.

    Args:
        path: the file. If there is none, the run had no gaps.
        longest: how many bytes a line may have.

    Raises:
        UnsupportedInputError: a line is longer than `longest`.
        SourceError: the file cannot be read.
    """
    try:
        with open_source(path) as source:
            yield from enumerate(_lines(source.blocks, longest, source.name), 1)
    except SourceNotFoundError:
        return


def _lines(blocks: Iterable[bytes], longest: int, name: str) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        for number, piece in enumerate(block.split(b"\n")):
            if number:
                yield b"".join(parts)
                parts, size = [], 0
            parts.append(piece)
            size += len(piece)
            if size > longest:
                message = f"a line is longer than {longest} bytes; --max-record-bytes allows more"
                error = UnsupportedInputError(message)
                error.source = name
                raise error
    if size:
        yield b"".join(parts)
