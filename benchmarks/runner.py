"""Make the data, let contenders take turns on it, and check what each wrote."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import CANNOT
from benchmarks.generate import generate
from benchmarks.truth import Verdict, read_output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.contenders import Contender

__all__ = ["Data", "Run", "compete", "count_for", "make", "without_paths"]

PATIENCE = 30.0
"""Who takes more seconds than this runs once only."""
TIMEOUT = 900
_SAMPLE = 2000
_MEASURE = Path(__file__).with_name("measure.py")


@dataclass(frozen=True)
class Data:
    """A file of predictions, and what is right about it."""

    kind: str
    style: str
    path: Path
    size: int
    truth: Verdict


@dataclass(frozen=True)
class Run:
    """One measurement: a process of its own. Seconds and KiB, as `measure.py` says; `problem` is empty if all is right.

    `mode` is `time` or `memory`: a run for memory is sampled, so its times count for nothing.
    """

    contender: str
    mode: str
    turn: int
    wall: float = 0.0
    user: float = 0.0
    sys: float = 0.0
    maxrss: int = 0
    pss: int = 0
    processes: int = 0
    fp: int = 0
    fn: int = 0
    records: int = 0
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """Tell whether it ran to its end, be its answer right or wrong."""
        return not self.problem or self.problem.startswith("WRONG")


def count_for(kind: str, megabytes: float) -> int:
    """Return how many records make a file of this size, indented."""
    sample = StringIO()
    generate(kind, _SAMPLE, sample)
    return max(1, int(megabytes * 1e6 / (len(sample.getvalue().encode()) / _SAMPLE)))


def make(kind: str, style: str, count: int, folder: Path) -> Data:
    """Write a data set, or take the one that is in the folder since an earlier run of the same code."""
    code = zlib.crc32(b"".join(Path(__file__).with_name(name).read_bytes() for name in ("generate.py", "truth.py")))
    path = folder / f"{kind}-{style}-{count}-{code:08x}.{'jsonl' if style == 'jsonl' else 'json'}"
    facts = path.with_name(path.name + ".truth")
    if not facts.exists():
        verdict = Verdict()
        with path.open("w", encoding="utf-8") as file:
            generate(kind, count, file, style, verdict.watch)
        facts.write_text(json.dumps(asdict(verdict)))
    return Data(kind, style, path, path.stat().st_size, Verdict(**json.loads(facts.read_text())))


def compete(data: Data, contenders: Iterable[Contender], rounds: int, folder: Path) -> list[Run]:
    """Measure all on a data set: `rounds` turns each for time, A B A B, then one each for memory."""
    return list(_turns(data, list(contenders), rounds, folder))


def _turns(data: Data, contenders: list[Contender], rounds: int, folder: Path) -> Iterator[Run]:
    yield from (Run(one.name, "time", 0, problem="not installed") for one in contenders if not one.is_installed)
    playing = [one for one in contenders if one.is_installed]
    sampled = list(playing)
    _warm(data.path)
    for turn in range(rounds):
        for one in tuple(playing):
            run = _measure(one, data, "time", turn, folder)
            yield run
            if not run.is_complete or run.wall > PATIENCE:
                playing.remove(one)
                if not run.is_complete or one.role != "ours":  # only ours has more than one process
                    sampled.remove(one)
    for one in sampled:
        yield _measure(one, data, "memory", 0, folder)


def _warm(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def _measure(one: Contender, data: Data, mode: str, turn: int, folder: Path) -> Run:
    results, errors = folder / "results", folder / "errors"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    out = results / "kpi_gaps.jsonl"
    # -S and -E keep the measuring process small: a child is charged the memory of its parent, if that is larger.
    command = [sys.executable, "-S", "-E", str(_MEASURE), mode, str(TIMEOUT), str(errors)]
    command += [sys.executable, str(one.script), str(data.path), str(out), *one.options]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    wall, user, system = map(float, printed[1:4])
    maxrss, pss, processes = map(int, printed[4:])
    run = Run(one.name, mode, turn, wall, user, system, maxrss, pss, processes)
    if printed[0] != "0":
        return replace(run, problem=_excuse(int(printed[0]), run, errors))
    return _judge(run, one, out, data.truth)


def _excuse(status: int, run: Run, errors: Path) -> str:
    if status < 0 and run.wall >= TIMEOUT:
        return f"failed: took longer than {TIMEOUT} s"
    last = _last_line(errors.read_text("utf-8", errors="replace")) or f"exit status {status}"
    return f"{'cannot' if status == CANNOT else 'failed'}: {without_paths(last)}"


def _last_line(text: str) -> str:
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    try:
        return str(json.loads(last)["error"])  # streamgaps logs in JSON Lines
    except (ValueError, TypeError, KeyError):
        return last


def without_paths(text: str) -> str:
    """Leave of each absolute path its last part only: where things are on this machine is nobody's business."""
    return re.sub(r"(?<![\w.:/])/[^\s\"',:]*/(?=[^\s\"',:/]|\b)", "", text)


def _judge(run: Run, one: Contender, out: Path, right: Verdict) -> Run:
    try:
        said = read_output(out)
    except (ValueError, KeyError):
        return replace(run, problem="WRONG: no JSON Lines with all fields")
    run = replace(run, fp=said.fp, fn=said.fn, records=said.records)
    if one.role == "limit":
        return replace(run, problem="WRONG" if out.exists() and said.records != right.records else "")
    if (said.fp, said.fn) != (right.fp, right.fn):
        return replace(run, problem="WRONG")
    return replace(run, problem="" if said.digest == right.digest else "WRONG: other texts")
