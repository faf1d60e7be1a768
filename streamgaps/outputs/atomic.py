"""A file that appears whole or not at all, alone or together with others.

It is written to a staging file beside its place, and put in place at the end. Of several files that is several renames,
not one step: a kill between them leaves some new and some old. Any other failure leaves everything as it was; where the
file system fails so that not even this can be done, the error says so.

A staging file is locked while its run lives, and a run starts by removing those that nobody holds.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from streamgaps import system
from streamgaps.exceptions import OutputError, as_output_error, reason
from streamgaps.outputs.locks import locked, try_lock
from streamgaps.outputs.spill_folder import SpillFolder
from streamgaps.signals import STOPPING, signal_mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer as ReadableBuffer  # from the type checker; Python has it from 3.12 on

__all__ = ["OutputFile", "exchange", "folders_of", "mode_of", "write_file"]

_STAGING_SUFFIX = ".tmp"
_SPILL_SUFFIX = ".parts"
_PERMISSIONS = 0o777  # of an earlier file: not to run as its owner, who may have been somebody else
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_BUFFER_BYTES = 256 * 1024


def write_file(path: str | os.PathLike[str], pieces: Iterable[bytes], *, content: str) -> None:
    """Write one file that appears whole or not at all.

    Args:
        path: where it appears; in a folder that exists.
        pieces: what is written to it.
        content: what messages say is written there.

    Raises:
        OutputError: it cannot be written. What `pieces` raises comes through, and nothing has changed.
    """
    with signal_mask("SIG_BLOCK", STOPPING) as before:
        file = OutputFile(Path(path), os.fspath(path), content)
        try:
            file.check_folder()
            with locked(folders_of([file])):
                file.check_target()
                file.sweep()
                staged = file.stage()
            with signal_mask("SIG_SETMASK", before):
                for piece in pieces:
                    staged.write(piece)
                file.sync()
            with locked(folders_of([file])):
                file.check_target()
                exchange([(file, True)])
        finally:
            file.discard()


class OutputFile:
    """A file that appears whole or not at all.

    Args:
        target: where it appears.
        name: how messages call the place.
        content: what is written there, for messages.

    Attributes:
        target: as above.
        what: `name: the content`, with which messages begin.
    """

    def __init__(self, target: Path, name: str, content: str) -> None:
        self.target = target
        self.what = f"{name}: the {content}"
        self._content = content
        self._staged: Path | None = None
        self._file: BinaryIO | None = None
        self._old: Path | None = None
        self._leftovers: list[Path] = []

    @property
    def is_staged(self) -> bool:
        """Whether its staging file was made."""
        return self._file is not None

    def check_folder(self) -> None:
        """Check that there is a folder for it."""
        with as_output_error(self.what):
            if mode_of(self.target.parent) is None:
                message = f"{self.what} cannot be written: there is no folder {self.target.parent}"
                raise OutputError(message)

    def check_target(self) -> None:
        """Check that what it would replace, if anything, is a file."""
        with as_output_error(self.what):
            obstacle = _obstacle(self.target)
        if obstacle:
            message = f"{self.target}: the {self._content} cannot be written: {obstacle}"
            raise OutputError(message)

    def stage(self) -> BinaryIO:
        """Create a file beside the target, with the mode of the one that it will replace."""
        with as_output_error(self.what):
            self._staged = self._leftover()
            descriptor = system.create(self._staged)
            self._file = io.BufferedWriter(_StagingFile(self.what, descriptor), _BUFFER_BYTES)
            try_lock(descriptor)
            with suppress(OSError):  # nothing to replace, or a file system without modes
                mode = system.lstat(self.target).st_mode
                if stat.S_ISREG(mode) and system.fchmod is not None:
                    system.fchmod(descriptor, mode & _PERMISSIONS)
        return self._file

    def write_pieces(self, pieces: Iterable[str]) -> None:
        """Write to the staging file; lone surrogates as the escapes that JSON has for them."""
        assert self._file is not None  # noqa: S101 -- it is staged before
        for piece in pieces:
            self._file.write(piece.encode("utf-8", "backslashreplace"))

    def sync(self) -> None:
        """Let what is staged so far be on the disk."""
        if self._file is not None:
            with as_output_error(self.what):
                self._file.flush()
                system.fsync(self._file.fileno())

    def put(self, *, is_there: bool) -> None:
        """Put the staging file in place, or the absence of it."""
        with as_output_error(self.what):
            if is_there and self._file is not None:
                self._file.close()
            _put(self._staged if is_there else None, self.target)

    def put_back(self) -> None:
        """Put back what `keep_old` has kept; if that fails, too, it is left under its second name."""
        try:
            _put(self._old, self.target)
        except OSError as error:
            message = f"{self.what} are of two runs: {self.target} is new, and cannot be put back: {reason(error)}"
            if self._old is not None:
                self._leftovers.remove(self._old)
                message += f"; until the next run the earlier one is {self._old}"
            raise OutputError(message) from error

    def keep_old(self) -> None:
        """Give the file that is in place a second name, from which it can be put back."""
        with as_output_error(self.what):
            if mode_of(self.target, follow=False) is None:
                return
            self._old = self._leftover()
            if not _link(self.target, self._old):
                _copy(self.target, self._old)

    def sweep(self) -> None:
        """Remove the staging files of runs that were killed: those that no one has locked.

        Where there are no locks, those that can be removed: Windows removes no file that is open.
        """
        suffixes = f"{re.escape(_STAGING_SUFFIX)}|{re.escape(_SPILL_SUFFIX)}"
        pattern = re.compile(rf"\.{re.escape(self.target.name)}\.\d+-[0-9a-f]+({suffixes})")
        with as_output_error(self.what):
            found = [name for name in system.listdir(self.target.parent) if pattern.fullmatch(name)]
        for name in found:
            path = self.target.with_name(name)
            with suppress(OSError):
                if name.endswith(_SPILL_SUFFIX):
                    SpillFolder(path).sweep()
                else:
                    _sweep(path)

    def discard(self) -> None:
        """Remove what is not in place."""
        if self._file is not None:
            with suppress(OSError, MemoryError):  # a full disk may refuse the rest of the buffer
                self._file.close()
        for path in self._leftovers:
            # Not there, or of a name that no file can have; or memory is out, and the next run has to do it.
            with suppress(OSError, ValueError, MemoryError):
                system.unlink(path)

    def make_spill_folder(self) -> SpillFolder:
        """Make a folder beside the target."""
        folder = SpillFolder(Path(os.path.abspath(self._beside(_SPILL_SUFFIX))))  # noqa: PTH100 -- no links are followed
        with as_output_error(self.what):
            folder.make()
        return folder

    def _leftover(self) -> Path:
        """Name a file beside the target that is not to be left behind."""
        self._leftovers.append(self._beside(_STAGING_SUFFIX))
        return self._leftovers[-1]

    def _beside(self, suffix: str) -> Path:
        return self.target.with_name(f".{self.target.name}.{os.getpid()}-{os.urandom(4).hex()}{suffix}")


class _StagingFile(system.File):
    """A file that says what it means if it cannot be written."""

    def __init__(self, what: str, descriptor: int) -> None:
        super().__init__(descriptor, what)
        self._what = what

    def write(self, data: ReadableBuffer, /) -> int | None:
        with as_output_error(self._what):
            return super().write(data)


def folders_of(files: Iterable[OutputFile]) -> dict[Path, str]:
    """Return the folders of files, with how messages about each begin."""
    return {file.target.parent: file.what for file in files}


def _obstacle(target: Path) -> str | None:
    """Say what is in the way: a link is replaced, but no folder, and nothing that is no file at all."""
    mode = mode_of(target)
    if mode is None or stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return None if stat.S_ISLNK(mode_of(target, follow=False) or 0) else "it is a folder"
    # Whoever may replace /dev/null would take it away from the whole system.
    return "it is no regular file"


def mode_of(path: Path, *, follow: bool = True) -> int | None:
    """Return the mode of what is at a path, or of what a link there leads to; None if there is nothing."""
    try:
        return (system.stat if follow else system.lstat)(path).st_mode
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise


def exchange(steps: list[tuple[OutputFile, bool]]) -> None:
    """Put all files in place in this order, or the absence of those that are not to be there; or change nothing."""
    for file, _ in steps[:-1]:  # nothing that could fail comes after the last
        file.keep_old()
    with ExitStack() as undo:
        for file, is_there in steps:
            file.put(is_there=is_there)
            undo.callback(file.put_back)
        undo.pop_all()
    for folder in dict.fromkeys(file.target.parent for file, _ in steps):
        _sync_folder(folder)


def _sweep(path: Path) -> None:
    """Remove a staging file, if nobody has locked it."""
    # A link was to be replaced, and nobody stages any.
    if system.flock is None or stat.S_ISLNK(system.lstat(path).st_mode):
        system.unlink(path)
        return
    descriptor = system.open_descriptor(path, os.O_RDONLY | system.NO_LINK | getattr(os, "O_NONBLOCK", 0))
    try:
        if try_lock(descriptor):
            system.unlink(path)
    finally:
        system.close(descriptor)


def _put(source: Path | None, target: Path) -> None:
    if source is not None:
        system.replace(source, target)
        return
    with suppress(FileNotFoundError):
        system.unlink(target)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    try:
        descriptor = system.open_descriptor(folder, os.O_RDONLY)
        try:
            system.fsync(descriptor)
        finally:
            system.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # what file systems say that cannot do it
            message = f"{folder}: the results are in place, but a crash may undo that: {reason(error)}"
            raise OutputError(message) from error


def _link(path: Path, second: Path) -> bool:
    """Give a file, or a symbolic link itself, a second name; False if the system or the file system cannot."""
    if system.link is None:
        return False
    try:
        system.link(path, second, follow_symlinks=False)
    except OSError:
        return False
    return True


def _copy(path: Path, second: Path) -> None:
    """Copy a file, or a symbolic link itself."""
    import shutil  # noqa: PLC0415 -- as good as never needed, and it takes 5 ms

    if stat.S_ISLNK(mode_of(path, follow=False) or 0):
        system.symlink(system.readlink(path), second)
        return
    file = system.File(system.create(second), str(second))
    with system.open_to_read(os.fspath(path)) as source, io.BufferedWriter(file) as copy:
        shutil.copyfileobj(source, copy)
    with suppress(OSError):  # a file system without modes, say
        status = system.stat(path)
        system.chmod(second, stat.S_IMODE(status.st_mode))
        system.utime(second, ns=(status.st_atime_ns, status.st_mtime_ns))
