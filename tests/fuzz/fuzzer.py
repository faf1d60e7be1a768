"""Have atheris fuzz a target, guided by the coverage of the package and of the targets; it never returns.

Arguments: the target, then what libFuzzer takes. All of it is here for nobody to import: only few Pythons have atheris.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import atheris

    # Only what is loaded here is instrumented: the targets load what the package puts off.
    with atheris.instrument_imports(include=["streamgaps", "tests"]):
        from streamgaps.log import log
        from tests.fuzz.targets import TARGETS

    log.set_up(100, lambda: None)  # it says nothing
    name, arguments = sys.argv[1], sys.argv[2:]
    command = f"{sys.executable} -m tests.fuzz.fuzzer {name}"  # with which libFuzzer starts others, where it merges
    atheris.Setup([command, *arguments], TARGETS[name])
    atheris.Fuzz()
