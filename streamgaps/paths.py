"""`video_id` -> the absolute path that later stages open."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import sys
from enum import Enum
from pathlib import Path
from stat import S_ISDIR, S_ISLNK
from typing import TYPE_CHECKING, NamedTuple

from streamgaps import system
from streamgaps.exceptions import ConfigurationError, SourceError
from streamgaps.model import UnresolvedPath

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PathResolver", "Paths", "base_of", "check_is_local", "is_url", "make_resolver", "url_below"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""A scheme of two or more characters, so that no drive letter is taken for one."""

_SLASHES = re.compile("//+")

_POSIX = os.name == "posix"
"""Elsewhere all takes the slow way: what is said here of names and of links is said of POSIX."""

_MEMO_BYTES = 1 << 20
"""The room for what is known of folders: it does for some 2,500 of the usual length."""

_MEMO_ENTRY_BYTES = 192
"""What an entry of the memo takes beside its texts, rounded up."""

_LONGEST_FOLDER = 512
"""Folders with more characters are not remembered. It bounds the recursion of `_learn`, too: 256 frames."""

_LONG = 4096
"""From this length on (PATH_MAX of Linux) a path may have too many parts for `os.path.realpath`."""


class _Folder(NamedTuple):
    """What is known of a folder."""

    prefix: str
    """Its resolved path with a slash at the end; empty if it takes the slow way to know what is below it."""
    exists: bool
    """Whether it is there and a folder. If not, there is nothing below it, and so no link."""


_UNKNOWN = _Folder("", exists=False)


def is_url(text: str) -> bool:
    """Say whether a text is a URL: it begins with a scheme of two or more letters and `://`."""
    return "://" in text and _URL.match(text) is not None


def url_below(base: str, path: str) -> str:
    """Return the URL of a relative path below a folder that is a URL; its dots and doubled slashes are taken out."""
    name = posixpath.normpath(path)  # a URL has slashes on any system
    folder = base.rstrip("/")
    return folder if name == "." else f"{folder}/{name}"


class Paths(str, Enum):
    """What becomes of a `video_id`; a URL always stays as it is."""

    RESOLVE = "resolve"
    """It becomes absolute, links are followed, and `..` is taken out."""
    NORMALIZE = "normalize"
    """It becomes absolute, and `..` is taken out as if there were no links."""
    KEEP = "keep"
    """It stays as it is."""


def base_of(folder: str | os.PathLike[str] | None, paths: Paths = Paths.RESOLVE) -> str:
    """Return the absolute path of the folder that relative ids are relative to: the working directory if it is blank.

    A URL is returned as it is.

    Raises:
        ConfigurationError: it cannot be resolved.
        SourceError: the working directory, which a relative one needs, does not exist any more.
    """
    name = os.fspath(folder or "")
    if is_url(name):
        return name
    try:
        path = Path(name if name.strip() else ".")
        return _resolved(path) if paths is Paths.RESOLVE else os.path.abspath(path)  # noqa: PTH100 -- lexically
    except FileNotFoundError as error:
        message = "the working directory does not exist any more; change to one that does"
        raise SourceError(message) from error
    except (OSError, ValueError) as error:
        message = f"the folder for videos {name!r} (--videos-dir, --media-dir) cannot be resolved: {error}"
        raise ConfigurationError(message) from error


def _resolved(folder: Path) -> str:
    path = system.realpath(folder)
    _raise_for_loop(path)
    return path


def make_resolver(
    paths: Paths, base: str, on_unresolved: Callable[[UnresolvedPath], None]
) -> Callable[[int, str], str]:
    """Return what turns the `video_id` of an item into the path that a gap has.

    Args:
        paths: what becomes of it.
        base: the absolute path that relative ids are relative to.
        on_unresolved: told of each path that could not be resolved.
    """
    if paths is Paths.KEEP:
        return lambda _, video_id: video_id
    if is_url(base):
        local = make_resolver(paths, base_of("/"), on_unresolved)
        return lambda index, video_id: (
            local(index, video_id) if is_url(video_id) or video_id.startswith("/") else url_below(base, video_id)
        )
    if paths is Paths.RESOLVE:
        return PathResolver(base, on_unresolved=on_unresolved)
    return lambda _, video_id: video_id if is_url(video_id) else os.path.normpath(os.path.join(base, video_id))  # noqa: PTH118 -- as in PathResolver


class PathResolver:
    """Turns the `video_id` of an item into an absolute path, as `(base / video_id).resolve()` does.

    Symbolic links are followed and `..` is taken out; the video need not exist. A URL stays as it is.
    What cannot be resolved (a NUL in it, a loop of links) gives the lexical absolute path and a notice.

    Folders are looked up once and remembered, up to about 1 MiB of them: a folder that is made, removed or
    made a link after its first use may be resolved as it was then. Whether the last part of a path is a link
    is looked up each time, if its folder was there.

    Args:
        videos_dir: the folder that relative ids are relative to; the working directory if None or blank.
        on_unresolved: told of each path that could not be resolved.

    Attributes:
        on_unresolved: as above; it may be changed.

    Raises:
        ConfigurationError: `videos_dir` cannot be resolved.
        SourceError: the working directory, which relative ids need, does not exist any more.
    """

    def __init__(
        self, videos_dir: str | os.PathLike[str] | None, *, on_unresolved: Callable[[UnresolvedPath], None]
    ) -> None:
        self.on_unresolved = on_unresolved
        self._folders: dict[str, _Folder] = {}
        self._room = _MEMO_BYTES
        self._base = base_of(videos_dir)

    @property
    def base(self) -> str:
        """The absolute path that relative ids are relative to."""
        return self._base

    def __call__(self, index: int, video_id: str) -> str:
        """Return the absolute path of item `index`'s video."""
        if "://" in video_id and _URL.match(video_id):
            return video_id
        # What is known of the folder saves realpath() and stat(), 15 to 40 µs a path. This takes 0.6 µs, and 2 to
        # 3 µs more for an lstat() where the folder exists.
        folder, slash, name = video_id.rpartition("/")
        key = folder or slash
        known = self._folders.get(key) or self._learn(key)
        if _is_folder(known, name) is None:
            return self._resolve(index, video_id)
        return known.prefix + name

    def _learn(self, folder: str) -> _Folder:
        """Look up a folder that is given as in a `video_id`, where "" is the base, and remember it."""
        if len(folder) > _LONGEST_FOLDER or not _POSIX:
            return _UNKNOWN
        # By its parent if that will do: where each video has a folder of its own this takes a third of the time.
        parent, slash, name = folder.rpartition("/")
        found = None
        if name:
            key = parent or slash
            found = _child(self._folders.get(key) or self._learn(key), name)
        found = found or self._follow(folder)
        self._remember(folder, found)
        return found

    def _remember(self, folder: str, found: _Folder) -> None:
        """Keep what was found; forget all else where there is no room for it."""
        cost = sys.getsizeof(folder) + sys.getsizeof(found.prefix) + _MEMO_ENTRY_BYTES
        if cost > self._room:
            self._folders.clear()
            self._room = _MEMO_BYTES
        self._room -= cost
        self._folders[folder] = found

    def _follow(self, folder: str) -> _Folder:
        """Look a folder up as `os.path.realpath` does."""
        try:
            path = _realpath(os.path.join(self._base, folder))  # noqa: PTH118
        except (OSError, ValueError):
            return _UNKNOWN
        exists = _is_folder_at(path)
        return _UNKNOWN if exists is None else _Folder(path.rstrip("/") + "/", exists)

    def _resolve(self, index: int, video_id: str) -> str:
        """Resolve a path the slow way, which is always right."""
        path = os.path.join(self._base, video_id)  # noqa: PTH118 -- pathlib costs 20 µs more a path
        try:
            resolved = _realpath(path)
            _raise_for_loop(resolved)
        except (OSError, ValueError) as error:
            # ValueError: a NUL, or a lone surrogate that no file name can have
            lexical = os.path.normpath(path)
            self.on_unresolved(UnresolvedPath(index, video_id, lexical, str(error)))
            return lexical
        return resolved


def _child(parent: _Folder, name: str) -> _Folder | None:
    """Look up a folder in another; None if its name alone does not tell."""
    exists = _is_folder(parent, name)
    return None if exists is None else _Folder(f"{parent.prefix}{name}/", exists)


def _is_folder(parent: _Folder, name: str) -> bool | None:
    """Tell whether a name in a known folder is a folder; None if it may be a link or no name at all."""
    if not parent.prefix or name in {"", ".", ".."}:
        return None
    if parent.exists:
        return _is_folder_at(parent.prefix + name)
    return False if _can_be_a_name(name) else None


def _is_folder_at(path: str) -> bool | None:
    """Tell whether a path is a folder; None if it is a link, or the system cannot say."""
    try:
        mode = system.lstat(path).st_mode
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return None
    return None if S_ISLNK(mode) else S_ISDIR(mode)


def _can_be_a_name(name: str) -> bool:
    """Tell whether the system can be asked for a name: with a NUL or a lone surrogate it raises ValueError."""
    if "\0" in name:
        return False
    try:
        return name.isascii() or bool(os.fsencode(name))
    except UnicodeEncodeError:
        return False


def _realpath(path: str) -> str:
    """Do what `Path.resolve` does, but for the loops of links that it refuses before Python 3.13."""
    if not _POSIX:
        return system.realpath(path)
    if len(path) >= _LONG:
        return _realpath_of_long(path)
    # Before Python 3.13 realpath("/loop//x") is "/x" if loop is one of links. pathlib takes the second slash out.
    return system.realpath(_SLASHES.sub("/", path) if "//" in path else path)


def _realpath_of_long(path: str) -> str:
    """Do what `os.path.realpath` does, in a time that grows with the length of the path and not its square.

    realpath() asks the system for each part, naming all parts before it: 7 to 13 s for a path of 400 KB, which
    takes 0.04 s here. Below what does not exist there is nothing to ask for, and what exists has at most PATH_MAX
    bytes. Behind a loop of links this goes on as realpath() does from Python 3.13 on.
    """
    parts: list[str] = []
    existing = 0  # how many of the parts do
    for name in path.split("/"):
        if name in {"", "."}:
            continue
        if name == "..":
            del parts[-1:]
            existing = min(existing, len(parts))
            continue
        parts.append(name)
        if existing < len(parts) - 1 and _can_be_a_name(name):
            continue
        here = "/" + "/".join(parts)
        try:
            mode = system.lstat(here).st_mode
        except OSError:
            continue
        if S_ISLNK(mode):
            parts = [part for part in system.realpath(here).split("/") if part]
        existing = len(parts)
    return "/" + "/".join(parts)


def _raise_for_loop(path: str) -> None:
    # realpath() leaves a loop of links as it is. So does pathlib from Python 3.13 on; before, it raised.
    try:
        system.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise


def check_is_local(
    path: object, name: str, *, kind: str = "file", may_be_open: bool = False, may_be_missing: bool = True
) -> None:
    """Refuse what cannot be a local path.

    Args:
        path: what was given.
        name: what the argument is called.
        kind: what it is to name: `"file"` or `"folder"`.
        may_be_open: whether it may be a file that is open instead.
        may_be_missing: whether it may be None.

    Raises:
        ConfigurationError: it is a URL, empty, or no path at all.
    """
    if path is None:
        if may_be_missing:
            return
        message = f"{name} is missing; name a {kind}"
        raise ConfigurationError(message)
    if not isinstance(path, (str, os.PathLike)):
        if may_be_open and hasattr(path, "write"):
            return
        message = f"{name} must be a path, not {path!r}"
        raise ConfigurationError(message)
    text = os.fspath(path)
    if not text:
        message = f"{name} is empty; name a {kind}"
        raise ConfigurationError(message)
    if is_url(text):
        message = f"{name} is a URL, {text}; name a local {kind}"
        raise ConfigurationError(message)
