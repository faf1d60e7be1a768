"""The direction of imports, and the one door of each foreign library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.slow
def test_there_is_no_circle() -> None:
    """Each module can be the first to be imported."""
    for name in sorted(MODULES):
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
