from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamgaps import SourceError, UnresolvedPath
from streamgaps.paths import PathResolver

PARTS = st.sampled_from(["a", "b", "link", "..", ".", "", "é", "file.mp4"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with links in it."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/b")
    (tmp_path / "a" / "link").symlink_to("../link/..")
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


def resolver(videos_dir: str | Path | None) -> tuple[PathResolver, list[UnresolvedPath]]:
    """Make a resolver and the list of what it could not resolve."""
    notices: list[UnresolvedPath] = []
    return PathResolver(videos_dir, on_unresolved=notices.append), notices


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(PARTS, max_size=6), absolute=st.booleans())
def test_it_resolves_as_pathlib_does(folder: Path, parts: list[str], absolute: bool) -> None:
    """Links, `..` and all."""
    video_id = ("/" if absolute else "") + "/".join(parts)
    resolve, notices = resolver(folder)
    assert str((folder / video_id).resolve()) == resolve(0, video_id)
    assert notices == []


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_without_a_folder_paths_are_relative_to_the_working_directory(
    blank: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank one is none."""
    monkeypatch.chdir(folder)
    resolve, _ = resolver(blank)
    assert str(folder.resolve() / "a" / "b" / "v.mp4") == resolve(0, "link/v.mp4")


@pytest.mark.parametrize("url", ["s3://bucket/a/../b.mp4", "https://h/x", "a.b+c-1://x"])
def test_a_url_stays_as_it_is(url: str) -> None:
    """It is no path."""
    assert resolver("/v")[0](0, url) == url


def test_what_only_looks_like_a_url_is_a_path() -> None:
    """A scheme has at least two characters, and begins with a letter."""
    resolve, _ = resolver("/v")
    assert (resolve(0, "c://x"), resolve(0, "1a://x"), resolve(0, "s3:/x")) == ("/v/c:/x", "/v/1a:/x", "/v/s3:/x")


@pytest.mark.parametrize("video_id", ["a\0b", "loop/v.mp4", "\ud83d.mp4"])
def test_what_cannot_be_resolved_stays_lexical(video_id: str, folder: Path) -> None:
    """With one notice; a long run is not lost for it."""
    resolve, notices = resolver(folder)
    expected = os.path.normpath(folder.resolve() / "x" / ".." / video_id)
    assert expected == resolve(4, f"x/../{video_id}")
    assert [(4, f"x/../{video_id}", expected)] == [(notice.index, notice.video_id, notice.path) for notice in notices]


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing relative can be resolved then."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SourceError, match="working directory does not exist"):
        resolver(None)
    assert resolver("/v")[0](0, "x") == "/v/x"
