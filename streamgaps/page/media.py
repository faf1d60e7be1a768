"""The path or URL of a video -> what plays or shows it in a page, if anything may."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["Media", "media"]

_VIDEO = (".mp4", ".m4v", ".webm", ".ogv", ".mov")
_PICTURE = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".bmp", ".svg")

LONGEST = 600
"""URLs of more characters are not put into a page, of which they would fill too much."""

_WEB = re.compile(r"https?://[^\s/?#@]+(/|$)", re.ASCII | re.IGNORECASE)
_IN_URLS = "/%:@!$&'()*+,;=~-._?#[]"


class Media(NamedTuple):
    """What a page plays or shows."""

    kind: str
    """`"video"` or `"picture"`."""
    url: str
    """`file:`, `http:` or `https:`, in ASCII."""


def media(video_id: str) -> Media | None:
    """Return what plays a video, or shows a picture; None for what cannot be shown, or may not be.

    Local files are told by an absolute path. Of the web there are only videos, which nobody asks for before they are
    played: a page that is opened sends nothing. All other schemes are texts.

    >>> media("/data/a b.mp4")
    Media(kind='video', url='file:///data/a%20b.mp4')
    >>> media("https://example.org/1.webm?size=2")
    Media(kind='video', url='https://example.org/1.webm?size=2')
    >>> media("javascript://example.org/1.mp4"), media("https://example.org/1.jpg"), media("1.mp4")
    (None, None, None)
    >>> media("//host/share/1.jpg")
    """
    is_web = _WEB.match(video_id) is not None
    if not is_web and (not video_id.startswith("/") or video_id.startswith("//")):  # of a host, for some systems
        return None
    name = (re.split("[?#]", video_id, maxsplit=1)[0] if is_web else video_id).lower()
    kind = "video" if name.endswith(_VIDEO) else "picture" if name.endswith(_PICTURE) and not is_web else None
    try:
        url = quote(video_id, safe=_IN_URLS) if is_web else "file://" + quote(video_id, errors="strict")
    except UnicodeEncodeError:  # a lone surrogate, which no name can have
        return None
    return Media(kind, url) if kind is not None and len(url) <= LONGEST and "\0" not in video_id else None
