from __future__ import annotations

import errno
import ntpath
import os
import re
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamgaps import ConfigurationError, SourceError, UnresolvedPath, paths, system
from streamgaps.paths import PathResolver, Paths, base_of, is_url, make_resolver, url_below

LONG_NAME = "n" * 255
LINKS = {
    "link": "a/b",
    "a/link": "../link/..",
    "self": ".",
    "root": "/",
    "dangling": "gone/v.mp4",
    "to_file": "file.mp4",
    "a/b/file": "../../to_file",
    "loop": "loop",
    "ping": "a/../pong",
    "pong": "ping",
    "round": "loop/../link",
}
NAMES = ["a", "b", "link", "file", "file.mp4", "self", "root", "dangling", "to_file", "gone", "..", ".", ""]
LOOPS = ["loop", "ping", "round"]
ODD = ["é", "\udcff", "日本", " ", "~", "...", "\n", "s3:", "c:", LONG_NAME, LONG_NAME + "n"]
HOPELESS = ["\0", "x\0y", "\ud83d"]
PREFIXES = ["", "", "./", "/", "//", "///", "{folder}/", "/{folder}/", "//{folder}//", "s3://", "s3:/"]

PARTS = st.sampled_from(NAMES * 3 + LOOPS * 2 + ODD + HOPELESS)
VIDEO_IDS = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.lists(PARTS, max_size=7).map("/".join))
# Before Python 3.13 realpath() leaves the rest of a path as it is behind a loop of links, even behind a loop/.. of
# it. In a long path that is not imitated.
LONG_PARTS = st.sampled_from(NAMES * 2 + ODD[:-2] + HOPELESS + (LOOPS if sys.version_info >= (3, 13) else []))
LONG_VIDEO_IDS = st.lists(
    st.builds(
        lambda parts, times: "/".join(parts * times), st.lists(LONG_PARTS, max_size=3), st.sampled_from([1, 700])
    ),
    max_size=6,
).map("/".join)

here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with links in it."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / os.fsdecode(b"\xff") / LONG_NAME).mkdir(parents=True)
    (tmp_path / "file.mp4").touch()
    for link, target in LINKS.items():
        (tmp_path / link).symlink_to(target)
    return tmp_path


def resolver(videos_dir: str | Path | None) -> tuple[PathResolver, list[UnresolvedPath]]:
    """Make a resolver and the list of what it could not resolve."""
    notices: list[UnresolvedPath] = []
    return PathResolver(videos_dir, on_unresolved=notices.append), notices


def plainly(folder: Path, video_id: str) -> tuple[str, str | None]:
    """Return what a video_id stands for and, if it cannot be resolved, why not: slowly, and remembering nothing."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", video_id):
        return video_id, None
    base = folder.resolve()
    try:
        resolved = (base / video_id).resolve()
        try:
            resolved.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise
        return str(resolved), None
    except RuntimeError as error:  # before Python 3.13, for a loop of links
        why = str(error.__context__)
    except (OSError, ValueError) as error:
        why = str(error)
    return os.path.normpath(os.path.join(base, video_id)), why  # noqa: PTH118 -- Path() takes dots out


def check(folder: Path, video_ids: list[str]) -> None:
    """Compare what a resolver makes of video_ids, each given twice, to what they stand for."""
    resolve, notices = resolver(folder)
    for index, video_id in enumerate(video_ids * 2):
        expected, error = plainly(folder, video_id)
        assert expected == resolve(index, video_id)
        assert notices == ([] if error is None else [UnresolvedPath(index, video_id, expected, error)])
        notices.clear()


@pytest.mark.parametrize("memo_bytes", [0, 1500, 1 << 20])
@here
@given(video_ids=st.lists(VIDEO_IDS, max_size=8))
def test_it_resolves_as_pathlib_does(
    memo_bytes: int, folder: Path, video_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, `..`, loops and all; whatever of it is remembered of earlier paths."""
    monkeypatch.setattr(paths, "_MEMO_BYTES", memo_bytes)
    check(folder, [video_id.replace("{folder}", str(folder)) for video_id in video_ids])


def test_elsewhere_than_on_posix_realpath_decides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered, and no short cut taken."""
    monkeypatch.setattr(paths, "_POSIX", False)
    resolve, _ = resolver(folder)
    asked: list[str] = []
    realpath = os.path.realpath

    def recorded(path: str) -> str:
        asked.append(path)
        return realpath(path)

    monkeypatch.setattr(system, "realpath", recorded)
    for video_id in ("v", "a/v", "a/v", "gone//v", "./" * 3000):
        asked.clear()
        assert realpath(folder / video_id) == resolve(0, video_id)
        assert [os.path.join(folder, video_id)] == asked  # noqa: PTH118 -- Path() takes dots out


@settings(here, max_examples=60)
@given(video_id=LONG_VIDEO_IDS)
def test_a_long_path_is_resolved_as_pathlib_does(folder: Path, video_id: str) -> None:
    """One that is longer than any that exists; with `..` it may still lead to one that does."""
    check(folder, [f"{'./' * 2100}{video_id}"])


@pytest.mark.parametrize("base", ["a", "a/link", "file.mp4", "gone", "self/self/root", "round"])
@here
@given(video_ids=st.lists(VIDEO_IDS, max_size=4))
def test_any_folder_can_be_the_base(base: str, folder: Path, video_ids: list[str]) -> None:
    """One that does not exist, is a file or is the root, too."""
    check(folder / base, video_ids)


@pytest.mark.parametrize(
    "video_id",
    [
        "link",  # the last part is a link
        "a/b/file",
        "gone/" + "v" * 300,
        "a/b/" + "v" * 300,
        "a/b/" * 60 + "v" * 4000,
        "file.mp4/v",
        "to_file/v",
        "dangling/v",
        "loop/v",
        "loop//v",
        "loop///a//v",
        "loop/../v",
        "loop/../link/v",
        "ping/x/v",
        "gone/../link/v",
        "file.mp4/../link/v",
        "gone/\0/v",
        "gone/\ud83d/../v",
        "gone/\ud83d",
        "gone/\0",
        "gone/..",
        "gone/.",
        "gone/",
        "a/b/..",
        "a/b/.",
        "a/b/",
        "s3:/v",
        "s3:/x/v",
        "s3://x/v",
        "a/" * 250 + "v",  # remembered, with all folders above
        "a/" * 300 + "v",  # not remembered
        "a/" * 3000 + "v",
        "a/" * 3000 + "../" * 3000 + "link/v",
        "a/" * 3000 + "../" * 2999 + "link",
        "../" * 3000 + "{folder}/link/v",
        "gone/" * 1500 + "\0",
        "gone/" * 1500 + "\ud83d/" + "../" * 1500,
        "loop/" + "x/" * 3000,
        "loop/" + "x/../" * 3000,
        "self/" * 1500 + "link/file",
        "root/" * 1500 + "v",
        "root/" * 1500 + "{folder}/link/v",
        "dangling/" + "../x/" * 1500 + "../../link/v",
    ],
)
def test_a_path_that_takes_care(video_id: str, folder: Path) -> None:
    """One for each reason in the code why a short cut may not be taken, or may."""
    check(folder, [video_id.replace("{folder}", str(folder).strip("/"))])


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that tells how often the system was asked for a path since it was last called."""
    asked: list[object] = []
    # Ours, and those of os.path.realpath().
    ours = [(system, name) for name in ("lstat", "stat", "readlink")]
    for module, name in [*ours, *((os, name) for name in ("lstat", "stat", "readlink", "access", "scandir", "open"))]:
        function = getattr(module, name)

        def counted(*args: object, function: Callable[..., object] = function, **kwargs: object) -> object:
            asked.append(args[0])
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    def count() -> int:
        number = len(asked)
        asked.clear()
        return number

    return count


def test_a_known_folder_costs_nothing_but_for_links(folder: Path, lookups: Callable[[], int]) -> None:
    """One question a path where the folder exists, none where it does not."""
    resolve, _ = resolver(folder)
    for known, cost in (("link/", 1), ("gone/x/", 0), ("file.mp4/", 0), ("/gone/", 0), ("", 1), ("/", 1)):
        resolve(0, f"{known}v.mp4")
        lookups()
        for number in range(10):
            resolve(0, f"{known}{number}é.mp4")
        assert lookups() == cost * 10


def test_a_folder_of_its_own_for_each_video_costs_little(folder: Path, lookups: Callable[[], int]) -> None:
    """What is known of the folder above helps."""
    for number in range(10):
        (folder / "a" / f"{number}").mkdir()
    resolve, _ = resolver(folder)
    for above, cost in (("link/../", 2), ("a/gone/", 0)):
        resolve(0, f"{above}v.mp4")
        lookups()
        for number in range(10):
            resolve(0, f"{above}{number}/v.mp4")
        assert lookups() == cost * 10


@pytest.mark.parametrize(
    ("video_id", "most"),
    [
        ("a/" * 200_000, 10),
        ("gone/" * 80_000, 10),
        ("file.mp4/" * 40_000 + "../" * 40_000, 10),
        ("self/" * 10_000, 10_000 * 15),
        ("a/../" * 40_000, 40_000 + 10),
        ("a/b/../../" + "gone/x/../../" * 10_000, 10_000 + 10),
    ],
)
def test_a_huge_path_is_no_huge_cost(video_id: str, most: int, folder: Path, lookups: Callable[[], int]) -> None:
    """The system is not asked for what cannot exist; with realpath() the first takes 7 to 13 s."""
    resolve, _ = resolver(folder)
    lookups()
    resolve(0, video_id)
    assert lookups() <= most + len(folder.parts)


@pytest.mark.parametrize("fill", ["x", *(pytest.param(fill, marks=pytest.mark.slow) for fill in "日😀")])
@pytest.mark.parametrize("length", [1, 500, 100_000])
def test_what_is_remembered_is_bounded(fill: str, length: int, folder: Path) -> None:
    """However many folders there are, and however long their names."""
    resolve, _ = resolver(folder)
    resolve(0, "a/v")
    tracemalloc.start()
    try:
        for number in range(200 if length > 1000 else 4_500):
            resolve(0, f"{number}{fill * length}/v")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < paths._MEMO_BYTES


def test_after_too_many_folders_new_ones_are_remembered(
    folder: Path, lookups: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only the last one."""
    monkeypatch.setattr(paths, "_MEMO_BYTES", 4000)
    resolve, _ = resolver(folder)
    for number in range(100):
        resolve(0, f"{number}/v")
    costs = []
    for _ in range(3):
        lookups()
        for number in range(4):
            resolve(0, f"{number}/v")
        costs.append(lookups())
    assert costs[0] > 0 == costs[2]


def test_a_link_that_is_made_later_is_followed(folder: Path) -> None:
    """The last part of a path is looked up each time."""
    resolve, _ = resolver(folder)
    assert str(folder / "a" / "v") == resolve(0, "a/v")
    (folder / "a" / "v").symlink_to("b")
    assert str(folder / "a" / "b") == resolve(0, "a/v")


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_without_a_folder_paths_are_relative_to_the_working_directory(
    blank: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank one is none."""
    monkeypatch.chdir(folder)
    resolve, _ = resolver(blank)
    assert str(folder.resolve() / "a" / "b" / "v.mp4") == resolve(0, "link/v.mp4")
    assert str(folder.resolve()) == resolve.base


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


def test_a_folder_of_videos_behind_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    """On any Python; where links are not followed, it is a name like any other."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigurationError, match="cannot be resolved: .*symbolic links"):
        base_of(tmp_path / "loop")
    assert base_of(tmp_path / "loop", Paths.NORMALIZE) == str(tmp_path / "loop")


def chosen(choice: Paths, base: str | Path) -> tuple[Callable[[int, str], str], list[UnresolvedPath]]:
    """Make what a choice asks for, and the list of what it could not resolve."""
    notices: list[UnresolvedPath] = []
    return make_resolver(choice, str(base), notices.append), notices


@here
@given(video_ids=st.lists(VIDEO_IDS, max_size=4))
def test_to_resolve_is_the_default_choice(folder: Path, video_ids: list[str]) -> None:
    """With the same notices."""
    resolve, notices = resolver(folder)
    other, others = chosen(Paths.RESOLVE, base_of(folder))
    for index, video_id in enumerate(video_ids):
        assert resolve(index, video_id) == other(index, video_id)
    assert notices == others


@pytest.mark.parametrize(
    ("video_id", "expected"),
    [
        ("v.mp4", "{folder}/v.mp4"),
        ("link/v.mp4", "{folder}/link/v.mp4"),
        ("link/../v.mp4", "{folder}/v.mp4"),
        ("./a//b/./v.mp4", "{folder}/a/b/v.mp4"),
        ("a/b/", "{folder}/a/b"),
        ("", "{folder}"),
        ("/x/../y/v.mp4", "/y/v.mp4"),
        ("../" * 50 + "v.mp4", "/v.mp4"),
        ("loop/v.mp4", "{folder}/loop/v.mp4"),
        ("s3://bucket/a/../v.mp4", "s3://bucket/a/../v.mp4"),
        ("s3:/v", "{folder}/s3:/v"),
        ("\ud83d.mp4", "{folder}/\ud83d.mp4"),
    ],
)
def test_to_normalize_is_to_follow_no_links(
    video_id: str, expected: str, folder: Path, lookups: Callable[[], int]
) -> None:
    """The system is not asked, so that there is nothing that cannot be resolved."""
    normalize, notices = chosen(Paths.NORMALIZE, folder)
    lookups()
    assert expected.format(folder=folder) == normalize(0, video_id)
    assert (lookups(), notices) == (0, [])


@pytest.mark.parametrize("video_id", ["", "link/../v.mp4", "/x//y", "s3://b/v", "a\0b", "\ud83d"])
def test_to_keep_is_to_change_nothing(video_id: str, folder: Path, lookups: Callable[[], int]) -> None:
    """Whatever it is."""
    keep, notices = chosen(Paths.KEEP, folder)
    lookups()
    assert video_id == keep(0, video_id)
    assert (lookups(), notices) == (0, [])


def test_the_base_is_resolved_normalized_or_both(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank, it is the working directory; only to resolve it is to follow its links."""
    monkeypatch.chdir(folder)
    assert str(folder.resolve() / "a" / "b") == base_of("link") == base_of(folder / "a" / ".." / "link")
    assert str(folder / "link") == base_of("link", Paths.NORMALIZE) == base_of("x/../link/", Paths.NORMALIZE)
    for choice in Paths:
        assert str(folder) == base_of(None, choice) == base_of(" ", choice) == base_of("", choice)
        assert str(folder / "gone") == base_of("gone", choice)
        assert base_of("/", choice) == "/"


def test_a_base_that_cannot_be_resolved_is_refused() -> None:
    """Nothing can be relative to it."""
    with pytest.raises(ConfigurationError, match="folder for videos 'a.x00b' .* cannot be resolved"):
        base_of("a\0b")


@pytest.mark.parametrize("choice", [Paths.RESOLVE, Paths.NORMALIZE])
@pytest.mark.parametrize("base", ["s3://bucket/videos", "s3://bucket/videos/"])
def test_a_base_may_be_a_url(choice: Paths, base: str, folder: Path) -> None:
    """What is relative is below it; what is absolute, or a URL, is not."""
    resolve, notices = chosen(choice, base_of(base, choice))
    assert resolve(0, "a/../v.mp4") == "s3://bucket/videos/v.mp4"
    assert resolve(0, "link/v.mp4") == "s3://bucket/videos/link/v.mp4"
    assert resolve(0, "https://host/v.mp4") == "https://host/v.mp4"
    assert ["s3://bucket/videos"] * 2 == [resolve(0, ""), resolve(0, "./")]
    followed = folder.resolve() / "a" / "b" if choice is Paths.RESOLVE else folder / "link"
    assert str(followed / "v.mp4") == resolve(0, f"{folder}/link/v.mp4")
    assert notices == []


def test_a_url_has_slashes_on_any_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever parts of a path have between them there."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "path", ntpath)
        found = url_below("s3://bucket/videos", "a/../b//v.mp4")
    assert found == "s3://bucket/videos/b/v.mp4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://b", True),
        ("HTTP://h/x", True),
        ("a.b+c-1://", True),
        ("c://x", False),
        ("1a://", False),
        ("a s3://", False),
    ],
)
def test_a_url_begins_with_a_scheme(text: str, expected: bool) -> None:
    """Of two letters at least: one is a drive."""
    assert expected == is_url(text)
