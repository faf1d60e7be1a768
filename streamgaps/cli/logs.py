"""How a command logs: readable on a terminal, JSON Lines elsewhere, always on standard error.

structlog is configured here and nowhere else.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from streamgaps import log as log_module
from streamgaps.cli.terminal import printable, printable_json
from streamgaps.log import log
from streamgaps.stages.write import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from structlog.typing import EventDict

__all__ = ["LogFormat", "StandardError", "asked_format", "configure", "has_colours", "stderr"]


class LogFormat(str, Enum):
    """The choices of `--log-format`."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class StandardError:
    """Standard error as a file for logs. If it is closed or full, that is no reason to stop.

    Attributes:
        around: what to do before and after a write, so that a progress bar does not get in between.
    """

    around: tuple[Callable[[], object], Callable[[], object]] | None = None

    def isatty(self) -> bool:
        """Say whether somebody is watching."""
        return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()

    def write(self, text: str) -> int:
        """Write the text, or lose it."""
        if sys.stderr is not None:
            before, after = self.around or (lambda: None, lambda: None)
            with suppress(OSError, ValueError):
                before()
                sys.stderr.write(text)
                sys.stderr.flush()
                after()
        return len(text)

    def flush(self) -> None:
        """Do nothing: each write is flushed."""


stderr = StandardError()


def asked_format(words: Sequence[str]) -> LogFormat:
    """Find what `--log-format` says on a command line that may be wrong otherwise, so that this is said in that form.

    Args:
        words: the command line; where it is right, click reads it again.
    """
    asked = LogFormat.AUTO
    for word, following in pairwise([*words, ""]):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name == "--log-format":
            with suppress(ValueError):
                asked = LogFormat(value if equals else following)
    return asked


def configure(level: str, log_format: LogFormat) -> LogFormat:
    """Set structlog up for a command; return the format that was chosen.

    Args:
        level: the name of the lowest level that is shown, in capitals.
        log_format: `AUTO` means `CONSOLE` on a terminal, else `JSON`.
    """
    if log_format is LogFormat.AUTO:
        log_format = LogFormat.CONSOLE if stderr.isatty() else LogFormat.JSON
    log.set_up(getattr(log_module, level), lambda: _configure(log_format))
    return log_format


def _configure(log_format: LogFormat) -> None:
    import structlog  # noqa: PLC0415 -- only when there is something to log

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _what_first,
            _console() if log_format is LogFormat.CONSOLE else structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(log.lowest),
        logger_factory=structlog.WriteLoggerFactory(stderr),  # type: ignore[arg-type]  # it is used as a TextIO
        cache_logger_on_first_use=False,
    )


def has_colours() -> bool:
    """Say whether what is written to standard error may have colours: on a terminal, unless NO_COLOR is set."""
    return stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _what_first(_: object, __: str, event: EventDict) -> EventDict:
    return {key: event.pop(key) for key in ("timestamp", "level", "event")} | dict(event)


def _console() -> Callable[[object, str, EventDict], str]:
    from structlog.dev import ConsoleRenderer  # noqa: PLC0415

    render = ConsoleRenderer(colors=has_colours())

    def render_printable(logger: object, name: str, event: EventDict) -> str:
        # structlog's renderer escapes a text only if it has to quote it, for a blank or the like.
        return render(
            logger, name, {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}
        )

    return render_printable


def _json(event: Any, **_: object) -> str:  # noqa: ANN401 -- structlog's signature
    return printable_json(encode(event).decode("utf-8"))
