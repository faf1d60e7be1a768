"""Inputs and settings that once went wrong."""

from __future__ import annotations

import io
import json
import re
import threading
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import streamgaps
from streamgaps import InputError, Skip, Tally, analyze, iter_gaps
from streamgaps.decoding.blocks import GIANT_BYTES
from streamgaps.outputs.names import GAPS_NAME
from streamgaps.parallel import dispatch as dispatch_module
from streamgaps.parallel import ranges
from streamgaps.stages.read import Format, Reader, Shape, make_reader, read, read_with
from streamgaps.writing import Writing
from tests.conftest import names
from tests.doubles import Here, cut
from tests.runs import RANGES, in_a_row, in_parts

if TYPE_CHECKING:
    from streamgaps.parallel.units import Part

GAP = {"video_id": "/v", "response": "yes", "gt": "no"}
READERS = pytest.mark.parametrize("reader", list(Reader))


def lines(*records: object) -> bytes:
    """Write JSON Lines; what is a text already stays."""
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in records)


def found(data: bytes, size: int, reader: Reader) -> list[Any]:
    """Read JSON Lines whose broken lines are skipped; return a name for each record, and the text of what is broken."""
    shape = Shape(Format.JSONL, reader=reader, skips_broken=True)
    items = [item for batch in read(cut(data, size), shape) for item in batch]
    return [
        item["video_id"]
        if isinstance(item, dict)
        else getattr(item, "video_id", None) or item.text.decode("utf-8", "replace")
        for item in items
    ]


@pytest.mark.parametrize("form", ["array", "jsonl"])
def test_a_token_without_end_ends_the_run_of_several_processes_too(tmp_path: Path, form: str) -> None:
    """It filled a range in which nothing ended, and was read again for ever."""
    path = tmp_path / "p.json"
    begin = b"[" + json.dumps(GAP).encode() + b"," if form == "array" else lines(GAP)
    path.write_bytes(begin + b"1" * (2 + ranges._LONGEST_READ_ON) * ranges.RANGE_BYTES)
    said = []
    for jobs in (1, 2):
        with pytest.raises(InputError, match="a number of more than") as caught:
            analyze(path, tmp_path / "gaps", jobs=jobs, format=form)
        said.append(str(caught.value))
    assert said[0] == said[1]


@READERS
@pytest.mark.parametrize("size", [1, 7, 64, 65536])
def test_a_broken_line_takes_no_other_line_with_it(reader: Reader, size: int) -> None:
    """Though what it begins goes on there, or is no UTF-8; one broken line is one broken record."""
    records = [GAP | {"video_id": f"/{number}"} for number in range(4)]
    data = lines(records[0], b'{"x":', records[1], b"\xff", records[2], b'{"a": [true,"} {"x":["\xf0\x9f ', records[3])
    expected = ["/0", '{"x":', "/1", "\ufffd", "/2", '{"a": [true,"} {"x":["\ufffd ', "/3"]
    assert expected == found(data, size, reader)


@READERS
@pytest.mark.parametrize("size", [1, 7, 64, 65536])
def test_what_is_shown_of_a_broken_line_does_not_depend_on_blocks(reader: Reader, size: int) -> None:
    """It is the beginning of the line."""
    assert ["tru, 1, 2", "s\ufffd" + "x" * 100] == found(lines(b"tru, 1, 2", b"s\xff" + b"x" * 100), size, reader)


@pytest.mark.slow
@READERS
def test_long_good_lines_behind_a_broken_one_are_found_or_missed_aloud(reader: Reader) -> None:
    """Where it can only be told behind them that it is broken."""
    for megabytes in (3, 9, 20):
        large = GAP | {"video_id": "/large", "pad": "x" * megabytes * 10**6}
        data = lines(GAP, b'{"x":', large, GAP)
        if megabytes < 16:
            assert ["/v", '{"x":', "/large", "/v"] == found(data, 65536, reader)
        else:
            with pytest.raises(InputError, match="behind the line on which the record begins; the last complete"):
                found(data, 65536, reader)


@READERS
def test_a_line_longer_than_a_record_may_be_is_not_collected(reader: Reader) -> None:
    """Whatever it begins with; the error says so."""

    def endless(begin: bytes) -> Any:
        yield b'{"a": 1}\n' + begin
        for _ in range(100):
            yield b"1" * 65536
        raise AssertionError

    for begin in (b'"', b"1", b'{"a": "'):
        items = read(endless(begin), Shape(Format.JSONL, reader=reader, max_record_bytes=200_000))
        with pytest.raises(InputError, match="item 1 is longer than 200,000 bytes; --max-record-bytes allows more"):
            list(items)


@READERS
def test_an_error_names_the_line_of_a_long_record(reader: Reader) -> None:
    """Also where it was read event by event."""
    data = lines(GAP, {"pad": "x" * 9_000_000, "response": "yes", "gt": "no"})
    with pytest.raises(InputError, match=r"item 1: missing 'video_id' \(line 2\)"):
        list(iter_gaps(io.BytesIO(data), reader=reader))


def test_ground_truth_may_be_an_open_file_though_several_processes_read(tmp_path: Path) -> None:
    """It stays here."""
    path = tmp_path / "p.jsonl"
    path.write_bytes(lines(*({"id": number, "video_id": "/v", "response": "yes"} for number in range(100))))
    labels = io.BytesIO(lines(*({"id": number, "gt": "no"} for number in range(100))))
    tally = analyze(path, tmp_path / "gaps", jobs=2, ground_truth=labels, on="id")
    assert 100 == tally.false_positives


def test_gaps_may_be_taken_by_another_thread() -> None:
    """With an index open in the first."""
    records = [{"id": number, "video_id": "/v", "response": "yes"} for number in range(2)]
    labels = io.BytesIO(lines(*({"id": number, "gt": "no"} for number in range(2))))
    gaps = iter_gaps(io.BytesIO(lines(*records)), ground_truth=labels, on="id")
    taken = [next(gaps)]
    thread = threading.Thread(target=lambda: taken.extend(gaps))
    thread.start()
    thread.join()
    assert [0, 1] == [gap.index for gap in taken]


def test_a_skipped_record_uses_its_label() -> None:
    """So that none is left over."""
    labels = io.BytesIO(lines({"id": 1, "gt": "no"}, {"id": 2, "gt": "no"}))
    records = io.BytesIO(lines({"id": 1, "video_id": "/v", "response": "yes"}, {"id": 2}))
    tally = Tally()
    skips: list[Any] = []
    list(iter_gaps(records, ground_truth=labels, on="id", on_invalid="skip", tally=tally, on_warning=skips.append))
    assert (1, 1) == (tally.false_positives, len(skips))


def test_who_has_no_annotation_is_skipped_and_not_compared(tmp_path: Path) -> None:
    """However clear its answers are; what is known of it is in the file of skipped samples."""
    annotations = io.BytesIO(b'[{"id": "a", "video": "a.mp4"}]')
    records = io.BytesIO(lines(GAP | {"video_id": "a"}, GAP | {"video_id": "b", "kind": "k"}))
    skipped = tmp_path / "skipped.jsonl"
    tally = analyze(
        records,
        tmp_path / "gaps",
        annotations=annotations,
        media_dir="/m",
        unmatched="skip",
        skipped=skipped,
        carry=["kind"],
        on_warning=lambda _: None,
    )
    assert (1, 1) == (tally.false_positives, tally.skipped.total())
    (line,) = map(json.loads, skipped.read_bytes().splitlines())
    assert ("b", "no match", "yes", "k") == (line["video_id"], line["reason"], line["response"], line["kind"])


def test_a_path_through_a_link_is_one_of_the_annotated_paths(tmp_path: Path) -> None:
    """However it is written."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for name in ("link", "real"):
        records = io.BytesIO(lines(GAP | {"video_id": str(tmp_path / name / "x.mp4")}))
        annotations = io.BytesIO(b'[{"id": "a", "video": "x.mp4"}]')
        gaps = list(iter_gaps(records, annotations=annotations, media_dir=tmp_path / "link"))
        assert [str(tmp_path / "real" / "x.mp4")] == [gap.video_id for gap in gaps]


def test_the_file_of_skipped_samples_replaces_no_input(tmp_path: Path) -> None:
    """Nor removes one, where nothing is skipped; of a folder that it is in, it is no input."""
    path = tmp_path / "p.jsonl"
    path.write_bytes(lines(GAP))
    with pytest.raises(streamgaps.ConfigurationError, match="would replace an input"):
        analyze(path, tmp_path / "gaps", skipped=tmp_path / "." / "p.jsonl")
    (tmp_path / "skipped.jsonl").write_bytes(b"{}\n")
    assert 1 == analyze(tmp_path, tmp_path / "gaps", skipped=tmp_path / "skipped.jsonl").records
    assert ["gaps", "p.jsonl"] == names(tmp_path)


@pytest.mark.parametrize("options", [{"results_dir": "s3://bucket/gaps"}, {"skipped": "s3://bucket/skipped"}])
def test_results_are_not_written_to_a_folder_that_is_named_like_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str]
) -> None:
    """Somebody would look for them elsewhere."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(streamgaps.ConfigurationError, match="is a URL, s3://bucket/"):
        analyze(io.BytesIO(lines(GAP)), **{"results_dir": "gaps", **options})  # type: ignore[arg-type]
    assert [] == names(tmp_path)


def test_a_folder_of_videos_may_be_a_url() -> None:
    """It is not mangled."""
    records = lines(*(GAP | {"video_id": name} for name in ("a/../b.mp4", "/c.mp4", "https://d/e.mp4")))
    gaps = list(iter_gaps(io.BytesIO(records), videos_dir="s3://bucket/videos/"))
    assert ["s3://bucket/videos/b.mp4", "/c.mp4", "https://d/e.mp4"] == [gap.video_id for gap in gaps]


def test_a_run_that_skips_all_says_so(run: Any, tmp_path: Path) -> None:
    """That there are no gaps says nothing then."""
    (tmp_path / "p.jsonl").write_bytes(lines(GAP | {"gt": "?"}))
    assert '"event":"streamgaps.nothing_compared"' in run("streamgaps", "analyze", "p.jsonl", "-o", "gaps").stderr


def test_long_records_of_skipped_samples_are_sent_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label may be longer than the prediction that it is joined to, and be used often."""
    monkeypatch.setattr(dispatch_module, "PIECE_BYTES", 100_000)
    path = tmp_path / "p.jsonl"
    path.write_bytes(lines(*[{"id": 1, "video_id": "v", "response": "maybe"}] * 4000))
    labels = lines({"id": 1, "gt": "no", "question": "Q" * 1000})
    lengths: list[int] = []

    def spy(writing: Any, name: str, part: Part) -> None:
        lengths.append(sum(len(notice.record or b"") for notice in part.notices if isinstance(notice, Skip)))
        take(writing, name, part)

    take = Writing.take
    monkeypatch.setattr(Writing, "take", spy)
    options: dict[str, Any] = {"ground_truth": io.BytesIO(labels), "on": "id", "on_warning": lambda _: None}
    tally = analyze(path, tmp_path / "gaps", jobs=2, skipped=tmp_path / "s", **options)
    assert 4000 == tally.skipped.total()
    assert len(lengths) > 1


@pytest.mark.parametrize(
    ("fields", "carry"),
    [
        ({"gt": "x.--0"}, []),
        ({"gt": "x." + "9" * 30}, []),
        ({"response": "<video_id>", "video_id": "a.b"}, []),
        ({"gt": "<carried_0>"}, ["a.b"]),
    ],
)
def test_odd_paths_lead_nowhere_or_somewhere(fields: dict[str, str], carry: list[str]) -> None:
    """And are no reason to fall over."""
    record = GAP | {"<video_id>": "yes", "<carried_0>": "no", "a": {"b": "/w"}, "x": [1]}
    tally = Tally()
    list(
        iter_gaps(
            io.BytesIO(lines(record)),
            fields=fields,
            carry=carry,
            on_invalid="skip",
            tally=tally,
            on_warning=lambda _: None,
        )
    )
    assert 1 == tally.records


@pytest.mark.parametrize("path", ["", "a..b", 'a"b', "a\\b", "a\nb", "a\udcff", ["a"]])
def test_a_path_that_no_decoder_can_be_told_of_is_refused(path: Any) -> None:
    """With a sentence."""
    with pytest.raises(streamgaps.ConfigurationError, match="the path"):
        list(iter_gaps(io.BytesIO(b"[]"), fields={"gt": path}))


def test_messages_do_not_grow_with_keys() -> None:
    """Nor do they show passwords."""
    records = lines({"id": "k" * 10**6, "video_id": "/v", "response": "yes"})
    labels = io.BytesIO(lines({"id": 1, "gt": "no"}))
    with pytest.raises(InputError) as caught:
        list(iter_gaps(io.BytesIO(records), ground_truth=labels, on="id"))
    assert len(str(caught.value)) < 500


def test_a_password_is_not_logged(run: Any) -> None:
    """Not even with the settings."""
    result = run("streamgaps", "analyze", "-v", "https://user:secret@127.0.0.1:1/x.json", "-o", "gaps")
    assert result.returncode in (2, 3)
    assert "127.0.0.1" in result.stderr
    assert "secret" not in result.stderr


def test_a_value_nested_beyond_reason_in_a_label_is_an_error() -> None:
    """Of ours."""
    for levels in (900, 950, 975, 985, 990):
        label = b'{"id": 1, "gt": "no", "question": ' + b"[" * levels + b"]" * levels + b"}"
        records = io.BytesIO(lines({"id": 1, "video_id": "/v", "response": "yes"}))
        try:
            list(iter_gaps(records, ground_truth=io.BytesIO(label), on="id"))
        except InputError as error:
            assert "nested too deep" in str(error)


def test_a_rule_with_a_state_is_asked_again(tmp_path: Path) -> None:
    """What it said in another run does not count."""

    class Rule:
        said = "yes"
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, _: str) -> str:
            return self.said

    rule = Rule()
    assert 1 == analyze(io.BytesIO(lines(GAP)), tmp_path / "gaps", rule=rule).false_positives
    rule.said = "no"
    assert 1 == analyze(io.BytesIO(lines(GAP)), tmp_path / "gaps", rule=rule).correct
    assert not (tmp_path / "gaps" / GAPS_NAME).exists()


@pytest.mark.parametrize("range_bytes", [1000, None])
def test_progress_never_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, range_bytes: int | None) -> None:
    """From one input to the next, read by one process or by several."""
    monkeypatch.setitem(RANGES, "range_bytes", range_bytes)
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        path.write_bytes(lines(*[GAP] * 1000))
    for jobs in (1, 2):
        seen: list[int] = []
        analyze(paths, tmp_path / "gaps", jobs=jobs, on_progress=lambda done, _: seen.append(done))  # noqa: B023
        assert sorted(seen) == seen
        assert sum(path.stat().st_size for path in paths) == seen[-1]


def test_what_is_found_before_an_error_goes_to_a_stream() -> None:
    """As `iter_gaps` yields it; what went there cannot be taken back anyway."""
    out = io.BytesIO()
    with pytest.raises(InputError, match="item 1 is not an object"):
        analyze(io.BytesIO(lines(GAP, 5, GAP)), out)
    assert 1 == out.getvalue().count(b"\n")


@pytest.mark.parametrize(
    "options",
    [
        {"max_record_bytes": "x"},
        {"labels": "yes"},
        {"labels": {"yes": [{1}]}},
        {"fields": "a=b"},
        {"carry": 5},
        {"carry": ["=a"]},
        {"prefix": 5},
        {"prefix": "item", "format": "jsonl"},
        {"videos_dir": 5},
        {"rule": ["x"]},
    ],
)
def test_options_of_the_wrong_type_are_refused(options: dict[str, Any]) -> None:
    """With an error of ours."""
    with pytest.raises(streamgaps.ConfigurationError):
        list(iter_gaps(io.BytesIO(b"[]"), **options))


def test_videos_at_a_url_are_annotated_paths() -> None:
    """Whether they are given by their id or by their path."""
    records = lines(*(GAP | {"video_id": name} for name in ("a", "s3://m/x.mp4", "x.mp4")))
    annotations = io.BytesIO(b'[{"id": "a", "video": "x.mp4"}]')
    gaps = list(iter_gaps(io.BytesIO(records), annotations=annotations, media_dir="s3://m"))
    assert ["s3://m/x.mp4"] * 3 == [gap.video_id for gap in gaps]


@pytest.mark.parametrize("executor", [None, Here()])
def test_a_long_record_that_ijson_refuses_is_not_taken_for_a_broken_line(tmp_path: Path, executor: Here | None) -> None:
    """What is in it on lines of its own is no record; and the jobs agree."""
    path = tmp_path / "p.jsonl"
    inner = json.dumps(GAP | {"video_id": "/inner"})
    long = '{"s": "\\ud83d", "history": [\n' + inner + '\n, "' + "q" * 9_000_000 + '"]}'
    path.write_text("\n".join([json.dumps(GAP), long, json.dumps(GAP)]))
    found = io.BytesIO()
    with pytest.raises(InputError, match=r"\(line 2\): the lone surrogate \\ud83d; the last complete item is 0"):
        analyze(path, found, on_invalid="skip", executor=executor)
    assert 1 == len(found.getvalue().splitlines())


@pytest.mark.slow
def test_nothing_behind_a_long_broken_line_is_left_out() -> None:
    """Though it was collected with it, and given to another reader, which looked at a part of it."""
    broken = b'{"pad": "' + b"x" * 3_000_000 + b'", "more": [}'
    for size in (65536, 12_000_000):
        data = lines(GAP, broken, *[GAP] * 150_000)
        names = found(data, size, Reader.AUTO)
        assert 150_001 == names.count("/v")
        assert 150_002 == len(names)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["array", "jsonl"])
@pytest.mark.parametrize("more", [-20, 2, 30_000, 70_000])
def test_which_reader_a_long_record_is_for_does_not_depend_on_blocks(form: str, more: int) -> None:
    """Its length decides: one of 8 MiB is read whole, and what only `json` reads is refused in a longer one."""
    head = json.dumps(GAP)[:-1] + ', "s": "\\ud83d", "pad": "'
    record = head + "x" * (GIANT_BYTES + more - len(head) - 2) + '"}'
    assert len(record) == GIANT_BYTES + more
    for before in (0, 1, 777):
        records = [*[json.dumps(GAP)] * before, record]
        text = "[" + ",\n ".join(records) + "]" if form == "array" else "\n".join(records)
        outcomes = set()
        for size in (20_011, 50_001, 65_536):
            reader = make_reader(Shape(Format(form)), Format(form))
            try:
                batches = read_with(reader, cut(text.encode(), size), Shape(Format(form)))
                outcomes.add(str(sum(map(len, batches))))
            except InputError as error:
                outcomes.add(str(error).partition("at byte")[0])
        assert {str(before + 1) if more < 2 else "unsupported JSON "} == outcomes


@pytest.mark.parametrize("lead", [0, 200_000, 600_000])
@pytest.mark.parametrize("first", [b"\x01", b"\\q"])
@pytest.mark.parametrize("second", [b"\\ud83d", b"\xff"])
def test_the_first_error_of_a_long_text_is_said(lead: int, first: bytes, second: bytes) -> None:
    """Though the text is given to ijson in parts, and what comes later is looked at before."""
    data = b'[{"a":"' + b"x" * (lead + 70_000) + first + b"x" * 70_000 + second + b"x" * 70_000 + b'"}]'
    said = set()
    for size in (65_536, 10_000_000):
        with pytest.raises(InputError, match=f"malformed JSON at byte {70_007 + lead}: ") as caught:
            list(read(cut(data, size), Shape(reader=Reader.IJSON)))
        said.add(str(caught.value).split(": ")[0])
    assert len(said) == 1


@pytest.mark.slow
def test_an_escaped_text_that_is_ignored_takes_little_memory() -> None:
    """Of 9 MiB, all of it escapes: it took 400 MiB."""
    data = json.dumps([GAP | {"x": "\\" * 4_700_000}]).encode()
    tracemalloc.start()
    try:
        assert [1] == [len(batch) for batch in read(cut(data, 65_536)) if batch]
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["array", "jsonl"])
@pytest.mark.parametrize("fault", ['"\x01"', '"\udc80"', "!", "}"])
@pytest.mark.parametrize("place", [500_000, 1_500_000, 6_000_000])
def test_what_is_wrong_with_a_long_record_does_not_depend_on_what_came_before_it(
    tmp_path: Path, place: int, fault: str, form: str
) -> None:
    """Nor on who reads it: `json` looks at the beginning of it only, and then ijson, which objects to NaN."""
    value = f'"{"x" * 17}",'
    records = [
        '{"video_id": "a", "response": "yes", "gt": "no", "x": [' + value * (length // 20) + "0]}"
        for length in (40, 3_000_000)
    ]
    values = "NaN," + value * (place // 20) + fault + "," + value * 460_000 + "0"
    wrong = '{"video_id": "b", "response": "yes", "gt": "no", "x": [' + values + "]}"
    path = tmp_path / "p.json"
    words = set()
    for before in records:
        lines = [before, wrong, records[0]]
        text = "\n".join(lines) if form == "jsonl" else f"[{','.join(lines)}]"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        for found in (in_a_row(path, form), in_parts(path, 1 << 20, form=form)):
            words.add(re.sub(r"\d+", "", found[3]))
    assert len(words) == 1
    assert words != {""}
