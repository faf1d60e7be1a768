"""`video_id` -> the absolute path that later stages open."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from streamgaps.exceptions import ConfigurationError, SourceError
from streamgaps.model import UnresolvedPath

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PathResolver"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""A scheme of two or more characters, so that no drive letter is taken for one."""


class PathResolver:
    """Turns the `video_id` of an item into an absolute path, as `(base / video_id).resolve()` does.

    Symbolic links are followed and `..` is taken out; the video need not exist. A URL stays as it is.
    What cannot be resolved (a NUL in it, a loop of links) gives the lexical absolute path and a notice.

    Args:
        videos_dir: the folder that relative ids are relative to; the working directory if None or blank.
        on_unresolved: told of each path that could not be resolved.

    Raises:
        ConfigurationError: `videos_dir` cannot be resolved.
        SourceError: the working directory, which relative ids need, does not exist any more.
    """

    def __init__(
        self, videos_dir: str | os.PathLike[str] | None, *, on_unresolved: Callable[[UnresolvedPath], None]
    ) -> None:
        self._on_unresolved = on_unresolved
        folder = os.fspath(videos_dir or "")
        try:
            self._base = str(Path(folder if folder.strip() else ".").resolve())
        except FileNotFoundError as error:
            message = "the working directory does not exist any more; change to one that does"
            raise SourceError(message) from error
        except (OSError, ValueError, RuntimeError) as error:
            message = f"videos_dir {folder!r} cannot be resolved: {error}"
            raise ConfigurationError(message) from error

    def __call__(self, index: int, video_id: str) -> str:
        """Return the absolute path of item `index`'s video."""
        if _URL.match(video_id):
            return video_id
        path = os.path.join(self._base, video_id)  # noqa: PTH118 -- pathlib costs 20 µs more a path
        try:
            resolved = os.path.realpath(path)
            _raise_for_loop(resolved)
        except (OSError, ValueError) as error:
            # ValueError: a NUL, or a lone surrogate that no file name can have
            lexical = os.path.normpath(path)
            self._on_unresolved(UnresolvedPath(index, video_id, lexical, str(error)))
            return lexical
        return resolved


def _raise_for_loop(path: str) -> None:
    # realpath() leaves a loop of links as it is. So does pathlib from Python 3.13 on; before, it raised.
    try:
        os.stat(path)  # noqa: PTH116
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise
