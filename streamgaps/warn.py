"""Skipped samples and unresolved paths -> structured warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamgaps.log import log
from streamgaps.model import Skip
from streamgaps.stages.validate import json_type

if TYPE_CHECKING:
    from streamgaps.model import UnresolvedPath

__all__ = ["LONGEST_VIDEO_ID", "log_warning"]

LONGEST_VIDEO_ID = 4096
"""How many characters of a `video_id` a warning shows: as many as a path may have on Linux."""


def log_warning(notice: Skip | UnresolvedPath) -> None:
    """Log a warning: `streamgaps.sample_skipped` or `streamgaps.path_unresolved`."""
    if isinstance(notice, Skip):
        log.warning(
            "streamgaps.sample_skipped",
            index=notice.index,
            video_id=_shown(notice.video_id),
            field=notice.reason.field,
            reason=notice.reason.why,
            text=notice.text,
            **_of(notice),
        )
    else:
        log.warning(
            "streamgaps.path_unresolved",
            index=notice.index,
            video_id=_shown(notice.video_id),
            path=_shown(notice.path),
            reason=notice.error,
            **_of(notice),
        )


def _of(notice: Skip | UnresolvedPath) -> dict[str, str]:
    """Name the input, where there are several."""
    return {} if notice.source is None else {"source": notice.source}


def _shown(video_id: object) -> str:
    # Nobody has looked at a skipped sample's video_id yet: it may be any JSON value.
    return video_id[:LONGEST_VIDEO_ID] if isinstance(video_id, str) else f"<{json_type(video_id)}>"
