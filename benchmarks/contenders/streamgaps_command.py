"""The command of this repository, with the options given: it becomes that command, so nothing is in between."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    data, out, *options = sys.argv[1:]
    command = [sys.executable, "-m", "streamgaps", "analyze", data, "-o", str(Path(out).parent), "-q", *options]
    os.execv(sys.executable, command)  # noqa: S606 -- a shell would be measured too
