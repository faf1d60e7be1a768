"""Counts -> what a run is asked to write beside the gaps: metrics, and a page to look at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from streamgaps.exceptions import ConfigurationError
from streamgaps.gates import check_least
from streamgaps.page.options import MOST_SAMPLES, check_samples
from streamgaps.reports.metrics import document

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from streamgaps.model import Tally
    from streamgaps.page.sampler import Sampler
    from streamgaps.stages.parse import Reading

__all__ = ["Documents"]


class Documents(NamedTuple):
    """Which documents are wanted, and of what; the fields are arguments of `analyze`."""

    metrics: bool = False
    html: str | os.PathLike[str] | None = None
    samples: int = MOST_SAMPLES
    positive: str = "yes"
    fail_under: Mapping[str, float] | None = None

    @property
    def needs_survey(self) -> bool:
        """Whether answers have to be counted against the truth."""
        return self.metrics or self.html is not None or bool(self.fail_under)

    def check(self, *, is_stream: bool) -> None:
        """Refuse what makes no sense, before anything is read.

        Raises:
            ConfigurationError: a value is none of those that it may have, or something is missing.
        """
        if self.positive not in ("yes", "no"):
            message = f"positive (--positive) must be 'yes' or 'no', not {self.positive!r}"
            raise ConfigurationError(message)
        check_samples(self.samples)
        if self.positive == "no" and not self.needs_survey:
            message = "positive (--positive) has no effect without metrics, a page or a limit on a metric"
            raise ConfigurationError(message)
        if self.samples != MOST_SAMPLES and self.html is None:
            message = "report_samples (--report-samples) has no effect without a page (--html)"
            raise ConfigurationError(message)
        if self.metrics and is_stream:
            message = "metrics (--metrics) are written to a results folder, and there is none"
            raise ConfigurationError(message)
        if self.fail_under is not None:
            check_least(self.fail_under)
        if self.html is not None:
            from streamgaps.page.html import check_available  # noqa: PLC0415 -- few runs make a page

            check_available()

    def sampler(self, reading: Reading) -> Sampler | None:
        """Return what gaps are to be shown to, if a page is to show some of them; `reading` says how they were read."""
        if self.html is None:
            return None
        from streamgaps.page.html import new_sampler  # noqa: PLC0415 -- few runs make a page

        return new_sampler(self.samples, rule=reading.rule, final_answer=reading.final_answer)

    def write(self, tally: Tally, sampler: Sampler | None, about: Mapping[str, Any]) -> dict[str, Iterable[str]]:
        """Return the documents, in pieces, by the names that `Outputs.commit` has for them."""
        written: dict[str, Iterable[str]] = {}
        if sampler is not None:
            from streamgaps.page.html import SHOWN_GROUPS, render  # noqa: PLC0415 -- few runs make a page

            found = document(tally, about=about, positive=self.positive, most_groups=SHOWN_GROUPS)
            written["html"] = [render(json.loads("".join(found)), sampler.samples(), counts=sampler.counts)]
        if self.metrics:
            written["metrics"] = document(tally, about=about, positive=self.positive)
        return written
