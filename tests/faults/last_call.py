"""A program that runs the command again and again, and has a signal come at the n-th call to the system, for every n.

Each run is a fork of this process, which has one thread: that takes a few milliseconds, and not 100.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from streamgaps import system
from streamgaps.cli.streamgaps import main
from tests.doubles import NthCall


def run(arguments: list[str], n: int, number: int) -> dict[str, Any]:
    """Run the command in a child, to which a signal comes before its n-th call; return how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as streamgaps.cli.start does
        patch = pytest.MonkeyPatch()
        NthCall(patch, n, lambda: os.kill(os.getpid(), number))
        os._exit(main(arguments))
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        stderr = file.read()
    return {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "stderr": stderr}


def found(folder: Path) -> dict[str, str]:
    """Read what is in a folder."""
    return {path.name: path.read_text() for path in folder.iterdir()} if folder.exists() else {}


def run_each(number: int, arguments: list[str], before: list[str]) -> list[dict[str, Any]]:
    """Run the command for each n until it ends well; then what was there, what was left, and what a next run made."""
    ends: list[dict[str, Any]] = []
    folder = Path("gaps")
    while not ends or ends[-1]["code"] != 0:
        if before:
            main([*before, "-q"])
        end = run([*arguments, "--log-format", "console"], len(ends) + 1, number)
        end["left"] = found(folder)
        main([*arguments, "-q"])
        end["next"] = found(folder)
        ends.append(end)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    return ends


if __name__ == "__main__":
    pytest.MonkeyPatch().setattr(system, "fsync", lambda _: None)  # it takes most of the time; it still is a call
    signal_name, *rest = sys.argv[1:]
    at = rest.index("--")
    json.dump(run_each(int(signal.Signals[signal_name]), rest[:at], rest[at + 1 :]), sys.stdout)
