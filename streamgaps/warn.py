"""Skipped samples and unresolved paths -> structured warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from streamgaps.model import Skip
from streamgaps.stages.write import encode

if TYPE_CHECKING:
    from streamgaps.model import UnresolvedPath

__all__ = ["LONGEST_VIDEO_ID", "WarningLog"]

LONGEST_VIDEO_ID = 4096
"""How many characters of a `video_id` a warning shows: as many as a path may have on Linux."""

log = structlog.get_logger("streamgaps")


class WarningLog:
    """Logs a warning for each notice, up to a limit.

    Args:
        limit: how many warnings are logged; then one more says that the rest are counted only. None: all.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._logged = 0

    def __call__(self, notice: Skip | UnresolvedPath) -> None:
        """Log the notice, or leave it at the count."""
        if self._limit is not None and self._logged >= self._limit:
            if self._logged == self._limit:
                self._logged += 1
                log.warning(
                    "streamgaps.warnings_limited",
                    limit=self._limit,
                    hint="the other samples are only counted; --max-warnings sets the limit, -1 shows all",
                )
            return
        self._logged += 1
        if isinstance(notice, Skip):
            log.warning(
                "streamgaps.sample_skipped",
                index=notice.index,
                video_id=_shown(notice.video_id),
                field=notice.reason.field,
                reason=notice.reason.why,
                text=notice.text,
            )
        else:
            log.warning(
                "streamgaps.path_unresolved",
                index=notice.index,
                video_id=_shown(notice.video_id),
                path=_shown(notice.path),
                reason=notice.error,
            )


def _shown(video_id: object) -> str:
    # Nobody has looked at a skipped sample's video_id yet: it may be any JSON value, of any length.
    text = video_id if isinstance(video_id, str) else encode(video_id).decode("utf-8")
    return text[:LONGEST_VIDEO_ID]
