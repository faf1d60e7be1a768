"""The README's table of faults: each is caused, and what it says is so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import names
from tests.faults.bench import GAP, Bench, End, contents, ended, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = table("When something goes wrong")
MANY = [GAP] * 20_000


def wait_for_staging(bench: Bench) -> None:
    """Wait until a run has a staging file."""
    deadline = time.monotonic() + 30
    while not list(bench.gaps.glob(".*.tmp")):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def paused(bench: Bench, act: Callable[[subprocess.Popen[str]], object], *arguments: str) -> End:
    """Do something while a run has staged its results and waits for the rest of its input."""
    with bench.start("-", *arguments, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write((bench.folder / "p.json").read_text().rstrip().removesuffix("]"))
        process.stdin.flush()
        wait_for_staging(bench)
        act(process)
        return ended_after(process, "]")


def ended_after(process: subprocess.Popen[str], rest: str) -> End:
    """Give a process the rest of its input."""
    _, stderr = process.communicate(rest, timeout=60)
    return End(128 - process.returncode if process.returncode < 0 else process.returncode, stderr)


def no_input(bench: Bench) -> End:
    """Name a file that is not there."""
    return bench.run("missing.json")


def failing_read(bench: Bench) -> End:
    """Fail at the fourth block."""
    bench.write("large.json", MANY)
    return bench.run_faulty("read", 4, "EIO", "large.json", "--jobs", "1")


def changed_input(bench: Bench) -> End:
    """Cut it while it is read."""
    bench.write("large.json", MANY * 20)
    path = bench.folder / "large.json"
    with bench.start("large.json", "--jobs", "2") as process:
        first_worker(process)
        os.truncate(path, path.stat().st_size // 2)
        return ended(process)


def first_worker(process: subprocess.Popen[str]) -> int:
    """Wait until a run has started to read with several processes; return the number of one."""
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    while True:
        assert process.poll() is None
        with open(children, encoding="ascii") as file:  # noqa: PTH123 -- the path is a text
            found = file.read().split()
        if found:
            return int(found[0])


def refused_input(bench: Bench) -> End:
    """Have a record that is none."""
    (bench.folder / "bad.json").write_text('[{"video_id": "v", "response": "yes", "gt": "no"}, 1]')
    return bench.run("bad.json")


def too_many_skipped(bench: Bench) -> End:
    """Three of the sample are."""
    return bench.run("p.json", "--strict")


def low_metric(bench: Bench) -> End:
    """Ask for more than the model can do."""
    return bench.run("p.json", "--fail-under", "accuracy=0.9")


def unknown_option(bench: Bench) -> End:
    """Misspell one."""
    return bench.run("p.json", "--strickt")


def folder_is_file(bench: Bench) -> End:
    """Name a file as the folder; the one that may be there is not touched."""
    return bench.run("p.json", "-o", "old.json")


def folder_is_read_only(bench: Bench) -> End:
    """Mount one that is."""
    bench.gaps.mkdir(exist_ok=True)
    return bench.mounted("gaps", "ro", "$RUN", "p.json")


def folder_is_removed(bench: Bench) -> End:
    """Remove it behind the run's back."""

    def remove(_: object) -> None:
        for path in bench.gaps.iterdir():
            path.unlink()
        bench.gaps.rmdir()

    return paused(bench, remove)


def target_is_folder(bench: Bench) -> End:
    """Make it one."""
    bench.gaps.mkdir(exist_ok=True)
    (bench.gaps / GAPS_NAME).unlink(missing_ok=True)
    (bench.gaps / GAPS_NAME).mkdir()
    bench.before = contents(bench.gaps)
    return bench.run("p.json")


def target_is_link(bench: Bench) -> End:
    """Let it lead to something that matters."""
    bench.gaps.mkdir(exist_ok=True)
    (bench.gaps / GAPS_NAME).unlink(missing_ok=True)
    (bench.folder / "precious").write_text("precious")
    (bench.gaps / GAPS_NAME).symlink_to(bench.folder / "precious")
    end = bench.run("p.json")
    assert (bench.folder / "precious").read_text() == "precious"
    return end


def input_is_output(bench: Bench) -> End:
    """Read the gaps of an earlier run, which are predictions too, if one says under which name the truth is."""
    bench.gaps.mkdir(exist_ok=True)
    records = json.loads((bench.folder / "p.json").read_text())
    lines = [json.dumps(record | {"ground_truth": record["gt"]}) for record in records]
    (bench.gaps / GAPS_NAME).write_text("\n".join(lines))
    return bench.run(f"gaps/{GAPS_NAME}", "--field", "gt=ground_truth")


def full_disk(bench: Bench) -> End:
    """Write to a file system of 64 KiB, with the earlier results in it."""
    bench.write("large.json", MANY)
    bench.gaps.mkdir(exist_ok=True)
    (bench.folder / "before").mkdir()
    for name, data in bench.before.items():
        (bench.folder / "before" / name).write_bytes(data)
    script = "cp -r before/. gaps && { $RUN; code=$?; diff -r before gaps && exit $code; }"
    return bench.mounted("gaps", "size=64k", script, "large.json", "--jobs", "1")


def failing_sync(bench: Bench) -> End:
    """Fail at the first."""
    return bench.run_faulty("fsync", 1, "EIO", "p.json")


def failing_last_sync(bench: Bench) -> End:
    """Fail at that of the folder, behind those of both files."""
    return bench.run_faulty("fsync", 3, "EIO", "p.json")


def full_temporary_folder(bench: Bench) -> End:
    """Index more than fits."""
    bench.write("many.json", [GAP | {"id": number, "gt": "no" * 40} for number in range(5000)])
    (bench.folder / "temporary").mkdir()
    script = 'TMPDIR="$PWD/temporary" $RUN'
    return bench.mounted("temporary", "size=64k", script, "many.json", "--ground-truth", "many.json", "--on", "id")


def no_working_directory(bench: Bench) -> End:
    """Remove it."""
    script = f"mkdir gone && cd gone && rmdir ../gone && exec $RUN --results-dir {bench.gaps}"
    return bench.shell(script, str(bench.folder / "p.json"))


def no_memory(bench: Bench) -> End:
    """Let a record need more than there may be."""
    bench.write("large.json", [GAP | {"response": "yes" * 30_000_000}])
    return bench.shell("ulimit -v 180000; exec $RUN", "large.json", "--jobs", "1")


def killed_worker(bench: Bench) -> End:
    """Kill one while it works."""
    bench.write("large.json", MANY * 10)
    with bench.start("large.json", "--jobs", "2") as process:
        os.kill(first_worker(process), signal.SIGKILL)
        return ended(process)


def signalled(number: signal.Signals) -> Callable[[Bench], End]:
    """Return what sends a signal in the middle of a run."""
    return lambda bench: paused(bench, lambda process: process.send_signal(number))


def two_runs(bench: Bench) -> End:
    """Start two with different results, several times."""
    for _ in range(8):
        with bench.start("p.json") as first, bench.start("old.json") as second:
            assert (0, 0) == (ended(first).code, ended(second).code)
        assert contents(bench.gaps) in (bench.new, bench.old)
    return bench.run("p.json")


def closed_streams(bench: Bench) -> End:
    """Close one, then the other."""
    end = bench.shell("exec $RUN >&-", "p.json", "-o", "-")
    assert (3, True) == (end.code, "<stdout>" in end.stderr)
    return bench.shell("exec $RUN <&-", "-", "--format", "jsonl")


def full_standard_output(bench: Bench) -> End:
    """Write to a device that is always full."""
    return bench.shell("exec $RUN > /dev/full", "p.json", "-o", "-")


def reader_leaves(bench: Bench) -> End:
    """Be read by nobody."""
    bench.write("large.json", MANY)
    return bench.shell("$RUN | true; exit ${PIPESTATUS[0]}", "large.json", "-o", "-", "--jobs", "1")


def no_standard_error(bench: Bench) -> End:
    """Close it, and let it be full."""
    assert bench.shell("exec $RUN 2> /dev/full", "p.json").code == 0
    assert bench.new == contents(bench.gaps)
    shutil.rmtree(bench.gaps)
    return bench.shell("exec $RUN 2>&-", "p.json")


def bug(bench: Bench) -> End:
    """Raise what nobody foresaw."""
    return bench.run_faulty("fsync", 1, "BUG", "p.json")


CAUSES: dict[str, Callable[[Bench], End]] = {
    "the input does not exist": no_input,
    "reading fails half way": failing_read,
    "the input is written to, cut or replaced meanwhile": changed_input,
    "[the input is refused](#what-input-is-read)": refused_input,
    "more is skipped than `--max-skipped` or `--strict` allows": too_many_skipped,
    "a metric is less than `--fail-under` allows": low_metric,
    "an option is unknown, or makes no sense": unknown_option,
    "the results folder is a file": folder_is_file,
    "the results folder is read-only": folder_is_read_only,
    "the results folder is removed meanwhile": folder_is_removed,
    "`kpi_gaps.jsonl` is a folder": target_is_folder,
    "`kpi_gaps.jsonl` is a link": target_is_link,
    "the input is the `kpi_gaps.jsonl` of that folder": input_is_output,
    "the disk is full": full_disk,
    "the disk fails at the sync of a file": failing_sync,
    "the disk fails at the last sync, that of the folder": failing_last_sync,
    "the temporary folder is full": full_temporary_folder,
    "the working directory is removed": no_working_directory,
    "memory runs out": no_memory,
    "a job is killed": killed_worker,
    "SIGHUP": signalled(signal.SIGHUP),
    "SIGINT": signalled(signal.SIGINT),
    "SIGTERM": signalled(signal.SIGTERM),
    "SIGKILL": signalled(signal.SIGKILL),
    "two runs write to one folder at once": two_runs,
    "standard output is closed with `-o -`, or standard input with `-`": closed_streams,
    "standard output is full, with `-o -`": full_standard_output,
    "whoever reads standard output goes away": reader_leaves,
    "standard error is closed, or full": no_standard_error,
    "a bug in streamgaps": bug,
}


def test_every_fault_of_the_table_is_caused() -> None:
    """And every one that is caused is in it."""
    assert [row[0] for row in ROWS] == list(CAUSES)


@pytest.mark.slow
@pytest.mark.parametrize("has_old", [True, False])
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_fault_ends_as_the_table_says(tmp_path: Path, row: list[str], has_old: bool) -> None:
    """With this code, in one sentence that says this, and with this left; the next run then works."""
    fault, code, said, left = row
    bench = Bench(tmp_path, has_old=has_old)
    end = CAUSES[fault](bench)
    assert (int(code), said) == (end.code, said if said in end.stderr else end.stderr)
    assert end.stderr.count("\n") == (1 if said else 0)
    assert end.stderr.startswith("streamgaps: " if said else "")
    check_left(bench, left)
    if fault not in ("`kpi_gaps.jsonl` is a folder", "the disk is full"):
        assert bench.run("p.json").code == 0
        assert bench.new == contents(bench.gaps)
        assert sorted(bench.new) == names(bench.gaps)


def check_left(bench: Bench, left: str) -> None:
    """Check that this is left."""
    found = contents(bench.gaps)
    if left == "as before":
        assert bench.before == found
    elif left == "as before, or the results if they were in place":
        assert found in (bench.before, bench.new)
    elif left.startswith("as before, and a hidden file that the next run removes"):
        assert [name for name in found if name.startswith(".")]
        assert bench.before == {name: data for name, data in found.items() if not name.startswith(".")}
    elif left == "nothing":
        assert not bench.gaps.exists()
    else:
        assert left.startswith("the results")
        assert bench.new == found
        assert {GAPS_NAME, REPORT_NAME} == {*found}
