"""The README's table of inputs: each is read, and what it says is so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streamgaps.cli.streamgaps import main
from streamgaps.outputs.names import GAPS_NAME
from tests.conftest import names
from tests.faults.bench import GAP, table
from tests.packing import COMPRESS

ROWS = table("What input is read")


class Run(NamedTuple):
    """What came of an input."""

    lines: list[str]
    """The lines of its gaps."""
    stderr: str

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """The gaps."""
        return [json.loads(line) for line in self.lines]


class Case(NamedTuple):
    """An input, and what else is to come of it."""

    data: bytes
    options: tuple[str, ...] = ()
    check: Callable[[Run], bool] = lambda _: False
    """Says whether it was read as it should; whoever is to be refused needs none."""


def record(**changes: str) -> bytes:
    """Return an array with one gap, in which some fields are as they are spelled here."""
    fields = {name: json.dumps(value) for name, value in GAP.items()} | changes
    return b"[{%b}]" % ", ".join(f'"{name}": {text}' for name, text in fields.items()).encode("utf-8", "surrogatepass")


def writes(text: str) -> Callable[[Run], bool]:
    """Return what checks that a text is in the one gap, as it is."""
    return lambda run: len(run.lines) == 1 and text in run.lines[0]


def finds_none(run: Run) -> bool:
    """Check that nothing was found, and that this is said."""
    return not run.lines and "No KPI Gaps found!" in run.stderr


def resolves_to(video_id: str) -> Callable[[Run], bool]:
    """Return what checks the one gap's video."""
    return lambda run: [video_id] == [gap["video_id"] for gap in run.gaps]


ONE = record()
LINES = json.dumps(GAP).encode() + b"\n"
DEEP = 100_000
SMALL = ("--max-record-bytes", "100000")
TRICK = '"a\\u001b[2J\\nstreamgaps: all is well"'

CASES: dict[str, list[Case]] = {
    "nothing in it": [Case(b""), Case(b" \n"), Case(b"\xef\xbb\xbf"), *(Case(pack(b"")) for pack in COMPRESS.values())],
    "an array without records": [Case(b"[]", (), finds_none), Case(b" [\n] ", (), finds_none)],
    "a byte-order mark, and 10 MB of blanks": [Case(b"\xef\xbb\xbf" + b" \n" * 5_000_000 + ONE, (), writes("FP"))],
    "keys given twice": [Case(record(gt='"yes", "gt": "no"'), (), writes("FP"))],
    "`NaN`, `Infinity`, `1e400`": [
        Case(record(question="[NaN, -Infinity, 1e400]"), (), writes('"question":[NaN,-Infinity,Infinity]'))
    ],
    "a number of 4,300 digits": [Case(record(question="1" * 4300), (), writes("1" * 4300))],
    "a number of a million digits": [Case(record(question="1" * 10**6)), Case(record(ignored="1" * 10**6))],
    "a lone surrogate": [Case(record(question='"\\ud83d"'), (), writes('"question":"\\ud83d"'))],
    "half of a character": [Case(record(question='"?"').replace(b"?", b"\xc3")), Case(b"[\xf0\x9f]")],
    "UTF-16, UTF-32": [
        Case(ONE.decode().encode(f"utf-{bits}{order}")) for bits in (16, 32) for order in ("", "-le", "-be")
    ],
    "a NUL, or a line feed, in a text": [Case(record(question=f'"{text}"')) for text in ("\0", "\n")],
    "a comma behind the last record": [Case(ONE[:-1] + b",]")],
    "another array behind the first": [Case(ONE + ONE), Case(ONE + b"\n[]")],
    "an object that is no prediction": [
        Case(b'{"predictions": []}'),
        Case(b'{"predictions": []}', ("--format", "array")),
    ],
    "a record without `gt`": [Case(b'[{"video_id": "v", "response": "yes"}]')],
    "a `response` that is no text": [Case(record(response="null"))],
    "an array that is cut short anywhere": [Case(ONE[:end]) for end in range(1, len(ONE))],
    "JSON Lines that are cut inside a record": [
        Case((LINES * 2)[:end]) for end in range(len(LINES) + 1, 2 * len(LINES) - 1)
    ],
    "JSON Lines that are cut between two": [Case(LINES, (), writes("FP"))],
    "gzip, bzip2, xz or zstd that is cut short": [
        Case(pack(ONE)[:end]) for pack in COMPRESS.values() for end in range(10, len(pack(ONE)), 3)
    ],
    "gzip, bzip2, xz or zstd with a changed byte": [
        Case(pack(ONE * 5)[:-6] + bytes([pack(ONE * 5)[-6] ^ 1]) + pack(ONE * 5)[-5:]) for pack in COMPRESS.values()
    ],
    "something else behind compressed data": [Case(COMPRESS["gzip"](ONE) + b"[]")],
    "100,000 levels of nesting": [
        Case(record(**{name: "[" * DEEP + "]" * DEEP})) for name in ("question", "ignored", "video_id")
    ],
    "a record longer than `--max-record-bytes`": [
        Case(record(ignored=json.dumps("x" * size)), SMALL) for size in (10**5, 10**7)
    ],
    "a record without end, compressed to a thousandth": [
        Case(pack(ONE[:-2] + b', "ignored": "' + b"x" * 10**7), SMALL) for pack in COMPRESS.values()
    ],
    "escape sequences and line feeds in a `video_id`": [
        Case(
            record(video_id=TRICK, response='"?"'), (), lambda run: "video_id='a\\\\x1b[2J\\\\nstreamgaps" in run.stderr
        )
    ],
    "a NUL in a `video_id`": [
        Case(
            record(video_id='"/a/../b\\u0000"'),
            (),
            lambda run: resolves_to("/b\0")(run) and "path_unresolved" in run.stderr,
        )
    ],
    "`../../etc/passwd` as `video_id`": [
        Case(record(video_id='"../../etc/passwd"'), ("--videos-dir", "/data/videos"), resolves_to("/etc/passwd"))
    ],
}


def test_every_input_of_the_table_is_read() -> None:
    """And every one that is read is in it."""
    assert [row[0] for row in ROWS] == list(CASES)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_an_input_comes_to_what_the_table_says(
    tmp_path: Path, row: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With this code; what is refused, with this in its one sentence, and with nothing left."""
    name, code, outcome = row
    path, folder = tmp_path / "p", tmp_path / "gaps"
    for case in CASES[name]:
        path.write_bytes(case.data)
        found = main(["analyze", str(path), "-o", str(folder), "--log-format", "console", *case.options])
        stderr = capsys.readouterr().err
        gaps = folder / GAPS_NAME
        run = Run(gaps.read_text().splitlines() if gaps.exists() else [], stderr)
        assert (int(code), name) == (found, name if int(code) == found else stderr)
        if found:
            assert outcome in stderr.splitlines()[-1]
            assert names(tmp_path) == ["p"]
        else:
            assert case.check(run), run.stderr
        assert "\x1b" not in stderr
