"""A progress bar on a terminal: bytes, rate, time left and the gaps so far."""

from __future__ import annotations

import math
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from streamgaps.cli.logs import LogFormat, stderr

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.model import Tally

__all__ = ["Progress", "progress_bar"]

_DELAY_SECONDS = 0.3
"""A run that ends sooner shows no bar, and does not load its library."""


def progress_bar(size: int | None, log_format: LogFormat, *, quiet: bool) -> AbstractContextManager[Progress | None]:
    """Return a bar for a run that reads so many bytes, where somebody is watching; else nothing."""
    is_shown = log_format is LogFormat.CONSOLE and stderr.isatty() and not quiet
    return Progress(size) if is_shown else nullcontext()


class Progress:
    """Shows how far a run is, while it is entered.

    Args:
        size: the length of the input in bytes, if it is known.
    """

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._bar: Any = None
        self._begin = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int, tally: Tally | None = None) -> None:
        """Show that `done` bytes are read, and how many gaps there are, if they are counted."""
        if time.monotonic() - self._begin < _DELAY_SECONDS:
            return
        try:
            self._show(done, tally)
        except (AttributeError, TypeError, ValueError):  # tqdm takes its settings from the environment, as they are
            self._bar = stderr.around = None
            self._begin = math.inf  # it is not tried again

    def _show(self, done: int, tally: Tally | None) -> None:
        if self._bar is None:
            self._bar = self._opened()
            stderr.around = (self._bar.clear, self._bar.refresh)
        if tally is not None:
            self._bar.set_postfix_str(f"{tally.gaps:,} gaps", refresh=False)
        self._bar.update(done - self._bar.n)

    def _opened(self) -> Any:  # noqa: ANN401 -- tqdm's
        from tqdm import tqdm  # noqa: PLC0415 -- loaded only if it is shown

        tqdm.monitor_interval = 0  # no thread
        look: dict[str, Any] = {"unit": "B", "unit_scale": True, "leave": False, "dynamic_ncols": True}
        bar = tqdm(total=self._size, file=sys.stderr, write_bytes=False, **look)
        bar.start_t -= time.monotonic() - self._begin  # the rate is that of all so far; one that is disabled has none
        return bar

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stderr.around = None
        if self._bar is not None:
            self._bar.close()
