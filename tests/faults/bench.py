"""A folder in which the command is run under bad conditions; and the tables of the README."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from streamgaps import analyze
from tests.conftest import GOLDEN, ROOT, command

if TYPE_CHECKING:
    from pathlib import Path

GAP = {"video_id": "/v", "response": "yes", "gt": "no"}


class End(NamedTuple):
    """How a run ended."""

    code: int
    """As a shell shows it."""
    stderr: str


class Bench:
    """A folder with the sample as `p.json`, in which results go to `gaps`; with or without earlier ones."""

    def __init__(self, folder: Path, *, has_old: bool) -> None:
        self.folder = folder
        self.gaps = folder / "gaps"
        (folder / "p.json").write_bytes((GOLDEN / "sample.json").read_bytes())
        self.write("old.json", [GAP])
        for path, results in (("old.json", "old"), ("p.json", "new")):  # not as processes, of which each takes 100 ms
            analyze(folder / path, folder / results, videos_dir=folder, on_warning=lambda _: None)
        self.new = contents(folder / "new")
        self.old = contents(folder / "old")
        if has_old:
            (folder / "old").rename(self.gaps)
        self.before = contents(self.gaps)

    def write(self, name: str, records: object) -> None:
        """Write an input as JSON."""
        (self.folder / name).write_text(json.dumps(records))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Begin a run that says nothing but errors."""
        line = [*options.pop("command", command("streamgaps")), "analyze", *arguments, *self._common(arguments)]
        options = {"cwd": self.folder, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen(line, **options)

    def run(self, *arguments: str, **options: Any) -> End:
        """Run it to its end."""
        with self.start(*arguments, **options) as process:
            return ended(process)

    def run_faulty(self, call: str, n: int, error: str, *arguments: str) -> End:
        """Run it with a call to the system that fails."""
        faulty = [sys.executable, "-m", "tests.faults.faulty", call, str(n), error]
        return self.run(*arguments, command=faulty, env={**os.environ, "PYTHONPATH": str(ROOT)})

    def shell(self, script: str, *arguments: str, **options: Any) -> End:
        """Run a script, in which `$RUN` is the command with its arguments, none of which holds a blank."""
        line = " ".join([*command("streamgaps"), "analyze", *arguments, *self._common(arguments)])
        environment = {**os.environ, "RUN": line}
        options = {"cwd": self.folder, "stderr": subprocess.PIPE, "text": True, "env": environment, **options}
        with subprocess.Popen(["/bin/bash", "-c", script], **options) as process:
            return ended(process)

    def mounted(self, where: str, how: str, script: str, *arguments: str) -> End:
        """Run a script in which a file system of its own is mounted in a folder; skip the test where that cannot be."""
        unshare = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
        try:
            can_mount = subprocess.run(unshare, check=False, capture_output=True).returncode == 0
        except FileNotFoundError:
            can_mount = False
        if not can_mount:
            pytest.skip("nothing can be mounted here")
        script = f"mount -t tmpfs -o {how} none {where} && {script}"
        return self.shell(f"exec unshare --mount /bin/bash -c {shlex.quote(script)}", *arguments)

    @staticmethod
    def _common(arguments: tuple[str, ...]) -> list[str]:
        return ([] if "-o" in arguments else ["-o", "gaps"]) + ["-q", "--log-format", "console"]


def ended(process: subprocess.Popen[str]) -> End:
    """Wait for a process."""
    _, stderr = process.communicate(timeout=60)
    code = process.returncode
    return End(128 - code if code < 0 else code, stderr or "")


def contents(folder: Path) -> dict[str, bytes]:
    """Read all that is in a folder; nothing if there is none."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}


def table(title: str) -> list[list[str]]:
    """Return the cells of the README's table below a title."""
    text = (ROOT / "README.md").read_text("utf-8").partition(f"\n### {title}\n")[2].partition("\n#")[0]
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[2:]]
