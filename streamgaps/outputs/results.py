"""A results folder -> what is in it, and the lines of its gaps, one at a time."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps import system
from streamgaps.exceptions import InputError, SourceNotFoundError, UnsupportedInputError
from streamgaps.outputs.names import GAPS_NAME, GROUPS, METRICS_NAME, REPORT_NAME
from streamgaps.sources.source import open_source
from streamgaps.stages.read import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Content", "content_of", "gap_lines", "metrics_error", "read_metrics"]

_GROUPS = GROUPS.encode()


class Content(NamedTuple):
    """What there is in a folder."""

    has_results: bool
    """Whether a run may have written there: there is at least one file that is called so."""
    is_empty: bool


def content_of(folder: str | os.PathLike[str]) -> Content:
    """Look into a folder.

    Raises:
        OSError: it is no folder, or cannot be listed.
        ValueError: no folder can have that name.
    """
    found = system.listdir(folder)
    return Content(not {GAPS_NAME, REPORT_NAME, METRICS_NAME}.isdisjoint(found), not found)


def gap_lines(path: str | os.PathLike[str], *, longest: int = MAX_RECORD_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a `kpi_gaps.jsonl` without their ends, with their numbers from 1 on.

    Memory: twice the longest line.

    Args:
        path: the file. If there is none, the run had no gaps.
        longest: how many bytes a line may have.

    Raises:
        InputError: a line is longer than `longest`, or the file is compressed and damaged.
        SourceError: the file cannot be read.
    """
    try:
        with open_source(path) as source:
            yield from enumerate(_lines(source.blocks, longest), 1)
    except SourceNotFoundError:
        return
    except InputError as error:
        error.source = os.fspath(path)
        raise


def read_metrics(
    path: str | os.PathLike[str], *, with_groups: bool = False, longest: int | None = None
) -> dict[str, Any] | None:
    """Read a `kpi_metrics.json`; None if there is none.

    Memory: a few times what is read of it. Without the groups that is little, unless somebody else has written it.

    Args:
        path: the file.
        with_groups: whether its groups are wanted, too, which may be long.
        longest: how many bytes are read of it, at most, about; all if None.

    Raises:
        InputError: it is no JSON object, or longer than `longest`, or compressed and damaged.
        SourceError: it cannot be read.
    """
    try:
        with open_source(path) as source:
            text = _beginning(source.blocks, None if with_groups else _GROUPS, longest)
    except SourceNotFoundError:
        return None
    except InputError as error:
        error.source = os.fspath(path)
        raise
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise metrics_error(path, error) from error
    if not isinstance(document, dict):
        raise metrics_error(path, "it is no JSON object")
    return document


def metrics_error(path: str | os.PathLike[str], why: object) -> InputError:
    """Return the error that a file is no `kpi_metrics.json`."""
    error = InputError(f"is not what streamgaps writes: {why}; --metrics writes it anew")
    error.source = os.fspath(path)
    return error


def _beginning(blocks: Iterable[bytes], end: bytes | None, longest: int | None) -> bytes:
    """Return a JSON object up to the key that `end` begins with; all of it if there is none."""
    text = bytearray()
    for block in blocks:
        text += block
        at = -1 if end is None else text.find(end, max(0, len(text) - len(block) - len(end)))
        if at >= 0:
            return bytes(text[:at]).rstrip().removesuffix(b",") + b"}"
        if longest is not None and len(text) > longest:
            message = f"it is longer than {longest:,} bytes; --max-record-bytes allows more"
            raise UnsupportedInputError(message)
    return bytes(text)


def _lines(blocks: Iterable[bytes], longest: int) -> Iterator[bytes]:
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
                message = f"a line is longer than {longest:,} bytes; --max-record-bytes allows more"
                raise UnsupportedInputError(message)
    if size:
        yield b"".join(parts)
