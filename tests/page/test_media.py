from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.page.media import LONGEST, Media, media


@pytest.mark.parametrize(
    ("video_id", "expected"),
    [
        ("/v/1.MP4", Media("video", "file:///v/1.MP4")),
        ("/v/100% #1?.webm", Media("video", "file:///v/100%25%20%231%3F.webm")),
        ('/v/"><img>.png', Media("picture", "file:///v/%22%3E%3Cimg%3E.png")),
        ("/v/漢.mov", Media("video", "file:///v/%E6%BC%A2.mov")),
        ("//host/1.mp4", None),  # a host, to some systems: the page would send something there
        ("HTTPS://example.org/1.mp4?a=b#t=1", Media("video", "HTTPS://example.org/1.mp4?a=b#t=1")),
        ("https://example.org/1.png", None),
        ("https://user:password@example.org/1.mp4", None),
        ("s3://bucket/1.mp4", None),
        ("javascript:alert(1)//.mp4", None),
        ("data:text/html,<script>.mp4", None),
        ("file:///v/1.mp4", None),
        ("v/1.mp4", None),
        ("/v/1.txt", None),
        ("/v/\0.mp4", None),
        ("/v/\ud800.mp4", None),
        ("https://\ud800/1.mp4", None),
        ("/" + "v" * LONGEST + ".mp4", None),
    ],
)
def test_what_may_be_played_is_played(video_id: str, expected: Media | None) -> None:
    """Local files, and videos of the web; nothing else becomes a link."""
    assert expected == media(video_id)


@given(st.text().map(lambda text: f"/{text}.mp4"))
def test_a_path_comes_back_out_of_its_url(path: str) -> None:
    """And nothing but ASCII without quotes is in the URL."""
    found = media(path)
    if found is not None:
        assert ("file", path) == (urlsplit(found.url).scheme, unquote(found.url[len("file://") :]))
        assert found.url.isascii()
        assert not set(found.url) & set("\"'<> ")
