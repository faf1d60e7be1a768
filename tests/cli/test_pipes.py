from __future__ import annotations

import bz2
import gzip
import json
import lzma
import select
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import command, names

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FP = {"video_id": "/a.mp4", "response": "yes", "gt": "no"}
FN = {"video_id": "/b.mp4", "response": "no", "gt": "yes"}
TP = {"video_id": "/c.mp4", "response": "yes", "gt": "yes"}
UNCLEAR = {"video_id": "/u.mp4", "response": "maybe", "gt": "no"}
GAP = {"video_id": "/a.mp4", "error_type": "FP", "question": "", "ground_truth": "no", "response": "yes"}
ANALYZE = [*command("streamgaps"), "analyze"]

Finished = subprocess.CompletedProcess[bytes]


def lines(*records: object) -> bytes:
    """Write JSON Lines."""
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def parsed(data: bytes) -> list[Any]:
    """Read JSON Lines: each of them ends."""
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[..., Finished]:
    """Run `streamgaps analyze` in an empty folder, with this on its standard input."""

    def run(data: bytes, *arguments: str | Path, **options: Any) -> Finished:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
        return subprocess.run([*ANALYZE, *map(str, arguments)], input=data, cwd=tmp_path, check=False, **options)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `streamgaps analyze` in an empty folder, with pipes at all ends; it is ended with the test."""
    with ExitStack() as stack:

        def begin(*arguments: str) -> subprocess.Popen[bytes]:
            ends: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            process = subprocess.Popen([*ANALYZE, *arguments], cwd=tmp_path, bufsize=0, **ends)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


def next_gap(process: subprocess.Popen[bytes]) -> Any:
    """Wait for the next line of standard output."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([process.stdout], [], [], 30)[0], "no gap comes"
        piece = process.stdout.read(1)
        assert piece, "standard output has ended"
        line += piece
    return json.loads(line)


def give(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write to its standard input."""
    assert process.stdin is not None
    process.stdin.write(data)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_nothing_but_gaps_is_on_standard_output(pipe: Callable[..., Finished], tmp_path: Path, log_format: str) -> None:
    """The report, warnings and counts are on standard error; no file is made."""
    result = pipe(lines(FP, UNCLEAR, TP, FN), "-", "-o", "-", "--log-format", log_format)
    assert (0, ["FP", "FN"]) == (result.returncode, [gap["error_type"] for gap in parsed(result.stdout)])
    assert parsed(result.stdout)[0] == GAP
    said = result.stderr.decode()
    if log_format == "console":
        assert "| FP         | 1     | model said yes, ground truth no |" in said
        assert "| Records read                              |       4 | 100.0 % |" in said
        assert "sample_skipped" in said
    else:
        log = [json.loads(line) for line in said.splitlines()]
        assert ["streamgaps.sample_skipped", "streamgaps.finished"] == [entry["event"] for entry in log]
    assert names(tmp_path) == []


def test_standard_input_may_fill_a_folder(pipe: Callable[..., Finished], tmp_path: Path) -> None:
    """As a file does."""
    (tmp_path / "p.json").write_bytes(json.dumps([FP, TP]).encode())
    assert pipe((tmp_path / "p.json").read_bytes(), "-", "-o", "a").returncode == 0
    assert pipe(b"", "p.json", "-o", "b").returncode == 0
    assert names(tmp_path / "a") == names(tmp_path / "b")
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_file_may_be_written_to_standard_output(pipe: Callable[..., Finished], tmp_path: Path, jobs: str) -> None:
    """By several processes, too, in the order of the file."""
    (tmp_path / "p.jsonl").write_bytes(lines(*({**FP, "n": number} for number in range(10_000))))
    result = pipe(b"", "p.jsonl", "-o", "-", "-q", "--carry", "n", "--jobs", jobs)
    assert (0, b"") == (result.returncode, result.stderr)
    assert list(range(10_000)) == [gap["n"] for gap in parsed(result.stdout)]


def test_without_gaps_nothing_is_written(pipe: Callable[..., Finished]) -> None:
    """And the report says so."""
    result = pipe(lines(TP), "-", "-o", "-")
    assert (0, b"") == (result.returncode, result.stdout)
    assert b"No KPI Gaps found!" in result.stderr


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress], ids=["gz", "bz2", "xz", "zst"]
)
def test_standard_input_may_be_compressed(pipe: Callable[..., Finished], compress: Callable[[bytes], bytes]) -> None:
    """In several members; what is cut short is refused, with the gaps before that written."""
    data = compress(lines(FP)) + compress(lines(TP, FN))
    result = pipe(data, "-", "-o", "-", "-q")
    assert (0, ["FP", "FN"]) == (result.returncode, [gap["error_type"] for gap in parsed(result.stdout)])
    result = pipe(data[:-3], "-", "-o", "-", "-q", "--log-format", "console")
    assert result.returncode == 1
    assert parsed(result.stdout)[0] == GAP
    assert result.stderr.startswith(b"streamgaps: <stdin>: ")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("form", ["jsonl", "gzip", "array"])
def test_a_gap_comes_while_the_writer_still_writes(start: Callable[..., subprocess.Popen[bytes]], form: str) -> None:
    """As soon as its line is complete, or the comma behind its item has come."""
    process = start("-", "-o", "-", "-q", "--carry", "n")
    packer = zlib.compressobj(wbits=31)
    for number in range(3):
        record = json.dumps({**FP, "n": number}).encode()
        if form == "array":
            give(process, (b"" if number else b"[") + record + b",\n")
        elif form == "jsonl":
            give(process, record + b"\n")
        else:
            give(process, packer.compress(record + b"\n") + packer.flush(zlib.Z_SYNC_FLUSH))
        assert {**GAP, "n": number} == next_gap(process)
    give(process, {"array": json.dumps(TP).encode() + b"]", "jsonl": b"", "gzip": packer.flush()}[form])
    assert (b"", b"") == process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("source", ["-", "p.jsonl", "parts"])
def test_a_reader_that_leaves_ends_it_quietly(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, source: str, quiet: bool
) -> None:
    """As `| head -1` does, with 141, as with any good tool."""
    data = lines(*[FP, UNCLEAR] * 20_000)
    (tmp_path / "p.jsonl").write_bytes(data)
    process = start(
        *("p.jsonl" if source == "parts" else source, "-o", "-", "--log-format", "console"),
        *(["--jobs", "2"] if source == "parts" else []),
        *(["-q"] if quiet else []),
    )
    if source == "-":
        give(process, data[:60_000])  # no more than a pipe takes at once
    assert GAP == next_gap(process)
    assert process.stdout is not None
    process.stdout.close()
    if source == "-":
        try:
            give(process, data[60_000:])
        except BrokenPipeError:  # it is gone already
            assert process.wait(60) == 141
    assert process.stdin is not None
    process.stdin.close()
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait(60) == 141
    assert b"Traceback" not in said
    assert b"streamgaps: " not in said
    assert said == b"" or not quiet
    assert names(tmp_path) == ["p.jsonl"]


@pytest.mark.parametrize("source", ["-", "p.jsonl"])
def test_a_standard_output_that_is_full_is_an_error(pipe: Callable[..., Finished], tmp_path: Path, source: str) -> None:
    """Of the environment, in one sentence."""
    (tmp_path / "p.jsonl").write_bytes(lines(FP))
    with Path("/dev/full").open("wb") as full:
        result = pipe(lines(FP), source, "-o", "-", "--log-format", "console", stdout=full)
    assert result.returncode == 3
    assert result.stderr.endswith(b"the gaps cannot be written: No space left on device\n")
    assert result.stderr.startswith(b"streamgaps: ")
    assert result.stderr.count(b"\n") == 1


def test_it_works_between_other_tools(tmp_path: Path) -> None:
    """Each of them gets all."""
    (tmp_path / "p.json.gz").write_bytes(gzip.compress(json.dumps([FP, FN] * 5000).encode()))
    script = 'gzip -dc p.json.gz | "$0" analyze - -o - -q | tee copy.jsonl | grep -c FP'
    shell = ["/bin/sh", "-c", script, *command("streamgaps")]
    result = subprocess.run(shell, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert ("5000\n", "") == (result.stdout, result.stderr)
    assert len(parsed((tmp_path / "copy.jsonl").read_bytes())) == 10_000


def test_an_error_comes_behind_the_gaps_before_it(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    """They cannot be taken back; it names standard input, item and line."""
    process = start("-", "-o", "-", "--log-format", "console")
    give(process, lines(FP))
    assert GAP == next_gap(process)
    give(process, lines(TP, 5))
    message = b"streamgaps: <stdin>: item 2 is not an object (line 3)\n"
    assert (b"", message) == process.communicate(timeout=60)
    assert process.returncode == 1


def test_skipped_samples_are_written_beside_a_stream(pipe: Callable[..., Finished], tmp_path: Path) -> None:
    """Whole, at the end; not after an error, and not if there are none."""
    result = pipe(lines(FP, UNCLEAR, FN), "-", "-o", "-", "-q", "--skipped", "skipped.jsonl")
    assert (0, 2) == (result.returncode, len(parsed(result.stdout)))
    skipped = parsed((tmp_path / "skipped.jsonl").read_bytes())
    assert [(1, "response", "neither")] == [(one["index"], one["field"], one["reason"]) for one in skipped]
    assert pipe(lines(FP, UNCLEAR, 5), "-", "-o", "-", "-q", "--skipped", "other.jsonl").returncode == 1
    assert pipe(lines(FP), "-", "-o", "-", "-q", "--skipped", "other.jsonl").returncode == 0
    assert names(tmp_path) == ["skipped.jsonl"]


def test_standard_input_may_be_one_of_several(pipe: Callable[..., Finished], tmp_path: Path) -> None:
    """In the order in which they are named; warnings name it."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(lines({**FP, "n": name}))
    result = pipe(lines(UNCLEAR, {**FP, "n": "-"}), "a", "-", "b", "-o", "-", "--carry", "n")
    assert [gap["n"] for gap in parsed(result.stdout)] == ["a", "-", "b"]
    warning = json.loads(result.stderr.splitlines()[0])
    assert ("streamgaps.sample_skipped", "<stdin>", 0) == (warning["event"], warning["source"], warning["index"])


@pytest.mark.parametrize("option", ["--ground-truth", "--annotations"])
def test_a_file_beside_the_input_may_be_standard_input(
    pipe: Callable[..., Finished], tmp_path: Path, option: str
) -> None:
    """Also where several processes read the input."""
    (tmp_path / "p.jsonl").write_bytes(lines({**FP, "video_id": 1}))
    side = lines({"video_id": 1, "id": 1, "gt": "no", "video": "/a.mp4"})
    joined = ["--on", "video_id"] if option == "--ground-truth" else []
    for jobs in ("1", "2"):
        result = pipe(side, "p.jsonl", option, "-", *joined, "--jobs", jobs, "-o", "-", "-q", "--log-format", "console")
        if joined:
            message = "streamgaps: p.jsonl: item 0: 'video_id' must be a string, not number (line 1)\n"
            assert (1, message) == (result.returncode, result.stderr.decode())
        else:
            assert (0, [GAP]) == (result.returncode, parsed(result.stdout))


@pytest.mark.parametrize("twice", [["-", "-"], ["-", "--annotations", "-"], ["-", "--on", "id", "--ground-truth", "-"]])
def test_standard_input_is_there_only_once(pipe: Callable[..., Finished], tmp_path: Path, twice: list[str]) -> None:
    """To ask for it twice is wrong usage."""
    result = pipe(lines(FP), *twice, "-o", "gaps", "--log-format", "console")
    assert (2, b"") == (result.returncode, result.stdout)
    expected = b"streamgaps: standard input (-) can be read only once. See streamgaps analyze --help.\n"
    assert expected == result.stderr
    assert names(tmp_path) == []


def test_a_signal_is_died_of_in_the_middle_of_a_stream(
    start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """With whole lines written, and nothing left."""
    process = start("-", "-o", "-", "--skipped", "skipped.jsonl", "--log-format", "console", "-q")
    give(process, lines(UNCLEAR, FP))
    assert GAP == next_gap(process)
    process.send_signal(signal.SIGTERM)
    assert (b"", b"streamgaps: stopped by SIGTERM\n") == process.communicate(timeout=60)
    assert -signal.SIGTERM == process.returncode
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("- -o - <&-", "<stdin>: reading failed at byte 0: Bad file descriptor"),
        ("- -o - --format jsonl <&-", "<stdin>: reading failed at byte 0: Bad file descriptor"),
        ("p.json -o - >&-", "<stdout>: the gaps cannot be written: Bad file descriptor"),
        ("- -o - <&- >&-", "<stdin>: reading failed at byte 0: Bad file descriptor"),
    ],
)
def test_a_stream_that_is_closed_is_an_error(tmp_path: Path, arguments: str, said: str) -> None:
    """Nothing is taken for an empty input, and nothing is lost."""
    (tmp_path / "p.json").write_text(json.dumps([FP]))
    script = f'"$0" analyze {arguments} --log-format console'
    shell = ["/bin/sh", "-c", script, *command("streamgaps")]
    result = subprocess.run(shell, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60)
    assert (3, f"streamgaps: {said}\n") == (result.returncode, result.stderr)
    assert names(tmp_path) == ["p.json"]
