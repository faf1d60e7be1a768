"""The system calls that open, change or list files: all that streamgaps makes, and made nowhere else.

So there is one place to see what a run asks of the system, and one place where a test makes the n-th call fail, or
kills the process at it, for every n. Beside them only SQLite and `tempfile` (indices in a temporary folder), fsspec
(URLs) and `multiprocessing` (pipes to workers) make calls of their own.
"""

from __future__ import annotations

import errno
import io
import os
from contextlib import ExitStack
from stat import S_ISDIR
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer  # from the type checker; Python has it from 3.12 on

__all__ = [
    "CALLS",
    "FOLDER",
    "LOCK",
    "LOCK_NOW",
    "NO_LINK",
    "File",
    "create",
    "open_to_read",
    "read_text",
    "standard_file",
]

CALLS = (
    "chmod",
    "close",
    "dup2",
    "fchmod",
    "flock",
    "fstat",
    "fsync",
    "link",
    "listdir",
    "lstat",
    "mkdir",
    "open_descriptor",
    "pread",
    "read",
    "readlink",
    "realpath",
    "replace",
    "rmdir",
    "stat",
    "symlink",
    "unlink",
    "utime",
    "write",
)
"""The names of the calls in this module; what a system lacks is None."""


def _pread(descriptor: int, size: int, offset: int) -> bytes:
    """Do what `os.pread` does, on a system without it; by one thread at a time."""
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, offset, os.SEEK_SET)
    try:
        return os.read(descriptor, size)
    finally:
        os.lseek(descriptor, before, os.SEEK_SET)


chmod = os.chmod
fchmod: Callable[[int, int], None] | None = os.chmod if os.chmod in os.supports_fd else None
close = os.close
dup2 = os.dup2
fstat = os.fstat
fsync = os.fsync
_link = getattr(os, "link", None)
link: Callable[..., None] | None = _link if _link in os.supports_follow_symlinks else None
listdir = os.listdir
lstat = os.lstat
mkdir = os.mkdir
open_descriptor = os.open
pread: Callable[[int, int, int], bytes] = getattr(os, "pread", _pread)
read = os.read
readlink = os.readlink
realpath = os.path.realpath
replace = os.replace
rmdir = os.rmdir
stat = os.stat
symlink = os.symlink
unlink = os.unlink
utime = os.utime
write = os.write

flock: Callable[[int, int], object] | None = None
LOCK = LOCK_NOW = 0
try:
    import fcntl
except ImportError:  # not a POSIX system: two runs into one folder are then not kept apart
    pass
else:
    flock = fcntl.flock
    LOCK = fcntl.LOCK_EX  # wait until nobody else has the lock
    LOCK_NOW = fcntl.LOCK_EX | fcntl.LOCK_NB  # or fail at once

NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
"""The flag that lets no symbolic link be opened, where the system has it."""

FOLDER: int = getattr(os, "O_DIRECTORY", 0)
"""The flag that lets nothing but a folder be opened, where the system has it."""

_BINARY: int = getattr(os, "O_BINARY", 0)


class File(io.RawIOBase):
    """An unbuffered binary file that makes its calls here; `io.FileIO` would make them out of sight.

    It may be read as it is, or written to through `io.BufferedWriter`; it has no `readinto`.

    Args:
        descriptor: the open file.
        name: what messages call it.
        owns: whether to close the descriptor with the file.
    """

    def __init__(self, descriptor: int, name: str, *, owns: bool = True) -> None:
        super().__init__()
        self.name = name
        self._descriptor = descriptor
        self._owns = owns

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def readable(self) -> bool:
        """Say yes; who writes only does not ask."""
        return True

    def writable(self) -> bool:
        """Say yes; who reads only does not ask."""
        return True

    def read(self, size: int = -1, /) -> bytes | None:
        """Read up to `size` bytes; None if there is nothing yet, and nobody is to wait for it."""
        if size < 0:
            return self.readall()
        try:
            return read(self._descriptor, size)
        except BlockingIOError:
            return None

    def write(self, data: Buffer, /) -> int | None:
        """Write what can be written at once, and return how much it was; None if nobody is to wait for that."""
        try:
            return write(self._descriptor, data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        """Close it; whatever the system says to that is raised, once."""
        if not self.closed:
            super().close()
            if self._owns:
                close(self._descriptor)


def open_to_read(path: str) -> BinaryIO:
    """Open a file to be read; its `name` is the path.

    Unbuffered: what is read are blocks larger than a buffer, which would only copy them once more.
    """
    file = File(open_descriptor(path, os.O_RDONLY | _BINARY), path)
    with ExitStack() as stack:
        stack.callback(file.close)
        _refuse_folder(file)
        stack.pop_all()
    return cast("BinaryIO", file)


def _refuse_folder(file: File) -> None:
    # It can be opened, and only reading it fails.
    if S_ISDIR(fstat(file.fileno()).st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), file.name)


def create(path: str | os.PathLike[str]) -> int:
    """Create a file to be written, where nothing is, not even a link; return its descriptor.

    Not `tempfile`: its files have mode 0600, which would become the mode of the results.
    """
    return open_descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK | _BINARY, 0o666)


def standard_file(descriptor: int, name: str) -> BinaryIO:
    """Return standard input or output as a file that stays open when it is closed.

    Raises:
        OSError: it is not open.
    """
    fstat(descriptor)
    return cast("BinaryIO", File(descriptor, name, owns=False))


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """Read all of a small file."""
    with open_to_read(os.fspath(path)) as file:
        return file.read().decode(encoding)
