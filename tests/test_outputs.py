from __future__ import annotations

import fcntl
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from streamgaps import OutputError
from streamgaps import outputs as outputs_module
from streamgaps.outputs import GAPS_NAME, REPORT_NAME, open_outputs
from tests.conftest import names
from tests.doubles import FailingCalls

PAIR = [GAPS_NAME, REPORT_NAME]
CALLS = ("open", "fsync", "replace", "unlink", "mkdir", "rmdir", "link", "lstat", "chmod", "close")


def write(folder: Path, text: str, report: str | None = "report") -> None:
    """Run the outputs once."""
    with open_outputs(folder) as outputs:
        outputs.gaps.write(text.encode())
        outputs.commit(report and f"{report} of {text}")


def contents(folder: Path) -> list[str]:
    """Read the pair."""
    return [(folder / name).read_text() for name in PAIR]


def test_the_pair_appears_at_the_end(tmp_path: Path) -> None:
    """Until then, only a staging file is there."""
    folder = tmp_path / "a" / "b"
    with open_outputs(folder) as outputs:
        outputs.gaps.write(b"gap\n")
        assert len(names(folder)) == 1
        assert names(folder)[0].startswith(f".{GAPS_NAME}.{os.getpid()}-")
        outputs.commit("report")
        assert names(folder) == PAIR
    assert contents(folder) == ["gap\n", "report"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_modes_follow_umask_and_those_of_earlier_results_are_kept(tmp_path: Path, umask: int) -> None:
    """As if they were written in place."""
    before = os.umask(umask)
    try:
        write(tmp_path, "one")
        modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in PAIR]
        assert [0o666 & ~umask] * 2 == modes
        (tmp_path / GAPS_NAME).chmod(0o640)
        write(tmp_path, "two")
        assert stat.S_IMODE((tmp_path / GAPS_NAME).stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    """No file and no folder that the run made."""
    with pytest.raises(KeyboardInterrupt), open_outputs(tmp_path / "a" / "b") as outputs:
        outputs.gaps.write(b"gap")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_folder_in_which_someone_put_something_stays(tmp_path: Path) -> None:
    """It is made by the run, but not empty."""
    with open_outputs(tmp_path / "new") as outputs:
        (tmp_path / "new" / "mine").touch()
        outputs.commit(None)
    assert names(tmp_path / "new") == ["mine"]


def test_an_unusable_folder_is_found_out_at_the_start(tmp_path: Path) -> None:
    """With nothing left behind."""
    (tmp_path / "file").touch()
    (tmp_path / "folder" / GAPS_NAME).mkdir(parents=True)
    for folder, reason in (
        ("file", "File exists|Not a directory"),
        ("file/x", "Not a directory"),
        ("folder", "it is a folder"),
    ):
        with pytest.raises(OutputError, match=reason), open_outputs(tmp_path / folder):
            pytest.fail("it was entered")
    assert names(tmp_path) == ["file", "folder"]
    assert names(tmp_path / "folder") == [GAPS_NAME]


def test_a_target_that_becomes_a_folder_is_an_error(tmp_path: Path) -> None:
    """And nothing is changed."""
    with pytest.raises(OutputError, match="it is a folder"), open_outputs(tmp_path) as outputs:
        (tmp_path / REPORT_NAME).mkdir()
        outputs.commit("report")
    assert names(tmp_path) == [REPORT_NAME]


def test_a_folder_that_goes_away_is_an_error(tmp_path: Path) -> None:
    """The results have no place."""
    folder = tmp_path / "gone"
    with pytest.raises(OutputError, match="cannot be written: No such file"), open_outputs(folder) as outputs:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        outputs.commit("report")
    assert names(tmp_path) == []


def test_links_are_replaced_and_not_followed(tmp_path: Path) -> None:
    """A link to a folder is a folder, though."""
    (tmp_path / "target").write_text("precious")
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "results").symlink_to("real")
    for name in PAIR:
        (real / name).symlink_to(tmp_path / "target")
    write(tmp_path / "results", "gap")
    assert (tmp_path / "target").read_text() == "precious"
    assert [False, False] == [(real / name).is_symlink() for name in PAIR]
    assert contents(real) == ["gap", "report of gap"]


def test_staging_files_of_killed_runs_are_swept_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    """A living run holds a lock on its own."""
    dead = tmp_path / f".{GAPS_NAME}.1-abcd.tmp"
    alive = tmp_path / f".{GAPS_NAME}.2-abcd.tmp"
    other = tmp_path / ".other.tmp"
    for path in (dead, alive, other):
        path.touch()
    with alive.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(tmp_path, "gap")
    assert sorted([alive.name, other.name, *PAIR]) == names(tmp_path)


def test_two_runs_into_one_folder_leave_one_whole_pair(tmp_path: Path) -> None:
    """That of the last."""
    with open_outputs(tmp_path) as first:
        first.gaps.write(b"first")
        write(tmp_path, "second")
        first.commit("report of first")
    assert contents(tmp_path) == ["first", "report of first"]
    assert names(tmp_path) == PAIR


@pytest.mark.parametrize("report", ["report", None])
@pytest.mark.parametrize("old", [True, False])
def test_whichever_call_fails_the_results_are_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool, report: str | None
) -> None:
    """The n-th system call is made to fail, for every n until a run succeeds; the next run works."""
    outcomes = set()
    for n in range(1, 200):
        folder = tmp_path / str(n) / "results"
        if old:
            write(folder, "old")
        new = ["new", "report of new"] if report else []
        with monkeypatch.context() as patch:
            failing = FailingCalls(patch, os, CALLS, n)
            try:
                write(folder, "new", report)
            except OutputError as error:
                outcomes.add("refused")
                assert "made to fail" in str(error)
            else:
                outcomes.add("done")
                assert [name for name in PAIR if (folder / name).exists()] == (PAIR if report else [])
        found = [(folder / name).read_text() for name in PAIR if (folder / name).exists()]
        assert found in ([["old", "report of old"], new] if old else [[], new])
        if failing.calls < n:
            break
        write(folder, "next")
        assert names(folder) == PAIR
        assert contents(folder) == ["next", "report of next"]
    else:
        pytest.fail("the run never succeeded")
    assert outcomes == {"refused", "done"}


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_last_sync_that_fails_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """The results are in place then, and the message says so."""
    real = getattr(os, call)

    def fail_for_folder(target: Any, *rest: Any) -> Any:
        placed = (tmp_path / GAPS_NAME).exists()
        if placed and (call == "open" or stat.S_ISDIR(os.fstat(target).st_mode)):
            raise OSError(5, "Input/output error")
        return real(target, *rest)

    monkeypatch.setattr(os, call, fail_for_folder)
    with pytest.raises(OutputError, match="the results are in place, but a crash may undo that: Input/output error"):
        write(tmp_path, "gap")
    assert contents(tmp_path) == ["gap", "report of gap"]


def test_an_error_of_the_callers_is_the_callers(tmp_path: Path) -> None:
    """It is not said to be one of writing."""
    error = OSError("my own")
    with pytest.raises(OSError, match="^my own$") as caught, open_outputs(tmp_path / "new"):
        raise error
    assert type(caught.value) is OSError
    assert names(tmp_path) == []


def test_a_file_system_without_hard_links_or_locks_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old report is copied then; nothing is swept."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(fcntl, "flock", refuse)
    write(tmp_path, "one")
    (tmp_path / f".{GAPS_NAME}.1-abcd.tmp").touch()
    write(tmp_path, "two")
    assert contents(tmp_path) == ["two", "report of two"]
    assert len(names(tmp_path)) == 3


def test_without_fcntl_and_signal_masks_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems that are not POSIX."""
    monkeypatch.setattr(outputs_module, "fcntl", None)
    monkeypatch.delattr(signal, "pthread_sigmask")
    write(tmp_path, "one")
    assert contents(tmp_path) == ["one", "report of one"]
