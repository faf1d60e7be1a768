from __future__ import annotations

import errno
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import Tally
from streamgaps.cli.closing import shown_end
from streamgaps.cli.terminal import printable, printable_json, shown_on_terminal
from tests.conftest import command
from tests.doubles import cut

HOSTILE = "\x1b[2J\x9b31m\x7f\u202egnp.exe \x00\r\n\u2028é😀"


class Device:
    """A terminal that takes a few bytes at once."""

    name = "<stdout>"

    def __init__(self) -> None:
        self.got = b""

    def write(self, data: bytes) -> int | None:
        """Take some."""
        self.got += data[:5]
        return len(data[:5])


def test_what_a_terminal_obeys_is_made_visible() -> None:
    """And nothing else is changed."""
    assert r"\x1b[2J\x9b31m\x7f\u202egnp.exe \x00\r\n\u2028é😀" == printable(HOSTILE)


@given(st.lists(st.text() | st.just(HOSTILE), min_size=1), st.integers(min_value=1, max_value=9))
def test_lines_of_json_mean_the_same_on_a_terminal(texts: list[str], size: int) -> None:
    """Wherever what is written is cut, also inside a character; the ends of lines are left."""
    device = Device()
    file = shown_on_terminal(cast("BinaryIO", device))
    lines = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts)
    data = lines.encode("utf-8", "backslashreplace")
    assert len(data) == sum(file.write(piece) for piece in cut(data, size))
    shown = device.got.decode()
    assert shown == printable_json(data.decode())
    assert texts == [json.loads(line) for line in shown.split("\n")[:-1]]
    assert printable(shown.replace("\n", "")) == shown.replace("\n", "")


def test_a_terminal_that_is_not_ready_is_an_error() -> None:
    """Of the system, and it has a name."""

    class NotReady(Device):
        def write(self, _: bytes) -> None:
            return None

    with pytest.raises(BlockingIOError) as caught:
        shown_on_terminal(cast("BinaryIO", NotReady())).write(b"{}\n")
    assert caught.value.errno == errno.EAGAIN


def test_gaps_on_a_terminal_are_printable_and_in_a_pipe_as_they_are(tmp_path: Path) -> None:
    """As it is with `ls`."""
    record = {"video_id": "/v", "question": HOSTILE, "gt": "no", "response": "yes"}
    (tmp_path / "p.json").write_text(json.dumps([record]))
    arguments: list[Any] = [*command("streamgaps"), "analyze", tmp_path / "p.json", "-o", "-", "-q"]
    piped = subprocess.run(arguments, check=True, capture_output=True).stdout.decode()
    ours, theirs = pty.openpty()
    subprocess.run(arguments, check=True, stdout=theirs)
    os.close(theirs)
    shown = os.read(ours, 4096).decode().replace("\r\n", "\n")
    os.close(ours)
    assert json.loads(shown) == json.loads(piped)
    assert "\x9b" in piped
    assert printable(shown.rstrip("\n")) == shown.rstrip("\n")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_file_name_forges_no_line(tmp_path: Path, log_format: str) -> None:
    """Nor does an option that nobody knows."""
    name = "\x1b[2J\nstreamgaps: all is well"
    (tmp_path / "p.json").write_text("[]")
    for arguments in ([name, "-o", "gaps"], ["p.json", f"--{name}"], ["p.json", "-o", f"p.json/{name}"]):
        shown = subprocess.run(
            [*command("streamgaps"), "analyze", "--log-format", log_format, *arguments],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
        assert shown.returncode in (2, 3)
        assert shown.stderr.count("\n") == 1
        assert "[2J" in shown.stderr
        assert "\x1b" not in shown.stderr


def test_a_traceback_forges_no_line(tmp_path: Path) -> None:
    """Each of its lines is marked."""
    (tmp_path / "n\nFORGED.json").write_text("[1]")
    shown = subprocess.run(
        [*command("streamgaps"), "analyze", "n\nFORGED.json", "-o", "g", "--debug", "--log-format", "console"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "| Traceback (most recent call last):\n" in shown.stderr
    assert not [line for line in shown.stderr.splitlines() if line.startswith("FORGED")]


def test_a_clock_that_has_not_moved_is_no_fault() -> None:
    """Some tick 64 times a second."""
    shown = shown_end(Tally(1), positive="yes", files=None, seconds=0.0, size=10)
    assert shown.endswith("  0.00 s\n")
