"""Inputs of hostile sizes: they are read, or refused with a sentence, in little memory and in linear time.

The memory is bounded by `BASE`, and by `--max-record-bytes` for what is kept of a record. `BASE` is the interpreter
with our modules, 30 MiB; the up to 8 MiB that are collected of an item before it is read event by event, and twice
that while they are cut; the last 4 MiB of it, for the message of an error; and, where it is compressed, the window of
the decompressor, here 8 MiB. Of what is kept there are at once its parts, the text, and what is written of it.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

import pytest

from streamgaps.cli.exits import ExitCode
from streamgaps.outputs.names import GAPS_NAME
from tests.conftest import command, names
from tests.measured import MIB, Measured, measured_pipe
from tests.packing import COMPRESS

MB = 1000 * 1000
GB = 1000 * MB
BASE = 80 * MIB
SMALL = 40 * MB
RECORD = b'{"video_id":"/v","response":"yes","gt":"no"}'
OPEN = RECORD[:-1]
DONE, REFUSED = ExitCode.DONE, ExitCode.INPUT
TOO_LONG = "item 1 is longer than {:,} bytes; --max-record-bytes allows more"


class Giant(NamedTuple):
    """An input: a beginning, a block again and again, and an end."""

    begin: bytes
    block: bytes
    end: bytes
    full: int
    """How many bytes the blocks have together in the long run."""
    status: ExitCode = DONE
    words: str = ""
    """What the message has, with the limit of a record in it."""
    kept: int = 0
    """How many times what the record may have is kept of it at once."""
    options: tuple[str, ...] = ()
    is_endless: bool = False
    """Whether the limit of a record is to end it: at a tenth of the input."""

    def blocks(self, size: int) -> Iterator[bytes]:
        """Return the input, with so many bytes of blocks."""
        return chain([self.begin], repeat(self.block, size // len(self.block)), [self.end])

    def limit(self, size: int) -> int:
        """Return how long a record of it may be."""
        return size // 10 if self.is_endless else 10 * size


def filled(begin: bytes, unit: bytes, end: bytes, full: int, *rest: object, **more: object) -> Giant:
    """Make an input of blocks of about 64 KiB."""
    return Giant(begin, unit * max(1, 65536 // len(unit)), end, full, *rest, **more)  # type: ignore[arg-type]


def endless(begin: bytes, unit: bytes, kept: int = 0) -> Giant:
    """Make an input in which a record has no end in sight."""
    return filled(begin, unit, b"", 10 * GB, REFUSED, TOO_LONG, kept, is_endless=True)


FIRST = b"[" + RECORD + b"," + OPEN
LAST = b"}," + RECORD + b"]"
TOKEN = b'{"token":" a","logprob":-0.25},'
SKIP = ("--on-invalid", "skip")
GIANTS = {
    "ignored text": filled(FIRST + b',"log":"', b"x", b'"' + LAST, 512 * MB),
    "ignored text of escapes": filled(FIRST + b',"log":"', rb"\u00e9\n", b'"' + LAST, 512 * MB),
    "ignored key": filled(FIRST + b',"', b"x", b'":1' + LAST, 512 * MB, kept=3),
    "response": filled(
        b"[" + RECORD + b',{"video_id":"/v","gt":"no","response":"yes', b" x", b'"' + LAST, 512 * MB, kept=4
    ),
    "small ignored values": filled(FIRST + b',"logprobs":[', TOKEN, b"0]" + LAST, 1 * GB),
    "white space before the array": filled(b"", b" ", FIRST + LAST, 10 * GB),
    "white space between records": filled(FIRST + b"},", b" \n\t\r", RECORD + b"]", 10 * GB),
    "white space behind the end": filled(FIRST + LAST, b"\n", b"", 10 * GB),
    "lines of white space": filled(RECORD, b"\n", RECORD + RECORD, 10 * GB),
    "white space in a record": endless(FIRST + b",", b" "),
    "text without end": endless(FIRST + b',"log":"', b"x"),
    "response without end": endless(b"[" + RECORD + b',{"response":"', b"x", kept=4),
    "key without end": endless(FIRST + b',"', b"x", kept=3),
    "array without end": endless(FIRST + b',"log":[', b"0,"),
    "keys without end": endless(FIRST + b",", b'"k":1,'),
    "record of a line without end": endless(RECORD + b"\n" + OPEN + b',"log":[', b"0,"),
    "key given again": filled(FIRST + b",", b'"k":1,', b'"k":2' + LAST, 6 * MB),
    "label given again": filled(FIRST + b",", b'"gt":"no",', b'"gt":"no"' + LAST, 10 * MB),
    "empty records": filled(FIRST + b"},", b"{},", RECORD + b"]", 3 * MB, options=SKIP),
    "empty records on lines": filled(RECORD + b"\n", b"{}\n", RECORD + RECORD, 3 * MB, options=SKIP),
}


def read_giant(giant: Giant, size: int, results: Path, *options: str) -> Measured:
    """Read it, and check how that ends, and how much memory it takes."""
    limit = giant.limit(size)
    run = measured_pipe(results, giant.blocks(size), "--max-record-bytes", str(limit), *giant.options, *options)
    check(run, giant, limit)
    assert run.peak < BASE + giant.kept * min(size, limit)
    if giant.status is DONE:
        assert 3 == len((results / GAPS_NAME).read_bytes().splitlines())
    return run


def check(run: Measured, giant: Giant, limit: int) -> None:
    """Check how it ended."""
    assert (giant.status, giant.status is REFUSED) == (run.status, bool(run.stderr)), run.stderr
    assert giant.words.format(limit) in run.stderr
    assert run.stderr.count("\n") == bool(run.stderr)


def check_growth(giant: Giant, size: int, tmp_path: Path, *options: str) -> None:
    """Read a fourth of it and all of it: the time may grow by so much, and half as much again for a busy machine."""
    fourth, all_of_it = (read_giant(giant, size // part, tmp_path / "gaps", *options) for part in (4, 1))
    assert all_of_it.cpu < 4 * 1.5 * fourth.cpu
    tell(size, all_of_it)


def tell(size: int, run: Measured) -> None:
    """Leave the figures for whoever looks for them (`-rP`)."""
    sys.stdout.write(f"{size:,} bytes: {run.cpu:.1f} s, {run.peak // MIB} MiB\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", GIANTS)
def test_a_giant_takes_little_memory(name: str, tmp_path: Path) -> None:
    """Here, a small one."""
    giant = GIANTS[name]
    if giant.full > SMALL:
        check_growth(giant, SMALL, tmp_path)
    else:
        read_giant(giant, giant.full // 10, tmp_path / "gaps")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ignored text", "response", "array without end"])
def test_a_giant_read_event_by_event_takes_little_memory(name: str, tmp_path: Path) -> None:
    """The other reader has the same bound."""
    check_growth(GIANTS[name], SMALL // 2, tmp_path, "--reader", "ijson")


@pytest.mark.long
@pytest.mark.parametrize("name", GIANTS)
def test_a_giant_of_full_size_takes_little_memory(name: str, tmp_path: Path) -> None:
    """Up to 10 GB; what is shorter than 40 MB is read in another way if it is a fourth as long."""
    giant = GIANTS[name]
    if giant.full > SMALL:
        check_growth(giant, giant.full, tmp_path)
    else:
        tell(giant.full, read_giant(giant, giant.full, tmp_path / "gaps"))


# What is deep, and what has many digits -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("field", ["log", "question", "video_id"])
@pytest.mark.parametrize("levels", [10**5, 10**6])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused(field: str, levels: int, opening: bytes, closing: bytes, tmp_path: Path) -> None:
    """Also in what is ignored, as Python's `json` does; or, as a `video_id`, for what it is."""
    value = opening * levels + b"1" + closing * levels
    data = b"[" + RECORD + b',{"%b":%b,"response":"maybe","gt":"no"}]' % (field.encode(), value)
    run = measured_pipe(tmp_path / "gaps", [data])
    assert REFUSED == run.status
    assert "nest" in run.stderr
    assert 1 == run.stderr.count("\n")
    assert run.peak < BASE


@pytest.mark.slow
@pytest.mark.parametrize("field", ["log", "question", "gt", "video_id"])
@pytest.mark.parametrize("reader", ["auto", "ijson"])
def test_a_number_of_a_million_digits_is_refused(field: str, reader: str, tmp_path: Path) -> None:
    """As Python does; its time would grow with the square of them."""
    data = b"[" + RECORD + b',{"%b":%b}]' % (field.encode(), b"7" * 10**6)
    run = measured_pipe(tmp_path / "gaps", [data], "--reader", reader)
    assert REFUSED == run.status
    assert "a number of more than 4,300 digits" in run.stderr
    assert run.peak < BASE


# Decompression bombs --------------------------------------------------------------------------------------------------

BOMBS = {
    "white space": filled(FIRST + b"},", b" ", RECORD + b"]", 10 * GB),
    "one text": GIANTS["text without end"],
    "one array": GIANTS["array without end"],
    "brackets": filled(FIRST + b',"log":', b"[", b"", 10 * GB, REFUSED, "nest"),
}


def compressed(giant: Giant, size: int, compress: Callable[[bytes], bytes]) -> Giant:
    """Make members of 8 MB, of which each is but some hundred bytes or kilobytes."""
    member = giant.block * (8 * MB // len(giant.block))
    packed = compress(member)
    times = size // len(member)
    bomb = giant._replace(begin=compress(giant.begin), block=packed * times, end=compress(giant.end))
    return bomb._replace(options=("--max-record-bytes", str(giant.limit(size))))


def explode(name: str, form: str, size: int, tmp_path: Path) -> None:
    """Read a bomb."""
    bomb = compressed(BOMBS[name], size, COMPRESS[form])
    run = measured_pipe(tmp_path / "gaps", [bomb.begin, bomb.block, bomb.end], *bomb.options)
    check(run, bomb, BOMBS[name].limit(size))
    assert run.peak < BASE
    tell(size, run)


@pytest.mark.slow
@pytest.mark.parametrize("form", COMPRESS)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_little_memory(name: str, form: str, tmp_path: Path) -> None:
    """Here, a small one."""
    explode(name, form, SMALL, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("form", COMPRESS)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_full_size_takes_little_memory(name: str, form: str, tmp_path: Path) -> None:
    """10 GB of it."""
    explode(name, form, 10 * GB, tmp_path)


# Little memory --------------------------------------------------------------------------------------------------------

TEXTS = {
    "usual": b"a text",
    "ascii": b"x ",
    "escapes": rb"\n",
    "other": "日本".encode(),
}
READERS = {"blocks": (), "events": ("--reader", "ijson"), "two jobs": ("--jobs", "2")}


def write_text(path: Path, field: str, unit: bytes, size: int) -> None:
    """Write a record with one long text among others."""
    with path.open("wb") as file:
        file.write(b"[" + b",".join([RECORD] * 1000) + b"," + OPEN + b',"%b":"yes ' % field.encode())
        for _ in range(size // MB):
            file.write(unit * (MB // len(unit)))
        file.write(b'"' + LAST)


def run_within(limit: int, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Analyze the input in a folder with so much memory to address."""
    return subprocess.run(
        [*command("streamgaps"), "analyze", "p.json", "-o", "gaps", "-q", *options],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )


def check_within(limits: list[int], folder: Path, *options: str) -> list[int]:
    """Run within each limit: it ends well, or says that the memory is not enough; and leaves nothing then."""
    codes = []
    for limit in limits:
        run = run_within(limit, folder, *options)
        assert run.returncode in (ExitCode.DONE, ExitCode.ENVIRONMENT), (limit, run)
        assert (run.stderr.count("\n"), "gaps" in names(folder)) == ((1, False) if run.returncode else (0, True))
        if run.returncode == ExitCode.DONE:
            shutil.rmtree(folder / "gaps")
        codes.append(run.returncode)
    return codes


@pytest.mark.slow
@pytest.mark.parametrize("way", READERS)
def test_usual_files_need_little_memory_to_address(way: str, tmp_path: Path) -> None:
    """Far less than a container has; the libraries alone take most of it."""
    write_text(tmp_path / "p.json", "log", b"", 0)
    assert [0, 0] == check_within([150 * MB, 300 * MB], tmp_path, *READERS[way])


@pytest.mark.slow
@pytest.mark.parametrize(("text", "way"), [("ascii", way) for way in READERS] + [("escapes", "blocks")])
def test_too_little_memory_is_an_error(text: str, way: str, tmp_path: Path) -> None:
    """And no death: what the libraries ask for without looking whether they get it is little."""
    write_text(tmp_path / "p.json", "response", TEXTS[text], 10 * MB)
    assert 0 == check_within([100 * MB, 120 * MB, 140 * MB, 300 * MB], tmp_path, *READERS[way])[-1]


@pytest.mark.slow
@pytest.mark.parametrize("way", READERS)
def test_what_is_ignored_needs_no_memory_to_address(way: str, tmp_path: Path) -> None:
    """However long it is."""
    write_text(tmp_path / "p.json", "log", TEXTS["other"], 60 * MB)
    assert [0] == check_within([120 * MB], tmp_path, *READERS[way])


@pytest.mark.long
@pytest.mark.parametrize("way", READERS)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("field", ["response", "question", "video_id", "log"])
def test_too_little_memory_is_an_error_for_many_limits(field: str, text: str, way: str, tmp_path: Path) -> None:
    """From less than it takes to say so to more than enough."""
    write_text(tmp_path / "p.json", field, TEXTS[text], 200 * MB)
    limits = [
        150 * MB,
        200 * MB,
        250 * MB,
        300 * MB,
        400 * MB,
        500 * MB,
        600 * MB,
        700 * MB,
        850 * MB,
        1000 * MB,
        2 * GB,
    ]
    sys.stdout.write(f"{check_within(limits, tmp_path, *READERS[way])}\n")
