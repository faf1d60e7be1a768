"""The chain validate -> parse -> classify, written here and nowhere else; read comes before it, and write after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamgaps.stages.classify import classify
from streamgaps.stages.parse import parse
from streamgaps.stages.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamgaps.model import Gap, Skip, Tally

__all__ = ["find_gaps"]


def find_gaps(
    batches: Iterable[list[Any]],
    *,
    tally: Tally,
    resolve: Callable[[int, str], str],
    on_skip: Callable[[Skip], None],
    first: int = 0,
) -> Iterator[Gap]:
    """Yield the gaps among items, one at a time.

    Args:
        batches: items in the order of the input, as many at a time as come at once.
        tally: where they are counted.
        resolve: gives the absolute path of item `index`'s `video_id`.
        on_skip: told of every item that is skipped.
        first: the place in the input of the first item.

    Raises:
        RecordError: an item is not a prediction.
    """
    parsed = parse(validate(batches, first=first))
    return classify(parsed, tally=tally, resolve=resolve, on_skip=on_skip, first=first)
