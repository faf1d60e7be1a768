"""What a run is to read -> its inputs, one by one: paths, URLs and files that are open."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeGuard, Union, cast

from streamgaps import system
from streamgaps.exceptions import ConfigurationError, SourceError, SourceNotFoundError, reason
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME
from streamgaps.paths import is_url

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Input", "is_same", "is_url_input", "list_inputs", "name_of", "size_of"]

Input: TypeAlias = Union[str, "os.PathLike[str]", BinaryIO]
"""What can be read: a path, a URL, or a file that is open in binary mode."""

_JSON_NAME = re.compile(r"[^.].*\.(json|jsonl|ndjson)(\.(gz|bz2|xz|zst))?", re.IGNORECASE | re.DOTALL)
_RESULTS = {GAPS_NAME, METRICS_NAME}


def is_url_input(predictions: object) -> TypeGuard[str]:
    """Say whether an input is a URL."""
    return isinstance(predictions, str) and is_url(predictions)


def list_inputs(inputs: Input | Iterable[Input], *, without: Iterable[object] = ()) -> list[Input]:
    """List what is to be read: each folder is replaced by the JSON files in it, in the order of their names.

    These are `*.json`, `*.jsonl` and `*.ndjson`, and the same with `.gz`, `.bz2`, `.xz` or `.zst` behind it; not those
    that are hidden or in folders of it, and not `kpi_gaps.jsonl` and `kpi_metrics.json`, the results of an earlier run.
    A URL that ends in `/` is a folder. What does not exist is passed on: `open_source` says so.

    Args:
        inputs: one or several.
        without: what is left out where it is in a folder: paths of other files of the same run, or anything else.

    Raises:
        SourceNotFoundError: there are no such files in a folder, or there is no such remote folder.
        SourceError: a folder cannot be listed.
        ConfigurationError: there are no inputs, or one is neither a path nor a binary file; or what it takes to list a
            URL is not installed.
    """
    is_several = isinstance(inputs, Iterable) and not _is_one(inputs) and not isinstance(inputs, bytes)
    several = list(cast("Iterable[Input]", inputs)) if is_several else [cast("Input", inputs)]
    if not several:
        message = "there is nothing to read; name at least one input"
        raise ConfigurationError(message)
    return [each for one in several for each in _expand(one, [*without])]


def _is_one(inputs: object) -> bool:
    return isinstance(inputs, (str, os.PathLike)) or hasattr(inputs, "read")


def _expand(one: Input, without: list[object]) -> list[Input]:
    if not _is_one(one):
        message = f"an input must be a path, a URL or a file open in binary mode, not {one!r}"
        raise ConfigurationError(message)
    if is_url_input(one):
        if not one.endswith("/"):
            return [one]
        from streamgaps.sources import remote  # noqa: PLC0415 -- many runs never need it

        return _json_files(remote.shown(one), {url.rpartition("/")[2]: url for url in remote.list_folder(one)})
    if isinstance(one, (str, os.PathLike)) and _is_folder(one):
        return _json_files(os.fspath(one), {path.name: path for path in _list(Path(one))}, without)
    return [one]


def _is_folder(path: str | os.PathLike[str]) -> bool:
    """Say whether a path is that of a folder; not if that cannot be told, which is said when it is opened."""
    try:
        return stat.S_ISDIR(system.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_same(path: str | os.PathLike[str], other: object) -> bool:
    """Say whether two paths are those of one file that is there; False if one of them is no path."""
    if not isinstance(other, (str, os.PathLike)):
        return False
    try:
        one, another = system.stat(path), system.stat(other)
    except (OSError, ValueError):
        return False
    return (one.st_dev, one.st_ino) == (another.st_dev, another.st_ino)


def _list(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in system.listdir(folder)]
    except OSError as error:
        message = f"{folder}: the folder cannot be listed: {reason(error)}"
        raise SourceError(message) from error


def _json_files(folder: str, files: Mapping[str, Input], without: Iterable[object] = ()) -> list[Input]:
    names = sorted(name for name in files if _JSON_NAME.fullmatch(name) and name not in _RESULTS)
    found = [files[name] for name in names if not _is_left_out(files[name], without)]
    if not found:
        message = f"{folder}: there are no JSON files in the folder (*.json, *.jsonl, *.ndjson, or compressed ones)"
        if GAPS_NAME in files:
            message = (
                f"{folder}: it holds the results of a run, not predictions; "
                "streamgaps report and streamgaps compare read those"
            )
        raise SourceNotFoundError(message)
    return found


def _is_left_out(one: Input, without: Iterable[object]) -> bool:
    """Say whether what is in a folder is a folder, or one of those files; not if it is a link that leads nowhere."""
    if not isinstance(one, os.PathLike):  # a URL: only files are listed there
        return False
    return _is_folder(one) or any(is_same(one, other) for other in without)


def name_of(predictions: Input) -> str:
    """Return what messages call an input: its path as given, its URL without passwords, a stream's name, `<stream>`."""
    if is_url_input(predictions):
        from streamgaps.sources import remote  # noqa: PLC0415 -- many runs never need it

        return remote.shown(predictions)
    if isinstance(predictions, (str, os.PathLike)):
        return os.fspath(predictions)
    name = getattr(predictions, "name", None)
    return name if isinstance(name, str) else "<stream>"


def size_of(predictions: Input) -> int | None:
    """Return the length of a regular file in bytes, compressed if it is; None if it cannot be told, as of a pipe."""
    if not isinstance(predictions, (str, os.PathLike)) or is_url_input(predictions):
        return None
    try:
        status = system.stat(predictions)
    except (OSError, ValueError):  # whether it can be read is found out later
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
