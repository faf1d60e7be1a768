from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from streamgaps.cli import start
from tests.conftest import command

LATE = ["click", "ijson", "msgspec", "orjson", "structlog", "streamgaps.pipeline", "typing"]


def test_signals_are_taken_before_anything_is_loaded() -> None:
    """What takes time comes behind the first lines."""
    program = f"import sys, streamgaps.cli.start; print([name for name in {LATE} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-S", "-E", "-c", program], check=True, capture_output=True, text=True)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize(
    ("before", "then"),
    [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN), (signal.SIG_DFL, signal.SIG_DFL)],
)
@pytest.mark.parametrize("run", [start.streamgaps, start.gap_analysis])
def test_an_interrupt_ends_what_only_loads(
    monkeypatch: pytest.MonkeyPatch, before: signal.Handlers, then: signal.Handlers, run: object
) -> None:
    """Without a traceback; what is ignored stays ignored."""
    seen = []

    class Command:
        @staticmethod
        def main() -> int:
            """Look at the handler."""
            seen.append(signal.getsignal(signal.SIGINT))
            return 7

    monkeypatch.setattr(start, "import_module", lambda _: Command)
    mine = signal.signal(signal.SIGINT, before)
    try:
        assert run() == 7  # type: ignore[operator]  # it is one of two functions
    finally:
        signal.signal(signal.SIGINT, mine)
    assert [then] == seen


@pytest.mark.parametrize("name", ["streamgaps", "gap_analysis"])
def test_both_commands_begin_there(name: str) -> None:
    """As they are installed."""
    shown = subprocess.run([*command(name), "--version"], check=True, capture_output=True, text=True)
    assert shown.stdout.startswith("streamgaps ")
