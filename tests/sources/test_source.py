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

from streamgaps import ConfigurationError, SourceError, system
from streamgaps.exceptions import MalformedInputError, SourceNotFoundError
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME
from streamgaps.sources.source import BLOCK_BYTES, Input, expand, list_inputs, open_source, size_of, standard_input
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


def test_a_folder_is_replaced_by_its_json_files(tmp_path: Path) -> None:
    """In the order of their names; what else is there is left out."""
    names = ["B.JSON", "a.json", "a.json.gz", "b.jsonl.zst", "c.ndjson.XZ", "d.json.bz2", "my_" + GAPS_NAME, "z.ndjson"]
    others = [
        GAPS_NAME,
        METRICS_NAME,
        ".hidden.json",
        "json",
        ".json",
        "a.json.zip",
        "a.json.gz.gz",
        "a.txt",
        "a.gz",
        "ajson",
    ]
    for name in names + others:
        (tmp_path / name).touch()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "folder.json" / "inside.json").touch()
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "missing")  # left out, it would not be missed
    expected = [tmp_path / name for name in sorted([*names, "nowhere.json"])]
    assert expected == expand(tmp_path) == expand(str(tmp_path)) == expand([tmp_path])


def test_what_is_no_folder_is_passed_on(tmp_path: Path) -> None:
    """Files by any name, what does not exist, an empty path, URLs, open files; in the order given."""
    path = tmp_path / "results.txt"
    path.touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / GAPS_NAME).touch()
    (folder / "p.json").touch()
    given: list[Input] = [path, "missing.json", "", "a\0b", "s3://bucket/*.json", io.BytesIO(), folder / GAPS_NAME]
    assert given == expand(given) == expand(iter(given))
    assert [path, folder / "p.json", path] == expand([path, folder, path])
    for one in given:
        assert [one] == expand(one)


def test_a_folder_without_json_files_is_said(tmp_path: Path) -> None:
    """It is most likely not the one that was meant."""
    (tmp_path / "p.txt").touch()
    with pytest.raises(SourceNotFoundError, match=f"^{tmp_path}: there are no JSON files in the folder"):
        expand(tmp_path)


def test_a_folder_of_results_is_no_folder_of_predictions(tmp_path: Path) -> None:
    """Other commands read it."""
    (tmp_path / GAPS_NAME).touch()
    (tmp_path / METRICS_NAME).touch()
    with pytest.raises(SourceNotFoundError, match=f"^{tmp_path}: it holds the results of a run, .* streamgaps compare"):
        expand(tmp_path)


def test_only_what_may_be_read_in_a_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside predictions there may be very many videos, on a file system far away."""
    for name in ("a.mp4", "b.mp4", "p.json"):
        (tmp_path / name).touch()
    asked: list[str] = []

    def stat(path: Path) -> os.stat_result:
        asked.append(path.name)
        return path.stat()

    monkeypatch.setattr(system, "stat", stat)
    assert [tmp_path / "p.json"] == expand(tmp_path)
    assert [tmp_path.name, "p.json"] == asked


def test_the_other_files_of_a_run_are_no_predictions(tmp_path: Path) -> None:
    """Whatever they are called, and under whatever path."""
    for name in ("annotations.json", "labels.json", "p.json", "skipped.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "link.json").symlink_to("labels.json")
    others = {
        "annotations": tmp_path / "annotations.json",
        "ground_truth": str(tmp_path / "labels.json"),
        "skipped": tmp_path / "skipped.jsonl",
    }
    assert [tmp_path / "p.json"] == list_inputs(tmp_path, **others)
    assert [tmp_path / "labels.json"] == list_inputs(tmp_path / "labels.json", **others)


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason."""

    def forbidden(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(system, "listdir", forbidden)
    with pytest.raises(SourceError, match=f"^{tmp_path}: the folder cannot be listed: Permission denied$"):
        expand(tmp_path)


@pytest.mark.parametrize("inputs", [5, b"p.json", None, [None], ["p.json", 5]])
def test_what_is_no_input_is_refused(inputs: object) -> None:
    """It is a mistake in the program."""
    with pytest.raises(ConfigurationError, match="an input must be a path, a URL or a file open in binary mode, not "):
        expand(cast("list[Input]", inputs))


def test_no_input_at_all_is_refused() -> None:
    """There would be no gaps, and no word why."""
    with pytest.raises(ConfigurationError, match="nothing to read"):
        expand([])


def test_the_size_of_a_file_is_known_and_of_others_not(tmp_path: Path) -> None:
    """In bytes."""
    path = tmp_path / "p.json"
    path.write_bytes(b"[]")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert 2 == size_of(path) == size_of(str(path))
    for unknown in (pipe, tmp_path, tmp_path / "missing", "a\0b", "http://host/p.json", io.BytesIO(b"[]")):
        assert size_of(unknown) is None
