from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import InputError, MalformedInputError, NotAnArrayError, UnsupportedInputError
from streamgaps.decoding import exact as exact_module
from streamgaps.decoding import lines as lines_module
from streamgaps.decoding.blocks import decode_utf8
from streamgaps.decoding.lines import LinesReader
from streamgaps.model import Broken, Prediction
from streamgaps.stages.read import Format, Items, Reader, Shape, read, read_with
from tests.doubles import NoFurther, cut
from tests.judge import records
from tests.strategies import JSON, RECORDS, SPELLINGS

SIZES = [1, 2, 7, 64, 65536]
IN_READERS = pytest.mark.parametrize("reader", list(Reader))
IN_SIZES = pytest.mark.parametrize("size", SIZES)
FIELDS = Prediction.__struct_fields__
GOOD = b'{"gt": 1, "response": "\xc3\xa9", "video_id": [2]}'
GIANT = "y" * (9 * 1024 * 1024)


class Outcome(NamedTuple):
    """What came out of an input."""

    items: list[str]
    lines: list[int | None]
    """The line of each item, asked for when it was yielded."""
    error: InputError | None


def outcome(
    blocks: Iterable[bytes], reader: Reader = Reader.AUTO, wanted: Format = Format.JSONL, **shape: Any
) -> Outcome:
    """Read all records, and the error that ends them."""
    return collect(read(blocks, Shape(wanted, reader=reader, **shape)))


def collect(batches: Items) -> Outcome:
    """Take all records, and the error that ends them."""
    items: list[str] = []
    lines: list[int | None] = []
    try:
        for batch in batches:
            lines += [batches.line_of(len(items) + number) for number in range(len(batch))]
            items += map(seen, batch)
    except InputError as error:
        return Outcome(items, lines, error)
    return Outcome(items, lines, None)


def seen(item: object) -> str:
    """Spell what the pipeline needs of an item."""
    if isinstance(item, Prediction):
        return repr({name: getattr(item, name) for name in FIELDS})
    if isinstance(item, dict):
        if {"gt", "response", "video_id"} <= item.keys():
            item = {"question": ""} | item
        return repr({name: item[name] for name in FIELDS if name in item})
    if isinstance(item, Broken):
        return "broken"
    return "[]" if isinstance(item, list) else repr(item)


def plain(data: bytes, *, skips_broken: bool = False) -> tuple[Outcome, bool]:
    """Read the same with nothing but `json`; say whether all of it is JSON."""
    found, is_json = records(data, skips_broken=skips_broken)
    return Outcome([seen(item) for item, _ in found], [line for _, line in found], None), is_json


VALUES = JSON | RECORDS.filter(bool).map(lambda records: records[0])
BEHIND = st.sampled_from(["\n", "\n", "\r\n", "\n\n", " \r\n \n", " ", "\t"])
BEGINNINGS = st.sampled_from(["", "", "\ufeff", "\n", "\ufeff \r\n"])
LAST = st.sampled_from(["", "{}", '{"gt": "\u00e9"}', "12", "null"])
DOCUMENTS = st.builds(
    lambda begin, values, last: (begin + "".join(values) + last).encode(),
    BEGINNINGS,
    st.lists(
        st.builds(lambda value, spelling, end: json.dumps(value, **spelling) + end, VALUES, SPELLINGS, BEHIND),
        max_size=6,
    ),
    LAST,
)
# No lone surrogates, no NaN: what ijson refuses.
_WORDS = '" { } [ ] , : - + 0 1 . e // true nul \\ \\u00e9 \x00 é \ufeff \n \r\n "a": \n{"a" \n} \x0c'
PIECES = st.sampled_from([word.encode() for word in _WORDS.split(" ")])


@st.composite
def broken_documents(draw: st.DrawFn) -> bytes:
    """Records with a few bytes put in, taken out or changed; still UTF-8."""
    data: bytes = draw(DOCUMENTS)
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        at = draw(st.integers(min_value=0, max_value=len(data)))
        end = min(len(data), at + draw(st.integers(min_value=0, max_value=2)))
        data = data[:at] + draw(PIECES | st.just(b"")) + data[end:]
    return data.decode("utf-8", "ignore").encode()


def is_for_ijson(data: bytes) -> bool:
    """Whether ijson reads it rightly, if anything does: no escapes that may be lone surrogates are in it."""
    return b"\\ud" not in data.lower()


# What comes out of JSON -----------------------------------------------------------------------------------------------


@given(DOCUMENTS, st.sampled_from(SIZES))
def test_records_are_what_json_reads(data: bytes, size: int) -> None:
    """Whatever is between them, whatever the blocks; and each knows its line at the moment it is yielded."""
    expected, _ = plain(data)
    assert expected == outcome(cut(data, size))


@given(DOCUMENTS, st.sampled_from(SIZES))
def test_events_give_the_same(data: bytes, size: int) -> None:
    """As far as the pipeline needs it; what ijson would read wrongly is refused."""
    expected, _ = plain(data)
    found = outcome(cut(data, size), Reader.IJSON)
    if found.error is None:
        assert expected == found
    else:
        assert isinstance(found.error, UnsupportedInputError)
        assert expected.items[: len(found.items)] == found.items


@given(DOCUMENTS | broken_documents(), st.sampled_from(SIZES), st.integers(0, 40), st.booleans())
def test_giants_in_between_give_the_same(data: bytes, size: int, giant_bytes: int, skips_broken: bool) -> None:
    """The two ways of reading hand over to each other at any record, broken or not."""
    expected, is_json = plain(data, skips_broken=skips_broken)
    shape = Shape(Format.JSONL, max_record_bytes=10**6, skips_broken=skips_broken)
    lines = LinesReader(max_record_bytes=10**6, skips_broken=skips_broken)
    items: list[str] = []
    try:
        for batch in read_with(lines, cut(data, size), shape, giant_bytes=giant_bytes):
            items += map(seen, batch)
    except UnsupportedInputError:
        assert not is_for_ijson(data)
    except MalformedInputError:
        assert not is_json
    else:
        assert is_json
        assert expected.items == items or not is_for_ijson(data)


@IN_READERS
@IN_SIZES
def test_blank_lines_and_records_of_several_lines_are_counted(size: int, reader: Reader) -> None:
    """A line is what ends with a line feed."""
    data = b'\xef\xbb\xbf\r\n{"gt": 1}\r\n\n \n{"gt":\n 2\n} {"gt": 3}\n\n[\n]{"gt": 4}'
    found = outcome(cut(data, size), reader)
    assert ["{'gt': 1}", "{'gt': 2}", "{'gt': 3}", "[]", "{'gt': 4}"] == found.items
    assert ([2, 5, 7, 9, 10], None) == (found.lines, found.error)


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_an_input_without_records_is_empty(data: bytes, size: int, reader: Reader) -> None:
    """Unlike an array, of which at least the brackets must be there."""
    assert ([], [], None) == outcome(cut(data, size), reader)


@IN_SIZES
@pytest.mark.parametrize("value", ["NaN", "-Infinity", '"\\ud83d"', '"\\ude00x"', "1e99999999999999999999"])
def test_what_only_json_reads_is_refused_by_ijson_alone(value: str, size: int) -> None:
    """Never is it read wrongly; nor is it a broken line, to be skipped."""
    data = f'{{"gt": 1}}\n{{"gt": {value}}}\n{{"gt": 2}}\n'.encode()
    assert plain(data)[0] == outcome(cut(data, size))
    for skips_broken in (False, True):
        items, _, error = outcome(cut(data, size), Reader.IJSON, skips_broken=skips_broken)
        assert ["{'gt': 1}"] == items
        assert isinstance(error, UnsupportedInputError)
        assert "(line 2): the " in str(error)


@IN_READERS
def test_a_record_is_delivered_when_its_line_is_complete(reader: Reader) -> None:
    """No further block is read for it: whoever writes them may wait for an answer."""
    file = NoFurther(b"\n{", b'"gt": 1}\n{"gt": 2}\n{"gt"')
    items = read(iter(file.read, b""), Shape(Format.JSONL, reader=reader))
    found: list[str] = []
    while len(found) < 2:
        found += map(seen, next(items))
    assert ["{'gt': 1}", "{'gt': 2}"] == found


# What format an input has ---------------------------------------------------------------------------------------------


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize("begin", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n", b" " * 300])
def test_auto_takes_an_object_for_the_first_record(begin: bytes, size: int, reader: Reader) -> None:
    """Behind a byte-order mark and blanks; nothing that was looked at is lost."""
    data = begin + b'{"gt": 1}\n{"gt": 2}'
    items = read(cut(data, size), Shape(reader=reader))
    assert ["{'gt': 1}", "{'gt': 2}"] == collect(items).items
    assert Format.JSONL is items.format
    items = read(cut(begin + b'[{"gt": 1},{"gt": 2}]', size), Shape(reader=reader))
    assert ["{'gt': 1}", "{'gt': 2}"] == collect(items).items
    assert Format.ARRAY is items.format


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize("data", [b"", b"\xef\xbb", b"1\n2\n", b'"x"\n', b"null", b"\xef\xbb\xbf\n", b"\xef{}", b"x{}"])
def test_auto_takes_all_else_for_an_array(data: bytes, size: int, reader: Reader) -> None:
    """And says about it what it says about arrays."""
    items, _, error = outcome(cut(data, size), reader, Format.AUTO)
    assert isinstance(error, NotAnArrayError | MalformedInputError)
    assert "array" in str(error) or "UTF-8" in str(error)
    assert items == []


@IN_READERS
def test_the_format_that_is_asked_for_is_taken(reader: Reader) -> None:
    """An array may be a record, though it is no prediction; an object is no array."""
    assert (["[]", "[]"], None) == outcome([b'[{"gt": 1}]\n[]'], reader)[::2]
    assert isinstance(outcome([b'{"gt": 1}'], reader, Format.ARRAY).error, NotAnArrayError)


# What is wrong --------------------------------------------------------------------------------------------------------


@given(broken_documents())
def test_it_refuses_exactly_what_json_refuses(data: bytes) -> None:
    """After every record before it; with the same words wherever blocks end."""
    expected, is_json = plain(data)
    outcomes = [outcome(cut(data, size)) for size in SIZES]
    assert len({str(found.error) for found in outcomes}) == 1
    outcomes += [outcome(cut(data, size), Reader.IJSON) for size in SIZES if is_for_ijson(data)]
    for found in outcomes:
        assert (expected.items, expected.lines) == (found.items, found.lines)
        assert is_json == (found.error is None)
        if found.error is not None:
            assert isinstance(found.error, MalformedInputError)
            assert len(expected.items) == found.error.items


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize(
    ("data", "offset", "line", "reason"),
    [
        (b'{"gt": 1}\n{"gt": 2}\n?nope\n', 20, 3, "Expecting value"),
        (b'{"gt": 1}\n\n{"b" 2}\n{}', 16, 3, "Expecting ':' delimiter"),
        (b'{"gt": 1},\n{"gt": 2}', 9, 1, "Expecting value"),
        (b'{"gt": 1}}\n', 9, 1, "Expecting value"),
        (b'{"gt":\r\n "\xc3\xa9\\x"}', 12, 2, "Invalid \\escape"),
        (b'{"gt": 1}\n{"gt":\n\n !}\n{}', 19, 4, "Expecting value"),
        (b'{"gt": "x\n"}\n', 9, 1, "Invalid control character"),
        (b'{"gt": 1}\n\x0c{}', 10, 2, "Expecting value"),
        (b'{"gt": 1}\n{"gt": "\xff"}\n', 18, 2, "invalid UTF-8 (invalid start byte)"),
        (b'\n{"gt": "\xed\xa0\x80"}', 9, 2, "invalid UTF-8 (invalid continuation byte)"),
        (b'{}\n{"gt": "\xf0\x9f', 11, 2, "invalid UTF-8 (unexpected end of data)"),
        (b'{"gt": 1}\n\xff', 10, 2, "invalid UTF-8 (invalid start byte)"),
        (b'\xef\xbb\xbf{"gt": 1}\n\xef\xbb\xbf{}', 13, 2, "Expecting value"),
        (b'{"gt": 1}\n{"gt": 2', 18, 2, "the input ends inside a record"),
        (b'{"gt": 1}\n{\n"gt', 15, 3, "the input ends inside a record"),
    ],
)
def test_what_is_malformed_is_placed_to_the_byte_and_line(
    data: bytes, offset: int, line: int, reason: str, size: int, reader: Reader
) -> None:
    """The error names the reason, the byte, the line and the last complete record, wherever blocks end."""
    items, _, error = outcome(cut(data, size), reader)
    assert type(error) is MalformedInputError
    assert (offset, len(items)) == (error.offset, error.items)
    last = f"the last complete item is {len(items) - 1}" if items else "no item is complete"
    assert f"malformed JSON at byte {offset} (line {line}): {reason}" in str(error)
    assert str(error).endswith(last)


@IN_READERS
@IN_SIZES
def test_every_truncation_is_refused_that_cuts_a_record(size: int, reader: Reader) -> None:
    """What is complete is delivered, and the cut is never overlooked."""
    records = [b'{"gt": "\xc3\xa9\\u00e9"}\r\n', b'\n{"gt": [1.5,\n {"c": null}]} ', b'{"d": "\\\\"}\n', b"[true]"]
    data = b"".join(records)
    ends = [data.index(b"}\r\n") + 1, data.index(b"]} ") + 2, len(data) - 7, len(data)]
    for end in range(len(data) + 1):
        items, _, error = outcome(cut(data[:end], size), reader)
        assert sum(end >= at for at in ends) == len(items)
        is_whole = not data[: end + 1][max([0, *(at for at in ends if at <= end)]) : end].strip()
        assert is_whole == (error is None)
        if error is not None:
            assert isinstance(error, MalformedInputError)
            assert "the input ends inside a record" in str(error) or "unexpected end of data" in str(error)


@IN_READERS
@IN_SIZES
def test_a_record_beyond_the_limit_is_refused(size: int, reader: Reader) -> None:
    """One at the limit is read, whatever blanks are around it; with ijson it may be found out two blocks later."""
    record = b'{"x":"' + b"x" * 992 + b'"}'
    blanks = b" \n" * 1000
    data = blanks.join([b"", record, record, b""])
    assert (["{}"] * 2, None) == outcome(cut(data, size), reader, max_record_bytes=1000)[::2]
    longer = b'{}\n{"x":"' + b"x" * (993 if reader is Reader.AUTO else 200_000) + b'"}\n{}'
    items, _, error = outcome(cut(longer, size), reader, max_record_bytes=1000)
    assert (["{}"], UnsupportedInputError) == (items, type(error))
    assert "at byte 3 (line 2): item 1 is longer than 1,000 bytes; --max-record-bytes allows more" in str(error)


# What is broken, and skipped ------------------------------------------------------------------------------------------


@given(broken_documents())
def test_a_broken_line_is_one_item_and_all_others_are_read(data: bytes) -> None:
    """By both readers alike, wherever blocks end. It goes on behind the line in which the broken record begins."""
    expected, _ = plain(data, skips_broken=True)
    for reader in Reader if is_for_ijson(data) else [Reader.AUTO]:
        for size in SIZES:
            assert expected == outcome(cut(data, size), reader, skips_broken=True)


COMPLETE_LINES = st.sampled_from(
    [GOOD, b"[]", b"", b" ", b'{"gt": 1}{"gt": 2}', b'{"gt": 1} !', b"}", b'{"gt": 1}}', b'{"gt": "\xc3\xa9"!']
)
NOT_UTF8_LINES = st.sampled_from(
    [b"\xff", b'{"gt": "\xff"}', b'{"gt": 1} \xff {}', b'{"gt": "\xc3', b'{"gt": "\xf0\x9f"}', b'"\xed\xa0\x80"']
)


@IN_READERS
@given(lines=st.lists(COMPLETE_LINES | NOT_UTF8_LINES, max_size=8), has_end=st.booleans())
def test_a_line_that_is_not_utf_8_is_broken(lines: list[bytes], has_end: bool, reader: Reader) -> None:
    """What is before the wrong byte and complete is read; lines before and behind it are, too."""
    expected: list[str] = []
    for line in lines:
        good, broken = decode_utf8(line)
        items = plain(good.encode(), skips_broken=True)[0].items
        expected += items if broken is None or items[-1:] == ["broken"] else [*items, "broken"]
    data = b"\n".join(lines) + b"\n" * has_end
    for size in SIZES:
        found = outcome(cut(data, size), reader, skips_broken=True)
        assert (expected, None) == (found.items, found.error)


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize("value", [b"12", b"true", b"-Infinity", b"null \t"])
def test_a_number_or_a_word_ends_with_its_line(value: bytes, size: int, reader: Reader) -> None:
    """It is not lost with a line behind it that is no UTF-8."""
    data = value + b'\n\xff\n{"gt": 1}'
    expected = [seen(json.loads(value)), "broken", "{'gt': 1}"]
    assert (expected, None) == outcome(cut(data, size), reader, skips_broken=True)[::2]
    items, _, error = outcome(cut(data, size), reader)
    assert expected[:1] == items
    assert f"byte {len(value) + 1} (line 2): invalid UTF-8" in str(error)


@IN_SIZES
def test_a_line_that_is_broken_in_the_middle_of_words_counts_once(size: int) -> None:
    """The line of what follows it is right, though the words before the wrong byte might be records."""
    found = outcome(cut(b'true1\xff\n{"gt": 1}\n\n{"gt": 2}', size), skips_broken=True)
    assert ["broken", "{'gt': 1}", "{'gt': 2}"] == found.items
    assert [2, 4] == found.lines[1:]


@IN_READERS
@IN_SIZES
def test_of_a_broken_line_the_beginning_is_kept(size: int, reader: Reader) -> None:
    """For the report, wherever blocks end; the line behind it is no part of it."""
    broken = [b'{"gt": \xc3\xa9}', b'{"gt"  ! ' + b"x" * 3000, b'{"gt": "\xff' + b"y" * 3000, b'{"gt": "\xc3']
    data = b"\n".join([b"{}", *broken])
    batches = read(cut(data, size), Shape(Format.JSONL, reader=reader, skips_broken=True))
    items = [item for batch in batches for item in batch]
    assert [line[:1024] for line in broken] == [item.text for item in items[1:]]
    assert all(item.problem for item in items[1:])


@IN_READERS
@pytest.mark.parametrize("skips_broken", [False, True])
@pytest.mark.parametrize(
    ("text", "result"),
    [
        (f'{{"x": "{GIANT}",\r\n "gt": [7]}}', "{'gt': [7]}"),
        (f'["{GIANT}"]', "[]"),
        (f'{{"gt": "{GIANT}"', None),
        (f'"{GIANT}', None),
        (f'{{"gt": !, "x": "{GIANT}"}}', None),
        (f'{{"x": "{GIANT}", "gt" 7}}', None),
        (f'{{"x": "{GIANT}\x80"}}', None),
    ],
    ids=["object", "array", "no end", "text without end", "wrong soon", "wrong late", "not UTF-8"],
)
def test_a_line_of_more_than_8_mib_is_a_record_or_is_broken(
    text: str, result: str | None, skips_broken: bool, reader: Reader
) -> None:
    """As a short one is, and lines behind it keep their numbers."""
    lines = [b'{"gt": 1}', b"", text.encode("latin-1"), b'{"gt": 2}', GOOD]
    items, numbers, error = outcome(cut(b"\n".join(lines), 65536), reader, skips_broken=skips_broken)
    if result is None and not skips_broken:
        assert isinstance(error, MalformedInputError)
        assert (["{'gt': 1}"], 1) == (items, error.items)
    else:
        good = seen(json.loads(GOOD))
        assert (["{'gt': 1}", result or "broken", "{'gt': 2}", good], None) == (items, error)
        last = 4 + text.count("\n")
        assert [last, last + 1] == numbers[2:]


@pytest.mark.slow
@IN_READERS
@pytest.mark.parametrize("skips_broken", [False, True])
@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e1000000000000000000", '"\\ud800"'])
def test_what_json_reads_is_not_broken_however_far_it_is_in_a_long_record(
    value: str, skips_broken: bool, reader: Reader
) -> None:
    """It is refused, and what is in it is no record; wherever a block cuts it."""
    size = 65536
    before = f'{{"gt": 1}}\n{{"x": "{GIANT}"'
    padding = " " * (-len(before) % size - 2)
    data = f'{before},{padding}"y": {value},\n"z":\n{{"gt": 2}}\n}}\n{{"gt": 3}}'.encode()
    for move in range(0, 12, 3):  # over the end of a block
        blocks = [data[:move], *cut(data[move:], size)]
        found = outcome(blocks, reader, skips_broken=skips_broken)
        assert (["{'gt': 1}"], UnsupportedInputError) == (found.items, type(found.error))


def test_what_follows_a_long_record_waits_no_longer_than_else() -> None:
    """Though records take several lines each; neither behind a record nor behind its line."""
    record = b'{\n"gt": 1\n}\n'
    for end in (b'"}\n', b'"\n}\n'):
        data = b'{"x": "' + b"x" * 3_000_000 + end + record * 100_000
        reader = LinesReader(max_record_bytes=10**9)
        batches = read_with(reader, iter(cut(data, 65536)), Shape(Format.JSONL), giant_bytes=2_500_000)
        waiting = [reader.fed - reader.offset for _ in batches]
        assert reader.items == 100_001
        assert max(waiting[-10:]) < 400_000


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize("length", [10, 1000, 2000, 3000])
def test_a_broken_line_that_is_no_utf8_either_is_one_broken_line(length: int, size: int, reader: Reader) -> None:
    """However far it is from the one fault to the other."""
    data = b'{"gt": 1}\n{"x": !' + b"x" * length + b'\xff"}\n{"gt": 2}'
    assert (["{'gt': 1}", "broken", "{'gt': 2}"], None) == outcome(cut(data, size), reader, skips_broken=True)[::2]


@IN_READERS
def test_a_record_beyond_the_limit_is_on_the_line_where_it_begins(reader: Reader) -> None:
    """Of whose line feeds most are forgotten by then."""
    data = b'{"gt": 1}\n{"x": [\n' + (b"1234567," * 99 + b"1,\n") * 20_000 + b"1]}"
    error = outcome(cut(data, 65536), reader, max_record_bytes=10_000_000).error
    assert "at byte 10 (line 2): item 1 is longer than" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("token", [b"1", b"-", b"nul", b"x", b'{"gt": "', b"{}", b"[", b"}"])
@pytest.mark.parametrize("skips_broken", [False, True])
def test_what_has_no_end_takes_no_longer_than_its_length(token: bytes, skips_broken: bool) -> None:
    """What waits for its line to end costs no more for each of its blocks; nor do lines that are broken."""
    blocks = [b'{"gt": 1}\n', *[token * (65536 // len(token))] * 40]
    texts: list[int] = []
    decode_records = exact_module.decode_records

    def spy(text: str, **options: Any) -> Any:
        texts.append(len(text))
        return decode_records(text, **options)

    reader = LinesReader(max_record_bytes=10**9, skips_broken=skips_broken)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "decode_records", spy)
        with suppress(InputError):
            list(read_with(reader, iter(blocks), Shape(Format.JSONL, skips_broken=skips_broken)))
    assert 3 * sum(map(len, blocks)) > sum(texts)


@IN_READERS
def test_white_space_without_end_is_no_record(reader: Reader) -> None:
    """Between records it may be of any length, at no cost."""
    blanks = [b" " * 999 + b"\n"] * 1000
    blocks = [*blanks, b'{"gt": 1}\n', *blanks, b'{"gt": 2}', *blanks]
    found = outcome(blocks, reader, max_record_bytes=2000)
    assert (["{'gt': 1}", "{'gt': 2}"], [1001, 2002], None) == found


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize("skips_broken", [False, True])
def test_what_is_no_object_knows_its_line(size: int, skips_broken: bool, reader: Reader) -> None:
    """A number or a word, too: it is what the error is about."""
    data = b'{"gt": 1}\n\n12\nnull\n"x"\ntrue\n3'
    found = outcome(cut(data, size), reader, skips_broken=skips_broken)
    assert ([1, 3, 4, 5, 6, 7], None) == (found.lines, found.error)


@IN_SIZES
def test_a_record_before_a_broken_line_knows_its_line(size: int) -> None:
    """Though both are returned at once."""
    found = outcome(cut(b'{"gt": 1}\n{"gt": 2}\n\xff\n\n{"gt": 3}\n', size), skips_broken=True)
    assert [1, 2, 5] == [line for item, line in zip(found.items, found.lines, strict=True) if item != "broken"]


@IN_READERS
def test_a_record_of_more_than_8_mib_knows_its_line(reader: Reader) -> None:
    """Somebody else reads it."""
    found = outcome(cut(f'{{"gt": 1}}\n\n{{"x": "{GIANT}",\n "gt": 2}}\n{{"gt": 3}}'.encode(), 65536), reader)
    assert ([1, 3, 5], None) == (found.lines, found.error)


@IN_READERS
@pytest.mark.parametrize("skips_broken", [False, True])
def test_a_text_beyond_the_limit_is_refused(skips_broken: bool, reader: Reader) -> None:
    """As an object is, whatever is skipped."""
    data = b'{}\n"' + b"x" * 200_000 + b'"\n{}'
    found = outcome(cut(data, 64), reader, max_record_bytes=1000, skips_broken=skips_broken)
    assert (["{}"], UnsupportedInputError) == (found.items, type(found.error))


@IN_READERS
@IN_SIZES
def test_a_number_that_is_too_long_is_unsupported(size: int, reader: Reader) -> None:
    """As in an array."""
    found = outcome(cut(b"{}\n" + b"1" * 4301 + b"\n{}", size), reader)
    assert (["{}"], UnsupportedInputError) == (found.items, type(found.error))


@IN_READERS
@IN_SIZES
def test_a_word_that_is_no_value_is_no_cut_record(size: int, reader: Reader) -> None:
    """As long as something follows."""
    error = outcome(cut(b"{}\nnope\n{}", size), reader).error
    assert "at byte 3 (line 2): Expecting value" in str(error)


@IN_READERS
@IN_SIZES
@pytest.mark.parametrize("line", [b'{"gt": ', b'"abc', b"nope", b"[[1", b'{"gt": "\xff"', b'{"gt": 1}} \xff'])
def test_a_broken_line_takes_no_other_with_it(line: bytes, size: int, reader: Reader) -> None:
    """Not where the next one is no UTF-8; and it is broken once only."""
    found = outcome(cut(line + b"\n\xff\n" + GOOD, size), reader, skips_broken=True)
    good = ["{'gt': 1}"] * line.startswith(b'{"gt": 1}')
    assert ([*good, "broken", "broken", seen(json.loads(GOOD))], None) == (found.items, found.error)
