"""A run that is predictions -> its records."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from streamgaps.beside.files import indexed
from streamgaps.chain import ignore
from streamgaps.comparing.changes import Changes
from streamgaps.comparing.keys import PAIR, KeyReader
from streamgaps.exceptions import ConfigurationError
from streamgaps.model import Invalid
from streamgaps.paths import Paths
from streamgaps.run import read_gaps
from streamgaps.settings import check_max_groups, make_settings, texts_of
from streamgaps.sources.inputs import list_inputs
from streamgaps.stages.classify import Unclear
from streamgaps.stages.write import write
from streamgaps.survey import Confusion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import ExitStack
    from typing import BinaryIO

    from streamgaps.comparing.collected import Collected, Groups
    from streamgaps.model import ParsedPrediction
    from streamgaps.reading import Meter
    from streamgaps.settings import Options, Settings
    from streamgaps.sources.inputs import Input

__all__ = ["Predictions"]


class Predictions:
    """Reads runs that are predictions.

    Attributes:
        on: the fields by which records are matched.
        fields: the fields that make groups.
        max_groups: how many groups of each are told apart.
        changes: nothing yet, but of this kind.
    """

    def __init__(self, options: Options, meter: Meter) -> None:
        self._meter = meter
        if options.get("dedup"):
            message = "dedup has no effect on a comparison: records of one key are matched in their order"
            raise ConfigurationError(message)
        chosen = cast("dict[str, Any]", dict(options))
        by = texts_of(options.get("group_by"))
        on = options.get("on")
        here, there, _ = on.partition("=") if isinstance(on, str) else (None, "", "")
        if options.get("ground_truth") is None:
            if there:
                message = f"on (--on) {on!r} names a field of the ground truth, and there is none (--ground-truth)"
                raise ConfigurationError(message)
            chosen.pop("on", None)
        # The key is found, and carried, as what makes groups is.
        chosen["group_by"] = by if here is None or here in PAIR else (*by, here)
        settings = make_settings(cast("Options", chosen)).surveyed()
        names = {text.partition("=")[0] for text in by}
        self.fields = tuple(name for name in settings.group_by if name in names)
        self._settings = settings._replace(takes_survey=False)
        self._beside = settings.beside
        places = {"video_id": "video_id", **dict(zip(settings.group_by, settings.group_attributes, strict=True))}
        places["question"] = "question"
        check_max_groups(settings.max_groups, self.fields)
        self.on = PAIR if here is None else (here,)
        self.max_groups = settings.max_groups
        self.changes = Changes((), unclear_is_gap=settings.policy.unclear is Unclear.GAP)
        self._keys = KeyReader(self.on, [attrgetter(places[name]) for name in self.on])
        self._groups = [(number, attrgetter(places[name])) for number, name in enumerate(self.fields)]

    def inputs(self, run: Input) -> list[Input]:
        """List what is read of a run."""
        return list_inputs(run, without=self._beside)

    def prepare(self, stack: ExitStack) -> None:
        """Read what lies beside all of the runs, once."""
        self._settings = indexed(self._settings, stack)

    def read(self, run: Input, found: Collected, groups: Groups, *, keeps_lines: bool) -> None:
        """Read a run to its end; keep the lines of its gaps, if they are wanted."""
        # What is not written needs no path.
        settings = self._settings if keeps_lines else self._settings._replace(paths=Paths.KEEP)
        gaps = read_gaps(
            self.inputs(run),
            settings,
            on_notice=ignore,  # what is skipped is counted as unclear, or as not compared
            tap=lambda parsed: self._tap(parsed, found, groups, settings),
            meter=self._meter,
        )
        for _ in write(gaps, cast("BinaryIO", _Lines(found))) if keeps_lines else gaps:
            pass
        found.whole = Confusion(*found.cells)

    def _tap(
        self, parsed: Iterable[ParsedPrediction], found: Collected, groups: Groups, settings: Settings
    ) -> Iterator[ParsedPrediction]:
        skips_invalid = settings.policy.skips_invalid
        number_of, getters = groups.number, self._groups
        key_of_record = self._keys.key
        for index, pair in enumerate(parsed):
            prediction, answers = pair
            record: Any = prediction.found if isinstance(prediction, Invalid) else prediction
            key = None if record is None else key_of_record(record, index, allows_none=skips_invalid)
            numbers = [number_of(field, None if record is None else get(record)) for field, get in getters]
            found.add(key, answers[2], numbers)
            yield pair


class _Lines:
    """A file, as `write` takes it, that keeps each line with the record that was found last."""

    def __init__(self, found: Collected) -> None:
        self._found = found

    def write(self, line: bytes) -> None:
        self._found.records.add_line(self._found.count - 1, line)
