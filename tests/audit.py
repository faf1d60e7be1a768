"""Ask what is known of weaknesses in what the package installs: `tox -e audit`.

What cannot be asked is said, and is no failure: whoever has no network learns nothing bad of the package. pip-audit
alone would fail with a traceback where it reaches nobody, and succeed where a mirror of PyPI knows of no weaknesses.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_NO_NETWORK = re.compile(r"(Connection|NameResolution|MaxRetry|Proxy)Error:|(Connect|Read)Timeout:|50[23] Server Error")
"""What the last line of a traceback begins with, or has in it, where nobody answers."""


def installed(name: str, extras: set[str]) -> dict[str, str]:
    """Return a package and all that it needs, with their versions."""
    found: dict[str, str] = {}
    waiting = [(name, frozenset(extras))]
    done = set()
    while waiting:
        one = waiting.pop()
        if one in done:
            continue
        done.add(one)
        package, wanted = one
        found[canonicalize_name(package)] = distribution(package).version
        for line in distribution(package).requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in wanted | {""}):
                waiting.append((needed.name, frozenset(needed.extras)))
    return found


def verdict(output: str, errors: str, status: int) -> tuple[int, str]:
    """Return the exit code, and a sentence, for what pip-audit said.

    Args:
        output: its JSON; nothing if it did not get so far.
        errors: what it wrote to its standard error.
        status: its own exit code.
    """
    if not output.strip():
        last = errors.strip().rpartition("\n")[2]
        if status and _NO_NETWORK.search(last):
            return 0, f"Nothing was audited, for nobody could be asked: {last}"
        return status or 1, f"pip-audit failed:\n{errors}"
    packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    weak = {one["name"]: [each["id"] for each in one["vulns"]] for one in packages if one.get("vulns")}
    if weak:
        return 1, "\n".join(f"{name}: {', '.join(found)}" for name, found in sorted(weak.items()))
    unknown = sorted(one["name"] for one in packages if "vulns" not in one)
    if unknown:
        return 0, f"Nothing could be learnt about {len(unknown)} of {len(packages)} packages: {', '.join(unknown)}"
    return 0, f"Nothing is known against the {len(packages)} packages."


def main() -> int:
    """Audit what streamgaps needs, with its extras; return the exit code."""
    packages = installed("streamgaps", {"remote"})
    del packages["streamgaps"]
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "requirements.txt")
        pinned.write_text("".join(f"{name}=={version}\n" for name, version in sorted(packages.items())))
        options = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", *sys.argv[1:]]
        run = subprocess.run(
            [sys.executable, "-m", "pip_audit", "-r", str(pinned), *options],
            check=False,
            capture_output=True,
            text=True,
        )
    code, sentence = verdict(run.stdout, run.stderr, run.returncode)
    sys.stdout.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
