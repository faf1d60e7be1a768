"""The logger, which loads structlog when there is something to say: that takes as long as reading 12 MB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "WARNING", "Log", "log"]

# As in `logging`, which takes 4 ms to load.
DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50


class Log:
    """Says events through structlog.

    Attributes:
        lowest: the lowest level that is passed on to structlog.
    """

    def __init__(self) -> None:
        self.lowest = 0
        self._prepare: Callable[[], None] | None = None
        self._logger: Any = None

    def set_up(self, lowest: int, prepare: Callable[[], None]) -> None:
        """Choose the lowest level, and what is called before the first event."""
        self.lowest, self._prepare, self._logger = lowest, prepare, None

    def load(self, level: int) -> None:
        """Load what it takes to say something of that level, if it is to be said."""
        if level >= self.lowest and self._logger is None:
            import structlog  # noqa: PLC0415 -- only now

            if self._prepare is not None:
                self._prepare()
            self._logger = structlog.get_logger("streamgaps")

    def debug(self, event: str, **values: object) -> None:
        """Say what helps to find a fault."""
        self._say(DEBUG, "debug", event, values)

    def info(self, event: str, **values: object) -> None:
        """Say what happens."""
        self._say(INFO, "info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """Say what was skipped or could not be done as it should."""
        self._say(WARNING, "warning", event, values)

    def critical(self, event: str, **values: object) -> None:
        """Say why all is over."""
        self._say(CRITICAL, "critical", event, values)

    def _say(self, level: int, name: str, event: str, values: dict[str, object]) -> None:
        if level < self.lowest:
            return
        self.load(level)
        getattr(self._logger, name)(event, **values)


log = Log()
