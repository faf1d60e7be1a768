"""JSON of every odd kind, wherever it stands, by every way of reading: Python's own `json` is the judge."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamgaps import InputError, UnsupportedInputError, analyze
from streamgaps.decoding.blocks import BlockReader
from streamgaps.stages.read import Format, Reader, Shape, make_reader, read, read_with
from tests.doubles import Here, cut
from tests.judge import are_predictions, array_in, array_under, loaded, records_in, spelled
from tests.runs import RANGES, Found, in_a_row, in_parts, taken
from tests.vectors import DEEP, EITHER, INVALID, VALID, VECTORS

SIZES = (7, 65536)
EACH = pytest.mark.parametrize("name", VECTORS)
EACH_NUMBERED = pytest.mark.parametrize(("number", "name"), list(enumerate(VECTORS)))
EACH_DEEP = pytest.mark.parametrize("name", DEEP)

ONE = b'{"video_id":"v","response":"yes","gt":"no"}'
IGNORED = ONE.replace(b"}", b',"x":%b}')
QUESTION = ONE.replace(b"}", b',"question":%b}')
INCOMPLETE = b'{"question":%b,"gt":"no"}'
KEY = b'{%b:1,"video_id":"v","response":"yes","gt":"no"}'

ARRAYS = [
    b"%b",
    b"[%b]",
    b"[%b,1]",
    b"[1,%b," + ONE + b"]",
    b"[1, %b\n]",
    *(b"[" + ONE + b"," + record + b",\n" + ONE + b"]" for record in (IGNORED, QUESTION, INCOMPLETE, KEY)),
]
LINES = [
    b"%b",
    b"%b\n" + ONE,
    ONE + b"\n%b\n" + ONE + b"\n",
    ONE + b"\n%b",
    *(ONE + b"\n" + record + b"\n" + ONE for record in (IGNORED, QUESTION, INCOMPLETE, KEY)),
]
IN_DOCUMENTS = [
    b'{"r":%b}',
    b'{"a":1,"r":[%b],"z":2}',
    b'{"r":[' + ONE + b", %b]}\n",
    *(b'{"r":[' + record + b", " + ONE + b"]}" for record in (IGNORED, QUESTION)),
]
AROUND = [
    b'{"a":%b,"r":[' + ONE + b"]}",
    b'{"r":[' + ONE + b'],"z":%b}',
    b'{%b:1,"r":[' + ONE + b"]}",
    b'{"r":[' + ONE + b"]}%b",
    b'%b{"r":[' + ONE + b"]}",
]

# What ijson would read wrongly, or not at all. That is refused, by `--reader ijson`, for a record of more than 8 MiB,
# and around the array that a prefix names: it is not JSON to everybody, and `json` reads it where it is at work.
DIFFERENT = {
    # ijson makes `?` of them, or a wrong character.
    "the lone surrogate": [name for name in EITHER if name.startswith(("high sur", "low sur", "surrogate"))],
    # ijson has no such values; and its decimal numbers have no exponents of that length.
    "the value": [
        *(name for name in EITHER if name.startswith(("NaN", "Infinity", "minus Infinity"))),
        "exponent of 20 digits",
        "exponent of minus 20 digits",
        "exponent of 20 digits of zero",
        "exponent of 400 digits",
    ],
    # ijson dies of an integer of so many digits; that one is a fraction, is known only behind them.
    "a number of more than 4,300 digits": [
        "4301 digits in a fraction",
        "4301 digits and a fraction",
        "4301 digits and an exponent",
    ],
}
REASONS = {name: reason for reason, names in DIFFERENT.items() for name in names}


# What comes out -------------------------------------------------------------------------------------------------------


def with_giants(data: bytes, size: int, wanted: Format, giant_bytes: int) -> Found:
    """Read what is longer than `giant_bytes` event by event."""
    shape = Shape(wanted, max_record_bytes=10**6)
    return taken(read_with(make_reader(shape, wanted), cut(data, size), shape, giant_bytes=giant_bytes))


def smallest(data: bytes) -> int:
    """Return how small blocks may be: what is long takes too long byte by byte."""
    return 1 if len(data) < 1000 else 61


def assert_same(expected: list[Any] | None, data: bytes, shape: Shape) -> None:
    """The same items, or refused, after the same items and in the same words wherever blocks end."""
    found = [taken(read(cut(data, size), shape)) for size in (smallest(data), *SIZES)]
    outcomes = {(spelled(items), str(error)) for items, error in found}
    assert len(outcomes) == 1, data
    if expected is None:
        assert found[0][1] is not None, data
    else:
        assert {(spelled(expected), "None")} == outcomes


def assert_same_or_unsupported(name: str, expected: list[Any] | None, found: Found) -> None:
    """The same items as far as they are kept, or refused, or what the table allows."""
    items, error = found
    if expected is None:
        assert error is not None
    elif error is None:
        assert spelled(expected, whole=False) == spelled(items, whole=False)
    else:
        assert isinstance(error, UnsupportedInputError)
        assert REASONS.get(name, "nothing that may differ") in str(error)


# The tests ------------------------------------------------------------------------------------------------------------


def test_the_vectors_are_what_their_tables_say() -> None:
    """And none is there twice."""
    assert [name for name, data in VALID.items() if isinstance(loaded(data), Exception)] == []
    assert [name for name, data in INVALID.items() if not isinstance(loaded(data), Exception)] == []
    assert len(set(VECTORS.values())) == len(VECTORS) == len(VALID) + len(INVALID) + len(EITHER)


@EACH
def test_an_array_is_read_as_json_reads_it(name: str) -> None:
    """By blocks, exactly: the whole input, an item anywhere, a field that is used or not, a key."""
    for template in ARRAYS:
        data = template % VECTORS[name]
        assert_same(array_in(data), data, Shape(Format.ARRAY))


@EACH
def test_lines_are_read_as_json_reads_them(name: str) -> None:
    """By blocks, exactly: what is on a line of its own, and what is in a record."""
    for template in LINES:
        data = template % VECTORS[name]
        assert_same(records_in(data), data, Shape(Format.JSONL))


@pytest.mark.slow
@EACH
def test_what_a_block_ends_in_is_read_with_the_next(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each block is decoded as far as it goes, and nothing waits for the end of an item to be guessed."""
    monkeypatch.setattr(BlockReader, "PATIENCE", 1)
    for template in ARRAYS:
        data = template % VECTORS[name]
        assert_same(array_in(data), data, Shape(Format.ARRAY))
    for template in LINES:
        data = template % VECTORS[name]
        assert_same(records_in(data), data, Shape(Format.JSONL))


@EACH
def test_an_array_in_a_document_is_read_as_json_reads_it(name: str) -> None:
    """What is in the array exactly, what is around it as far as ijson can."""
    shape = Shape(prefix="r.item")
    for template in IN_DOCUMENTS:
        data = template % VECTORS[name]
        for size in SIZES:
            items, error = taken(read(cut(data, size), shape))
            expected = array_under(data)
            assert (expected is None) == (error is not None), data
            assert expected is None or spelled(expected) == spelled(items)
    for template in AROUND:
        data = template % VECTORS[name]
        assert_same_or_unsupported(name, array_under(data), taken(read(cut(data, 7), shape)))


@EACH
def test_events_are_what_json_reads(name: str) -> None:
    """But for what the table names; the hand-over between the two ways of reading, too."""
    for template in ARRAYS:
        data = template % VECTORS[name]
        expected = array_in(data)
        for size in SIZES:
            found = taken(read(cut(data, size), Shape(Format.ARRAY, reader=Reader.IJSON)))
            assert_same_or_unsupported(name, expected, found)
        assert_same_or_unsupported(name, expected, with_giants(data, 7, Format.ARRAY, 8))


@pytest.mark.slow
@EACH_NUMBERED
def test_events_are_what_json_reads_wherever_blocks_end(number: int, name: str) -> None:
    """In some of the arrays, lines and documents; with giants of any length."""
    least = smallest(VECTORS[name])
    for templates, wanted, judge in ((ARRAYS, Format.ARRAY, array_in), (LINES, Format.JSONL, records_in)):
        for template in templates[number % 3 :: 3]:
            data = template % VECTORS[name]
            found = [taken(read(cut(data, least), Shape(wanted, reader=Reader.IJSON)))]
            found += [with_giants(data, size, wanted, giant_bytes) for size, giant_bytes in ((least, 0), (61, 40))]
            for one in found:
                assert_same_or_unsupported(name, judge(data), one)
    for template in (IN_DOCUMENTS + AROUND)[number % 3 :: 3]:
        data = template % VECTORS[name]
        for reader in Reader:
            one = taken(read(cut(data, least), Shape(prefix="r.item", reader=reader)))
            assert_same_or_unsupported(name, array_under(data), one)


@pytest.mark.parametrize("name", REASONS)
def test_what_may_differ_does(name: str) -> None:
    """Else it need not be in the table: `json` and the reader of blocks read it, ijson and a giant refuse it."""
    data = b"[" + QUESTION % VECTORS[name] + b"]"
    expected = array_in(data)
    assert expected is not None
    assert_same(expected, data, Shape(Format.ARRAY))
    by_events = [taken(read([data], Shape(Format.ARRAY, reader=Reader.IJSON))), with_giants(data, 1, Format.ARRAY, 0)]
    document = AROUND[0] % VECTORS[name]
    assert array_under(document) is not None
    by_events.append(taken(read([document], Shape(prefix="r.item"))))
    for items, error in by_events:
        assert items == []
        assert isinstance(error, UnsupportedInputError)
        assert REASONS[name] in str(error)


@EACH_DEEP
@pytest.mark.parametrize("size", [pytest.param(7, marks=pytest.mark.slow), 65536])
def test_what_is_nested_deeply_is_refused_as_json_refuses_it(name: str, size: int) -> None:
    """By every reader: none of them falls over, or takes it for something else."""
    for template in ARRAYS:
        data = template % DEEP[name]
        assert (array_in(data) is None) == (taken(read(cut(data, size), Shape(Format.ARRAY)))[1] is not None)
        assert taken(read(cut(data, size), Shape(Format.ARRAY, reader=Reader.IJSON)))[1] is not None
    for template in LINES:
        data = template % DEEP[name]
        assert (records_in(data) is None) == (taken(read(cut(data, size), Shape(Format.JSONL)))[1] is not None)
        assert taken(read(cut(data, size), Shape(Format.JSONL, reader=Reader.IJSON)))[1] is not None
    for template in AROUND:
        assert taken(read(cut(template % DEEP[name], size), Shape(prefix="r.item")))[1] is not None


# Several processes ----------------------------------------------------------------------------------------------------

JOBS_AND_RANGES = [(1, 64), (2, 16), (3, 64), (3, 16)]
AMONG = [b",\n".join([ONE, ONE, record, ONE, ONE]) for record in (b"%b", IGNORED, QUESTION)]


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    """Return the path of a file to write to, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "p.json"


def assert_parts_are_the_whole(file: Path, records: bytes, runs: list[tuple[int, int]]) -> None:
    """Refused or not as `json` does; the same gaps, counts and words of the error from several jobs as from one."""
    data = b"[" + records + b"]"
    file.write_bytes(data)
    expected = in_a_row(file, on_invalid="skip")
    assert (array_in(data) is None) == bool(expected[3])
    for jobs, range_bytes in runs:
        assert expected == in_parts(file, range_bytes, on_invalid="skip", jobs=jobs)
    data = records.replace(b"},\n", b"}\n").replace(b",\n{", b"\n{")
    file.write_bytes(data)
    expected = in_a_row(file, "jsonl")
    assert are_predictions(records_in(data)) != bool(expected[3])
    for jobs, range_bytes in runs:
        assert expected == in_parts(file, range_bytes, form="jsonl", jobs=jobs)


@pytest.mark.slow
@EACH_NUMBERED
def test_any_number_of_jobs_reads_what_one_reads(file: Path, number: int, name: str) -> None:
    """Each vector in one of the places, with every number of jobs."""
    assert_parts_are_the_whole(file, AMONG[number % len(AMONG)] % VECTORS[name], JOBS_AND_RANGES)


def analyzed(file: Path, **options: Any) -> tuple[bytes, str]:
    """Analyze an array in a document; return the lines of gaps and the words of the error."""
    lines, error = io.BytesIO(), ""
    try:
        analyze(file, lines, prefix="r.item", on_invalid="skip", max_warnings=0, **options)
    except InputError as refused:
        error = str(refused)
    return lines.getvalue(), error


@pytest.mark.slow
@EACH
def test_several_jobs_read_an_array_in_a_document(file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what is around it is read by one."""
    monkeypatch.setitem(RANGES, "range_bytes", 50)
    for template in (*IN_DOCUMENTS[1:], *AROUND[:2]):
        file.write_bytes(template.replace(b'"r":[', b'"r":[' + b",".join([ONE] * 3) + b",") % VECTORS[name])
        expected = analyzed(file)
        assert expected == analyzed(file, jobs=2, executor=Here())


@EACH_DEEP
def test_several_jobs_refuse_what_is_nested_deeply(file: Path, name: str) -> None:
    """In the words of one."""
    data = b"[" + AMONG[1] % DEEP[name] + b"]"
    file.write_bytes(data)
    expected = in_a_row(file)
    assert (array_in(data) is None) == bool(expected[3])
    assert expected == in_parts(file, 10_000, jobs=3)
