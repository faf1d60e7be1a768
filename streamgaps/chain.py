"""The chain validate -> join -> parse -> count -> classify, written here and nowhere else; read and write go around."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from streamgaps.paths import make_resolver
from streamgaps.stages.classify import classify
from streamgaps.stages.count import count
from streamgaps.stages.join import JoinPolicy, join_labels, join_videos
from streamgaps.stages.parse import parse
from streamgaps.stages.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.beside.lookup import Index, IndexFile
    from streamgaps.model import Gap, ParsedPrediction, Prediction, Skip, Tally, UnresolvedPath
    from streamgaps.settings import Settings

    OnNotice = Callable[[Skip | UnresolvedPath], None]
    Tap = Callable[[Iterable[ParsedPrediction]], Iterator[ParsedPrediction]]

__all__ = ["Chain", "ignore"]


def ignore(_: object) -> None:
    """Do nothing: for what nobody wants to be told of."""


class Chain:
    """The stages from items to gaps, for one thread; it may be used for one input after the other.

    Args:
        settings: the options of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files = ExitStack()
        self._labels = self._open(settings.labels_index)
        self._videos = self._open(settings.videos_index)
        self._on_unresolved: Callable[[UnresolvedPath], None] = ignore
        self._resolve = make_resolver(settings.paths, settings.base, self._tell_of_path)

    def _open(self, file: IndexFile | None) -> Index | None:
        if file is None:
            return None
        from streamgaps.beside.lookup import Index  # noqa: PLC0415 -- most runs need no database

        return self._files.enter_context(closing(Index(file)))

    def _tell_of_path(self, path: UnresolvedPath) -> None:
        self._on_unresolved(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files beside the input."""
        self._files.close()

    def find_gaps(
        self,
        batches: Iterable[list[Any]],
        *,
        tally: Tally,
        on_notice: OnNotice,
        mark: Callable[[int], object] = ignore,
        tap: Tap | None = None,
        first: int = 0,
    ) -> Iterator[Gap]:
        """Yield the gaps among items, one at a time.

        Args:
            batches: items in the order of the input, as many at a time as come at once.
            tally: where they are counted.
            on_notice: told of every item that is skipped, and of every path that cannot be resolved.
            mark: told of the number of each label that is used, where the ground truth is in another file.
            tap: looks at each prediction, with its answers read, before it is classified.
            first: the place in the input of the first item.

        Raises:
            RecordError: an item is not a prediction.
        """
        settings = self._settings
        self._on_unresolved = on_notice
        parsed = self.parse(batches, mark=mark, first=first)
        if settings.takes_survey and tally.survey is not None:
            parsed = count(parsed, tally.survey, attributes=settings.group_attributes)
        if tap is not None:
            parsed = tap(parsed)
        return classify(
            parsed, tally=tally, resolve=self._resolve, on_skip=on_notice, policy=settings.policy, first=first
        )

    def parse(
        self, batches: Iterable[list[Any]], *, mark: Callable[[int], object] = ignore, first: int = 0
    ) -> Iterator[ParsedPrediction]:
        """Yield the predictions among items with their answers read; arguments and errors as for `find_gaps`."""
        return parse(self.predictions(batches, mark=mark, first=first), reading=self._settings.reading)

    def predictions(
        self, batches: Iterable[list[Any]], *, mark: Callable[[int], object] = ignore, first: int = 0
    ) -> Iterator[Prediction]:
        """Yield the predictions among items, with what is known of them elsewhere; as for `find_gaps`."""
        settings = self._settings
        fields, policy = settings.shape.fields, settings.policy
        join_policy = JoinPolicy(settings.skips_unmatched, policy.skips_invalid)
        found = validate(batches, fields=fields, skips_invalid=policy.skips_invalid, first=first)
        if self._labels is not None:
            found = join_labels(found, self._labels, fields=fields, policy=join_policy, mark=mark, first=first)
        if self._videos is not None:
            found = join_videos(found, self._videos, policy=join_policy, first=first)
        return found
