"""Fuzz a target, or all of them one after the other: `python -m tests.fuzz TARGET|all --seconds N`.

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
    names = TARGETS if chosen.target == "all" else [chosen.target]
    failed = [name for name in names if _fuzz(name, chosen.seconds, chosen.corpus)]
    return 1 if failed else 0


def _fuzz(name: str, seconds: int, corpus: Path | None) -> int:
    """Fuzz in a process of its own, which ends without tidying up."""
    print(f"--- {name}", flush=True)  # noqa: T201 -- before what the fuzzer prints
    with tempfile.TemporaryDirectory() as folder:
        found = (corpus or Path(folder)) / name
        found.mkdir(parents=True, exist_ok=True)
        options = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix=fuzz-{name}-"]
        command = [sys.executable, "-m", "tests.fuzz.fuzzer", name, *options, str(found), str(HERE / "corpus" / name)]
        return subprocess.run(command, check=False, env={**os.environ, "TMPDIR": folder}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
