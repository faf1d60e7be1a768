"""What every command says, with --verbose, of its beginning and its end; and how much there is to read."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from streamgaps.log import log
from streamgaps.sources.inputs import is_url_input, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from streamgaps.sources.inputs import Input

__all__ = ["steps", "total_size"]


@contextmanager
def steps(options: Mapping[str, Any], **facts: object) -> Iterator[Callable[[], float]]:
    """Log, at level debug, what a command is about to do, and how long it took, though it should fail.

    Args:
        options: those of the library; what has no effect is left out.
        **facts: what else there is to know.

    Returns:
        A function that gives the seconds so far.
    """
    chosen = {name: value for name, value in options.items() if value not in (None, (), {}) and value is not False}
    log.debug("streamgaps.started", **{name: _shown(value) for name, value in {**facts, **chosen}.items()})
    begin = time.perf_counter()

    def seconds() -> float:
        return time.perf_counter() - begin

    try:
        yield seconds
    finally:
        log.debug("streamgaps.timed", seconds=round(seconds(), 3))


def _shown(value: object) -> object:
    """Return what a log line shows of an option."""
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if is_url_input(value):
        from streamgaps.sources.remote import shown  # noqa: PLC0415 -- many runs have no use for it

        return shown(value)
    return value if isinstance(value, (str, int, dict, tuple, type(None))) else getattr(value, "name", str(value))


def total_size(inputs: Iterable[Input]) -> int | None:
    """Return how many bytes there are to read, if that is known."""
    sizes = [size_of(one) for one in inputs]
    return None if None in sizes else sum(filter(None, sizes)) or None
