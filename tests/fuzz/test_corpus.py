from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_is_right(name: str) -> None:
    """Each case that a fuzzer kept, or that was a finding."""
    cases = sorted((CORPUS / name).iterdir())
    assert cases
    for case in cases:
        try:
            TARGETS[name](case.read_bytes())
        except Exception as error:
            message = f"{case.name} is not what it must be"
            raise AssertionError(message) from error


def test_each_folder_of_cases_is_for_a_target() -> None:
    """None is left over when a target gets another name."""
    assert sorted(TARGETS) == sorted(folder.name for folder in CORPUS.iterdir())


def test_the_cases_are_few_and_small() -> None:
    """So that they take seconds, and no room."""
    cases = [case for case in CORPUS.rglob("*") if case.is_file()]
    assert len(cases) < 150 * len(TARGETS)
    assert sum(case.stat().st_size for case in cases) < 300_000


def test_the_targets_need_no_fuzzer() -> None:
    """It exists for few Pythons."""
    script = "import sys, tests.fuzz.targets; sys.exit('atheris' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
