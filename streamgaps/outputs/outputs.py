"""`kpi_gaps.jsonl`, its report and what else a run is asked for: each appears whole or not at all, and all together.

Each is written to a staging file beside its place. At the end they are put in place one after the other, the gaps
last: a new `kpi_gaps.jsonl` means that all else is new. These are several renames, not one step: a kill between them
leaves what is in place by then beside the old gaps. Any other failure leaves everything as it was; where the file
system fails so that not even this can be done, the error says so.

A staging file is locked while its run lives, and a run starts by removing those that nobody holds. So it is with the
folder beside the gaps where workers put what is too long to be sent.

Gaps that are written to a file which is open already, as standard output is, cannot be taken back: they go there as
they come, and there is no report.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, cast

from streamgaps import system
from streamgaps.exceptions import ConfigurationError, OutputError, reason
from streamgaps.reports.metrics import GENERATOR
from streamgaps.signals import STOPPING, signal_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer as ReadableBuffer  # from the type checker; Python has it from 3.12 on

__all__ = ["GAPS_NAME", "METRICS_NAME", "REPORT_NAME", "Outputs", "open_outputs", "write_file"]

GAPS_NAME = "kpi_gaps.jsonl"
REPORT_NAME = "kpi_gaps_report.txt"
METRICS_NAME = "kpi_metrics.json"

_ELSEWHERE = {"skipped", "html"}
"""The files that may be in other folders than the results, which must be there already."""
_ATTEMPTS = 20
_STAGING_SUFFIX = ".tmp"
_PARTS_SUFFIX = ".parts"
_NO_DOCUMENTS: Mapping[str, Iterable[str]] = MappingProxyType({})
_PERMISSIONS = 0o777  # of an earlier file: not to run as its owner, who may have been somebody else
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_HEAD_BYTES = 200
_BY_US = re.compile(rb'"generator"\s*:\s*"' + GENERATOR.encode() + b" ")
_BUFFER_BYTES = 256 * 1024
_STREAM_BUFFER_BYTES = 64 * 1024  # less: somebody waits for what goes to a stream


@contextmanager
def open_outputs(
    results: str | os.PathLike[str] | BinaryIO,
    *,
    skipped: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    has_metrics: bool = False,
) -> Iterator[Outputs]:
    """Prepare the outputs of a run; whatever `Outputs.commit` has not put in place is gone at the end.

    Args:
        results: the folder for the gaps and their report, which is made if it does not exist, and taken away again
            if nothing was put into it. Or a binary file that is open already, for the gaps alone: it is not closed,
            and gets the gaps as they come.
        skipped: one more file, in a folder that exists; None if it is not asked for.
        html: one more, for a page to look at.
        has_metrics: whether the folder gets metrics, too.

    Raises:
        OutputError: a folder cannot be made or written to; later, from writing and from `commit`, too.
        ConfigurationError: two of the files have the same place.
    """
    # Signals wait while files are made and removed, and come through while gaps are written.
    with signal_mask("SIG_BLOCK", STOPPING) as before:
        outputs = Outputs(results, skipped, html, has_metrics=has_metrics)
        try:
            with signal_mask("SIG_SETMASK", before):
                yield outputs
        finally:
            outputs.discard()


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
        file = _OutputFile(Path(path), os.fspath(path), content)
        try:
            file.check_folder()
            with _locked([file]):
                file.check_target()
                file.sweep()
                staged = file.stage()
            with signal_mask("SIG_SETMASK", before):
                for piece in pieces:
                    staged.write(piece)
                file.sync()
            with _locked([file]):
                file.check_target()
                _exchange([(file, True)])
        finally:
            file.discard()


@contextmanager
def _as_output_error(what: str) -> Iterator[None]:
    try:
        yield
    except (OutputError, BrokenPipeError):  # only a stream's reader can go away, and that is no failure to report
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, say
        message = f"{what} cannot be written: {reason(error)}"
        raise OutputError(message) from error


class Outputs:
    """The outputs of one run.

    Attributes:
        gaps: where to write the gaps: a staging file, or a stream, of which `flush` hands on what has come so far.
        skipped: the staging file for the skipped samples; None if it was not asked for.
    """

    def __init__(
        self,
        results: str | os.PathLike[str] | BinaryIO,
        skipped: str | os.PathLike[str] | None,
        html: str | os.PathLike[str] | None,
        *,
        has_metrics: bool,
    ) -> None:
        self.gaps: BinaryIO
        self.skipped: BinaryIO | None = None
        self._made: list[Path] = []
        self._parts: _PartsFolder | None = None
        self._files: dict[str, _OutputFile] = {}  # in the order in which they are put in place
        if skipped is not None:
            self._files["skipped"] = _OutputFile(Path(skipped), os.fspath(skipped), "skipped samples")
        if html is not None:
            self._files["html"] = _OutputFile(Path(html), os.fspath(html), "page")
        if isinstance(results, (str, os.PathLike)):
            folder = Path(results)
            self._files["metrics"] = _OutputFile(folder / METRICS_NAME, str(folder), "results")
            self._files["report"] = _OutputFile(folder / REPORT_NAME, str(folder), "results")
            self._files["gaps"] = _OutputFile(folder / GAPS_NAME, str(folder), "results")
        else:
            self.gaps = cast("BinaryIO", _Stream(results))
        _check_distinct(self._files.values())
        # Those of an earlier run would be taken for this one's.
        if "metrics" in self._files and not has_metrics and not _is_ours(self._files["metrics"].target):
            del self._files["metrics"]
        try:
            self._open()
        except BaseException:
            self.discard()
            raise

    def _open(self) -> None:
        gaps = self._files.get("gaps")
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._stage(gaps)
                break
            except OutputError as error:
                # A run that made the folder, and had nothing to put into it, has taken it away again just now.
                is_gone = gaps is not None and not gaps.is_staged and isinstance(error.__cause__, FileNotFoundError)
                if is_gone and left:
                    continue
                if is_gone and gaps is not None:
                    gaps.check_folder()  # a link that leads nowhere is no folder
                raise

    def _stage(self, gaps: _OutputFile | None) -> None:
        if gaps is not None:
            with _as_output_error(gaps.what):
                self._made += _make_folders(gaps.target.parent)
        for name in _ELSEWHERE & self._files.keys():
            self._files[name].check_folder()
        with _locked(self._files.values()):
            for file in self._files.values():
                file.check_target()
                file.sweep()
            if gaps is not None:
                self.gaps = gaps.stage()
            if "skipped" in self._files:
                self.skipped = self._files["skipped"].stage()

    def parts_folder(self) -> str | None:
        """Return the absolute path of a folder beside the gaps, which is made if it is not there, and gone at the end.

        Returns:
            None if the gaps go to a stream.

        Raises:
            OutputError: it cannot be made.
        """
        gaps = self._files.get("gaps")
        if gaps is None:
            return None
        if self._parts is None:
            with signal_mask("SIG_BLOCK", STOPPING), _locked([gaps]):
                self._parts = gaps.make_parts()
        return str(self._parts.path)

    def commit(
        self, report: str | None, *, has_skipped: bool = False, documents: Mapping[str, Iterable[str]] = _NO_DOCUMENTS
    ) -> None:
        """Put the outputs in place, or the absence of those that are empty.

        A reader takes a missing `kpi_gaps.jsonl` as "no gaps", so one of an earlier run is removed then; and so it is
        with the skipped samples.

        Args:
            report: the report on the gaps; None if there are none. Not used if the gaps went to a stream.
            has_skipped: whether anything was written to `skipped`.
            documents: the texts of `html` and `metrics`, those that were asked for, in pieces. They are there
                whatever there is to say.

        Raises:
            OutputError: it failed, and all files are as they were; or all are in place, and only the last sync failed.
            BrokenPipeError: the reader of the stream went away; all files are as they were.
        """
        is_there = {"skipped": has_skipped, "report": report is not None, "gaps": report is not None}
        for name, pieces in documents.items():
            self._files[name].stage_text(pieces)
            is_there[name] = True
        steps = [(file, is_there.get(name, False)) for name, file in self._files.items()]
        if "gaps" not in self._files:
            self.gaps.flush()
        for file, there in steps:
            if there:
                file.sync()  # not under the lock: this is what may take long
        with signal_mask("SIG_BLOCK", STOPPING), _locked(self._files.values()):
            for file in self._files.values():
                file.check_target()
            if "report" in self._files and report is not None:
                self._files["report"].stage_text([report])
                self._files["report"].sync()
            _exchange(steps)

    def discard(self) -> None:
        """Remove what is not in place, and the folder if this run made it and it is empty."""
        if self._parts is not None:
            self._parts.discard()
        for file in self._files.values():
            file.discard()
        for folder in reversed(self._made):
            with suppress(OSError):
                system.rmdir(folder)


class _OutputFile:
    """A file that appears whole or not at all.

    Args:
        target: where it appears.
        name: what messages call the place.
        content: and what they say is written there.

    Attributes:
        target: as above.
        what: the beginning of messages.
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
        with _as_output_error(self.what):
            if _mode(self.target.parent) is None:
                message = f"{self.what} cannot be written: there is no folder {self.target.parent}"
                raise OutputError(message)

    def check_target(self) -> None:
        """Check that what it would replace, if anything, is a file."""
        with _as_output_error(self.what):
            obstacle = _obstacle(self.target)
        if obstacle:
            message = f"{self.target}: the {self._content} cannot be written: {obstacle}"
            raise OutputError(message)

    def stage(self) -> BinaryIO:
        """Create a file beside the target, with the mode of the one that it will replace."""
        with _as_output_error(self.what):
            self._staged = self._leftover()
            descriptor = system.create(self._staged)
            self._file = io.BufferedWriter(_StagingFile(self.what, descriptor), _BUFFER_BYTES)
            _try_lock(descriptor)
            with suppress(OSError):  # nothing to replace, or a file system without modes
                mode = system.lstat(self.target).st_mode
                if stat.S_ISREG(mode):
                    system.chmod(descriptor, mode & _PERMISSIONS)
        return self._file

    def stage_text(self, pieces: Iterable[str]) -> None:
        """Write all of it at once; lone surrogates as the escapes that JSON has for them."""
        file = self.stage()
        for piece in pieces:
            file.write(piece.encode("utf-8", "backslashreplace"))

    def sync(self) -> None:
        """Let what is staged so far be on the disk."""
        if self._file is not None:
            with _as_output_error(self.what):
                self._file.flush()
                system.fsync(self._file.fileno())

    def put(self, *, is_there: bool) -> None:
        """Put the staging file in place, or the absence of it."""
        with _as_output_error(self.what):
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
        with _as_output_error(self.what):
            if _mode(self.target, follow=False) is None:
                return
            self._old = self._leftover()
            if not _link(self.target, self._old):
                _copy(self.target, self._old)

    def sweep(self) -> None:
        """Remove the staging files of runs that were killed: those that no one has locked."""
        suffixes = f"{re.escape(_STAGING_SUFFIX)}|{re.escape(_PARTS_SUFFIX)}"
        pattern = re.compile(rf"\.{re.escape(self.target.name)}\.\d+-[0-9a-f]+({suffixes})")
        with _as_output_error(self.what):
            found = [name for name in system.listdir(self.target.parent) if pattern.fullmatch(name)]
        for name in found:
            path = self.target.with_name(name)
            with suppress(OSError):
                if name.endswith(_PARTS_SUFFIX):
                    _PartsFolder(path).sweep()
                    continue
                if stat.S_ISLNK(system.lstat(path).st_mode):  # a link that was to be replaced; nobody stages any
                    system.unlink(path)
                    continue
                descriptor = system.open_descriptor(path, os.O_RDONLY | system.NO_LINK | getattr(os, "O_NONBLOCK", 0))
                try:
                    if _try_lock(descriptor):
                        system.unlink(path)
                finally:
                    system.close(descriptor)

    def discard(self) -> None:
        """Remove what is not in place."""
        if self._file is not None:
            with suppress(OSError, MemoryError):  # a full disk may refuse the rest of the buffer
                self._file.close()
        for path in self._leftovers:
            # Not there, or of a name that no file can have; or memory is out, and the next run has to do it.
            with suppress(OSError, ValueError, MemoryError):
                system.unlink(path)

    def make_parts(self) -> _PartsFolder:
        """Make a folder beside the target."""
        parts = _PartsFolder(Path(os.path.abspath(self._beside(_PARTS_SUFFIX))))  # noqa: PTH100 -- no links are followed
        with _as_output_error(self.what):
            parts.make()
        return parts

    def _leftover(self) -> Path:
        """Name a file beside the target that is not to be left behind."""
        self._leftovers.append(self._beside(_STAGING_SUFFIX))
        return self._leftovers[-1]

    def _beside(self, suffix: str) -> Path:
        return self.target.with_name(f".{self.target.name}.{os.getpid()}-{os.urandom(4).hex()}{suffix}")


class _PartsFolder:
    """A folder for what workers write; it is locked while its run lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def make(self) -> None:
        """Make it."""
        system.mkdir(self.path)
        with suppress(OSError):  # who sweeps then finds no lock: better than no run
            self._lock()

    def _lock(self) -> bool:
        """Lock it; False if another run holds it."""
        self._descriptor = system.open_descriptor(self.path, os.O_RDONLY | os.O_DIRECTORY | system.NO_LINK)
        return _try_lock(self._descriptor)

    def sweep(self) -> None:
        """Remove it, if nobody has locked it."""
        try:
            if self._lock():
                self._remove()
        finally:
            self._unlock()

    def discard(self) -> None:
        """Remove it."""
        self._remove()
        self._unlock()

    def _remove(self) -> None:
        # A worker that was not told in time may put something there even now; the next run has to do it then.
        with suppress(OSError, MemoryError):
            for name in system.listdir(self.path):
                with suppress(OSError):
                    system.unlink(self.path / name)
        with suppress(OSError, MemoryError):
            system.rmdir(self.path)

    def _unlock(self) -> None:
        if self._descriptor is not None:
            _close(self._descriptor)
            self._descriptor = None


class _StagingFile(system.File):
    """A file that says what it means if it cannot be written."""

    def __init__(self, what: str, descriptor: int) -> None:
        super().__init__(descriptor, what)
        self._what = what

    def write(self, data: ReadableBuffer, /) -> int | None:
        with _as_output_error(self._what):
            return super().write(data)


class _Stream:
    """A file that is somebody else's, written to in whole lines as long as it works, and then left alone.

    No `io.BufferedWriter`: one that is forgotten writes the rest of its buffer, even after an error.
    """

    def __init__(self, file: BinaryIO) -> None:
        name = getattr(file, "name", None)
        self._what = f"{name if isinstance(name, str) else '<stream>'}: the gaps"
        self._waiting = bytearray()
        self._is_whole = True
        if isinstance(file, io.TextIOBase):
            message = f"{self._what} cannot be written: it is open in text mode; open it in mode 'wb'"
            raise OutputError(message)
        if type(file) is io.BufferedWriter:
            # Standard output is one, and has the same fault.
            with _as_output_error(self._what):
                file.flush()
            file = cast("BinaryIO", file.raw)
        self._file = file

    def write(self, data: bytes) -> int:
        self._waiting += data
        if len(self._waiting) >= _STREAM_BUFFER_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Hand on what is waiting.

        Raises:
            OutputError: it failed, or did so before.
            BrokenPipeError: nobody reads it any more.
        """
        if not self._is_whole:
            message = f"{self._what} cannot be written: it has failed before"
            raise OutputError(message)
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            self._is_whole = False  # whatever happens, a signal too
            with _as_output_error(self._what):
                self._hand_on(data)
            self._is_whole = True

    def _hand_on(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            written: int | None = self._file.write(data[at : at + _STREAM_BUFFER_BYTES])
            if written is None:
                message = f"{self._what} cannot be written: it is not ready; open it in blocking mode"
                raise OutputError(message)
            at += written  # an unbuffered file may take less than it is given
        self._file.flush()


def _is_ours(metrics: Path) -> bool:
    """Say whether metrics are there that streamgaps has written; others may have files of that name."""
    try:
        if not stat.S_ISREG(system.stat(metrics).st_mode):  # a pipe would be waited for
            return False
        with system.open_to_read(os.fspath(metrics)) as file:
            return _BY_US.search(file.read(_HEAD_BYTES)) is not None
    except (OSError, ValueError):  # there are none, as a rule
        return False


def _check_distinct(files: Iterable[_OutputFile]) -> None:
    places: dict[Path, _OutputFile] = {}
    for file in files:
        with _as_output_error(file.what):
            place = Path(system.realpath(file.target.parent), file.target.name)
        first = places.setdefault(place, file)
        if first is not file:
            message = f"{first.what} cannot be written: other results go to that file; choose another"
            raise ConfigurationError(message)


def _obstacle(target: Path) -> str | None:
    """Say what is in the way: a link is replaced, but no folder, and nothing that is no file at all."""
    mode = _mode(target)
    if mode is None or stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return None if stat.S_ISLNK(_mode(target, follow=False) or 0) else "it is a folder"
    # Whoever may replace /dev/null would take it away from the whole system.
    return "it is no regular file"


def _mode(path: Path, *, follow: bool = True) -> int | None:
    """Return the mode of what is at a path, or of what a link there leads to; None if there is nothing."""
    try:
        return (system.stat if follow else system.lstat)(path).st_mode
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise


def _exchange(steps: list[tuple[_OutputFile, bool]]) -> None:
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


def _put(source: Path | None, target: Path) -> None:
    if source is not None:
        system.replace(source, target)
        return
    with suppress(FileNotFoundError):
        system.unlink(target)


def _make_folders(folder: Path) -> list[Path]:
    """Make the folder and its parents where they are missing, and return those that were made."""
    missing = []
    while _mode(folder) is None and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    made: list[Path] = []
    try:
        for path in reversed(missing):
            with suppress(FileExistsError):  # someone else made it just now, and it is theirs
                system.mkdir(path)
                made.append(path)
    except OSError:
        for path in reversed(made):
            with suppress(OSError):
                system.rmdir(path)
        raise
    return made


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


@contextmanager
def _locked(files: Iterable[_OutputFile]) -> Iterator[None]:
    """Keep other runs away from the folders of these files. A run that is killed leaves no lock."""
    if system.flock is None:
        yield
        return
    with ExitStack() as stack:
        folders: dict[tuple[int, int], int] = {}
        for folder, what in {file.target.parent: file.what for file in files}.items():
            with _as_output_error(what):
                descriptor = system.open_descriptor(folder, os.O_RDONLY | os.O_DIRECTORY)
                stack.callback(_close, descriptor)
                status = system.fstat(descriptor)
                folders[status.st_dev, status.st_ino] = descriptor  # under two names it is still one folder
        # In the same order in all runs, or two of them could wait for each other.
        for _, descriptor in sorted(folders.items()):
            # Whoever holds the lock may hold it long: that must not make us deaf.
            with signal_mask("SIG_UNBLOCK", STOPPING), suppress(OSError):  # a file system without locks
                system.flock(descriptor, system.LOCK)
        yield


def _close(descriptor: int) -> None:
    with suppress(OSError):  # of a folder, which has nothing left to write
        system.close(descriptor)


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

    if stat.S_ISLNK(_mode(path, follow=False) or 0):
        system.symlink(system.readlink(path), second)
        return
    file = system.File(system.create(second), str(second))
    with system.open_to_read(os.fspath(path)) as source, io.BufferedWriter(file) as copy:
        shutil.copyfileobj(source, copy)
    with suppress(OSError):  # a file system without modes, say
        status = system.stat(path)
        system.chmod(second, stat.S_IMODE(status.st_mode))
        system.utime(second, ns=(status.st_atime_ns, status.st_mtime_ns))


def _try_lock(descriptor: int) -> bool:
    """Lock an open file; False if another run holds it, or the file system has no locks."""
    if system.flock is None:
        return False
    try:
        system.flock(descriptor, system.LOCK_NOW)
    except OSError:
        return False
    return True
