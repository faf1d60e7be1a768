"""A results folder -> what is in it, and the lines of its gaps, one at a time."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from streamgaps import system
from streamgaps.exceptions import InputError, SourceNotFoundError, StreamgapsError, UnsupportedInputError
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.sources.source import open_source
from streamgaps.stages.read import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["files_in", "gap_lines", "read_metrics"]

_GROUPS = b'\n  "groups": '
"""Where the groups begin in a `kpi_metrics.json` that streamgaps has written: they are at the end."""


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


def read_metrics(path: str | os.PathLike[str], *, longest: int = MAX_RECORD_BYTES) -> dict[str, Any] | None:
    """Read a `kpi_metrics.json` without its groups, which may be long; None if there is none.

    Memory: a few times what is before the groups; of a file that somebody else has written, of all of it.

    Args:
        path: the file.
        longest: how many bytes it may have.

    Raises:
        InputError: it is no JSON object, or longer than `longest`.
        SourceError: it cannot be read.
    """
    try:
        with open_source(path) as source:
            text = _head(source.blocks, longest)
            value = json.loads(text)
    except SourceNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        if isinstance(error, StreamgapsError):
            raise
        value = error
    if not isinstance(value, dict):
        why = value if isinstance(value, Exception) else "no object"
        wrong = InputError(f"these are no metrics as analyze writes them: {why}")
        wrong.source = os.fspath(path)
        raise wrong
    return value


def _head(blocks: Iterable[bytes], longest: int) -> bytes:
    text = bytearray()
    for block in blocks:
        text += block
        at = text.find(_GROUPS, max(0, len(text) - len(block) - len(_GROUPS)))
        if at >= 0:
            return bytes(text[:at]).rstrip().removesuffix(b",") + b"}"
        if len(text) > longest:
            message = f"it is longer than {longest} bytes; --max-record-bytes allows more"
            raise UnsupportedInputError(message)
    return bytes(text)


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
