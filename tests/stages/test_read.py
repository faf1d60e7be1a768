from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tracemalloc
from itertools import chain, islice, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import InputError, MalformedInputError, NotAnArrayError, SourceError, UnsupportedInputError
from streamgaps.decoding import array as array_module
from streamgaps.decoding import events as events_module
from streamgaps.decoding import exact as exact_module
from streamgaps.decoding.array import ArrayReader
from streamgaps.decoding.fence import MAX_DEPTH, follow
from streamgaps.decoding.locate import KEPT_BYTES
from streamgaps.decoding.parts import Parts
from streamgaps.stages.read import Format, Reader, Shape, read, read_with
from tests.doubles import NoFurther, cut
from tests.judge import spelled
from tests.runs import taken
from tests.strategies import BLOCK_SIZES, DOCUMENTS, broken_documents

SIZES = [65536, 7, 3, 2, 1]
IN_READERS = pytest.mark.parametrize("reader", list(Reader))


def outcome(data: bytes, size: int, reader: Reader = Reader.AUTO) -> tuple[list[object], InputError | None]:
    """Read all items, and the error that ends them."""
    return taken(read(cut(data, size), Shape(Format.ARRAY, reader=reader)))


@given(DOCUMENTS, BLOCK_SIZES)
def test_it_reads_what_json_reads(data: bytes, size: int) -> None:
    """Any array comes out as from json.load, to the type, whatever the blocks."""
    items, error = outcome(data, size)
    assert error is None
    assert spelled(json.loads(data)) == spelled(items)


@given(DOCUMENTS, BLOCK_SIZES)
def test_events_are_what_json_reads(data: bytes, size: int) -> None:
    """As far as the pipeline needs it."""
    items, error = outcome(data, size, Reader.IJSON)
    if error is None:
        assert spelled(json.loads(data), whole=False) == spelled(items, whole=False)
    else:
        assert isinstance(error, UnsupportedInputError)


@given(DOCUMENTS, BLOCK_SIZES, st.integers(min_value=0, max_value=40))
def test_giants_in_between_are_what_json_reads(data: bytes, size: int, giant_bytes: int) -> None:
    """The two ways of reading hand over to each other at any item."""
    array = ArrayReader(max_record_bytes=10**6)
    items, error = taken(read_with(array, cut(data, size), Shape(max_record_bytes=10**6), giant_bytes=giant_bytes))
    if error is None:
        assert spelled(json.loads(data), whole=False) == spelled(items, whole=False)
    else:
        assert isinstance(error, UnsupportedInputError)


@given(broken_documents(), BLOCK_SIZES, st.integers(min_value=0, max_value=40) | st.just(10**6))
def test_it_refuses_exactly_what_json_refuses(data: bytes, size: int, giant_bytes: int) -> None:
    """However it is broken, and wherever blocks end; but what only events can read may be called unsupported."""
    try:
        expected = json.loads(data.decode("utf-8"))
    except ValueError:
        expected = None
    array = ArrayReader(max_record_bytes=10**6)
    items, error = taken(read_with(array, cut(data, size), Shape(max_record_bytes=10**6), giant_bytes=giant_bytes))
    if error is None:
        assert spelled(expected, whole=giant_bytes == 10**6) == spelled(items, whole=giant_bytes == 10**6)
    elif isinstance(expected, list):
        assert isinstance(error, UnsupportedInputError)
        assert giant_bytes < 10**6


@given(broken_documents(), BLOCK_SIZES)
def test_events_accept_nothing_that_json_refuses(data: bytes, size: int) -> None:
    """What json.load refuses is refused; what it accepts is accepted, or called unsupported."""
    try:
        expected = json.loads(data.decode("utf-8"))
    except ValueError:
        expected = None
    items, error = outcome(data, size, Reader.IJSON)
    if error is None:
        assert spelled(expected, whole=False) == spelled(items, whole=False)
    elif isinstance(expected, list):
        assert isinstance(error, UnsupportedInputError)


@given(broken_documents())
def test_an_error_does_not_depend_on_where_blocks_end(data: bytes) -> None:
    """The same words, byte and number of items."""
    outcomes = {(spelled(items), str(error)) for items, error in (outcome(data, size) for size in (1, 2, 7, 65536))}
    assert len(outcomes) == 1


@IN_READERS
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("end", range(1, 59))
def test_a_cut_input_gives_all_items_before_the_cut_and_then_an_error(end: int, size: int, reader: Reader) -> None:
    """Cut at every byte: what is complete is delivered, and the cut is never overlooked."""
    data = '[{"a": "é\\u00e9"}, {"b": [1.5, {"c": null}]}, {"d": "\\\\"}]'.encode()
    assert len(data) == 59
    items, error = outcome(data[:end], size, reader)
    ends = [data.index(b", {", 1), data.index(b', {"d'), len(data) - 1]
    assert sum(end >= at for at in ends) == len(items)
    assert isinstance(error, MalformedInputError)
    assert error.items == len(items)


@IN_READERS
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (b'[{"a": 1}, {"b": 2}, nope]', 21, "Expecting value"),
        (b'[{"a": 1}, {"b" 2}]', 16, "Expecting ':' delimiter"),
        (b'[{"a": 1} {"b": 2}]', 10, "Expecting ',' delimiter"),
        (b'[{"a": "\xc3\xa9\x01"}]', 10, "Invalid control character"),
        (b'[{"a": "\\x"}]', 8, "Invalid \\escape"),
        (b'[{"a": 1}]]', 10, "Extra data"),
        (b'[{"a": 1}] "', 11, "Extra data"),
        (b'[{"a": 1}]\n[]', 11, "Extra data"),
        (b'[{"a": 1}, {"b": "\xff"}]', 18, "invalid UTF-8 (invalid start byte)"),
        (b'[{"a": "\xed\xa0\x80"}]', 8, "invalid UTF-8 (invalid continuation byte)"),
        (b'[{"a": "\xf0\x9f', 8, "invalid UTF-8 (unexpected end of data)"),
        (b'[{"a": 1},\x0c{"b": 2}]', 10, ""),
        (b'[{"a": 1},\x0b{"b": 2}]', 10, ""),
        (b'[{"a": 1}, {"b"', 15, "the input ends inside the array"),
        (b'[{"a": 1}, {"b": tru', 20, "the input ends inside the array"),
        (b'[{"a": 1}, {"b": "\\u00', 22, "the input ends inside the array"),
        (b'[{"a": 1}', 9, "the input ends inside the array"),
        (b"", 0, "nothing in it"),
        (b" \n", 2, "nothing in it"),
        (b"\xef\xbb\xbf", 3, "nothing in it"),
        (b"hello", 0, "expected '['"),
        (b"\xff\xfe[\0", 0, "invalid UTF-8"),
        (b"\xef\xbb\xbf[\xef\xbb\xbf]", 4, "Expecting value"),
    ],
)
def test_malformed_input_is_placed_to_the_byte(
    data: bytes, offset: int, reason: str, size: int, reader: Reader
) -> None:
    """The error names the reason, the byte and the last complete item, wherever blocks end."""
    items, error = outcome(data, size, reader)
    assert type(error) is MalformedInputError
    assert (offset, len(items)) == (error.offset, error.items)
    last = f"the last complete item is {len(items) - 1}" if items else "no item is complete"
    assert f"malformed JSON at byte {offset}: {reason}" in str(error)
    assert str(error).endswith(last)


@IN_READERS
@pytest.mark.parametrize("size", SIZES)
def test_a_trailing_comma_is_malformed(size: int, reader: Reader) -> None:
    """Python 3.13 points at the comma, earlier ones at what follows it."""
    items, error = outcome(b'[{"a": 1},]', size, reader)
    assert isinstance(error, MalformedInputError)
    assert (1, True) == (len(items), error.offset in (9, 10))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("value", "offset", "reason"),
    [
        (b'"\\ud83d"', 1, "the lone surrogate \\ud83d"),
        (b'"x\\ude00"', 2, "the lone surrogate \\ude00"),
        (b'"\\ud83d\\ud83d\\ude00"', 1, "the lone surrogate \\ud83d"),
        (b'"\\ud83d\\ude00\\ude00"', 13, "the lone surrogate \\ude00"),
        (b'"\\ud83d\\u0041"', 1, "the lone surrogate \\ud83d"),
        (b"-Infinity", 0, "the value -Infinity"),
        (b"NaN", 0, "the value NaN"),
        (b"1e999999999999999999999", 0, "the value 1e999999999999999999999"),
        (b"1" * 4301, 0, "a number of more than 4,300 digits"),
        (b"-" + b"1" * 5000, 1, "a number of more than 4,300 digits"),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, MAX_DEPTH - 2, "nesting of more than 1,000 levels"),
    ],
)
def test_what_ijson_reads_wrongly_is_refused(value: bytes, offset: int, reason: str, size: int) -> None:
    """Nothing is silently changed, and the process survives, after all items before it."""
    data = b'[{"a": 1}, {"b": ' + value + b"}, {}]"
    items, error = outcome(data, size, Reader.IJSON)
    assert items == [{}]
    assert type(error) is UnsupportedInputError
    assert f"unsupported JSON at byte {17 + offset}: {reason}" in str(error)
    assert (17 + offset, 1) == (error.offset, error.items)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value", ["NaN", "-Infinity", '"\\ud83d"', '"\\ude00x"', "1e99999999999999999999", "[1E400]"])
def test_what_json_reads_is_read(value: str, size: int) -> None:
    """Though msgspec and ijson refuse it, in a field that is used and in one that is not."""
    data = f'[{{"video_id": 1, "response": {value}, "gt": 2, "x": {value}}}, {{"gt": 1}}]'
    items, error = outcome(data.encode(), size)
    assert error is None
    assert repr(json.loads(data)) == repr(items)


@IN_READERS
@pytest.mark.parametrize("place", ["x", "gt"])
@pytest.mark.parametrize("size", SIZES)
def test_a_number_that_is_too_long_is_refused(size: int, place: str, reader: Reader) -> None:
    """As Python's json does; in a field that nobody reads, too."""
    record = '"video_id": 1, "response": 1, "gt": 1'
    data = f'[{{{record}}}, {{{record}, "{place}": {"1" * 4301}}}]'
    items, error = outcome(data.encode(), size, reader)
    assert type(error) is UnsupportedInputError
    assert (1, data.index("11"), 1) == (len(items), error.offset, error.items)
    assert "a number of more than 4,300 digits" in str(error)


@pytest.mark.parametrize("value", ["NaN", '"\\ud83d"', "1"])
@pytest.mark.parametrize("mib", [0.5, 1.5, 7])
@pytest.mark.parametrize("behind", [0, 2000, pytest.param(80_000, marks=pytest.mark.slow)])
def test_a_long_record_is_read_alike_whatever_follows_it(value: str, mib: float, behind: int) -> None:
    """By blocks, up to 8 MiB, though it may take several ways to find its end."""
    small = '{"gt": 1, "x": "' + "y" * 100 + '"}'
    long = f'{{"x": "{"z" * int(mib * 1024 * 1024)}", "gt": {value}}}'
    data = f"[{small}, {long}{(', ' + small) * behind}, {long}, {small}]"
    items, error = outcome(data.encode(), 65536)
    assert error is None
    assert json.loads(data)[0] == items[0]
    assert (behind + 4, repr(json.loads(value))) == (len(items), repr(items[1]["gt"]))  # type: ignore[index]


@pytest.mark.parametrize("token", [b"1", b"x", b"-", b"nul"])
def test_a_token_without_end_takes_no_longer_than_its_length(token: bytes) -> None:
    """What is no number is refused at once; what may be one costs no more for each of its blocks."""
    blocks = [b"[{},", *[token * (65536 // len(token))] * 300]
    looked = sum(len(array_text) for array_text in spied(blocks))
    assert looked < 3 * sum(map(len, blocks))


def spied(blocks: list[bytes]) -> list[str]:
    """Return the texts that are decoded item by item."""
    texts: list[str] = []
    decode_items = exact_module.decode_items

    def spy(text: str, *arguments: Any, **options: Any) -> Any:
        texts.append(text)
        return decode_items(text, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_module, "decode_items", spy)
        taken(read(blocks))
    return texts


@pytest.mark.parametrize("size", SIZES)
def test_nesting_too_deep_for_json_is_refused(size: int) -> None:
    """Whatever the limit of this Python is."""
    items, error = outcome(b'[{}, {"a": ' + b"[" * 10**5 + b"]" * 10**5 + b"}]", max(size, 100))
    assert type(error) is UnsupportedInputError
    assert ([{}], 5) == (items, error.offset)
    assert "nested too deeply" in str(error)


@IN_READERS
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "value",
    [
        '"\\ud83d\\ude00 \\\\ud83d"',
        '"' + "1" * 9000 + '"',
        "[" * 900 + "]" * 900,
        '"' + "[{" * MAX_DEPTH + '"',
        '{"k\\"[": "\\\\", "}": "]"}',
        "[1e400, -1E-400, -0.0, 0.1, 1E5]",
        "1" * 4300,
        '"\\f\\u000b"',
        '"NaN"',
        '{"a": 1, "b": 2, "a": 3}',
    ],
)
def test_what_only_looks_like_it_is_read(value: str, size: int, reader: Reader) -> None:
    """The fence lets pass what ijson reads rightly."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # json needs it for the nesting
    try:
        text = f'[{{"question": {value}}}]'
        items, error = outcome(f"\ufeff{text}".encode(), size, reader)
        assert error is None
        assert repr(json.loads(text)) == repr(items)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("data", [b"{}", b'{"item": [1]}', b'"x"', b"1", b"null", b" true", b"-1", b"NaN", b'{"a": '])
@pytest.mark.parametrize("size", SIZES)
@IN_READERS
def test_a_top_level_that_is_no_array_is_an_error(data: bytes, size: int, reader: Reader) -> None:
    """The ijson library itself says nothing about it."""
    items, error = outcome(data, size, reader)
    assert items == []
    assert type(error) is NotAnArrayError
    assert str(error) == "must be a JSON array of prediction objects"


@IN_READERS
def test_nothing_is_read_before_it_is_needed(reader: Reader) -> None:
    """Building the chain reads nothing; the first item takes one block."""
    file = NoFurther(b'[{"gt": 1}, {"gt": 2}, ')
    items = chain.from_iterable(read(iter(file.read, b""), Shape(reader=reader)))
    assert [{"gt": 1}, {"gt": 2}] == list(islice(items, 2))


@IN_READERS
def test_white_space_without_end_is_no_record(reader: Reader) -> None:
    """Between items it may be of any length, at no cost."""
    blocks = [b"[{}", *[b" " * 1000] * 1000, b", {}", *[b"\n" * 1000] * 1000, b"]"]
    assert ([{}, {}], None) == taken(read(blocks, Shape(max_record_bytes=2000, reader=reader)))


@IN_READERS
def test_a_record_without_end_is_refused(reader: Reader) -> None:
    """Before it has eaten the memory."""
    endless = (b"x" * 1000 if number else b'[{}, {"a": "' for number in range(10**6))
    items, error = taken(read(endless, Shape(max_record_bytes=100_000, reader=reader)))
    assert isinstance(error, UnsupportedInputError)
    assert ([{}], 1) == (items, error.items)
    assert "item 1 is longer than 100,000 bytes; --max-record-bytes allows more" in str(error)
    assert len(list(zip(range(5000), endless, strict=False))) == 5000


@IN_READERS
@pytest.mark.parametrize("size", [1, 64, 999, 65536])
def test_a_record_at_the_limit_is_read(size: int, reader: Reader) -> None:
    """The limit is never taken too early."""
    record = b'{"a":"' + b"x" * 992 + b'"}'
    assert len(record) == 1000
    items, error = taken(
        read(cut(b"[" + record + b"," + record + b"]", size), Shape(max_record_bytes=1000, reader=reader))
    )
    assert (2, None) == (len(items), error)


@pytest.mark.parametrize("text", [b"x" * 993, b"\xc3\xa9" * 496 + b"x"])
@pytest.mark.parametrize("giant_bytes", [100, 10**6])
@pytest.mark.parametrize("size", [1, 64, 999, 65536])
def test_a_record_beyond_the_limit_is_refused(size: int, giant_bytes: int, text: bytes) -> None:
    """By one byte, wherever blocks end and whoever reads it; the error is placed where it begins."""
    record = b'{"a":"' + text + b'"}'
    assert len(record) == 1001
    array = ArrayReader(max_record_bytes=1000)
    batches = read_with(
        array, cut(b"[{}," + record + b",{}]", size), Shape(max_record_bytes=1000), giant_bytes=giant_bytes
    )
    items, error = taken(batches)
    assert isinstance(error, UnsupportedInputError)
    assert ([{}], 4) == (items, error.offset)
    assert "item 1 is longer than 1,000 bytes; --max-record-bytes allows more" in str(error)


def test_an_error_far_into_a_long_record_is_placed_to_the_block() -> None:
    """No more than a few megabytes are kept of it."""
    data = b'[{"a": "' + b"x" * (3 * KEPT_BYTES) + b'", nope}]'
    for reader in Reader:
        _, error = outcome(data, 65536, reader)
        assert isinstance(error, MalformedInputError)
        assert error.offset is not None
        assert error.offset == len(data) // 65536 * 65536


@given(st.integers(min_value=0, max_value=400))
def test_an_error_in_any_block_is_placed(padding: int) -> None:
    """Blocks before the last complete item are forgotten, and offsets stay right."""
    good = b'{"a": ["\xc3\xa9", {"b": "}]\\"["}]}, ' * 5
    data = b"[" + good + b" " * padding + b'{"c": !}]'
    for size, reader in product((16, 33, 100), Reader):
        items, error = outcome(data, size, reader)
        assert len(items) == 5
        assert isinstance(error, MalformedInputError)
        assert data.index(b"!") == error.offset


@IN_READERS
def test_numbers_have_the_types_of_json(reader: Reader) -> None:
    """Not ijson's Decimal."""
    data = b'[{"question": [1.0, [0.1, {}], 123456789012345678901234567890, 1e400]}]'
    items, _ = outcome(data, 7, reader)
    assert repr(json.loads(data)) == repr(items)


@pytest.mark.parametrize("first", [65536, 3000])
def test_a_long_number_behind_a_long_string_of_digits_does_not_kill(first: int) -> None:
    """In a process of its own, which would die."""
    script = (
        "from streamgaps.stages.read import Reader, Shape, read\n"
        'data = b\'["\' + b"1" * 5000 + b\'", \' + b"2" * 5000 + b"]"\n'
        f"blocks = [data[:{first}], data[{first}:]] if {first} < len(data) else [data]\n"
        "items = read(blocks, Shape(reader=Reader.IJSON))\n"
        "print(len(next(items)[0]))\n"
        "try:\n    next(items)\nexcept ValueError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    expected = "unsupported JSON at byte 5005: a number of more than 4,300 digits; the last complete item is 0"
    assert result.stdout == f"5000\n{expected}\n"


@IN_READERS
def test_a_string_that_is_cut_takes_no_longer_for_its_quotes(reader: Reader) -> None:
    """Its end is not looked for again from each of them: that took hours."""
    data = b'[{"a": "' + b'x\\"' * 500_000
    items, error = outcome(data, 65536, reader)
    assert (items, str(error).count("the input ends inside the array")) == ([], 1)


@IN_READERS
def test_a_syntax_error_behind_long_numbers_is_found_soon(reader: Reader) -> None:
    """Each number is looked at once."""
    data = b'[{"q": [' + b",".join([b"1." + b"1" * 4200] * 1000) + b"] x"
    _, error = outcome(data, 65536, reader)
    assert isinstance(error, MalformedInputError)


def test_a_long_string_is_passed_on_in_few_pieces() -> None:
    """With every piece ijson looks at all of it: at a block at a time, a string of 200 MB took minutes."""
    data = b'[{"a": "' + b"x" * 1_000_000 + b'"}, {"b": "' + b"y" * 1000 + b'"}]'
    pieces = list(Parts(follow(cut(data, 1000))))
    assert data == b"".join(pieces).replace(b'","":"', b"")
    assert len(pieces) < 50
    items, error = outcome(data, 1000, Reader.IJSON)
    assert (items, error) == ([{}, {}], None)


@IN_READERS
@pytest.mark.parametrize(("key", "levels"), [(200_000, 15), (5000, 900)])
def test_nesting_takes_no_more_memory_than_its_length(key: int, levels: int, reader: Reader) -> None:
    """The paths that ijson can keep of every level came to 2.4 GB for 5 MB of keys."""
    data = b"[" + b'{"%s":' % (b"k" * key) * levels + b"1" + b"}" * levels + b"]"
    tracemalloc.start()
    items, error = outcome(data, 65536, reader)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (1, None) == (len(items), error)
    assert peak < 10 * len(data)


def test_the_environment_does_not_choose_the_back_end() -> None:
    """Not even one that is not there."""
    environment = {**os.environ, "IJSON_BACKEND": "nonexistent"}
    script = (
        "from streamgaps.stages.read import Reader, Shape, read; import os; "
        "print(list(read([b'[1]'], Shape(reader=Reader.IJSON))), os.environ['IJSON_BACKEND'])"
    )
    arguments = [sys.executable, "-c", script]
    result = subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment)
    assert result.stdout == "[[1]] nonexistent\n"


def test_a_missing_back_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ijson's other back ends lose data or accept what is not JSON."""
    monkeypatch.setattr(events_module, "BACKEND", "no_such")
    with pytest.raises(SourceError, match="back end no_such is missing"):
        list(read(io.BytesIO(b"[]"), Shape(reader=Reader.IJSON)))
