"""URLs -> files. fsspec has its one door here, and aiohttp, which it takes for http.

fsspec is loaded when the first URL is opened: most runs never need it.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from streamgaps.exceptions import ConfigurationError, SourceError, SourceNotFoundError, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["list_folder", "open_url", "shown"]

_HTTP = ("http://", "https://")
_INSTALL = "pip install 'streamgaps[remote]'"
_AHEAD_BYTES = 8 * 1024 * 1024  # how much is fetched at once from an object store, where each request takes long
_CONNECT_SECONDS = 60
_SILENCE_SECONDS = 300

_PASSWORD = re.compile(r"(?<=://)([^/?#:@\s]*):[^/?#\s]*@")
_QUERY = re.compile(r"(://[^?\s]*\?)\S*[^\s.,:;!?'\")>\]}]")  # in a text, a sign behind a URL is none of it


def shown(url: str) -> str:
    """Return the URL, or a text with URLs in it, with `***` for each password and query, which may be a signature."""
    return _QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def open_url(url: str) -> BinaryIO:
    """Open what a URL names; the caller closes it. It is read as it is: not decompressed, and `*` is only a character.

    Its `name` is the URL without passwords.

    Raises:
        SourceNotFoundError: it does not exist.
        SourceError: it cannot be opened. Later, from reading: it cannot be read, or ends too early.
        ConfigurationError: what it takes to read such a URL is not installed.
    """
    name = shown(url)
    with _as_source_error(name, "cannot be opened"):
        filesystem, path = _locate(url)
        # Over http as one stream: ranges of a file that changes would be put together without a word.
        file = _open_http(filesystem, path) if url.startswith(_HTTP) else _open_ranges(filesystem, path)
    return cast("BinaryIO", _RemoteFile(name, file))


def list_folder(url: str) -> list[str]:
    """Return the URLs of the files in a folder, in order; not those of the folders in it.

    Args:
        url: the folder; it ends in `/`.

    Raises:
        SourceNotFoundError: it does not exist.
        SourceError: it cannot be listed.
        ConfigurationError: what it takes to read such a URL is not installed.
    """
    with _as_source_error(shown(url), "the folder cannot be listed"):
        filesystem, path = _locate(url)
        entries = filesystem.ls(path, detail=True)
    folder = path.rstrip("/") + "/"
    # Some web servers begin their links with `./`.
    names = {entry["name"].removeprefix(folder).removeprefix("./") for entry in entries if entry["type"] != "directory"}
    # Put together anew: what fsspec calls its files has lost the host and the password for some protocols.
    return [url + name for name in sorted(names) if name and "/" not in name]


def _locate(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and what the URL is called there."""
    try:
        import fsspec.core  # noqa: PLC0415 -- only now

        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        needed = _INSTALL if url.startswith(_HTTP) or (error.name or "").startswith("fsspec") else _words(error)
        message = f"{shown(url)}: something that it takes to read such URLs is not installed: {needed}"
        raise ConfigurationError(message) from error
    except ValueError as error:  # no such protocol, as a rule
        message = f"{shown(url)}: is no URL that can be read: {_words(error)}"
        raise ConfigurationError(message) from error
    # The file systems live on, and what they remember of folders would be the length of files, too.
    filesystem.invalidate_cache()
    return filesystem, path


def _open_http(filesystem: Any, path: str) -> Any:  # noqa: ANN401 -- fsspec has no types
    import aiohttp  # noqa: PLC0415 -- only now

    # Its own limit is five minutes for all of a file.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)
    # Were it compressed on the way, aiohttp would decompress it, and some versions stop behind the first member.
    headers = {**filesystem.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
    as_it_is = {"auto_decompress": False, "headers": headers}
    # A block size of 0 asks for a stream. With a size, whatever it is, no other request is made before to learn
    # the size: that one calls every failure "not found".
    return filesystem.open(path, "rb", block_size=0, size=1, timeout=timeout, **as_it_is)


def _open_ranges(filesystem: Any, path: str) -> Any:  # noqa: ANN401
    return filesystem.open(path, "rb", block_size=_AHEAD_BYTES)


class _RemoteFile(io.RawIOBase):
    """A file of fsspec's that says what it means if it cannot be read.

    Attributes:
        name: the URL without passwords.
    """

    def __init__(self, name: str, file: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.name = name
        self._file = file
        size = getattr(file, "size", None)
        self._size = size if isinstance(size, int) else 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        with _as_source_error(self.name, f"reading failed at byte {self._position}"):
            block = bytes(self._file.read(size))
        self._position += len(block)
        # Where a range comes back shorter, fsspec takes it for the end.
        if not block and size and self._position < self._size:
            message = f"{self.name}: ended after {self._position} of {self._size} bytes"
            raise SourceError(message)
        return block

    def close(self) -> None:
        if not self.closed:
            super().close()
            with suppress(Exception):  # what is read is read, and each file system has errors of its own
                self._file.close()


@contextmanager
def _as_source_error(name: str, what: str) -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, SourceError, MemoryError):
        raise
    except FileNotFoundError as error:
        message = f"{name}: does not exist"
        raise SourceNotFoundError(message) from error
    except Exception as error:  # each file system has errors of its own
        message = f"{name}: {what}: {_words(error)}"
        raise SourceError(message) from error


def _words(error: Exception) -> str:
    """Return what an error says, in one line and without passwords."""
    return shown(" ".join(reason(error).split()))
