from __future__ import annotations

import bz2
import gzip
import io
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from streamgaps import SourceError, system
from streamgaps.exceptions import MalformedInputError
from streamgaps.sources.source import BLOCK_BYTES, open_source, standard_input
from tests.doubles import ChunkedFile
from tests.packing import COMPRESS


def test_a_path_is_read_in_blocks_and_closed(tmp_path: Path) -> None:
    """In pieces that are small."""
    path = tmp_path / "p.json"
    data = os.urandom(BLOCK_BYTES * 2 + 10)
    path.write_bytes(data)
    with open_source(path) as source:
        assert str(path) == source.name
        blocks = list(source.blocks)
    assert data == b"".join(blocks)
    assert max(map(len, blocks)) <= BLOCK_BYTES


def test_a_pipe_is_read(tmp_path: Path) -> None:
    """As it comes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"[]",))
    writer.start()
    with open_source(path) as source:
        assert b"".join(source.blocks) == b"[]"
    writer.join()


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    """A folder, a name with a NUL."""
    for path, reason in ((tmp_path, "directory"), ("a\0b", "null")):
        with pytest.raises(SourceError, match=f"cannot be opened: .*{reason}"), open_source(path):
            pass


def test_a_text_file_is_refused() -> None:
    """It has been decoded by who knows what."""
    with open_source(cast("BinaryIO", io.StringIO("[]"))) as source, pytest.raises(SourceError, match="mode 'rb'"):
        list(source.blocks)


def test_a_read_error_names_the_byte() -> None:
    """And the input."""

    class Broken(io.RawIOBase):
        def __init__(self) -> None:
            self.left = [b"abc", b"de"]

        def read(self, _: int = -1) -> bytes:
            if self.left:
                return self.left.pop(0)
            raise OSError(5, "Input/output error")

    with (
        open_source(cast("BinaryIO", Broken())) as source,
        pytest.raises(SourceError, match="^<stream>: reading failed at byte 5: Input"),
    ):
        list(source.blocks)


def test_a_file_that_has_nothing_to_give_yet_is_refused() -> None:
    """A non-blocking one; to wait in a loop would be no better."""

    class NonBlocking(io.RawIOBase):
        def read(self, _: int = -1) -> None:
            return None

    with (
        open_source(cast("BinaryIO", NonBlocking())) as source,
        pytest.raises(SourceError, match="the input is not ready"),
    ):
        list(source.blocks)


def test_whatever_a_given_file_raises_is_said(tmp_path: Path) -> None:
    """Those of compression modules have errors that are no OSError."""
    data = bytearray(gzip.compress(b"[]" * 1000))
    data[15] ^= 0xFF
    (tmp_path / "p.gz").write_bytes(data)
    with (
        gzip.open(tmp_path / "p.gz") as file,
        open_source(cast("BinaryIO", file)) as source,
        pytest.raises(SourceError, match="p.gz: reading failed at byte 0: "),
    ):
        list(source.blocks)


def test_memory_that_is_out_while_a_file_is_read_is_said_as_that() -> None:
    """It is not the file that fails."""
    with open_source(Raising(MemoryError())) as source, pytest.raises(MemoryError):
        list(source.blocks)


def test_an_error_that_says_nothing_is_said_by_its_name() -> None:
    """Some have no words."""
    with open_source(Raising(EOFError())) as source, pytest.raises(SourceError, match="at byte 0: EOFError$"):
        list(source.blocks)


class Raising(io.BytesIO):
    """A file that cannot be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def read1(self, _: int | None = -1, /) -> bytes:
        """Raise the error."""
        raise self._error


class Odd(io.BytesIO):
    """A file in memory, with a descriptor that is none of its own."""

    def __init__(self, data: bytes, descriptor: object) -> None:
        super().__init__(data)
        self._odd = descriptor

    def fileno(self) -> Any:
        """Return it, or raise it."""
        if isinstance(self._odd, Exception):
            raise self._odd
        return self._odd


@pytest.mark.parametrize("descriptor", [-1, None, "x", 10**6, RuntimeError(), KeyError()])
def test_a_file_of_the_callers_is_not_asked_for_its_descriptor(descriptor: object) -> None:
    """It may be that of anything."""
    with open_source(Odd(b"[]", descriptor)) as source:
        assert list(source.blocks) == [b"[]"]


def test_a_file_that_is_spooled_stays_in_memory() -> None:
    """To ask it for its descriptor would write it to the disk."""
    with tempfile.SpooledTemporaryFile() as file:
        file.write(b"[]")
        file.seek(0)
        with open_source(cast("BinaryIO", file)) as source:
            assert list(source.blocks) == [b"[]"]
        assert not cast("Any", file)._rolled


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("change", ["append", "rewrite"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, change: str, is_open: bool) -> None:
    """Half of an old file and half of a new one is neither."""
    path = tmp_path / "p.json"
    path.write_bytes(b"x" * BLOCK_BYTES * 2)
    with path.open("rb") as opened, open_source(opened if is_open else path) as source:
        next(source.blocks)
        if change == "append":
            with path.open("ab") as other:
                other.write(b"y")
        else:
            path.write_bytes(b"z" * BLOCK_BYTES * 2)
            os.utime(path, ns=(0, 0))
        with pytest.raises(SourceError, match="changed while it was read"):
            list(source.blocks)


def test_a_file_is_read_and_checked_without_pread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows; to look at its beginning does not move where it is read."""
    monkeypatch.setattr(system, "pread", system._pread)
    path = tmp_path / "p.json"
    data = os.urandom(BLOCK_BYTES + 10)
    path.write_bytes(data)
    with open_source(path) as source:
        assert source.file is not None
        assert data[5:9] == source.file.read(4, 5)
        assert data == b"".join(source.blocks)
    with open_source(path) as source:
        path.write_bytes(b"x")
        with pytest.raises(SourceError, match="changed while it was read"):
            list(source.blocks)


@pytest.mark.parametrize("compress", COMPRESS.values(), ids=COMPRESS)
def test_a_compressed_file_is_decompressed_whatever_its_name_is(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    """It cannot be read in ranges; whether a file can is found out without reading it."""
    data = os.urandom(BLOCK_BYTES * 2) + bytes(BLOCK_BYTES)
    path = tmp_path / "p.json"
    for content, is_plain in ((compress(data), False), (data, True), (b"", True), (b"\x1f", True)):
        path.write_bytes(content)
        with open_source(path) as source:
            assert is_plain == (source.file is not None)
            assert (content if is_plain else data) == b"".join(source.blocks)


@pytest.mark.parametrize("compress", COMPRESS.values(), ids=COMPRESS)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_compressed_file_that_is_open_is_decompressed(compress: Callable[[bytes], bytes], size: int) -> None:
    """A pipe, as a rule."""
    data = b"[1, 2]" * 100
    with open_source(cast("BinaryIO", ChunkedFile(compress(data), size))) as source:
        assert source.file is None
        assert data == b"".join(source.blocks)


def test_nothing_is_read_of_a_pipe_before_it_is_asked_for() -> None:
    """It may take long to come."""

    class Untouched:
        def read(self, _: int = -1) -> bytes:
            pytest.fail("read further than it was needed")

    with open_source(cast("BinaryIO", Untouched())) as source:
        assert source.position() == 0


def test_the_position_is_that_in_the_input(tmp_path: Path) -> None:
    """Of what is compressed that in the compressed data: the length of a file is known, that of its content is not."""
    path = tmp_path / "p.json"
    data = os.urandom(BLOCK_BYTES * 2 + 10)
    for content in (data, gzip.compress(data), bz2.compress(bytes(10**7))):
        path.write_bytes(content)
        for given in (path, io.BytesIO(content)):
            with open_source(given) as source:
                assert source.position() == 0
                next(source.blocks)
                assert min(BLOCK_BYTES, len(content)) == source.position()
                list(source.blocks)
                assert len(content) == source.position()


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("change", ["append", "rewrite"])
def test_a_compressed_file_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, change: str, is_open: bool
) -> None:
    """Also if what comes later is a member that fits."""
    path = tmp_path / "p.json.gz"
    content = gzip.compress(os.urandom(BLOCK_BYTES * 2))
    path.write_bytes(content)
    with path.open("rb") as opened, open_source(opened if is_open else path) as source:
        next(source.blocks)
        if change == "append":
            with path.open("ab") as other:
                other.write(gzip.compress(b"y"))
        else:
            path.write_bytes(content)
            os.utime(path, ns=(0, 0))
        with pytest.raises(SourceError, match="changed while it was read"):
            list(source.blocks)


def test_a_damaged_file_is_an_error_of_the_input(tmp_path: Path) -> None:
    """Its name is added by whoever knows what it is read for."""
    path = tmp_path / "p.json.gz"
    path.write_bytes(gzip.compress(b"[]")[:-3])
    with open_source(path) as source, pytest.raises(MalformedInputError, match="^the gzip data is cut short after 19"):
        list(source.blocks)


def test_a_failing_read_of_a_compressed_file_names_the_byte() -> None:
    """That of the compressed data."""

    class Broken(ChunkedFile):
        def read(self, _: int = -1) -> bytes:
            block = super().read()
            if not block:
                raise OSError(5, "Input/output error")
            return block

    data = gzip.compress(b"[]")[:15]
    with (
        open_source(cast("BinaryIO", Broken(data, 4))) as source,
        pytest.raises(SourceError, match="^<stream>: reading failed at byte 15: Input"),
    ):
        list(source.blocks)


def test_the_standard_input_is_read_as_it_comes() -> None:
    """By its descriptor, which stays open."""
    program = """
from streamgaps.sources.source import open_source, standard_input
with standard_input() as file, open_source(file) as source:
    print(source.name, b"".join(source.blocks))
standard_input().close()
print(standard_input().read(1))
"""
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, input=gzip.compress(b"[]"), capture_output=True, check=True)
    assert result.stdout.split(b"\n") == [b"<stdin> b'[]'", b"b''", b""]


def test_a_standard_input_that_is_closed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a service may be started."""

    def closed(*_: object, **__: object) -> None:
        raise OSError(9, "Bad file descriptor")

    with monkeypatch.context() as patch:
        patch.setattr(system, "fstat", closed)
        with pytest.raises(SourceError, match="^<stdin>: cannot be opened: Bad file descriptor$"):
            standard_input()
