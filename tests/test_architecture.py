"""The direction of imports, and the one door of each foreign library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from streamgaps import system

PACKAGE = Path(__file__).parent.parent / "streamgaps"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
}
# Each room may import from its own floor and those below it.
LAYERS = [
    {"streamgaps.exceptions", "streamgaps.log", "streamgaps.machine", "streamgaps.model", "streamgaps.signals"}
    | {"streamgaps.system"},
    {name for name in MODULES if name.startswith("streamgaps.stages.")},
    {"streamgaps.outputs", "streamgaps.paths", "streamgaps.repeats", "streamgaps.warn", "streamgaps.reports.text"}
    | {"streamgaps.compressed", "streamgaps.remote", "streamgaps.sources"},
    {"streamgaps.settings", "streamgaps.side"},
    {"streamgaps.chain"},
    {"streamgaps.parallel", "streamgaps.workers"},
    {"streamgaps.pipeline"},
    {name for name in MODULES if name.startswith("streamgaps.cli.")},
]
DOORS = {
    "ijson": {"streamgaps.stages.events"},
    "msgspec": {
        "streamgaps.model",
        "streamgaps.stages.blocks",
        "streamgaps.stages.fields",
    },
    "backports": {"streamgaps.compressed"},
    "fsspec": {"streamgaps.remote"},
    "sqlite3": {"streamgaps.repeats", "streamgaps.side"},
    "orjson": {"streamgaps.stages.write"},
    "click": {"streamgaps.cli.exits", "streamgaps.cli.streamgaps", "streamgaps.cli.tao", "streamgaps.cli.version"},
    "yaml": {"streamgaps.cli.tao"},
    "tqdm": {"streamgaps.cli.progress"},
    "structlog": {"streamgaps.cli.logs", "streamgaps.log"},
}


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, types included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_module_has_a_layer() -> None:
    """A new one is put where it belongs."""
    assert set(MODULES) == set().union(*LAYERS)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_one_way(name: str) -> None:
    """From the commands to the model, and never back."""
    level = next(index for index, layer in enumerate(LAYERS) if name in layer)
    above = set().union(*LAYERS[level + 1 :])
    assert not imports(MODULES[name]) & above


@pytest.mark.parametrize("library", sorted(DOORS))
def test_each_foreign_library_has_its_doors(library: str) -> None:
    """So that what it really does is fenced in one place."""
    users = {name for name, path in MODULES.items() if library in {part.split(".")[0] for part in imports(path)}}
    assert DOORS[library] == users


OF_THE_SYSTEM = {
    *system.CALLS,
    *("open", "fdopen", "scandir", "rename", "renames", "remove", "removedirs", "makedirs", "truncate", "fchmod"),
    *("exists", "is_dir", "is_file", "is_symlink", "iterdir", "glob", "rglob", "touch", "samefile", "isdir", "isfile"),
    *("read_bytes", "write_bytes", "read_text", "write_text", "FileIO"),
}
HOLDERS = {"os", "path", "io", "shutil", "fcntl", "Path"}
"""What a call is made of that touches files: a module or class, and for the names that only paths have, anything."""
ONLY_OF_PATHS = {"exists", "is_dir", "is_file", "is_symlink", "iterdir", "rglob", "read_bytes", "write_bytes"}


def called(path: Path) -> set[str]:
    """Return the names of the functions that a file calls, with what is before the last dot."""
    functions = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    found = {node.id for node in functions if isinstance(node, ast.Name)}
    for node in functions:
        if isinstance(node, ast.Attribute):
            found.add(f"{getattr(node.value, 'id', getattr(node.value, 'attr', '?'))}.{node.attr}")
    return found


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"streamgaps.system"}))
def test_calls_that_touch_files_are_made_in_one_module(name: str) -> None:
    """So that a test can make any of them fail."""
    calls = {(of, call) for of, _, call in (text.rpartition(".") for text in called(MODULES[name]))}
    assert ("", "open") not in calls
    assert not {
        (of, call)
        for of, call in calls
        if of != "system" and (call in ONLY_OF_PATHS or (of in HOLDERS and call in OF_THE_SYSTEM))
    }


def test_no_text_from_outside_is_run() -> None:
    """Nothing is evaluated, no shell is started, YAML is loaded safely, and only what workers send is unpickled."""
    users: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        for call in called(path):
            users.setdefault(call, set()).add(name)
    forbidden = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
    assert not forbidden & set(users)
    assert {"streamgaps.workers"} == users["pickle.loads"]
    assert "pickle.load" not in users
    assert {"streamgaps.cli.tao"} == users["yaml.compose"]  # which builds no objects at all
    for library in ("subprocess", "marshal", "shelve", "dill", "cloudpickle", "ctypes"):
        assert not {name for name, path in MODULES.items() if library in imports(path)}


@pytest.mark.slow
def test_there_is_no_circle() -> None:
    """Each module can be the first to be imported."""
    for name in sorted(MODULES):
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
