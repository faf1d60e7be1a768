from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from streamgaps import SourceError
from streamgaps.sources import BLOCK_BYTES, open_source


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


@pytest.mark.parametrize("change", ["append", "rewrite"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, change: str) -> None:
    """Half of an old file and half of a new one is neither."""
    path = tmp_path / "p.json"
    path.write_bytes(b"x" * BLOCK_BYTES * 2)
    with open_source(path) as source:
        next(source.blocks)
        if change == "append":
            with path.open("ab") as file:
                file.write(b"y")
        else:
            path.write_bytes(b"z" * BLOCK_BYTES * 2)
            os.utime(path, ns=(0, 0))
        with pytest.raises(SourceError, match="changed while it was read"):
            list(source.blocks)
