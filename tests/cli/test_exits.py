from __future__ import annotations

import fcntl
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from streamgaps.cli import exits
from streamgaps.cli.exits import ExitCode
from streamgaps.cli.logs import LogFormat
from streamgaps.log import log
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import command, names
from tests.faults.bench import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Started = tuple[subprocess.Popen[str], io.FileIO]
    Run = Callable[..., subprocess.CompletedProcess[str]]

FP = {"video_id": "v", "response": "yes", "gt": "no"}
PAIR = sorted([GAPS_NAME, REPORT_NAME])


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start a run that waits for the rest of its input, and has staged its output."""
    with ExitStack() as stack:

        def start(**options: Any) -> Started:
            os.mkfifo(tmp_path / "pipe")
            arguments = [*command("streamgaps"), "analyze", "pipe", "-o", "gaps", "--log-format", "console"]
            process = subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True, **options)
            stack.enter_context(process)
            stack.callback(process.kill)
            writer = stack.enter_context((tmp_path / "pipe").open("wb", buffering=0))
            writer.write(json.dumps([FP] * 3)[:-1].encode())
            until_staged(tmp_path / "gaps")
            return process, writer

        yield start


def until_staged(folder: Path) -> None:
    """Wait for a staging file."""
    deadline = time.monotonic() + 30
    while not list(folder.glob(".*.tmp")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_died_of_after_cleaning_up(
    waiting: Callable[..., Started], tmp_path: Path, number: signal.Signals
) -> None:
    """With a sentence, in good time, with nothing left."""
    process, _ = waiting()
    begin = time.monotonic()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=10)
    assert (-number, f"streamgaps: stopped by {number.name}\n") == (process.returncode, stderr)
    assert time.monotonic() - begin < 5
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_from_the_start_stays_ignored(
    waiting: Callable[..., Started], tmp_path: Path, number: signal.Signals
) -> None:
    """As under nohup, or in the background of a script."""
    process, writer = waiting(preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
    process.send_signal(number)
    writer.write(b"]")
    writer.close()
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert GAPS_NAME in names(tmp_path / "gaps")


def test_a_killed_run_leaves_a_staging_file_that_the_next_one_sweeps(
    waiting: Callable[..., Started], tmp_path: Path, run: Run
) -> None:
    """Nobody can clean up after SIGKILL but the next run."""
    process, _ = waiting()
    process.kill()
    process.communicate()
    assert [name[-4:] for name in names(tmp_path / "gaps")] == [".tmp"]
    (tmp_path / "p.json").write_text(json.dumps([FP]))
    assert run("streamgaps", "analyze", "p.json", "-o", "gaps").returncode == 0
    assert not [name for name in names(tmp_path / "gaps") if name.endswith(".tmp")]


def test_a_folder_that_someone_keeps_locked_does_not_make_it_deaf(tmp_path: Path) -> None:
    """It waits for the lock, and signals still stop it."""
    (tmp_path / "p.json").write_text(json.dumps([FP]))
    (tmp_path / "gaps").mkdir()
    folder = os.open(tmp_path / "gaps", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    arguments = [*command("streamgaps"), "analyze", "p.json", "-o", "gaps"]
    with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        time.sleep(1)
        assert process.poll() is None
        process.terminate()
        process.communicate(timeout=5)
    os.close(folder)
    assert process.returncode == -signal.SIGTERM
    assert names(tmp_path / "gaps") == []


def test_handlers_are_given_back() -> None:
    """Whoever calls `main` keeps his own."""
    before = signal.getsignal(signal.SIGTERM)
    assert exits.run("streamgaps", lambda _: 7) == 7
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_leaves_is_no_error(run: Run) -> None:
    """Silently, with 141, as with any good tool."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as stdout:
        result = run("streamgaps", "--version", capture_output=False, stdout=stdout, stderr=subprocess.PIPE)
    assert (ExitCode.PIPE, "") == (result.returncode, result.stderr)


def test_a_full_standard_output_is_an_error(run: Run) -> None:
    """Of the environment."""
    with Path("/dev/full").open("w") as stdout:
        result = run("streamgaps", "--version", capture_output=False, stdout=stdout, stderr=subprocess.PIPE)
    assert result.returncode == ExitCode.ENVIRONMENT
    assert json.loads(result.stderr)["error"] == "cannot write to standard output: No space left on device"


@pytest.mark.parametrize("stderr", ["closed", "full"])
def test_a_standard_error_that_takes_nothing_changes_nothing(sample: Path, tmp_path: Path, stderr: str) -> None:
    """Neither the results nor the exit code."""
    redirection = {"closed": "2>&-", "full": "2>/dev/full"}[stderr]
    script = f'"$0" analyze "$1" -o gaps {redirection}'
    shell = ["/bin/sh", "-c", script, command("streamgaps")[0]]
    assert subprocess.run([*shell, str(sample)], cwd=tmp_path, check=False).returncode == 0
    assert len((tmp_path / "gaps" / GAPS_NAME).read_text("utf-8").splitlines()) == 5
    assert subprocess.run([*shell, "nope"], cwd=tmp_path, check=False).returncode == 3


def test_a_disk_that_is_full_leaves_the_earlier_results(run: Run, tmp_path: Path) -> None:
    """Here, a limit on the size of files."""
    (tmp_path / "p.json").write_text(json.dumps([FP] * 20_000))
    (tmp_path / "gaps").mkdir()
    (tmp_path / "gaps" / GAPS_NAME).write_text("good")
    result = run(
        "streamgaps",
        *("analyze", "p.json", "-o", "gaps", "--log-format", "console"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)),
    )
    assert result.returncode == ExitCode.ENVIRONMENT
    assert result.stderr == "streamgaps: gaps: the results cannot be written: File too large\n"
    assert names(tmp_path / "gaps") == [GAPS_NAME]
    assert (tmp_path / "gaps" / GAPS_NAME).read_text() == "good"


def test_it_works_with_few_descriptors_no_home_and_a_plain_locale(run: Run, sample: Path, tmp_path: Path) -> None:
    """In a container, say."""
    result = run(
        "streamgaps",
        *("analyze", sample, "-o", "gaps"),
        env={"HOME": "", "LC_ALL": "C", "PYTHONUTF8": "0"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16)),
    )
    assert result.returncode == 0, result.stderr
    assert GAPS_NAME in names(tmp_path / "gaps")


@pytest.mark.parametrize(
    ("error", "code"),
    [(MemoryError(), ExitCode.ENVIRONMENT), (KeyError("x"), ExitCode.BUG), (RecursionError(), ExitCode.BUG)],
)
def test_what_nobody_foresaw_is_one_line(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A bug is called one."""

    def fail(_: exits.Outlook) -> None:
        raise error

    assert code == exits.run("streamgaps", fail)
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert ("a bug in streamgaps" in shown) == (code == ExitCode.BUG)


def test_as_process_1_it_exits_with_128_and_the_signal(tmp_path: Path) -> None:
    """The kernel lets no default action kill it."""
    namespace = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no new process namespace can be made here")
    os.mkfifo(tmp_path / "pipe")
    arguments = [*namespace, *command("streamgaps"), "analyze", "pipe", "-o", "gaps"]
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE))
        stack.enter_context((tmp_path / "pipe").open("wb", buffering=0)).write(b"[")
        until_staged(tmp_path / "gaps")
        child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        os.kill(int(child), signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 143
    assert names(tmp_path) == ["pipe"]


def test_without_signals_it_exits_with_128_and_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where to kill a process is to end it with the number as its exit code."""
    monkeypatch.setattr(exits, "os", SimpleNamespace(name="nt", _exit=sys.exit))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit, match="^143$"):
            exits._die_of(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_every_exit_code_is_documented() -> None:
    """In the README's table, and those of signals."""
    documented = [int(code) for row in table("Exit codes") for code in row[0].split(", ")]
    signals = [128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)]
    assert sorted([*ExitCode, *signals]) == documented


def run_here(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command `act` of a program by itself."""
    program = f"import os, signal, sqlite3, sys\nfrom streamgaps.cli import exits\n{program}\n"
    program += 'sys.exit(exits.run("streamgaps", act))'
    line = [sys.executable, "-c", program]
    return subprocess.run(line, check=False, capture_output=True, text=True, timeout=60, **options)


def test_a_signal_that_sqlite_swallows_is_died_of() -> None:
    """SQLite makes an error of its own of what is raised in a function that it calls."""
    shown = run_here("""
def act(_):
    database = sqlite3.connect(":memory:")
    database.create_function("stop", 0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    database.execute("SELECT stop()").fetchall()
""")
    assert (-signal.SIGTERM, "streamgaps: stopped by SIGTERM\n") == (shown.returncode, shown.stderr)


@pytest.mark.parametrize("milliseconds", [0, 5, 9, 9.9, 11])
def test_a_signal_that_was_dropped_at_the_very_end_is_died_of_once(milliseconds: float) -> None:
    """Whether there was time to send it again or not, and though saying so takes some."""
    for _ in range(3):
        shown = run_here(f"""
import time
from streamgaps.cli import logs

class Thing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

def act(outlook):
    outlook.log_format = logs.configure("INFO", logs.LogFormat.JSON)
    thing = Thing()
    del thing
    begin = time.monotonic()
    while time.monotonic() - begin < {milliseconds} / 1000:
        pass
""")
        assert shown.returncode == -signal.SIGTERM
        assert "stopped by SIGTERM" in shown.stderr
        assert shown.stderr.count("\n") == 1


def test_signals_that_come_at_once_are_one() -> None:
    """Python complains if one that has come is ignored afterwards."""
    shown = run_here("""
def act(_):
    both = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, both)
    for number in both:
        os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
""")
    assert shown.stderr in {f"streamgaps: stopped by {name}\n" for name in ("SIGHUP", "SIGINT", "SIGTERM")}
    assert shown.stderr.endswith(f"{signal.Signals(-shown.returncode).name}\n")


@pytest.mark.parametrize("error", [MemoryError(), ImportError("failed to map segment")])
def test_an_error_is_said_though_the_logger_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """In plain words then."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(log, "critical", fail)

    def act(outlook: exits.Outlook) -> None:
        outlook.log_format = LogFormat.JSON
        fail()

    assert exits.run("streamgaps", act) == ExitCode.ENVIRONMENT
    shown = capsys.readouterr().err
    assert shown.startswith("streamgaps: out of memory" if isinstance(error, MemoryError) else "streamgaps: a part of ")
    assert shown.count("\n") == 1


@pytest.mark.long
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_with_little_memory_it_works_or_says_why_not(tmp_path: Path, log_format: str) -> None:
    """Wherever in a run it is out; what is there at the end is whole."""
    (tmp_path / "p.json").write_text(json.dumps([FP] * 3))
    ends = []
    for kib in range(20_000, 36_000, 100):
        limited = ["/bin/bash", "-c", f'ulimit -v {kib}; exec "$@"', "bash", *command("streamgaps")]
        arguments = ["analyze", "p.json", "-o", str(kib), "--log-format", log_format]
        shown = subprocess.run([*limited, *arguments], cwd=tmp_path, check=False, capture_output=True, text=True)
        folder = tmp_path / str(kib)
        # To remove a staging file takes memory, too: that is then for the next run.
        left = [name for name in names(folder) if not name.startswith(".")] if folder.exists() else []
        assert left in ([PAIR] if shown.returncode == 0 else [[], PAIR])
        if "streamgaps" in shown.stderr:  # else Python itself has not come so far
            ends.append(shown.returncode if "Traceback" not in shown.stderr else None)
    # Where memory ends, Python itself may raise anything anywhere, or crash: that is rare.
    assert ends.count(0) + ends.count(3) > 0.9 * len(ends) > 100


def test_a_timer_that_is_not_ours_ends_the_command_as_ever(waiting: Callable[..., Started]) -> None:
    """We use that signal only to send another again."""
    process, _ = waiting()
    process.send_signal(signal.SIGALRM)
    assert -signal.SIGALRM == process.wait(30)


@pytest.mark.parametrize("seconds", [0, 20])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_an_object_goes_away_is_not_lost(number: signal.Signals, seconds: int) -> None:
    """Python drops what is raised then; it comes again, or at the end."""
    program = f"""
import os, sys, time, weakref
from streamgaps.cli import exits

class Thing: pass

def wait(_):
    thing = Thing()
    reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), {int(number)}))
    del thing
    time.sleep({seconds})

sys.exit(exits.run("streamgaps", wait))
"""
    begin = time.monotonic()
    shown = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert (-number, f"streamgaps: stopped by {number.name}\n") == (shown.returncode, shown.stderr)
    assert time.monotonic() - begin < 15
