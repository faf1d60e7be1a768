"""`kpi_gaps.jsonl` and its report, which appear whole or not at all.

The gaps are written to a staging file beside their place. At the end the report is put in place first and
the gaps last: a new `kpi_gaps.jsonl` means a new report. These are two renames, not one step: a kill between
them leaves the new report beside the old gaps. Any other failure leaves both as they were.

A staging file is locked while its run lives, and a run starts by removing those that nobody holds.
"""

# System calls, one by one: pathlib would hide which of them can fail.
# ruff: noqa: PTH101, PTH102, PTH105, PTH106, PTH108
from __future__ import annotations

import errno
import io
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from streamgaps.exceptions import OutputError, reason
from streamgaps.signals import STOPPING, signal_mask

try:
    import fcntl
except ImportError:  # not a POSIX system: two runs into one folder are then not kept apart
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer as ReadableBuffer  # from the type checker; Python has it from 3.12 on

__all__ = ["GAPS_NAME", "REPORT_NAME", "Outputs", "open_outputs"]

GAPS_NAME = "kpi_gaps.jsonl"
REPORT_NAME = "kpi_gaps_report.txt"

_STAGING_SUFFIX = ".tmp"
_BUFFER_BYTES = 256 * 1024


@contextmanager
def open_outputs(results_dir: str | os.PathLike[str]) -> Iterator[Outputs]:
    """Prepare a results folder; whatever `Outputs.commit` has not put in place is gone at the end.

    The folder is made if it does not exist, and taken away again if nothing was put into it.

    Raises:
        OutputError: the folder cannot be made or written to; later, from writing and from `commit`, too.
    """
    folder = Path(results_dir)
    # Signals wait while files are made and removed, and come through while gaps are written.
    with signal_mask("SIG_BLOCK", STOPPING) as before:
        with _as_output_error(folder):
            outputs = Outputs(folder)
        try:
            with signal_mask("SIG_SETMASK", before):
                yield outputs
        finally:
            outputs.discard()


@contextmanager
def _as_output_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, say
        message = f"{folder}: the results cannot be written: {reason(error)}"
        raise OutputError(message) from error


class _StagingFile(io.FileIO):
    """A file that says what it means if it cannot be written."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        super().__init__(descriptor, "wb")
        self._folder = folder

    def write(self, data: ReadableBuffer, /) -> int:
        with _as_output_error(self._folder):
            return super().write(data)


class _Staged(NamedTuple):
    path: Path
    file: BinaryIO


class Outputs:
    """The results folder of one run.

    Attributes:
        gaps: the staging file for the gaps, open for writing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gaps_target = folder / GAPS_NAME
        self._report_target = folder / REPORT_NAME
        self._leftovers: list[Path] = []
        self._files: list[BinaryIO] = []
        self._made = _make_folders(folder)
        try:
            with _locked(folder):
                self._check_targets()
                _sweep(folder)
                self._gaps = self._stage(self._gaps_target)
        except BaseException:
            self.discard()
            raise
        self.gaps = self._gaps.file

    def commit(self, report: str | None) -> None:
        """Put the results in place: the gaps and `report`; or, if that is None, the absence of both.

        A reader takes a missing `kpi_gaps.jsonl` as "no gaps", so one of an earlier run is removed then.

        Raises:
            OutputError: it failed, and the folder is as it was; or all is in place, and only the last sync failed.
        """
        with _as_output_error(self._folder):
            if report is not None:
                _sync(self.gaps)  # not under the lock: this is what may take long
            with signal_mask("SIG_BLOCK", STOPPING), _locked(self._folder):
                self._put_in_place(report)

    def _put_in_place(self, report: str | None) -> None:
        self._check_targets()
        if report is None:
            self._exchange(None, None)
            return
        staged = self._stage(self._report_target)
        with staged.file:
            staged.file.write(report.encode("utf-8"))
            _sync(staged.file)
        self.gaps.close()
        self._exchange(staged.path, self._gaps.path)

    def discard(self) -> None:
        """Remove what is not in place, and the folder if this run made it and it is empty."""
        for file in self._files:
            with suppress(OSError):  # a full disk may refuse the rest of the buffer
                file.close()
        for path in self._leftovers:
            with suppress(OSError):
                os.unlink(path)
        for folder in reversed(self._made):
            with suppress(OSError):
                os.rmdir(folder)

    def _check_targets(self) -> None:
        for target in (self._report_target, self._gaps_target):
            if target.is_dir() and not target.is_symlink():
                message = f"{target}: the results cannot be written: it is a folder"
                raise OutputError(message)

    def _stage(self, target: Path) -> _Staged:
        """Create a file beside `target`, with the mode of the one that it will replace."""
        path = self._leftover(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        # Not tempfile: its files have mode 0600, which would become the mode of the results.
        descriptor = os.open(path, flags, 0o666)
        file = io.BufferedWriter(_StagingFile(self._folder, descriptor), _BUFFER_BYTES)
        self._files.append(file)
        _try_lock(descriptor)
        with suppress(OSError):  # nothing to replace, or a file system without modes
            mode = os.lstat(target).st_mode
            if stat.S_ISREG(mode):
                os.chmod(descriptor, stat.S_IMODE(mode))
        return _Staged(path, file)

    def _leftover(self, target: Path) -> Path:
        """Name a file beside `target` that is not to be left behind."""
        path = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}{_STAGING_SUFFIX}")
        self._leftovers.append(path)
        return path

    def _exchange(self, report: Path | None, gaps: Path | None) -> None:
        """Put both in place, or their absence; or neither."""
        old_report = self._second_name_of_report()
        _put(report, self._report_target)
        try:
            _put(gaps, self._gaps_target)
        except OSError:
            _put(old_report, self._report_target)
            raise
        _sync_folder(self._folder)

    def _second_name_of_report(self) -> Path | None:
        """Give the report that is in place a second name, from which it can be put back."""
        if not self._report_target.exists() and not self._report_target.is_symlink():
            return None
        path = self._leftover(self._report_target)
        try:
            os.link(self._report_target, path, follow_symlinks=False)
        except (OSError, NotImplementedError):
            # The file system has no hard links, or the system none to symbolic links: a copy serves as well.
            import shutil  # noqa: PLC0415 -- as good as never needed, and it takes 5 ms

            shutil.copy2(self._report_target, path, follow_symlinks=False)
        return path


def _put(source: Path | None, target: Path) -> None:
    if source is not None:
        os.replace(source, target)
        return
    with suppress(FileNotFoundError):
        os.unlink(target)


def _make_folders(folder: Path) -> list[Path]:
    """Make the folder and its parents where they are missing, and return those that were made."""
    missing = []
    while not folder.exists() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    made: list[Path] = []
    try:
        for path in reversed(missing):
            with suppress(FileExistsError):  # someone else made it just now, and it is theirs
                os.mkdir(path)
                made.append(path)
    except OSError:
        for path in reversed(made):
            with suppress(OSError):
                os.rmdir(path)
        raise
    return made


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # what file systems say that cannot do it
            message = f"{folder}: the results are in place, but a crash may undo that: {reason(error)}"
            raise OutputError(message) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other runs away from the folder. A run that is killed leaves no lock."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Whoever holds the lock may hold it long: that must not make us deaf.
        with signal_mask("SIG_UNBLOCK", STOPPING), suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Lock an open file; False if another run holds it, or the file system has no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sweep(folder: Path) -> None:
    """Remove the staging files of runs that were killed: those that no one has locked."""
    for name in (GAPS_NAME, REPORT_NAME):
        for path in folder.glob(f".{name}.*{_STAGING_SUFFIX}"):
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
                try:
                    if _try_lock(descriptor):
                        os.unlink(path)
                finally:
                    os.close(descriptor)
