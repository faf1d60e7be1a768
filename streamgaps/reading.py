"""How far the reading of inputs is, and where in them an error is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from streamgaps.exceptions import InputError, NotAnArrayError, RecordError
from streamgaps.stages.read import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.settings import Settings
    from streamgaps.sources.source import Source

__all__ = ["Meter", "explained"]


class Meter:
    """Tells how many bytes of several inputs are read so far.

    Args:
        on_progress: told after each block; nobody if None.

    Attributes:
        position: how many, after the last block that was passed on.
    """

    def __init__(self, on_progress: Callable[[int], object] | None) -> None:
        self.position = 0
        self._on_progress = on_progress

    def blocks(self, source: Source) -> Iterator[bytes]:
        """Pass the blocks of an input on."""
        begin = self.position
        for block in source.blocks:
            yield block
            self._move_to(begin + source.position())
        self.position = begin + source.position()  # what follows the last block of what is compressed

    def measured(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass blocks on that are read as they are."""
        for block in blocks:
            yield block
            self._move_to(self.position + len(block))

    def _move_to(self, position: int) -> None:
        self.position = position
        if self._on_progress is not None:
            self._on_progress(position)


def _no_line(_: int) -> int | None:
    return None


@contextmanager
def explained(
    source: str, found: Callable[[], Format], settings: Settings, line_of: Callable[[int], int | None] = _no_line
) -> Iterator[None]:
    """Add to errors about the input which input and which line it is: the stages do not know."""
    try:
        yield
    except RecordError as error:
        error.source = source
        error.line = error.line or line_of(error.index)
        is_guess = settings.shape.format is Format.AUTO and settings.shape.prefix is None
        if is_guess and found() is Format.JSONL and error.is_missing and error.index == 0:
            message = (
                "must be a JSON array of prediction objects, or JSON Lines of them; it begins with an object that is "
                f"none: {error.problem}. Is the array inside of it (--prefix), or do the fields have other names "
                "(--field)?"
            )
            wrong = NotAnArrayError(message)
            wrong.source = source
            raise wrong from error
        raise
    except InputError as error:
        error.source = source
        raise
