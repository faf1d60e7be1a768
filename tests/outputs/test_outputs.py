from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import io
import json
import os
import re
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from streamgaps import ConfigurationError, OutputError, system
from streamgaps.outputs.atomic import write_file
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.outputs.outputs import open_outputs
from tests.conftest import names
from tests.doubles import NthCall

PAIR = [GAPS_NAME, REPORT_NAME]
SKIPPED_NAME = "skipped.jsonl"


def write(folder: Path, text: str, report: str | None = "report") -> None:
    """Run the outputs once."""
    with open_outputs(folder) as outputs:
        outputs.gaps.write(text.encode())
        outputs.commit(report and f"{report} of {text}")


def write_all(folder: Path, skipped: Path, text: str, *, has_gaps: bool = True, has_skipped: bool = True) -> None:
    """Run the outputs once, with skipped samples."""
    with open_outputs(folder, skipped=skipped) as outputs:
        assert outputs.skipped is not None
        if has_gaps:
            outputs.gaps.write(text.encode())
        if has_skipped:
            outputs.skipped.write(f"skipped by {text}".encode())
        outputs.commit(f"report of {text}" if has_gaps else None, has_skipped=has_skipped)


def found(*paths: Path) -> list[str]:
    """Read those of the files that are there."""
    return [path.read_text() for path in paths if path.exists()]


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


def test_a_link_to_a_folder_is_replaced_as_any_link_is(tmp_path: Path) -> None:
    """And the folder stays as it is."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").touch()
    (tmp_path / "gaps").mkdir()
    for name in PAIR:
        (tmp_path / "gaps" / name).symlink_to(tmp_path / "other")
    write(tmp_path / "gaps", "gap")
    assert (["gap", "report of gap"], ["mine"]) == (contents(tmp_path / "gaps"), names(tmp_path / "other"))
    assert not any((tmp_path / "gaps" / name).is_symlink() for name in PAIR)


def test_what_is_called_as_a_staging_file_is_swept_whatever_it_is(tmp_path: Path) -> None:
    """A pipe is not waited for, and a link not followed."""
    leftover = f".{GAPS_NAME}.1-abcd.tmp"
    (tmp_path / "other").touch()
    for make in (os.mkfifo, lambda path: path.symlink_to("other"), lambda path: path.symlink_to("nowhere")):
        make(tmp_path / leftover)
        write(tmp_path, "gap")
        assert sorted([*PAIR, "other"]) == names(tmp_path)


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


def test_a_link_that_leads_nowhere_is_no_folder(tmp_path: Path) -> None:
    """Nor can one be made there."""
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputError, match="there is no folder .*link$"), open_outputs(tmp_path / "link"):
        pytest.fail("it was entered")
    assert names(tmp_path) == ["link"]


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
    link = tmp_path / f".{REPORT_NAME}.3-abcd.tmp"  # the second name of a link that was to be replaced
    for path in (dead, alive, other):
        path.touch()
    link.symlink_to(other.name)
    with alive.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write(tmp_path, "gap")
    assert sorted([alive.name, other.name, *PAIR]) == names(tmp_path)


@pytest.mark.parametrize("call", ["mkdir", "open_descriptor", "flock", "listdir"])
def test_a_folder_that_another_run_takes_away_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """It had made it, and there was nothing to put into it; as long as we have put nothing into it either."""
    real, folder = getattr(system, call), tmp_path / "new" / "results"
    taken: list[object] = []

    def take_away(*arguments: Any, **options: Any) -> Any:
        result = real(*arguments, **options)
        if folder.is_dir() and len(taken) < 3:
            taken.append(folder)
            folder.rmdir()
        return result

    monkeypatch.setattr(system, call, take_away)
    write(folder, "gap")
    assert contents(folder) == ["gap", "report of gap"]
    assert taken


def test_nobody_else_gets_a_file_that_runs_as_its_owner(tmp_path: Path) -> None:
    """The earlier results may have been somebody else's."""
    (tmp_path / GAPS_NAME).touch()
    (tmp_path / GAPS_NAME).chmod(0o6755)
    write(tmp_path, "gap")
    assert stat.S_IMODE((tmp_path / GAPS_NAME).stat().st_mode) == 0o755


def test_two_runs_into_one_folder_leave_one_whole_pair(tmp_path: Path) -> None:
    """That of the last."""
    with open_outputs(tmp_path) as first:
        first.gaps.write(b"first")
        write(tmp_path, "second")
        first.commit("report of first")
    assert contents(tmp_path) == ["first", "report of first"]
    assert names(tmp_path) == PAIR


@pytest.mark.usefixtures("unsynced")
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
            failing = NthCall(patch, n)
            try:
                write(folder, "new", report)
            except OutputError as error:
                outcomes.add("refused")
                assert "Input/output error" in str(error)
            else:
                outcomes.add("done")
                assert [name for name in PAIR if (folder / name).exists()] == (PAIR if report else [])
        assert found(*(folder / name for name in PAIR)) in ([["old", "report of old"], new] if old else [[], new])
        if failing.calls < n:
            break
        write(folder, "next")
        assert names(folder) == PAIR
        assert contents(folder) == ["next", "report of next"]
    else:
        pytest.fail("the run never succeeded")
    assert outcomes == {"refused", "done"}


@pytest.mark.parametrize("call", ["open_descriptor", "fsync"])
def test_a_last_sync_that_fails_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """The results are in place then, and the message says so."""
    real = getattr(system, call)

    def fail_for_folder(target: Any, *rest: Any) -> Any:
        placed = (tmp_path / GAPS_NAME).exists()
        if placed and (call == "open_descriptor" or stat.S_ISDIR(os.fstat(target).st_mode)):
            raise OSError(5, "Input/output error")
        return real(target, *rest)

    monkeypatch.setattr(system, call, fail_for_folder)
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

    monkeypatch.setattr(system, "link", refuse)
    monkeypatch.setattr(system, "flock", refuse)
    write(tmp_path, "one")
    (tmp_path / f".{GAPS_NAME}.1-abcd.tmp").touch()
    write(tmp_path, "two")
    assert contents(tmp_path) == ["two", "report of two"]
    assert len(names(tmp_path)) == 3


@pytest.mark.parametrize("has_links", [True, False])
def test_the_old_report_comes_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool) -> None:
    """With its mode and time, and a link as a link; also where a file system has no hard links."""
    write(tmp_path, "one")
    report, elsewhere = tmp_path / REPORT_NAME, tmp_path / "elsewhere"

    def fail_for_gaps(_: object, target: Path, real: Any = system.replace) -> None:
        if target.name == GAPS_NAME:
            raise OSError(5, "Input/output error")
        real(_, target)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    if not has_links:
        monkeypatch.setattr(system, "link", refuse)
    monkeypatch.setattr(system, "replace", fail_for_gaps)
    report.chmod(0o640)
    os.utime(report, ns=(10**18, 10**18 + 7))
    for is_link in (False, True):
        if is_link:
            report.rename(elsewhere)
            report.symlink_to("elsewhere")
        with pytest.raises(OutputError, match="Input/output error"):
            write(tmp_path, "two")
        assert contents(tmp_path) == ["one", "report of one"]
        assert is_link == report.is_symlink()
        status = report.stat()
        assert (0o640, 10**18 + 7) == (stat.S_IMODE(status.st_mode), status.st_mtime_ns)
    elsewhere.unlink()
    with pytest.raises(OutputError, match="Input/output error"):
        write(tmp_path, "two")
    assert Path("elsewhere") == report.readlink()
    assert sorted(PAIR) == names(tmp_path)


def test_without_fcntl_and_signal_masks_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems that are not POSIX."""
    monkeypatch.setattr(system, "flock", None)
    monkeypatch.delattr(signal, "pthread_sigmask")
    (tmp_path / f".{GAPS_NAME}.1-abcd.tmp").touch()  # of runs that were killed
    (tmp_path / f".{GAPS_NAME}.1-abcd.parts").mkdir()
    (tmp_path / f".{GAPS_NAME}.1-abcd.parts" / "1-2.part").touch()
    write(tmp_path, "one")
    assert contents(tmp_path) == ["one", "report of one"]
    assert sorted(PAIR) == names(tmp_path)


def test_skipped_samples_appear_with_the_rest(tmp_path: Path) -> None:
    """In the results folder or in another; until then, there are staging files only."""
    (tmp_path / "other").mkdir()
    for folder, place in (("new", "new"), ("results", "other")):
        results, skipped = tmp_path / folder, tmp_path / place / SKIPPED_NAME
        with open_outputs(results, skipped=str(skipped)) as outputs:
            assert outputs.skipped is not None
            outputs.skipped.write(b"skipped")
            outputs.gaps.write(b"gap")
            staged = {*names(results), *names(skipped.parent)}
            assert len(staged) == 2
            assert all(name.endswith(".tmp") for name in staged)
            outputs.commit("report", has_skipped=True)
        assert ["gap", "report", "skipped"] == found(*(results / name for name in PAIR), skipped)
        assert sorted({*PAIR, SKIPPED_NAME}) == sorted({*names(results), *names(skipped.parent)})


DOCUMENTS = ["page.html", METRICS_NAME]


def write_documents(folder: Path, text: str, *, has_gaps: bool = True) -> None:
    """Run the outputs once, with metrics and a page."""
    with open_outputs(folder, html=folder / DOCUMENTS[0], has_metrics=True) as outputs:
        if has_gaps:
            outputs.gaps.write(text.encode())
        documents = {"metrics": [f"metrics of {text}", " \ud83d"], "html": [f"page of {text}"]}
        outputs.commit(f"report of {text}" if has_gaps else None, documents=documents)


@pytest.mark.parametrize("has_gaps", [True, False])
@pytest.mark.parametrize("old", [True, False])
def test_documents_are_put_in_place_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool, has_gaps: bool
) -> None:
    """Whether there are gaps or not; whichever call fails, all are old or all are new."""
    new = ["new", "report of new"] * has_gaps + ["page of new", "metrics of new \\ud83d"]
    outcomes = set()
    for n in range(1, 200):
        folder = tmp_path / str(n)
        paths = [folder / name for name in (*PAIR, *DOCUMENTS)]
        if old:
            write_documents(folder, "old")
        before = found(*paths)
        with monkeypatch.context() as patch:
            failing = NthCall(patch, n)
            try:
                write_documents(folder, "new", has_gaps=has_gaps)
            except OutputError:
                outcomes.add("refused")
            else:
                outcomes.add("done")
                assert new == found(*paths)
        assert found(*paths) in (before, new)
        if failing.calls < n:
            break
        write_documents(folder, "next")
        assert {*PAIR, *DOCUMENTS} == {*names(folder)}
    else:
        pytest.fail("the run never succeeded")
    assert outcomes == {"refused", "done"}


def test_documents_have_places_of_their_own(tmp_path: Path) -> None:
    """Not that of another result, and in a folder that is there."""
    for name in (*PAIR, METRICS_NAME):
        with (
            pytest.raises(ConfigurationError, match="other results go to that file"),
            open_outputs(tmp_path, html=tmp_path / name, has_metrics=True),
        ):
            pass
    with pytest.raises(OutputError, match="there is no folder"), open_outputs(tmp_path, html=tmp_path / "a" / "b"):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("old", [True, False])
def test_one_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool) -> None:
    """Whichever call fails, and whatever ends what is to be written."""
    outcomes = set()
    for n in range(1, 100):
        path = tmp_path / str(n) / "file"
        path.parent.mkdir()
        if old:
            path.write_text("old")
        before = found(path)
        with monkeypatch.context() as patch:
            failing = NthCall(patch, n)
            try:
                write_file(path, [b"n", b"ew"], content="list")
            except OutputError as error:
                outcomes.add("refused")
                assert "Input/output error" in str(error)
            else:
                outcomes.add("done")
                assert found(path) == ["new"]
        assert found(path) in (before, ["new"])
        if failing.calls < n:
            break
        with pytest.raises(ZeroDivisionError):
            write_file(path, (b"%d" % (1 // left) for left in (1, 0)), content="list")
        assert names(path.parent) == (["file"] if found(path) else [])
    else:
        pytest.fail("it was never written")
    assert outcomes == {"refused", "done"}
    with pytest.raises(OutputError, match="none/file: the list cannot be written: there is no folder"):
        write_file(tmp_path / "none" / "file", [], content="list")


def test_there_is_no_file_for_skipped_samples_unless_it_is_asked_for(tmp_path: Path) -> None:
    """Nor is one of another run touched."""
    (tmp_path / SKIPPED_NAME).write_text("mine")
    with open_outputs(tmp_path) as outputs:
        assert outputs.skipped is None
        outputs.commit(None)
    assert (tmp_path / SKIPPED_NAME).read_text() == "mine"


@pytest.mark.parametrize("has_gaps", [True, False])
@pytest.mark.parametrize("has_skipped", [True, False])
def test_what_is_empty_is_absent(tmp_path: Path, has_gaps: bool, has_skipped: bool) -> None:
    """Also where an earlier run has left one."""
    skipped = tmp_path / SKIPPED_NAME
    write_all(tmp_path, skipped, "old")
    write_all(tmp_path, skipped, "new", has_gaps=has_gaps, has_skipped=has_skipped)
    expected = PAIR * has_gaps + [SKIPPED_NAME] * has_skipped
    assert expected == names(tmp_path)
    expected = ["new", "report of new"] * has_gaps + ["skipped by new"] * has_skipped
    assert expected == found(*(tmp_path / name for name in PAIR), skipped)


def test_a_place_that_is_no_place_for_skipped_samples_is_found_out_at_the_start(tmp_path: Path) -> None:
    """With nothing left behind."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name, reason in (
        ("missing/s", "s: the skipped samples cannot be written: there is no folder .*missing$"),
        ("file/s", "s: the skipped samples cannot be written: Not a directory"),
        ("folder", "folder: the skipped samples cannot be written: it is a folder$"),
        ("pipe", "pipe: the skipped samples cannot be written: it is no regular file$"),
        ("link", "link: the skipped samples cannot be written: it is no regular file$"),
        ("a\0b", "the skipped samples cannot be written: .*null"),
    ):
        skipped = tmp_path / name
        with pytest.raises(OutputError, match=reason), open_outputs(tmp_path / "results", skipped=skipped):
            pytest.fail("it was entered")
    assert names(tmp_path) == ["file", "folder", "link", "pipe"]


@pytest.mark.parametrize("name", PAIR)
def test_skipped_samples_have_a_file_of_their_own(tmp_path: Path, name: str) -> None:
    """Not that of the gaps or of the report, by whatever way it is named."""
    (tmp_path / "link").symlink_to("results")
    for folder in ("results", "results/../results", "link"):
        with (
            pytest.raises(ConfigurationError, match="other results go to that file; choose another"),
            open_outputs(tmp_path / "results", skipped=tmp_path / folder / name),
        ):
            pytest.fail("it was entered")
    assert names(tmp_path) == ["link"]


def test_rules_for_modes_links_and_sweeping_hold_for_skipped_samples(tmp_path: Path) -> None:
    """A name may have any characters; nothing but staging files of that name is swept."""
    skipped = tmp_path / "[a]*.jsonl"
    (tmp_path / "precious").write_text("precious")
    skipped.symlink_to("precious")
    dead = tmp_path / f".{skipped.name}.1-abcd.tmp"
    others = [
        tmp_path / name for name in (".a.jsonl.1-abcd.tmp", f".{skipped.name}.mine.tmp", f".{GAPS_NAME}.1-ab.tmp")
    ]
    for path in (dead, *others):
        path.touch()
    write_all(tmp_path / "results", skipped, "one")
    assert sorted([skipped.name, "precious", "results", *(path.name for path in others)]) == names(tmp_path)
    assert found(tmp_path / "precious", skipped) == ["precious", "skipped by one"]
    assert not skipped.is_symlink()
    skipped.chmod(0o640)
    write_all(tmp_path / "results", skipped, "two")
    assert stat.S_IMODE(skipped.stat().st_mode) == 0o640


@pytest.mark.usefixtures("unsynced")
@pytest.mark.parametrize("place", ["results", "other"])
@pytest.mark.parametrize("has_skipped", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("has_gaps", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("old", [True, False])
def test_whichever_call_fails_all_three_are_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool, has_gaps: bool, has_skipped: bool, place: str
) -> None:
    """Never some of the one and some of the other, in one folder or two."""
    outcomes = set()
    new = ["new", "report of new"] * has_gaps + ["skipped by new"] * has_skipped
    for n in range(1, 200):
        folder, skipped = tmp_path / str(n) / "results", tmp_path / str(n) / place / SKIPPED_NAME
        paths = [*(folder / name for name in PAIR), skipped]
        (tmp_path / str(n) / "other").mkdir(parents=True)
        if old:
            write_all(folder, skipped, "old")
        before = found(*paths)
        with monkeypatch.context() as patch:
            failing = NthCall(patch, n)
            try:
                write_all(folder, skipped, "new", has_gaps=has_gaps, has_skipped=has_skipped)
            except OutputError as error:
                outcomes.add("refused")
                assert "Input/output error" in str(error)
            else:
                outcomes.add("done")
                assert new == found(*paths)
        assert found(*paths) in (before, new)
        if failing.calls < n:
            break
        write_all(folder, skipped, "next")
        assert ["next", "report of next", "skipped by next"] == found(*paths)
        assert {*PAIR, SKIPPED_NAME} == {*names(folder), *names(skipped.parent)}
    else:
        pytest.fail("the run never succeeded")
    assert outcomes == {"refused", "done"}


@pytest.mark.usefixtures("unsynced")
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("has_gaps", [True, False])
def test_where_nothing_works_any_more_what_is_of_two_runs_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool, has_gaps: bool
) -> None:
    """As where a disk becomes read-only between two renames; and what was there before is kept under another name."""
    mixed = 0
    for n in range(1, 200):
        folder = tmp_path / str(n)
        paths = [*(folder / name for name in PAIR), folder / SKIPPED_NAME]
        folder.mkdir()
        if old:
            write_all(folder, paths[-1], "old")
        before = found(*paths)
        with monkeypatch.context() as patch:
            failing = NthCall(patch, n, lasts=True)
            error = None
            try:
                write_all(folder, paths[-1], "new", has_gaps=has_gaps)
            except OutputError as refused:
                error = str(refused)
        if error and "are of two runs: " in error:
            mixed += 1
            assert re.search("are of two runs: .* is new, and cannot be put back: Input/output error", error)
            if old:
                kept = Path(error.partition("until the next run the earlier one is ")[2])
                assert kept.read_text() in before
        else:
            assert found(*paths) in (before, ["new", "report of new"] * has_gaps + ["skipped by new"])
        if failing.calls < n:
            break
        write_all(folder, paths[-1], "next")
        assert ["next", "report of next", "skipped by next"] == found(*paths)
        assert sorted([*PAIR, SKIPPED_NAME]) == names(folder)
    else:
        pytest.fail("the run never succeeded")
    assert mixed


@pytest.mark.usefixtures("unsynced")
def test_two_runs_with_their_folders_crossed_do_not_block_each_other(tmp_path: Path) -> None:
    """They lock them in one order, and a folder with two names once."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    (tmp_path / "link").symlink_to("a")

    def run_often(results: Path, other: Path) -> None:
        for _ in range(50):
            write_all(results, other / f"of-{results.name}", results.name)

    threads = [
        threading.Thread(target=run_often, args=pair, daemon=True)
        for pair in (folders, folders[::-1], (folders[0], tmp_path / "link"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [False] * 3 == [thread.is_alive() for thread in threads]
    assert contents(folders[0]) == ["a", "report of a"]
    assert contents(folders[1]) == ["b", "report of b"]


class Sink(io.RawIOBase):
    """A file that takes `most` bytes at once, and after `room` bytes fails."""

    name = "<sink>"

    def __init__(self, *, most: int = 10**9, room: int = 10**9, error: OSError | None = None) -> None:
        super().__init__()
        self.got = b""
        self.attempts = 0
        self._most = most
        self._room = room
        self._error = error or OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Any) -> int:
        """Take some."""
        self.attempts += 1
        taken = bytes(data[: min(self._most, self._room - len(self.got))])
        if not taken:
            raise self._error
        self.got += taken
        return len(taken)

    def as_file(self) -> BinaryIO:
        """Be what the type checker wants."""
        return cast("BinaryIO", self)


def test_a_file_that_is_open_gets_the_gaps_as_they_come() -> None:
    """When it is flushed, or 64 KiB are waiting; it stays open, and the report goes nowhere."""
    file = io.BytesIO()
    with open_outputs(file) as outputs:
        outputs.gaps.write(b"one\n")
        assert file.getvalue() == b""
        outputs.gaps.flush()
        assert file.getvalue() == b"one\n"
        outputs.gaps.write(b"x" * (64 * 1024 - 1))
        assert file.getvalue() == b"one\n"
        outputs.gaps.write(b"\n")
        assert len(file.getvalue()) == 4 + 64 * 1024
        outputs.gaps.write(b"last\n")
        outputs.commit("report")
    assert file.getvalue().endswith(b"x\nlast\n")
    assert not file.closed


def test_a_file_that_has_a_buffer_of_its_own_is_flushed(tmp_path: Path) -> None:
    """So that its reader sees what is handed on."""
    with (tmp_path / "gaps").open("w+b") as file, open_outputs(file) as outputs:
        for step in (outputs.gaps.flush, lambda: outputs.commit("report")):
            outputs.gaps.write(b"gap\n")
            step()
            assert (tmp_path / "gaps").stat().st_size == file.tell()


def test_a_file_that_is_open_gets_nothing_if_there_is_nothing() -> None:
    """Not even a flush, which makes compressed files longer."""

    class Untouched(Sink):
        def flush(self) -> None:
            pytest.fail("it was flushed")

        def close(self) -> None:
            """Do not flush."""

    sink = Untouched()
    with open_outputs(sink.as_file()) as outputs:
        outputs.gaps.flush()
        outputs.commit(None)
    assert sink.attempts == 0


def test_a_file_that_takes_less_than_it_is_given_loses_nothing() -> None:
    """As an unbuffered one may."""
    sink = Sink(most=1000)
    data = os.urandom(200_000)
    with open_outputs(sink.as_file()) as outputs:
        outputs.gaps.write(data)
        outputs.commit("report")
    assert data == sink.got


def test_what_waits_in_a_buffered_file_comes_first() -> None:
    """Then its buffer is passed by: what it cannot get rid of it would write later."""
    sink = Sink(room=10)
    file = io.BufferedWriter(sink)
    file.write(b"before\n")
    with pytest.raises(OutputError, match="No space left"), open_outputs(file) as outputs:
        outputs.gaps.write(b"abcdef\n")
        outputs.commit("report")
    assert sink.got == b"before\nabc"
    attempts = sink.attempts
    file.close()
    assert attempts == sink.attempts


@pytest.mark.parametrize("step", ["write", "flush", "commit"])
def test_after_an_error_nothing_more_is_written_to_a_file_that_is_open(step: str) -> None:
    """Whatever is called, and whatever is collected."""
    sink = Sink(room=100)
    with contextlib.suppress(OutputError), open_outputs(sink.as_file()) as outputs:
        with pytest.raises(OutputError, match="^<sink>: the gaps cannot be written: No space left on device$"):
            outputs.gaps.write(b"x" * 64 * 1024)
        attempts, sink._room = sink.attempts, 10**9
        with pytest.raises(OutputError, match="^<sink>: the gaps cannot be written: it has failed before$"):
            if step == "write":
                outputs.gaps.write(b"x" * 64 * 1024)
            elif step == "flush":
                outputs.gaps.flush()
            else:
                outputs.commit("report")
    del outputs
    gc.collect()
    assert attempts == sink.attempts
    assert len(sink.got) == 100


def test_what_waits_when_a_run_fails_is_not_written() -> None:
    """Only a run that ends well hands on the rest."""
    sink = Sink()
    with pytest.raises(KeyboardInterrupt), open_outputs(sink.as_file()) as outputs:
        outputs.gaps.write(b"gap\n")
        raise KeyboardInterrupt
    del outputs
    gc.collect()
    assert sink.attempts == 0


def test_a_reader_who_goes_away_is_no_error_of_ours(tmp_path: Path) -> None:
    """The exception is passed on as it is, and nothing is put in place."""
    error = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    sink = Sink(room=0, error=error)
    with (
        pytest.raises(BrokenPipeError) as caught,
        open_outputs(sink.as_file(), skipped=tmp_path / SKIPPED_NAME) as outputs,
    ):
        outputs.gaps.write(b"gap\n")
        outputs.commit("report", has_skipped=True)
    assert caught.value is error
    assert names(tmp_path) == []


def test_files_that_cannot_take_gaps_are_refused() -> None:
    """With a sentence, at the start or with the first gap."""

    class NotReady(Sink):
        def write(self, _: Any) -> None:  # type: ignore[override]  # as a file in non-blocking mode does
            return None

    closed = io.BytesIO()
    closed.close()
    for file, reason in (
        (io.StringIO(), "^<stream>: the gaps cannot be written: it is open in text mode; open it in mode 'wb'$"),
        (NotReady(), "^<sink>: the gaps cannot be written: it is not ready; open it in blocking mode$"),
        (closed, "^<stream>: the gaps cannot be written: .*closed file"),
    ):
        with pytest.raises(OutputError, match=reason), open_outputs(cast("BinaryIO", file)) as outputs:
            outputs.gaps.write(b"gap\n")
            outputs.commit("report")


def test_whatever_takes_bytes_gets_the_gaps() -> None:
    """Though it has no other method, and does not say how many it has taken; what takes none is told."""

    class Taker:
        def __init__(self, wanted: type) -> None:
            self.wanted, self.got = wanted, b""

        def write(self, data: bytes) -> None:
            if not isinstance(data, self.wanted):
                raise TypeError
            self.got += data

    taker = Taker(bytes)
    with open_outputs(cast("BinaryIO", taker)) as outputs:
        outputs.gaps.write(b"x" * 200_000)
        outputs.commit(None)
    assert taker.got == b"x" * 200_000
    message = "^<stream>: the gaps cannot be written: it takes no bytes; open it in mode 'wb'$"
    with pytest.raises(OutputError, match=message), open_outputs(cast("BinaryIO", Taker(str))) as outputs:
        outputs.gaps.write(b"gap\n")
        outputs.commit(None)


def test_skipped_samples_are_put_in_place_beside_a_stream(tmp_path: Path) -> None:
    """They alone: no gaps and no report."""
    file = io.BytesIO()
    with open_outputs(file, skipped=tmp_path / SKIPPED_NAME) as outputs:
        assert outputs.skipped is not None
        outputs.skipped.write(b"skipped")
        outputs.gaps.write(b"gap")
        outputs.commit("report", has_skipped=True)
    assert file.getvalue() == b"gap"
    assert names(tmp_path) == [SKIPPED_NAME]
    assert (tmp_path / SKIPPED_NAME).read_bytes() == b"skipped"


def test_a_disk_that_is_full_names_what_could_not_be_written(tmp_path: Path) -> None:
    """The skipped samples by their file, the gaps by the folder."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")
    for attribute, name in (
        ("gaps", f"{tmp_path}: the results"),
        ("skipped", f"{tmp_path / 's'}: the skipped samples"),
    ):
        with (
            pytest.raises(OutputError, match=f"^{name} cannot be written: No space left on device$"),
            full.open("wb", buffering=0) as device,
            open_outputs(tmp_path, skipped=tmp_path / "s") as outputs,
        ):
            file = getattr(outputs, attribute)
            os.dup2(device.fileno(), file.fileno())
            file.write(b"x" * 1024 * 1024)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("document", "what"), [("metrics", "{folder}: the results"), ("html", "{folder}/page.html: the page")]
)
def test_a_document_that_cannot_be_written_is_named(tmp_path: Path, document: str, what: str) -> None:
    """And nothing is in place then."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")

    def fill() -> Iterator[str]:
        file = outputs._files[document]._file
        assert file is not None
        os.dup2(device.fileno(), file.fileno())
        yield "x" * 1024 * 1024

    message = f"^{what.format(folder=tmp_path)} cannot be written: No space left on device$"
    with (
        pytest.raises(OutputError, match=message),
        full.open("wb", buffering=0) as device,
        open_outputs(tmp_path, html=tmp_path / "page.html", has_metrics=True) as outputs,
    ):
        outputs.gaps.write(b"gap")
        outputs.commit("report", documents={"metrics": ["{}"], "html": ["page"], document: fill()})
    assert names(tmp_path) == []


@pytest.mark.parametrize("made", ["pipe", "folder"])
def test_what_is_no_file_of_metrics_is_left_alone(tmp_path: Path, made: str) -> None:
    """A pipe is not waited for."""
    place = tmp_path / METRICS_NAME
    os.mkfifo(place) if made == "pipe" else place.mkdir()
    write(tmp_path, "gap")
    assert ["gap", "report of gap"] == contents(tmp_path)
    assert sorted([*PAIR, METRICS_NAME]) == names(tmp_path)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_metrics_of_ours_are_known_in_any_spelling(tmp_path: Path, separators: tuple[str, str]) -> None:
    """And removed by a run that writes none."""
    text = json.dumps({"schema_version": 1, "generator": "streamgaps 9.9", "accuracy": 1}, separators=separators)
    (tmp_path / METRICS_NAME).write_text(text)
    write(tmp_path, "gap")
    assert PAIR == names(tmp_path)
