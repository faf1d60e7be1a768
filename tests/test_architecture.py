"""The direction of imports, and the one door of each foreign library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from streamgaps import system

pytestmark = pytest.mark.slow

PACKAGE = Path(__file__).parent.parent / "streamgaps"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py")
}


def room(name: str) -> set[str]:
    """Return the modules of a folder."""
    return {module for module in MODULES if module.startswith(f"streamgaps.{name}.")}


# Each room may import from its own floor and those below it.
LAYERS = [
    {"streamgaps.exceptions", "streamgaps.log", "streamgaps.machine", "streamgaps.metrics", "streamgaps.model"}
    | {"streamgaps.outputs.names"}
    | {"streamgaps.scratch", "streamgaps.signals", "streamgaps.survey", "streamgaps.system"},
    {"streamgaps.fields"} | room("answers") | room("decoding"),
    room("stages"),
    {"streamgaps.paths", "streamgaps.warn"}
    | (room("outputs") - {"streamgaps.outputs.names"})
    | (room("reports") - {"streamgaps.reports.audit"})
    | room("sources")
    | {"streamgaps.comparing.changes"}
    | (room("page") - {"streamgaps.page.report"}),
    {"streamgaps.documents", "streamgaps.gates", "streamgaps.settings"}
    | {
        "streamgaps.beside.index",
        "streamgaps.beside.lookup",
        "streamgaps.comparing.keys",
        "streamgaps.comparing.matching",
        "streamgaps.reading",
    },
    {"streamgaps.beside.files", "streamgaps.chain", "streamgaps.page.report"},
    {"streamgaps.parallel.spill", "streamgaps.parallel.workers"},
    {"streamgaps.parallel.units"},
    {"streamgaps.parallel.dispatch", "streamgaps.parallel.taker"},
    {"streamgaps.parallel.cluster", "streamgaps.parallel.ranges"},
    {"streamgaps.parallel.ahead"},
    {"streamgaps.auditing", "streamgaps.run", "streamgaps.writing"},
    {"streamgaps.pipeline"},
    {"streamgaps.comparing.collected", "streamgaps.reports.audit"},
    {"streamgaps.comparing.predictions", "streamgaps.comparing.results"},
    {"streamgaps.comparing.runs"},
    {"streamgaps.comparing.compare"},
    room("cli"),
]
DOORS = {
    "ijson": {"streamgaps.decoding.events"},
    "msgspec": {
        "streamgaps.model",
        "streamgaps.page.report",
        "streamgaps.decoding.blocks",
        "streamgaps.fields",
        "streamgaps.survey",
    },
    "distributed": {"streamgaps.parallel.cluster"},
    "backports": {"streamgaps.sources.compressed"},
    "fsspec": {"streamgaps.sources.remote"},
    "sqlite3": {
        "streamgaps.beside.lookup",
        "streamgaps.comparing.matching",
        "streamgaps.scratch",
        "streamgaps.stages.dedup",
    },
    "orjson": {"streamgaps.stages.write"},
    "click": {name for name in MODULES if name.startswith("streamgaps.cli.")}
    - {f"streamgaps.cli.{name}" for name in ("job", "logs", "progress", "start", "steps", "terminal")},
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


OF_MANY = {"close", "link", "open", "read", "replace", "write"}
"""Names of calls to the system that other things have, too; `os` and paths are told from those by what they are."""
OF_THE_SYSTEM = {
    *set(system.CALLS) - OF_MANY,
    *("fdopen", "scandir", "rename", "renames", "removedirs", "makedirs", "truncate", "fchmod", "FileIO"),
    *("exists", "is_dir", "is_file", "is_symlink", "iterdir", "glob", "rglob", "touch", "samefile", "isdir", "isfile"),
    *("read_bytes", "write_bytes", "read_text", "write_text", "symlink_to", "hardlink_to", "resolve"),
    *("copy", "copy2", "copyfile", "copymode", "copystat", "copytree", "rmtree", "move"),
}
HOLDERS = {"os", "path", "io", "shutil", "fcntl", "Path", "/"}


def called(text: str) -> set[str]:
    """Return the names of the functions that a module calls, with what is before the last dot."""
    functions = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    found = {node.id for node in functions if isinstance(node, ast.Name)}
    return found | {f"{holder(node.value)}.{node.attr}" for node in functions if isinstance(node, ast.Attribute)}


def holder(node: ast.expr) -> str:
    """Name what a method is called of: what a call returns like what is called, and what paths are joined to "/"."""
    if isinstance(node, ast.Call):
        return holder(node.func)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return "/"
    return getattr(node, "id", getattr(node, "attr", "?"))


def calls_that_touch_files(text: str) -> set[str]:
    """Return those that are not made of `system`."""
    parts = {name: name.rpartition(".")[::2] for name in called(text)}
    return {
        name
        for name, (of, call) in parts.items()
        if name == "open"
        or (of not in ("", "system") and (call in OF_THE_SYSTEM or (of in HOLDERS and call in OF_MANY)))
    }


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"streamgaps.system"}))
def test_calls_that_touch_files_are_made_in_one_module(name: str) -> None:
    """So that a test can make any of them fail."""
    assert not calls_that_touch_files(MODULES[name].read_text("utf-8"))


@pytest.mark.parametrize(
    "call",
    [
        "open(name)",
        "io.open(name)",
        "os.open(name, flags)",
        "Path(name).open('rb')",
        "(folder / name).open()",
        "folder.mkdir()",
        "(folder / name).read_text()",
        "path.unlink()",
        "folder.stat()",
        "shutil.rmtree(folder)",
        "shutil.copystat(one, other)",
        "os.path.isdir(name)",
    ],
)
def test_a_call_that_touches_files_is_seen(call: str) -> None:
    """Of whatever it is made."""
    assert len(calls_that_touch_files(call)) == 1


def test_no_text_from_outside_is_run() -> None:
    """Nothing is evaluated, no shell is started, YAML is loaded safely, and only what workers send is unpickled."""
    users: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        for call in called(path.read_text("utf-8")):
            users.setdefault(call, set()).add(name)
    forbidden = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
    assert not forbidden & set(users)
    assert {"streamgaps.parallel.spill", "streamgaps.parallel.workers"} == users["pickle.loads"]
    assert "pickle.load" not in users
    assert {"streamgaps.cli.tao"} == users["yaml.compose"]  # which builds no objects at all
    for library in ("subprocess", "marshal", "shelve", "dill", "cloudpickle", "ctypes"):
        assert not {name for name, path in MODULES.items() if library in imports(path)}


def test_there_is_no_circle() -> None:
    """Each module can be the first to be imported."""
    for name in sorted(MODULES):
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
