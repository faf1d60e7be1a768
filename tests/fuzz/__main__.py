"""Fuzz a target, or all of them, one on each processor: `python -m tests.fuzz TARGET|all --seconds N`.

The kept corpus is where it begins. A finding ends it with exit code 1, and leaves a file `fuzz-TARGET-...` in the
working directory: to see it again, put that into `tests/fuzz/corpus/TARGET` and run the tests here. What was found
with `--corpus found` is made part of the kept corpus, as far as it says anything new, with

    python -m tests.fuzz.fuzzer array -merge=1 tests/fuzz/corpus/array found/array
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent
# What is longer says nothing new, and takes long; a case of more seconds, or more MiB, is a finding.
LIMITS = ["-max_len=600", "-timeout=20", "-rss_limit_mb=1024", f"-dict={HERE / 'words.dict'}", "-print_final_stats=1"]


def main(arguments: list[str]) -> int:
    """Run what is asked for, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz a target.")
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=int, default=60, help="how long, for each target (default 60)")
    parser.add_argument("--corpus", type=Path, help="a folder for what is found, by target; else it is thrown away")
    chosen = parser.parse_args(arguments)
    if chosen.target != "all":
        return 1 if _fuzz(chosen.target, chosen.seconds, chosen.corpus) else 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(_fuzz, name, chosen.seconds, chosen.corpus, stdout=subprocess.PIPE) for name in TARGETS]
    return 1 if any(run.result() for run in runs) else 0


def _fuzz(name: str, seconds: int, corpus: Path | None, stdout: int | None = None) -> int:
    """Fuzz in a process of its own, which ends without tidying up; what goes to a pipe is shown at the end, in one."""
    with tempfile.TemporaryDirectory() as folder:
        found = (corpus or Path(folder)) / name
        found.mkdir(parents=True, exist_ok=True)
        options = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix=fuzz-{name}-"]
        command = [sys.executable, "-m", "tests.fuzz.fuzzer", name, *options, str(found), str(HERE / "corpus" / name)]
        environment = {**os.environ, "TMPDIR": folder}
        run = subprocess.run(command, check=False, env=environment, stdout=stdout, stderr=subprocess.STDOUT, text=True)
        if run.stdout:
            print(f"--- {name}\n{run.stdout}", flush=True)  # noqa: T201 -- what the fuzzer says
        return run.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
