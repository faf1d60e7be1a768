"""What is put into the packages, and on what they stand."""

from __future__ import annotations

import configparser
import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import streamgaps
from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
NEEDED = [*PROJECT["project"]["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
NAME = f"streamgaps-{streamgaps.__version__}"
OUTSIDE = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tox.ini"}
MADE = {"__pycache__"}


def build(source: Path, kind: str, folder: Path) -> Path:
    """Build a package, with what is installed beside the tests; return it."""
    arguments = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)]
    subprocess.run(arguments, cwd=source, check=True, capture_output=True)
    (package,) = folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[kind])
    return package


def files_of(*folders: str) -> set[str]:
    """List what is under folders of the project; not what Python and tools leave there."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not MADE & set(path.parts) and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source package, and unpack it."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(ROOT, "sdist", folder)) as archive:
        archive.extractall(folder, filter="data")
    return folder / NAME


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    pytest.importorskip("hatchling")
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    """No tests, no benchmarks, no caches; but the mark that it has types, and the licence."""
    with zipfile.ZipFile(wheel) as archive:
        found = set(archive.namelist())
    about = {f"{NAME}.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    assert files_of("streamgaps") | about | {f"{NAME}.dist-info/licenses/LICENSE"} == found
    assert "streamgaps/py.typed" in found
    assert {f"streamgaps/page/page.{kind}" for kind in ("html", "css", "js")} <= found
    assert {".py", ".typed", ".html", ".css", ".js"} == {Path(name).suffix for name in files_of("streamgaps")}


@pytest.mark.slow
def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """The version, from one place; the commands; what it needs."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"{NAME}.dist-info/METADATA"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(f"{NAME}.dist-info/entry_points.txt").decode())
    assert ("streamgaps", streamgaps.__version__) == (metadata["Name"], metadata["Version"])
    assert ("Apache-2.0", ["LICENSE"]) == (metadata["License-Expression"], metadata.get_all("License-File"))
    assert PROJECT["project"]["scripts"] == dict(points["console_scripts"])
    needed = {canonicalize_name(Requirement(line).name) for line in metadata.get_all("Requires-Dist", [])}
    assert lower_bounds().keys() == needed


@pytest.mark.slow
def test_the_source_package_has_all_that_the_tests_need(sdist: Path) -> None:
    """And nothing else but what tells what it is."""
    found = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    expected = files_of("streamgaps", "tests", "benchmarks") | OUTSIDE
    assert expected | {"PKG-INFO"} == found - {".gitignore"}  # which hatchling adds, for whoever builds from it
    assert {f"tests/golden/{name}" for name in ("sample.json", "sample.jsonl", "sample_report.txt")} <= found


@pytest.mark.slow
def test_the_same_wheel_comes_from_the_source_package(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    """File by file."""
    again = build(sdist, "wheel", tmp_path)
    assert wheel.name == again.name
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {name: one.read(name) for name in one.namelist()} == {
            name: other.read(name) for name in other.namelist()
        }


@pytest.mark.slow
def test_the_tests_run_from_the_source_package(sdist: Path) -> None:
    """Some of them: those that need the golden files, and the helpers beside the tests."""
    arguments = [
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_model.py",
        "tests/test_memory.py",
        "tests/cli/test_exits.py",
    ]
    run = [sys.executable, "-m", "pytest", *arguments, "-k", "standard_error or test_model"]
    subprocess.run(run, cwd=sdist, check=True, capture_output=True)


def lower_bounds() -> dict[str, str]:
    """Return the lowest version of each package that pyproject.toml allows."""
    bounds: dict[str, str] = {}
    for line in NEEDED:
        needed = Requirement(line)
        (bound,) = needed.specifier
        assert bound.operator == ">=", line
        bounds[canonicalize_name(needed.name)] = bound.version
    return bounds


def test_the_lowest_versions_that_are_allowed_are_the_ones_tested() -> None:
    """Each dependency has a lower bound, and tox pins just these."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)$", tox["testenv:lowest"]["deps"], re.MULTILINE))

    def padded(version: str) -> str:
        return ".".join([*version.split("."), "0", "0"][:3])

    assert {name: padded(version) for name, version in lower_bounds().items()} == {
        canonicalize_name(name): version for name, version in pinned.items()
    }


def test_the_version_stands_in_one_place() -> None:
    """The rest reads it there."""
    assert ["version"] == PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "streamgaps/__init__.py"
    with_version = [
        path.name
        for path in (ROOT / "streamgaps").rglob("*.py")
        if re.search(rf"\b{re.escape(streamgaps.__version__)}\b", path.read_text("utf-8"))
    ]
    assert ["__init__.py"] == with_version
