"""The settings of a run -> the same, with the files beside it indexed; behind it, what was not asked for there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamgaps.exceptions import InputError
from streamgaps.stages.read import Format

if TYPE_CHECKING:
    from contextlib import ExitStack

    from streamgaps.beside.lookup import Marks
    from streamgaps.settings import Settings

__all__ = ["indexed", "left_over"]


def indexed(settings: Settings, stack: ExitStack, folder: str | None = None) -> Settings:
    """Index the files beside the predictions, as long as the stack is there; in a folder, if one is given."""
    if settings.ground_truth is None and settings.annotations is None:
        return settings
    from streamgaps.beside.index import index_labels, index_videos  # noqa: PLC0415 -- it loads SQLite
    from streamgaps.scratch import temporary_folder  # noqa: PLC0415

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
