from __future__ import annotations

import json

import pytest

from tests.audit import installed, verdict

FINE = {"name": "click", "version": "8.1", "vulns": []}
WEAK = {"name": "aiohttp", "version": "3.9.5", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}
UNKNOWN = {"name": "orjson", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([FINE, FINE], 0, "Nothing is known against the 2 packages."),
        ([FINE, UNKNOWN], 0, "Nothing could be learnt about 1 of 2 packages: orjson"),
        ([FINE, UNKNOWN, WEAK], 1, "aiohttp: PYSEC-1, PYSEC-2"),
    ],
)
def test_a_weakness_fails_and_ignorance_is_said(packages: list[object], code: int, words: str) -> None:
    """A finding counts, whatever else is not known."""
    assert (code, words) == verdict(json.dumps({"dependencies": packages}), "", code)


def test_no_network_is_no_failure() -> None:
    """But said."""
    errors = "Traceback (most recent call last):\nrequests.exceptions.ConnectionError: Failed to resolve 'x'\n"
    code, words = verdict("", errors, 1)
    assert (0, True) == (code, words.startswith("Nothing was audited, for nobody could be asked: requests"))


def test_any_other_failure_is_one() -> None:
    """Such as options that it does not know, or a bug in it."""
    for errors in (
        "unrecognized arguments",
        "ResolutionImpossible: cannot resolve dependencies",
        "requests.exceptions.ConnectionError: x\nAttributeError: 'NoneType' object has no attribute 'connection'",
    ):
        assert (2, f"pip-audit failed:\n{errors}") == verdict("", errors, 2)


def test_all_that_is_installed_is_audited() -> None:
    """What the extras need, too, and what that needs."""
    assert {"streamgaps", "ijson", "fsspec", "aiohttp", "yarl"} <= installed("streamgaps", {"remote"}).keys()
    assert "pytest" not in installed("streamgaps", {"remote"})
