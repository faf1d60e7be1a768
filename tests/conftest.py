"""Fixtures: the commands as processes, the sample, the real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from streamgaps import system

if TYPE_CHECKING:
    from collections.abc import Callable

# A slow machine is no failure. tox asks one Python for many examples, and the others for few.
settings.register_profile(
    "patient",
    deadline=None,
    max_examples=int(os.environ.get("EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")

# Whoever runs the tests in the background of a script ignores these, and so would the processes of the tests.
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `streamgaps` or `gap_analysis` as a process, in an empty folder."""

    def run_command(name: str, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **options.pop("env", {})}
        options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run([*command(name), *map(str, arguments)], env=environment, check=False, **options)

    return run_command


def command(name: str) -> list[str]:
    """Return the beginning of a command line that runs the installed command `name`."""
    return [str(Path(sys.executable).with_name(name))]


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no disk: it takes most of the time where files are written again and again, and nothing crashes here."""
    monkeypatch.setattr(system, "fsync", lambda _: None)


@pytest.fixture
def sample() -> Path:
    """Return the sample that the README runs."""
    return GOLDEN / "sample.json"


def real_data(name: str) -> Path:
    """Return a real predictions file, or skip the test where there is none."""
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    return path


def names(folder: Path) -> list[str]:
    """List a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())
