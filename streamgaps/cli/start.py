"""Where both commands begin, before anything is loaded that takes time."""

import signal
import sys
from importlib import import_module

__all__ = ["gap_analysis", "streamgaps"]


def streamgaps() -> int:
    """Run the command `streamgaps`, and return its exit code."""
    return _run("streamgaps.cli.streamgaps")


def gap_analysis() -> int:
    """Run the command `gap_analysis`, and return its exit code."""
    return _run("streamgaps.cli.tao")


def _run(module: str) -> int:
    # Until there is something to clean up, Ctrl-C is to end it as it ends any program: without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        main = import_module(module).main
    except Exception as error:  # noqa: BLE001 -- where memory ends, what is raised while loading may be anything
        sys.stderr.write(f"streamgaps: the program cannot be loaded: {type(error).__name__}: {error}\n")
        return 3
    return int(main())
