"""Measurements -> tables in Markdown, and the folder that keeps them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.runner import without_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from benchmarks.contenders import Contender
    from benchmarks.runner import Data, Run

__all__ = ["save", "table"]

_HEAD = ("contender", "wall s", "CPU s", "MiB", "FP", "FN", "check", "wall : peer", "CPU : peer", "CPU : limit")
_RUNS = Path(__file__).with_name("runs")
_NONE = "–"  # noqa: RUF001 -- a dash is meant


def table(data: Data, runs: list[Run], contenders: Mapping[str, Contender]) -> str:
    """Write the table of a data set, under a heading that says what is right about it."""
    of = {name: [run for run in runs if run.contender == name] for name in contenders}
    right = {name: mine for name, mine in of.items() if mine and not any(run.problem for run in mine)}
    peers = [mine for name, mine in right.items() if contenders[name].role == "peer"]
    limits = [right["bare-orjson"]] if "bare-orjson" in right else []
    bests = (_best(peers, _wall), _best(peers, _cpu), _best(limits, _cpu))
    rows = [_row(contenders[name], mine, bests) for name, mine in of.items() if mine]
    truth = data.truth
    heading = (
        f"## {data.kind}, {data.style}: {data.size / 1e6:.0f} MB, {truth.records:,} records, "
        f"{truth.fp:,} FP, {truth.fn:,} FN"
    )
    notes = "".join(f"\n- {name}: {_problem(mine)}" for name, mine in of.items() if ": " in _problem(mine))
    return f"{heading}\n\n{_markdown([_HEAD, *rows])}\n{notes and notes + chr(10)}"


def _problem(runs: list[Run]) -> str:
    return next((run.problem for run in runs if run.problem), "")


def _wall(run: Run) -> float:
    return run.wall


def _cpu(run: Run) -> float:
    return run.user + run.sys


def _timed(runs: list[Run]) -> list[Run]:
    return [run for run in runs if run.mode == "time"]


def _median(runs: list[Run], figure: Callable[[Run], float]) -> float:
    return statistics.median(map(figure, _timed(runs)))


def _best(all_runs: list[list[Run]], figure: Callable[[Run], float]) -> float | None:
    return min((_median(runs, figure) for runs in all_runs), default=None)


def _row(one: Contender, runs: list[Run], bests: tuple[float | None, float | None, float | None]) -> tuple[str, ...]:
    check = _problem(runs).partition(":")[0] or "ok"
    if not all(run.is_complete for run in runs):
        return (one.name, *[_NONE] * 5, check, *[_NONE] * 3)
    counts = (_NONE, _NONE) if one.role == "limit" else (f"{runs[0].fp:,}", f"{runs[0].fn:,}")
    medians = (_median(runs, _wall), _median(runs, _cpu), _median(runs, _cpu))
    ratios = [_NONE if best is None else f"{median / best:.2f}" for median, best in zip(medians, bests, strict=True)]
    return (one.name, _spread(runs, _wall), _spread(runs, _cpu), _memory(runs), *counts, check, *ratios)


def _spread(runs: list[Run], figure: Callable[[Run], float]) -> str:
    figures = list(map(figure, _timed(runs)))
    if len(figures) == 1:
        return f"{figures[0]:.2f} (once)"
    return f"{statistics.median(figures):.2f} ({min(figures):.2f}-{max(figures):.2f})"


def _memory(runs: list[Run]) -> str:
    """Tell the exact peak of a single process, or, with a `~`, the sampled one of several together."""
    if max(run.processes for run in runs) > 1:
        return f"~{max(run.pss for run in runs) / 1024:.0f}"
    return f"{max(run.maxrss for run in runs) / 1024:.0f}"


def _markdown(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(f"| {line} |" for line in (lines[0], " | ".join("-" * width for width in widths), *lines[1:]))


def save(name: str, command: list[str], tables: list[str], results: list[tuple[Data, list[Run]]]) -> Path:
    """Keep a run: `runs/<date>-<name>/` gets a README.md and every single measurement in raw.json."""
    now = datetime.now(timezone.utc)
    folder = _RUNS / f"{now:%Y-%m-%d}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"date": f"{now:%Y-%m-%d %H:%M} UTC", "command": _command(command), **_machine(), **_versions()}
    lines = "\n".join(f"- {key}: {value}" for key, value in facts.items())
    text = f"# {name}\n\n{lines}\n\nWhat the columns mean is in [the README](../../README.md).\n\n"
    (folder / "README.md").write_text(text + "\n".join(tables), encoding="utf-8")
    raw = [_raw(data, runs) for data, runs in results]
    (folder / "raw.json").write_text(json.dumps({**facts, "data": raw}, indent=1) + "\n", encoding="utf-8")
    return folder


def _raw(data: Data, runs: Iterable[Run]) -> dict[str, object]:
    facts = {"kind": data.kind, "style": data.style, "bytes": data.size, "truth": asdict(data.truth)}
    return {**facts, "runs": [asdict(run) for run in runs]}


def _command(arguments: list[str]) -> str:
    return without_paths(" ".join(["python", "-m", "benchmarks", *arguments]))


def _machine() -> dict[str, str]:
    cpu = memory = "unknown"
    if Path("/proc/cpuinfo").exists():
        cpu = _field("/proc/cpuinfo", "model name", cpu)
        memory = f"{int(_field('/proc/meminfo', 'MemTotal', '0').split()[0]) / 1024**2:.0f} GiB"
    machine = f"{os.cpu_count()} cores, {cpu}, {memory}, {platform.system()} {platform.release()} {platform.machine()}"
    return {"machine": machine}


def _field(path: str, key: str, default: str) -> str:
    lines = Path(path).read_text("utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), default)


def _versions() -> dict[str, str]:
    found = {"Python": f"{platform.python_version()} ({platform.python_implementation()})"}
    for package in ("streamgaps", "msgspec", "orjson", "ijson", "chdb", "duckdb", "polars"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    found["streamgaps"] += f", commit {_printed('git', 'describe', '--always', '--dirty', cwd=_RUNS.parent)}"
    return {**found, "jq": _printed("jq", "--version"), "gojq": _printed("gojq", "--version")}


def _printed(program: str, *arguments: str, cwd: Path | None = None) -> str:
    path = shutil.which(program)
    if path is None:
        return "not installed"
    done = subprocess.run([path, *arguments], check=False, capture_output=True, text=True, cwd=cwd)
    return done.stdout.strip() or "unknown"
