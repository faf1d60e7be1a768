"""The settings of a run -> what reading each of its inputs takes: the files beside them, and whose an error is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from streamgaps.exceptions import InputError, NotAnArrayError, RecordError
from streamgaps.sources.source import expand
from streamgaps.stages.read import Format

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import ExitStack

    from streamgaps.settings import Settings
    from streamgaps.side import Marks
    from streamgaps.sources.source import Input, Source

__all__ = ["Meter", "explained", "indexed", "inputs_of", "left_over"]


def inputs_of(
    predictions: Input | Iterable[Input], settings: Settings, skipped: str | os.PathLike[str] | None = None
) -> list[Input]:
    """List the inputs; of a folder, not what is there for another reason."""
    return expand(predictions, without=[settings.ground_truth, settings.annotations, skipped])


def indexed(settings: Settings, stack: ExitStack, folder: str | None = None) -> Settings:
    """Index the files beside the predictions, as long as the stack is there; in a folder, if one is given."""
    if settings.ground_truth is None and settings.annotations is None:
        return settings
    from streamgaps.side import index_labels, index_videos, temporary_folder  # noqa: PLC0415 -- it loads SQLite

    folder = stack.enter_context(temporary_folder(folder))
    shape = settings.shape._replace(format=Format.AUTO, prefix=None, skips_broken=False)
    allows = settings.skips_unmatched
    if settings.ground_truth is not None and settings.label_fields is not None:
        labels = index_labels(
            settings.ground_truth, folder, fields=settings.label_fields, shape=shape, allows_ambiguous=allows
        )
        settings = settings._replace(labels_index=labels, ground_truth=None)
    if settings.annotations is not None:
        videos = index_videos(
            settings.annotations,
            folder,
            bases=(settings.base, settings.lexical_base),
            shape=shape,
            allows_ambiguous=allows,
        )
        settings = settings._replace(videos_index=videos, annotations=None)
    return settings


def left_over(settings: Settings, marks: Marks | None) -> tuple[int, int]:
    """Return how many labels have no prediction, and how many keys are given more than once.

    Args:
        settings: the options of the run, with its files indexed.
        marks: which labels were used, in all inputs; None if there are none.

    Raises:
        InputError: a label is left over, and that is not to be skipped.
    """
    index = settings.labels_index
    if marks is None or index is None:
        return 0, 0
    count, first = marks.unused()
    if count and not settings.skips_unmatched:
        message = (
            f"{index.name}: {count:,} of {index.records:,} labels have no prediction, the first of them that of "
            f"{first}; --unmatched skip goes on without"
        )
        raise InputError(message)
    return count, marks.ambiguous()


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
        if is_guess and found() is Format.JSONL and error.problem.startswith("item 0: missing "):
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
