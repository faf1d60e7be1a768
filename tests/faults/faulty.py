"""The command, with a call to the system that fails: `faulty.py CALL N ERROR ARGUMENT...`.

ERROR is the name of an errno; `BUG` raises what nobody foresaw.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

from streamgaps import system
from streamgaps.cli.streamgaps import main


def fail(error: str) -> None:
    """Raise the error."""
    if error == "BUG":
        raise KeyError(error)
    number = getattr(errno, error)
    raise OSError(number, os.strerror(number))


def make_faulty(name: str, n: int, error: str) -> None:
    """Make the n-th call of that name fail."""
    call, calls = getattr(system, name), 0

    def faulty(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == n:
            fail(error)
        return call(*arguments, **options)

    setattr(system, name, faulty)


if __name__ == "__main__":
    make_faulty(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    sys.exit(main(sys.argv[4:]))
