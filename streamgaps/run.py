"""What goes on from one input to the next: the counts, the labels that were used, the gaps that there were already."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from streamgaps.beside.files import indexed, left_over
from streamgaps.chain import Chain, ignore
from streamgaps.exceptions import ConfigurationError
from streamgaps.reading import explained
from streamgaps.sources.inputs import list_inputs
from streamgaps.sources.source import open_source
from streamgaps.stages.read import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.beside.lookup import Marks
    from streamgaps.chain import OnNotice, Tap
    from streamgaps.model import Gap, Tally
    from streamgaps.parallel.units import Part
    from streamgaps.reading import Meter
    from streamgaps.settings import Settings
    from streamgaps.sources.inputs import Input
    from streamgaps.stages.dedup import Repeats

__all__ = ["Run", "read_gaps"]


class Run:
    """What goes on from one input to the next.

    Args:
        settings: the options of the run, with its files indexed.
        stack: closes what is opened.
        on_notice: told of what is skipped, and of paths that cannot be resolved.
        is_one: whether there is one input only, which notices need not name.
        tap: looks at predictions before they are classified; see `read_gaps`.
        tally: where to count on; anew if None.

    Attributes:
        settings: as above.
        is_one: as above.
        tally: the counts.

    Raises:
        ConfigurationError: `tally` counts other groups than those of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        stack: ExitStack,
        *,
        on_notice: OnNotice,
        is_one: bool,
        tap: Tap | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.settings = settings
        self.is_one = is_one
        self.tally = _counted_on(tally, settings.new_tally())
        self._records = self.tally.records  # how many it is to have: those that came out of the reader
        self._on_notice = on_notice
        self._tap = tap
        self._chain = stack.enter_context(Chain(settings))
        self._marks: Marks | None = None
        self._repeats: Repeats | None = None
        if settings.labels_index is not None:
            from streamgaps.beside.lookup import Marks  # noqa: PLC0415

            self._marks = Marks(settings.labels_index)
        if settings.dedup:
            from streamgaps.stages.dedup import Repeats  # noqa: PLC0415 -- it loads SQLite

            self._repeats = stack.enter_context(Repeats())

    def _on_notice_from(self, source: str) -> OnNotice:
        """Return what is told of notices from an input: it names the input, if there are several."""
        if self.is_one:
            return self._on_notice
        return lambda notice: self._on_notice(notice.replace(source=source))

    def gaps(self, name: str, blocks: Iterable[bytes], *, behind: int | None = None, index: int = 0) -> Iterator[Gap]:
        """Yield the gaps of an input, block after block; `behind` and `index` are as for `read`."""
        items = read(blocks, self.settings.shape, behind=behind, index=index)
        with explained(name, lambda: items.format, self.settings, items.line_of):
            gaps = self._chain.find_gaps(
                self._counted(items),
                tally=self.tally,
                on_notice=self._on_notice_from(name),
                mark=ignore if self._marks is None else self._marks.set,
                tap=self._tap,
                first=index,
            )
            if self._repeats is not None:
                from streamgaps.stages.dedup import drop_repeats  # noqa: PLC0415

                gaps = drop_repeats(gaps, self._repeats, self.tally)
            yield from gaps

    def _counted(self, batches: Iterable[list[Any]]) -> Iterator[list[Any]]:
        for batch in batches:
            self._records += len(batch)
            yield batch

    def take(self, name: str, part: Part) -> bytes:
        """Count what workers have found in a part of an input, and return the lines of its gaps."""
        self._records += part.items
        self.tally += part.tally
        on_notice = self._on_notice_from(name)
        for notice in part.notices:
            on_notice(notice)
        if self._marks is not None:
            self._marks.set_all(part.marks)
        if self._repeats is None:
            return part.gaps
        from streamgaps.stages.dedup import drop_repeated_lines  # noqa: PLC0415

        return drop_repeated_lines(part.gaps, self._repeats, self.tally)

    def check(self) -> None:
        """Check, behind the last input, that each record read was counted as something, and that no label is left over.

        Raises:
            AssertionError: a record was lost on the way, or counted twice; no input is to blame for that.
            InputError: a label is left over, and that is not to be skipped.
        """
        if self._records != self.tally.records:
            message = f"{self._records:,} records were read, and {self.tally.records:,} are accounted for"
            raise AssertionError(message)
        unused, ambiguous = left_over(self.settings, self._marks)
        self.tally.unused_labels += unused
        self.tally.ambiguous_labels += ambiguous


def _counted_on(tally: Tally | None, new: Tally) -> Tally:
    """Return where to count: in what there is, if it is of the same groups as a new one."""
    if tally is None:
        return new
    if new.survey is not None:
        if tally.survey is None:
            tally.survey = new.survey
        elif (tally.survey.fields, tally.survey.most) != (new.survey.fields, new.survey.most):
            message = "tally counts other groups already (group_by, max_groups); give another one"
            raise ConfigurationError(message)
    return tally


def read_gaps(
    predictions: Input | Iterable[Input],
    settings: Settings,
    *,
    on_notice: OnNotice,
    tally: Tally | None = None,
    tap: Tap | None = None,
    meter: Meter | None = None,
) -> Iterator[Gap]:
    """Do what `iter_gaps` does, by settings that are made.

    Args:
        predictions: as for `analyze`.
        settings: the options of the run.
        on_notice: told of what is skipped, and of paths that cannot be resolved.
        tally: as for `iter_gaps`.
        tap: looks at the predictions of each input, one at a time, before they are classified: when a gap is yielded,
            the prediction that it saw last is the one.
        meter: tells how far it is.
    """
    inputs = list_inputs(predictions, without=settings.beside)
    with ExitStack() as stack:
        is_one = len(inputs) == 1
        run = Run(indexed(settings, stack), stack, on_notice=on_notice, is_one=is_one, tap=tap, tally=tally)
        for one in inputs:
            with open_source(one) as source:
                yield from run.gaps(source.name, source.blocks if meter is None else meter.blocks(source))
        run.check()
