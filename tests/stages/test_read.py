from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import InputError, MalformedInputError, NotAnArrayError, SourceError, UnsupportedInputError
from streamgaps.stages import read as read_module
from streamgaps.stages.fence import MAX_DEPTH, follow, join
from streamgaps.stages.locate import KEPT_BYTES
from streamgaps.stages.read import read
from tests.doubles import NoFurther, cut
from tests.strategies import BLOCK_SIZES, DOCUMENTS, broken_documents

SIZES = [65536, 7, 3, 2, 1]


def outcome(data: bytes, size: int) -> tuple[list[object], InputError | None]:
    """Read all items, and the error that ends them."""
    items: list[object] = []
    try:
        items.extend(read(cut(data, size)))
    except InputError as error:
        return items, error
    return items, None


@given(DOCUMENTS, BLOCK_SIZES)
def test_it_reads_what_json_reads(data: bytes, size: int) -> None:
    """Any array comes out as from json.load, to the type, whatever the blocks."""
    items, error = outcome(data, size)
    assert error is None
    assert repr(json.loads(data)) == repr(items)


@given(broken_documents(), BLOCK_SIZES)
def test_it_accepts_nothing_that_json_refuses(data: bytes, size: int) -> None:
    """What json.load refuses is refused; what it accepts is accepted, or called unsupported."""
    try:
        expected = json.loads(data.decode("utf-8"))
    except ValueError:
        expected = None
    items, error = outcome(data, size)
    if error is None:
        assert repr(expected) == repr(items)
    elif isinstance(expected, list):
        assert isinstance(error, UnsupportedInputError)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("end", range(1, 59))
def test_a_cut_input_gives_all_items_before_the_cut_and_then_an_error(end: int, size: int) -> None:
    """Cut at every byte: what is complete is delivered, and the cut is never overlooked."""
    data = '[{"a": "é\\u00e9"}, {"b": [1.5, {"c": null}]}, {"d": "\\\\"}]'.encode()
    assert len(data) == 59
    items, error = outcome(data[:end], size)
    ends = [data.index(b", {", 1), data.index(b', {"d'), len(data) - 1]
    assert sum(end >= at for at in ends) == len(items)
    assert isinstance(error, MalformedInputError)
    assert error.items == len(items)


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
        (b'[{"a": 1},\x0c{"b": 2}]', 10, "a form feed"),
        (b'[{"a": 1},\x0b{"b": 2}]', 10, "a vertical tab"),
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
def test_malformed_input_is_placed_to_the_byte(data: bytes, offset: int, reason: str, size: int) -> None:
    """The error names the reason, the byte and the last complete item, wherever blocks end."""
    items, error = outcome(data, size)
    assert type(error) is MalformedInputError
    assert (offset, len(items)) == (error.offset, error.items)
    last = f"the last complete item is {len(items) - 1}" if items else "no item is complete"
    assert f"malformed JSON at byte {offset}: {reason}" in str(error)
    assert str(error).endswith(last)


@pytest.mark.parametrize("size", SIZES)
def test_a_trailing_comma_is_malformed(size: int) -> None:
    """Python 3.13 points at the comma, earlier ones at what follows it."""
    items, error = outcome(b'[{"a": 1},]', size)
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
    items, error = outcome(data, size)
    assert [{"a": 1}] == items
    assert type(error) is UnsupportedInputError
    assert f"unsupported JSON at byte {17 + offset}: {reason}" in str(error)
    assert (17 + offset, 1) == (error.offset, error.items)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "value",
    [
        '"\\ud83d\\ude00 \\\\ud83d"',
        '"' + "1" * 9000 + '"',
        "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2),
        '"' + "[{" * MAX_DEPTH + '"',
        '{"k\\"[": "\\\\", "}": "]"}',
        "[1e400, -1E-400, -0.0, 0.1, 1E5]",
        "1" * 4300,
        '"\\f\\u000b"',
        '"NaN"',
        '{"a": 1, "b": 2, "a": 3}',
    ],
)
def test_what_only_looks_like_it_is_read(value: str, size: int) -> None:
    """The fence lets pass what ijson reads rightly."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # json needs it for the nesting
    try:
        expected = json.loads(f"[{value}]")
        items, error = outcome(f"\ufeff[{value}]".encode(), size)
        assert error is None
        assert repr(expected) == repr(items)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("data", [b"{}", b'{"item": [1]}', b'"x"', b"1", b"null", b" true", b"-1", b"NaN", b'{"a": '])
@pytest.mark.parametrize("size", SIZES)
def test_a_top_level_that_is_no_array_is_an_error(data: bytes, size: int) -> None:
    """The ijson library itself says nothing about it."""
    items, error = outcome(data, size)
    assert items == []
    assert type(error) is NotAnArrayError
    assert str(error) == "must be a JSON array of prediction objects"


def test_nothing_is_read_before_it_is_needed() -> None:
    """Building the chain reads nothing; the first item takes one block."""
    file = NoFurther(b'[{"a": 1}, {"b": 2}, ')
    items = read(iter(file.read, b""))
    assert [{"a": 1}, {"b": 2}] == list(islice(items, 2))


def test_white_space_without_end_is_no_record() -> None:
    """Between items it may be of any length, at no cost."""
    blocks = [b"[{}", *[b" " * 1000] * 1000, b", {}", *[b"\n" * 1000] * 1000, b"]"]
    assert [{}, {}] == list(read(blocks, max_record_bytes=2000))


def test_a_record_without_end_is_refused() -> None:
    """Before it has eaten the memory."""
    endless = (b"x" * 1000 if number else b'[{}, {"a": "' for number in range(10**6))
    with pytest.raises(UnsupportedInputError, match="item 1 is longer than 100,000 bytes") as caught:
        list(read(endless, max_record_bytes=100_000))
    assert caught.value.items == 1


def test_a_record_at_the_limit_is_read() -> None:
    """The limit is never taken too early."""
    record = json.dumps({"a": "x" * 991}).encode()
    assert len(record) == 1000
    for size in (1, 64, 999, 65536):
        assert len(list(read(cut(b"[" + record + b"," + record + b"]", size), max_record_bytes=1000))) == 2


def test_an_error_far_into_a_long_record_is_placed_to_the_block() -> None:
    """No more than a few megabytes are kept of it."""
    data = b'[{"a": "' + b"x" * (2 * KEPT_BYTES) + b'", nope}]'
    _, error = outcome(data, 65536)
    assert isinstance(error, MalformedInputError)
    assert error.offset is not None
    assert error.offset == len(data) // 65536 * 65536


@given(st.integers(min_value=0, max_value=400))
def test_an_error_in_any_block_is_placed(padding: int) -> None:
    """Blocks before the last complete item are forgotten, and offsets stay right."""
    good = b'{"a": ["\xc3\xa9", {"b": "}]\\"["}]}, ' * 5
    data = b"[" + good + b" " * padding + b'{"c": !}]'
    for size in (16, 33, 100):
        items, error = outcome(data, size)
        assert len(items) == 5
        assert isinstance(error, MalformedInputError)
        assert data.index(b"!") == error.offset


def test_numbers_have_the_types_of_json() -> None:
    """Not ijson's Decimal."""
    items, _ = outcome(b"[1.0, [0.1, {}], 123456789012345678901234567890, 1e400]", 7)
    assert items[:3] == [1.0, [0.1, {}], 123456789012345678901234567890]
    assert all(type(item) is float for item in (items[0], items[3]))
    assert math.isinf(float(str(items[3])))


@pytest.mark.parametrize("first", [65536, 3000])
def test_a_long_number_behind_a_long_string_of_digits_does_not_kill(first: int) -> None:
    """In a process of its own, which would die."""
    script = (
        "from streamgaps.stages.read import read\n"
        'data = b\'["\' + b"1" * 5000 + b\'", \' + b"2" * 5000 + b"]"\n'
        f"items = read([data[:{first}], data[{first}:]] if {first} < len(data) else [data])\n"
        "print(len(next(items)))\n"
        "try:\n    next(items)\nexcept ValueError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    expected = "unsupported JSON at byte 5005: a number of more than 4,300 digits; the last complete item is 0"
    assert result.stdout == f"5000\n{expected}\n"


def test_a_string_that_is_cut_takes_no_longer_for_its_quotes() -> None:
    """Its end is not looked for again from each of them: that took hours."""
    data = b'[{"a": "' + b'x\\"' * 500_000
    items, error = outcome(data, 65536)
    assert (items, str(error).count("the input ends inside the array")) == ([], 1)


def test_a_syntax_error_behind_long_numbers_is_found_soon() -> None:
    """Each number is looked at once."""
    data = b'[{"q": [' + b",".join([b"1." + b"1" * 4200] * 1000) + b"] x"
    _, error = outcome(data, 65536)
    assert isinstance(error, MalformedInputError)


def test_a_long_string_is_passed_on_in_few_pieces() -> None:
    """With every piece ijson looks at all of it: at a block at a time, a string of 200 MB took minutes."""
    data = b'[{"a": "' + b"x" * 1_000_000 + b'"}, {"b": "' + b"y" * 1000 + b'"}]'
    pieces = list(join(follow(cut(data, 1000))))
    assert data == b"".join(pieces)
    assert len(pieces) < 25
    items, error = outcome(data, 1000)
    assert error is None
    assert json.loads(data) == items


@pytest.mark.parametrize(("key", "levels", "fine"), [(50, 990, True), (200_000, 15, True), (5000, 990, False)])
def test_nesting_that_would_take_all_memory_is_refused(key: int, levels: int, fine: bool) -> None:
    """The path of every level is kept: 5 MB of keys came to 2.4 GB."""
    data = b"[" + b'{"%s":' % (b"k" * key) * levels + b"1" + b"}" * levels + b"]"
    items, error = outcome(data, 65536)
    assert (fine, 1 if fine else 0) == (error is None, len(items))
    if error is not None:
        assert type(error) is UnsupportedInputError
        assert "nesting of 1" in str(error)


def test_the_environment_does_not_choose_the_back_end() -> None:
    """Not even one that is not there."""
    environment = {**os.environ, "IJSON_BACKEND": "nonexistent"}
    script = (
        "from streamgaps.stages.read import read; import os; print(list(read([b'[1]'])), os.environ['IJSON_BACKEND'])"
    )
    arguments = [sys.executable, "-c", script]
    result = subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment)
    assert result.stdout == "[1] nonexistent\n"


def test_a_missing_back_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ijson's other back ends lose data or accept what is not JSON."""
    monkeypatch.setattr(read_module, "BACKEND", "no_such")
    with pytest.raises(SourceError, match="back end no_such is missing"):
        list(read(io.BytesIO(b"[]")))
