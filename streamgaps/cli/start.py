"""Where both commands begin, before anything is loaded that takes time."""

import signal
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
    return int(import_module(module).main())
