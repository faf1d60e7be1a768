"""Parts of an input -> a file beside the results, written by a worker, and back.

What is read back was written by a worker of this run: the digest of each part came with its answer.
"""

from __future__ import annotations

import io
import os
import pickle
import socket
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from streamgaps import system
from streamgaps.exceptions import OutputError, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SpillFile", "Spilled", "packed", "read_back", "unpacked"]

_DIGEST_BYTES = 16
_NEEDED = "; workers on other machines need the results folder under the same path, and the right to write there"


class Spilled(NamedTuple):
    """A file of parts."""

    path: str
    frames: tuple[tuple[int, bytes], ...]
    """The length of each part in the file, and its digest."""


def packed(part: object) -> bytes:
    """Return a part as it is sent or written."""
    return pickle.dumps(part, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Any:  # noqa: ANN401 -- whatever was packed
    """Return what was packed by a worker of this run."""
    return pickle.loads(data)  # noqa: S301 -- it came with an answer, or has the digest that came with one


class SpillFile:
    """A file that a worker writes, of a name that no other one has.

    Args:
        folder: where it is made; it must be there, for who made it may have taken it away since.

    Raises:
        OutputError: it cannot be made, and later: written.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, f"{os.getpid()}-{os.urandom(8).hex()}.part")  # noqa: PTH118 -- a text is sent
        self._frames: list[tuple[int, bytes]] = []
        with self._as_output_error():
            descriptor = system.create(self._path)
        self._file = io.BufferedWriter(system.File(descriptor, self._path))

    @contextmanager
    def _as_output_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = (
                f"{self._path}: a part of the results cannot be written on {socket.gethostname()}: {reason(error)}"
            )
            is_hidden = isinstance(error, (FileNotFoundError, PermissionError))
            raise OutputError(message + (_NEEDED if is_hidden else "")) from error

    def append(self, data: bytes) -> None:
        """Write what is packed."""
        with self._as_output_error():
            self._file.write(data)
        self._frames.append((len(data), _digest(data)))

    def close(self) -> Spilled:
        """Finish the file, and return what is to be known of it."""
        with self._as_output_error():
            self._file.close()
        return Spilled(self._path, tuple(self._frames))

    def discard(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            system.unlink(self._path)


def read_back(spilled: Spilled) -> Iterator[Any]:
    """Yield what is in a file, one part at a time, and remove it.

    Raises:
        OutputError: it cannot be read, or is not what was written.
    """
    for data in _frames(spilled):
        yield unpacked(data)
    with suppress(OSError):  # all that is in the folder is removed at the end
        system.unlink(spilled.path)


def _frames(spilled: Spilled) -> Iterator[bytes]:
    try:
        # Unbuffered: parts are large.
        with system.open_to_read(spilled.path) as file:
            for length, digest in spilled.frames:
                data = _read_exactly(cast("io.RawIOBase", file), length)
                if _digest(data) != digest:
                    message = f"{spilled.path}: a part of the results is not what a worker has written; run again"
                    raise OutputError(message)  # noqa: TRY301 -- it passes the clause below
                yield data
    except OutputError:
        raise
    except OSError as error:
        message = f"{spilled.path}: a part of the results cannot be read back: {reason(error)}; run again"
        raise OutputError(message) from error


def _read_exactly(file: io.RawIOBase, length: int) -> bytes:
    pieces = []
    while length and (piece := file.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()
