from __future__ import annotations

import io
import json
import os
import signal
import tempfile
import threading
import tracemalloc
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamgaps import (
    InputError,
    MalformedInputError,
    NotAnArrayError,
    OutputError,
    RecordError,
    SourceError,
    iter_gaps,
)
from streamgaps.beside.index import index_labels, index_videos
from streamgaps.beside.lookup import Index, IndexFile, Marks
from streamgaps.fields import Fields
from streamgaps.scratch import temporary_folder
from streamgaps.stages.join import Found, key_bytes
from streamgaps.stages.read import Reader, Shape
from tests.strategies import JSON

FIELDS = Fields(key=("id",))
MiB = 1024 * 1024


def lines(*records: object) -> BinaryIO:
    """Return a file of JSON Lines."""
    return io.BytesIO("".join(f"{json.dumps(record)}\n" for record in records).encode())


def labels(
    folder: Path, source: Any, fields: Fields = FIELDS, *, reader: Reader = Reader.AUTO, **options: Any
) -> IndexFile:
    """Index labels."""
    options = {"allows_ambiguous": False, **options}
    return index_labels(source, str(folder), fields=fields, shape=Shape(reader=reader), **options)


def videos(folder: Path, source: Any, *bases: str, **options: Any) -> IndexFile:
    """Index annotations."""
    options = {"allows_ambiguous": False, **options}
    return index_videos(source, str(folder), bases=bases or ("/media",), shape=Shape(), **options)


def found_in(file: IndexFile, *keys: object) -> list[Found | None]:
    """Look keys up."""
    with closing(Index(file)) as index:
        return [index.find(key_bytes(key) or b"") for key in keys]


class Generated:
    """A binary file of many records, made as they are read."""

    def __init__(self, line: str, count: int) -> None:
        self._lines = (line % number for number in range(count))

    def read(self, _: int = -1) -> bytes:
        """Make some lines."""
        return "".join(line for _, line in zip(range(500), self._lines, strict=False)).encode()


@pytest.mark.parametrize("reader", list(Reader))
def test_labels_are_found_by_key(tmp_path: Path, reader: Reader) -> None:
    """With what a prediction may lack; a number and a text are two keys."""
    fields = FIELDS._replace(gt=("truth", "0"), carried=(("split", ("split",)),))
    records = [
        {"id": 1, "truth": ["yes"], "video_id": "a", "more": [1]},
        {"id": "1", "truth": [0], "question": None, "split": {"x": [1.5]}},
        {"id": 2**70, "truth": [None]},
    ]
    file = labels(tmp_path, lines(*records), fields, reader=reader)
    assert ("<stream>", 3) == (file.name, file.records)
    assert found_in(file, 1, "1", 2**70, 2, "2", "") == [
        Found(0, is_ambiguous=False, values={"gt": "yes", "video_id": "a"}),
        Found(1, is_ambiguous=False, values={"gt": 0, "question": None, "carried_0": {"x": [1.5]}}),
        Found(2, is_ambiguous=False, values={"gt": None}),
        None,
        None,
        None,
    ]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers() | st.text(), JSON), min_size=1, max_size=6, unique_by=lambda pair: repr(pair[0]))
)
def test_any_value_comes_back_as_it_was(pairs: list[tuple[object, object]]) -> None:
    """And any text or whole number is a key."""
    with tempfile.TemporaryDirectory() as folder:
        file = labels(Path(folder), lines(*({"id": key, "gt": value} for key, value in pairs)))
        found = found_in(file, *(key for key, _ in pairs))
    assert repr([value for _, value in pairs]) == repr([one.values["gt"] for one in found if one])


def test_a_lone_surrogate_is_kept(tmp_path: Path) -> None:
    """In a key and in a value, though no database takes it for text."""
    file = labels(tmp_path, lines({"id": "\ud83d", "gt": "\udcff"}))
    assert [Found(0, is_ambiguous=False, values={"gt": "\udcff"})] == found_in(file, "\ud83d")


@pytest.mark.parametrize("again", [{"id": "b", "gt": "no"}, {"id": "b", "gt": "yes"}])
def test_a_key_given_twice_is_an_error_or_marked(tmp_path: Path, again: dict[str, str]) -> None:
    """Whatever the labels say; the first of such keys is named, and the others are counted."""
    records = [{"id": "a", "gt": "no"}, {"id": "b", "gt": "no"}, again, {"id": 7, "gt": "no"}, {"id": 7, "gt": "no"}]
    with pytest.raises(InputError) as caught:
        labels(tmp_path, lines(*records))
    assert str(caught.value) == (
        "<stream>: the key 'b' is given twice (as are 1 more); --unmatched skip leaves its samples out"
    )
    (tmp_path / "labels.sqlite").unlink()
    file = labels(tmp_path, lines(*records), allows_ambiguous=True)
    assert [False, True, True] == [one.is_ambiguous for one in found_in(file, "a", "b", 7) if one]


def test_videos_are_found_by_id(tmp_path: Path) -> None:
    """Or images, where there is no video; an id may be given again with the same one."""
    records = [
        {"id": "a", "video": "v/a.mp4", "image": "x"},
        {"id": 7, "image": "b.jpg"},
        {"id": "a", "video": "v/a.mp4"},
    ]
    file = videos(tmp_path, lines(*records))
    assert [{"video_id": "v/a.mp4"}, {"video_id": "b.jpg"}, None] == [
        one and one.values for one in found_in(file, "a", 7, "7")
    ]


def test_videos_are_known_by_their_paths(tmp_path: Path) -> None:
    """In any spelling, without links being followed; a URL is one."""
    records = [{"id": 1, "video": "v/a.mp4"}, {"id": 2, "video": "/else/b.mp4"}, {"id": 3, "video": "s3://bucket/c"}]
    file = videos(tmp_path, lines(*records))
    with closing(Index(file)) as index:
        for known in ("v/a.mp4", "./v//a.mp4", "/media/v/a.mp4", "/media/x/../v/a.mp4", "/else/b.mp4", "s3://bucket/c"):
            assert index.has_path(known), known
        for unknown in ("a.mp4", "/v/a.mp4", "b.mp4", "1", "", "\0", "\ud83d", "v/A.mp4"):
            assert not index.has_path(unknown), unknown


def test_videos_are_known_below_all_names_of_their_folder(tmp_path: Path) -> None:
    """As it was given, and with links followed; what is relative is relative to either."""
    file = videos(tmp_path, lines({"id": 1, "video": "v.mp4"}), "/link", "/real")
    with closing(Index(file)) as index:
        assert [True, True, True, False] == [
            index.has_path(one) for one in ("/link/v.mp4", "/real/v.mp4", "v.mp4", "/v.mp4")
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        [{"id": "a", "video": "other"}],
        [{"id": "z"}],
        [{"id": "z", "video": None}, {"id": "z"}],
        [{"id": "z", "video": 5}],
        [{"id": "z", "video": None, "image": "i.jpg"}, {"id": "a"}],
    ],
)
def test_an_id_with_two_videos_or_none_is_an_error_or_marked(tmp_path: Path, wrong: list[dict[str, Any]]) -> None:
    """What is said of other ids stays right."""
    records = [{"id": "a", "video": "v"}, {"id": "good", "video": "v"}, *wrong]
    with pytest.raises(InputError, match="^<stream>: the key '[az]' has no video, or two different ones"):
        videos(tmp_path, lines(*records))
    (tmp_path / "videos.sqlite").unlink()
    file = videos(tmp_path, lines(*records), allows_ambiguous=True)
    assert [False, True] == [one.is_ambiguous for one in found_in(file, "good", wrong[-1]["id"]) if one]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (5, "item 1 is not an object"),
        ([], "item 1 is not an object"),
        ({"id": "b"}, "item 1: missing 'gt'"),
        ({"gt": "no"}, "item 1: missing 'id' (key)"),
        ({"id": None, "gt": "no"}, "item 1: 'id' (key) must be a string or a whole number, to be a key, not null"),
        ({"id": 1.0, "gt": "no"}, "item 1: 'id' (key) must be a string or a whole number, to be a key, not number"),
        ({"id": False, "gt": "no"}, "item 1: 'id' (key) must be a string or a whole number, to be a key, not boolean"),
        ({"id": ["b"], "gt": "no"}, "item 1: 'id' (key) must be a string or a whole number, to be a key, not array"),
    ],
)
@pytest.mark.parametrize("form", ["array", "jsonl"])
def test_an_error_names_file_item_and_line(tmp_path: Path, bad: object, message: str, form: str) -> None:
    """As one in the predictions does."""
    path = tmp_path / "labels.json"
    records = [{"id": "a", "gt": "no"}, bad]
    path.write_text(json.dumps(records) if form == "array" else "\n\n".join(map(json.dumps, records)) + "\n")
    with pytest.raises(RecordError) as caught:
        labels(tmp_path, path)
    line = " (line 3)" if form == "jsonl" else ""
    assert f"{path}: {message}{line}" == str(caught.value)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"", MalformedInputError, "malformed JSON at byte 0: nothing in it"),
        (b"17", NotAnArrayError, "must be a JSON array"),
        (b'{"id": 1, "gt": "no"}\n{"id": 2', MalformedInputError, "the input ends inside a record"),
        (b'[{"id": 1, "gt": "no"}, nope]', MalformedInputError, "malformed JSON at byte 24"),
        (None, SourceError, "there is no such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, kind: type[Exception], message: str
) -> None:
    """Broken lines are no records to be skipped here."""
    path = tmp_path / "labels.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind) as caught:
        labels(tmp_path, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_marks_tell_which_labels_were_not_used(tmp_path: Path) -> None:
    """Not those that are ambiguous; the first by its place in the file, and not by its key."""
    keys: list[object] = ["z", 10, "a", "twice", 9, "twice", *range(100, 150)]
    records = [{"id": key, "gt": "no"} for key in keys]
    marks = Marks(labels(tmp_path, lines(*records), allows_ambiguous=True))
    assert marks.ambiguous() == 1
    assert marks.unused() == (54, "'z'")
    marks.set(0)
    assert marks.unused() == (53, "10")
    marks.set_all(array("Q", [1, 4, 1, *range(6, 56)]).tobytes())
    assert marks.unused() == (1, "'a'")
    marks.set(2)
    assert marks.unused() == (0, "")


def test_no_labels_are_all_used(tmp_path: Path) -> None:
    """An empty array has none."""
    file = labels(tmp_path, io.BytesIO(b"[]"))
    assert Marks(file).unused() == (0, "")
    assert [None] == found_in(file, "a")


@pytest.fixture
def traced() -> Iterator[None]:
    """Count memory."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
def test_the_memory_for_many_labels_is_bounded(tmp_path: Path) -> None:
    """One bit for each: 100,000 of them are 20 MB of text."""
    line = '{"id": "%06d", "gt": "yes", "video_id": "' + "v" * 90 + '", "question": "' + "q" * 60 + '"}\n'
    file = labels(tmp_path, cast("BinaryIO", Generated(line, 100_000)))
    marks = Marks(file)
    with closing(Index(file)) as index:
        for number in range(0, 100_000, 1000):
            found = index.find(b"s%06d" % number)
            assert found is not None
            marks.set(found.number)
    assert marks.unused() == (99_900, "'000001'")
    assert tracemalloc.get_traced_memory()[1] < 2 * MiB
    assert os.path.getsize(file.path) > 15 * MiB  # noqa: PTH202 -- a text


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
def test_the_memory_for_many_videos_is_bounded(tmp_path: Path) -> None:
    """The rest of an annotation is not kept at all."""
    line = '{"id": "%06d", "video": "v.mp4", "conversations": [{"value": "' + "x" * 200 + '"}]}\n'
    source = Generated(line, 20_000)
    file = videos(tmp_path, cast("BinaryIO", source))
    assert file.records == 20_000
    assert tracemalloc.get_traced_memory()[1] < 2 * MiB


def test_the_folder_is_gone_at_the_end() -> None:
    """With what is in it."""
    with temporary_folder() as folder:
        assert Path(folder).name.startswith("streamgaps-")
        labels(Path(folder), lines({"id": 1, "gt": "no"}))
    assert not Path(folder).exists()


@pytest.mark.parametrize("call", ["__init__", "cleanup"])
def test_a_signal_leaves_no_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Neither where it has just been made, nor where it is about to be removed: nobody else would ever remove it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real = getattr(tempfile.TemporaryDirectory, call)

    def signalled(self: Any, *arguments: Any, **options: Any) -> None:
        if call == "cleanup":
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # os.kill(): to any thread, which may let it in
        real(self, *arguments, **options)
        if call == "__init__":
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tempfile.TemporaryDirectory, call, signalled)
        with temporary_folder():
            assert call == "cleanup"
    assert list(tmp_path.iterdir()) == []


def test_a_generator_leaves_the_choice_which_signals_wait_to_others() -> None:
    """While it is suspended, and when it ends."""

    def gaps() -> Iterator[object]:
        record = {"id": 1, "video_id": "/v", "response": "yes"}
        return iter_gaps(lines(record, record), ground_truth=lines({"id": 1, "gt": "no"}), on="id")

    def waiting() -> set[int]:
        return {*signal.pthread_sigmask(signal.SIG_BLOCK, [])} & {signal.SIGTERM, signal.SIGUSR1}

    assert waiting() == set()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    suspended = gaps()
    next(suspended)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    assert len(list(suspended)) == 1
    assert waiting() == set()
    suspended = gaps()
    next(suspended)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    cast("Any", suspended).close()
    try:
        assert waiting() == {signal.SIGTERM, signal.SIGUSR1}
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGUSR1])


def test_an_index_that_cannot_be_written_is_told() -> None:
    """With the folder, and what leads to another."""
    message = f"^the temporary folder {tempfile.gettempdir()} cannot be used: .*; let TMPDIR name another$"
    with pytest.raises(OutputError, match=message), temporary_folder() as folder:
        labels(Path(folder) / "none", lines({"id": 1, "gt": "no"}))


def test_a_temporary_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here, in a folder that is none."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(
        OutputError, match="^a temporary folder cannot be made: No such file.*; let TMPDIR name another$"
    ):
        next(iter_gaps(io.BytesIO(b"[]"), ground_truth=lines({"id": 1, "gt": "no"}), on="id"))


def test_a_run_leaves_no_index_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither at its end, nor where it is broken off, nor after an error."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    record = {"id": 1, "video_id": "/v", "response": "yes"}

    def gaps(*records: object) -> Iterator[object]:
        return iter_gaps(lines(*records), ground_truth=lines({"id": 1, "gt": "no"}), on="id")

    assert len(list(gaps(record, record))) == 2
    assert not list(tmp_path.iterdir())
    begun = gaps(record, record)
    next(begun)
    assert len(list(tmp_path.iterdir())) == 1
    begun.close()  # type: ignore[attr-defined]  # it is a generator
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError):
        list(gaps(record, {"id": 2}))
    assert not list(tmp_path.iterdir())
