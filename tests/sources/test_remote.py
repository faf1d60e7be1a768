from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from streamgaps import ConfigurationError, SourceError
from streamgaps.exceptions import SourceNotFoundError
from streamgaps.sources.inputs import list_inputs
from streamgaps.sources.remote import _RemoteFile, list_folder, open_url, shown
from streamgaps.sources.source import BLOCK_BYTES, open_source

DATA = os.urandom(3 * BLOCK_BYTES + 7)
PLAIN = b"[" + DATA
INDEX = b"""<a href="../">up</a> <a href="b.json.gz">b</a> <a href="./a.json">a</a> <a href="deep/c.json">c</a>
<a href="folder.json/">folder</a> <a href="/dir/d%20d.json">d</a> <a href="?C=N">sort</a> <a href="e.txt">e</a>"""


@pytest.fixture
def memory() -> Iterator[Any]:
    """Give the files that fsspec has in memory."""
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


class Handler(BaseHTTPRequestHandler):
    """Serves what is compressed, cut, forbidden or missing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; HEAD is answered with an error, as some servers do."""
        body, headers, missing = PLAIN, {}, 0
        if self.path.strip("/") in ("403.json", "404.json", "500.json"):
            self.send_error(int(self.path[1:4]))
            return
        if self.path == "/encoded.json":
            body, headers = gzip.compress(PLAIN[:9]) + gzip.compress(PLAIN[9:]), {"Content-Encoding": "gzip"}
        elif self.path.endswith(".gz"):
            body = gzip.compress(PLAIN)
        elif self.path == "/dir/":
            body, headers = INDEX, {"Content-Type": "text/html"}
        elif self.path == "/cut.json":
            missing = 1
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body) + missing), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # where the client has read enough
            self.wfile.write(body)
        self.close_connection = bool(missing)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a server."""
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["p.json", "p.json.gz", "p*[a].json", "plain.gz"])
def test_what_is_remote_is_read(memory: Any, name: str) -> None:
    """Decompressed by its content, not by its name; and a star is a star."""
    content = gzip.compress(PLAIN) if name == "p.json.gz" else PLAIN
    memory.pipe(f"/folder/{name}", content)
    with open_source(f"memory://folder/{name}") as source:
        assert f"memory://folder/{name}" == source.name
        assert source.file is None
        assert PLAIN == b"".join(source.blocks)
        assert len(content) == source.position()


def test_a_connection_is_closed_behind_the_file(server: str) -> None:
    """Even if not all was read."""
    with open_url(f"http://{server}/p.json") as file:
        inner = file._file  # type: ignore[attr-defined] # the one that fsspec gave
        assert file.readable()
        assert not inner.closed
    assert file.closed
    assert inner.closed


def test_a_close_that_fails_behind_all_that_is_read_is_no_failure() -> None:
    """As for a file of this machine; and it is closed once."""

    class File(io.BytesIO):
        closings = 0

        def close(self) -> None:
            self.closings += 1
            if self.closings == 1:  # Python closes it once more, and would tell of an error
                message = "the session is gone"
                raise RuntimeError(message)
            super().close()

    inner = File(b"[]")
    with _RemoteFile("http://host/p.json", inner) as file:
        assert file.read() == b"[]"
    file.close()
    assert file.closed
    assert inner.closings == 1


def test_memory_that_is_out_while_a_url_is_read_is_said_as_that() -> None:
    """It is not the file that fails."""

    class File(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            raise MemoryError

    with _RemoteFile("http://host/p.json", File()) as file, pytest.raises(MemoryError):
        file.read()


def test_a_remote_folder_is_listed(memory: Any) -> None:
    """As one on this machine."""
    for name in ("b.json", "a.jsonl.gz", "kpi_gaps.jsonl", "kpi_metrics.json", ".h.json", "x.txt", "deep/c.json"):
        memory.pipe(f"/folder/{name}", b"[]")
    files = ["memory://folder/.h.json", "memory://folder/a.jsonl.gz", "memory://folder/b.json"]
    others = [f"memory://folder/{name}" for name in ("kpi_gaps.jsonl", "kpi_metrics.json", "x.txt")]
    assert files + others == list_folder("memory://folder/")
    assert files[1:] == list_inputs("memory://folder/")
    for url in list_inputs("memory://folder/"):
        with open_source(url) as source:
            assert b"".join(source.blocks) == b"[]"


def test_a_remote_folder_without_json_files_is_said(memory: Any) -> None:
    """And so is one that does not exist."""
    memory.pipe("/folder/x.txt", b"")
    with pytest.raises(SourceNotFoundError, match="^memory://folder/: there are no JSON files in the folder"):
        list_inputs("memory://folder/")
    with pytest.raises(SourceNotFoundError, match="^memory://missing/: does not exist"):
        list_inputs(["memory://missing/"])


def test_what_does_not_exist_is_said(memory: Any) -> None:
    """When it is opened."""
    del memory
    with pytest.raises(SourceNotFoundError, match="^memory://p.json: does not exist"), open_source("memory://p.json"):
        pass


def test_a_file_that_ends_too_early_is_an_error(memory: Any) -> None:
    """To fsspec, a range that comes back shorter is the end."""
    import fsspec  # noqa: PLC0415 -- it may be missing
    from fsspec.spec import AbstractBufferedFile, AbstractFileSystem  # noqa: PLC0415

    class ShortFile(AbstractBufferedFile):  # type: ignore[misc] # fsspec has no types
        def _fetch_range(self, start: int, end: int) -> bytes:
            return DATA[start : min(end, len(DATA) - 1)]

    class ShortFileSystem(AbstractFileSystem):  # type: ignore[misc] # as above
        protocol = "short"

        def _open(self, path: str, mode: str = "rb", block_size: int = 0, **_: Any) -> Any:
            return ShortFile(self, path, mode, block_size, size=len(DATA))

    del memory
    fsspec.register_implementation("short", ShortFileSystem, clobber=True)
    with open_source("short://p.json") as source:
        blocks = source.blocks
        with pytest.raises(SourceError, match=f"^short://p.json: ended after {len(DATA) - 1} of {len(DATA)} bytes$"):
            list(blocks)


@pytest.mark.parametrize("name", ["p.json", "p.json.gz", "encoded.json", "*.json", "p.json?x=[1]"])
def test_what_a_web_server_has_is_read(server: str, name: str) -> None:
    """In blocks; also where the server compresses it on the way, and where it has no answer to HEAD."""
    with open_source(f"http://{server}/{name}") as source:
        blocks = list(source.blocks)
    assert PLAIN == b"".join(blocks)
    assert max(map(len, blocks)) <= BLOCK_BYTES


def test_a_connection_that_is_cut_is_an_error(server: str) -> None:
    """It is not the end."""
    with (
        open_source(f"http://{server}/cut.json") as source,
        pytest.raises(SourceError, match=f"^http://{server}/cut.json: reading failed at byte [0-9]+: .*not completed"),
    ):
        list(source.blocks)


def test_what_a_web_server_refuses_is_said(server: str) -> None:
    """Only what is missing is missing."""
    with pytest.raises(SourceNotFoundError, match=f"^http://{server}/404.json: does not exist"):
        open_url(f"http://{server}/404.json")
    for status, reason in ((403, "Forbidden"), (500, "Internal Server Error")):
        with pytest.raises(SourceError, match=f"^http://{server}/{status}.json: cannot be opened: .*{reason}") as error:
            open_url(f"http://{server}/{status}.json")
        assert not isinstance(error.value, SourceNotFoundError)


def test_a_server_that_is_not_there_is_said(server: str) -> None:
    """It is not a file that is missing."""
    del server
    with pytest.raises(SourceError, match="^http://127.0.0.1:1/p.json: cannot be opened: Connect call failed") as error:
        open_url("http://127.0.0.1:1/p.json")
    assert not isinstance(error.value, SourceNotFoundError)


def test_the_folder_of_a_web_server_is_listed(server: str) -> None:
    """What its page links to and is in the folder; the password goes along, and is not shown."""
    base = f"http://user:secret@{server}/dir/"
    assert [base + name for name in ("a.json", "b.json.gz", "d%20d.json")] == list_inputs(base)
    with open_source(list_inputs(base)[1]) as source:
        assert f"http://user:***@{server}/dir/b.json.gz" == source.name
        assert PLAIN == b"".join(source.blocks)
    with pytest.raises(SourceNotFoundError) as missing:
        list_inputs(f"http://user:secret@{server}/404.json/")
    assert f"http://user:***@{server}/404.json/: does not exist" == str(missing.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://user:secret@host/p.json", "http://user:***@host/p.json"),
        ("s3://:p@ss@host:80/a:b@c.json", "s3://:***@host:80/a:b@c.json"),
        ("zip://a.json::ftp://u:p@host/a.zip", "zip://a.json::ftp://u:***@host/a.zip"),
        ("http://host:80/a:b@c.json", "http://host:80/a:b@c.json"),
        ("http://user@host/p.json", "http://user@host/p.json"),
        ("http://host/?q=a:b@c", "http://host/?***"),
        ("https://host/p.json?X-Sig=a/b?c%2F,d&e=f#g", "https://host/p.json?***"),
        ("zip://a.json::https://u:p@host/a.zip?s=x", "zip://a.json::https://u:***@host/a.zip?***"),
    ],
)
def test_a_password_and_a_signature_are_not_shown(url: str, expected: str) -> None:
    """Neither in the URL nor in what libraries say about it."""
    assert expected == shown(url)
    assert f"it is {expected}, and {expected}" == shown(f"it is {url}, and {url}")
    assert f"is it '{expected}'? (no, {expected})." == shown(f"is it '{url}'? (no, {url}).")


def test_a_password_is_not_shown_in_errors(server: str) -> None:
    """Whoever raises them."""
    for path in ("404.json", "500.json"):
        with pytest.raises(SourceError) as error:
            open_url(f"http://user:secret@{server}/{path}")
        assert f"http://user:***@{server}/{path}: " in str(error.value)
        assert "secret" not in str(error.value)


def test_a_protocol_that_nobody_knows_is_said(memory: Any) -> None:
    """It is a slip of the pen."""
    del memory
    with pytest.raises(
        ConfigurationError, match="^htp://h/p.json: is no URL that can be read: Protocol not known: htp$"
    ):
        open_url("htp://h/p.json")


@pytest.mark.parametrize(
    ("url", "missing", "expected"),
    [
        ("memory://p.json", "fsspec", "pip install 'streamgaps[remote]'"),
        ("http://host/p.json", "aiohttp", "pip install 'streamgaps[remote]'"),
        ("s3://bucket/p.json", "s3fs", "Install s3fs to access S3"),
    ],
)
def test_what_must_be_installed_is_said(url: str, missing: str, expected: str) -> None:
    """The package that opens such URLs; in a process of its own, which has loaded none of them."""
    if missing != "fsspec":
        pytest.importorskip("fsspec")
    program = f"""
import sys
sys.modules[{missing!r}] = None
from streamgaps import ConfigurationError
from streamgaps.sources.remote import open_url
try:
    open_url({url!r})
except ConfigurationError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (f"{url}: something that it takes to read such URLs is not installed: {expected}\n") == result.stdout


def test_fsspec_is_loaded_only_for_urls() -> None:
    """It takes longer than reading a small file."""
    program = """
import io, sys
from streamgaps.sources.inputs import list_inputs
from streamgaps.sources.source import open_source
with open_source(io.BytesIO(b"[]")) as source:
    list(source.blocks)
list_inputs(["p.json", "http://host/p.json"])
assert not {"fsspec", "aiohttp", "streamgaps.sources.remote"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
