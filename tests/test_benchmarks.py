from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import contenders, runner, table
from benchmarks.contenders import Contender
from benchmarks.generate import KINDS, STYLES, generate
from tests.conftest import ROOT
from tests.oracle import expect

pytestmark = pytest.mark.slow


def made(kind: str, style: str, count: int = 300) -> str:
    """Return a made-up file."""
    file = io.StringIO()
    generate(kind, count, file, style)
    return file.getvalue()


def contender(folder: Path, name: str, source: str, role: str = "peer") -> Contender:
    """Write a contender's script: it finds its arguments in `data` and `out`."""
    script = folder / f"{name}.py"
    script.write_text(f"import sys\ndata, out = sys.argv[1:]\n{source}\n")
    return Contender(name, script, role)


def compete(folder: Path, *those: Contender) -> str:
    """Let contenders do a small data set, and return the table."""
    data = runner.make("short", "indent", 200, folder)
    return table.table(data, runner.compete(data, those, 1, folder), {one.name: one for one in those})


def row(text: str, name: str) -> list[str]:
    """Return the cells of a contender's row."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("kind", KINDS)
def test_all_styles_hold_the_same_records(kind: str) -> None:
    """Each as Python's json writes it."""
    records = json.loads(made(kind, "indent"))
    assert len(records) == 300
    assert made(kind, "indent") == json.dumps(records, indent=2)
    assert made(kind, "compact") == json.dumps(records)
    assert made(kind, "jsonl") == "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def test_data_is_the_same_everywhere_and_always() -> None:
    """On every Python; whoever changes the generator on purpose changes this number."""
    text = "".join(made(kind, style) for kind in KINDS for style in STYLES)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "4cc981451a27c50f"


@pytest.mark.parametrize("kind", KINDS)
def test_the_benchmark_knows_what_is_right(kind: str, tmp_path: Path) -> None:
    """As the tests' own oracle judges it."""
    data = runner.make(kind, "jsonl", 300, tmp_path)
    gaps = expect([json.loads(line) for line in data.path.read_bytes().splitlines()], "").gaps
    assert [data.truth.fp, data.truth.fn] == [sum(gap["error_type"] == kind for gap in gaps) for kind in ("FP", "FN")]
    assert data.truth.fp
    assert data.truth.fn


def test_a_run_prints_right_counts() -> None:
    """Of streamgaps, of TAO's way, and of the limit that only counts records."""
    which = ["--kinds", "short,unicode", "--contenders", "streamgaps,tao,bare-orjson"]
    command = [sys.executable, "-m", "benchmarks", "--count", "500", "--rounds", "1", *which]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    tables = done.stdout.split("## ")[1:]
    assert [text.partition(",")[0] for text in tables] == ["short", "unicode"]
    for text in tables:
        assert row(text, "streamgaps")[4:7] == row(text, "tao")[4:7]
        assert row(text, "tao")[6] == row(text, "bare-orjson")[6] == "ok"


def test_peers_that_are_there_are_right(tmp_path: Path) -> None:
    """In an array and in JSON Lines; one that cannot read these says so."""
    peers = [one for one in contenders.CONTENDERS.values() if one.role != "ours"]
    for style in ("compact", "jsonl"):
        data = runner.make("unicode", style, 100, tmp_path)
        for run in runner.compete(data, peers, 1, tmp_path):
            assert run.problem.partition(":")[0] in ("", "cannot", "not installed"), run


def test_a_wrong_answer_is_shown_as_wrong(tmp_path: Path) -> None:
    """Too few gaps, as many other gaps, other keys, too few records. No ratio is taken to it."""
    tao = contenders.CONTENDERS["tao"]
    none = contender(tmp_path, "none", "open(out, 'w')")
    run_tao = f"import runpy\nsys.argv[0] = {str(tao.script)!r}\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    other = contender(tmp_path, "other", f"{run_tao}text = open(out).read()\nopen(out, 'w').write(text.upper())")
    upper = "text = open(out).read()\nopen(out, 'w').write(text.replace('clip_0', 'clip_1'))"
    same = contender(tmp_path, "same", run_tao + upper)
    limit = contender(tmp_path, "limit", "open(out, 'w').write('{\"records\": 3}')", "limit")
    text = compete(tmp_path, none, other, same, limit)
    assert row(text, "none")[4:] == ["0", "0", "WRONG", "–", "–", "–"]
    assert [row(text, name)[6] for name in ("other", "same", "limit")] == ["WRONG"] * 3
    assert "\n- other: WRONG: no JSON Lines with all fields\n" in text
    assert "\n- same: WRONG: other texts\n" in text


def test_who_fails_or_cannot_or_is_missing_is_shown_as_such(tmp_path: Path) -> None:
    """With the last line it said, without the places of this machine."""
    fails = contender(tmp_path, "fails", "print(1, file=sys.stderr)\nraise OSError(f'no room in {out}')")
    cannot = contender(tmp_path, "cannot", "print('it reads no arrays', file=sys.stderr)\nsys.exit(4)")
    killed = contender(tmp_path, "killed", "import os\nos.kill(os.getpid(), 9)")
    missing = Contender("missing", tmp_path / "x.py", "peer", module="no_such_module")
    text = compete(tmp_path, fails, cannot, killed, missing)
    shown = [row(text, name)[6] for name in ("fails", "cannot", "killed", "missing")]
    assert shown == ["failed", "cannot", "failed", "not installed"]
    assert "\n- fails: failed: OSError: no room in kpi_gaps.jsonl\n" in text
    assert "\n- cannot: cannot: it reads no arrays\n" in text
    assert "\n- killed: failed: exit status -9\n" in text


def test_memory_and_cpu_of_all_processes_count(tmp_path: Path) -> None:
    """Of those too that are left behind."""
    work = "import time; x = b'x' * (40 << 20); sum(range(10**7)); time.sleep(0.5)"
    source = f"import subprocess, time\nsubprocess.Popen([sys.executable, '-c', {work!r}])\n{work}"
    one = contender(tmp_path, "two", source, "limit")
    data = runner.make("short", "indent", 1, tmp_path)
    timed, sampled = runner.compete(data, [one], 1, tmp_path)
    assert timed.pss == timed.processes == 0
    assert sampled.processes == 2
    assert sampled.pss > 80 * 1024 > sampled.maxrss > 40 * 1024
    assert row(table.table(data, [timed, sampled], {"two": one}), "two")[3] == f"~{sampled.pss / 1024:.0f}"


def test_a_saved_run_names_no_place_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And has every single measurement."""
    monkeypatch.setattr(table, "_RUNS", tmp_path / "runs")
    one = contender(tmp_path, "fails", "raise OSError(data)")
    data = runner.make("short", "indent", 10, tmp_path)
    runs = runner.compete(data, [one, contenders.CONTENDERS["tao"]], 2, tmp_path)
    folder = table.save("try", ["--keep", str(tmp_path)], ["a table\n"], [(data, runs)])
    text = (folder / "README.md").read_text("utf-8") + (folder / "raw.json").read_text("utf-8")
    assert str(tmp_path.parent) not in text
    assert f"python -m benchmarks --keep {tmp_path.name}" in text
    raw = json.loads((folder / "raw.json").read_text("utf-8"))
    assert [run["contender"] for run in raw["data"][0]["runs"]] == ["fails", "tao", "tao", "tao"]


def test_data_is_kept_and_used_again(tmp_path: Path) -> None:
    """As long as the code that made it is the same."""
    first = runner.make("long", "compact", 20, tmp_path)
    written = first.path.stat().st_mtime_ns
    assert runner.make("long", "compact", 20, tmp_path) == first
    assert first.path.stat().st_mtime_ns == written


@pytest.mark.parametrize("arguments", ["--kinds tall", "--contenders tao,nobody", "--save a/b"])
def test_wrong_arguments_are_refused(arguments: str) -> None:
    """With what would be right."""
    command = [sys.executable, "-m", "benchmarks", *arguments.split()]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "none of" in done.stderr or "no simple name" in done.stderr
