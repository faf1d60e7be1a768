from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import ConfigurationError, InputError, MalformedInputError, NotAnArrayError, UnsupportedInputError
from streamgaps.decoding.fence import MAX_DEPTH
from streamgaps.decoding.locate import KEPT_BYTES
from streamgaps.decoding.parts import Parts
from streamgaps.decoding.prefix import ArraysUnder, check_prefix, first_array
from tests.doubles import cut
from tests.judge import arrays_under, loaded
from tests.strategies import BLOCK_SIZES, HOSTILE, JSON, RECORDS, SPELLINGS, TAILS, broken_documents

SIZES = [65536, 7, 2, 1]
KEYS = st.sampled_from(["a", "b", "item", "", "é", '"', "a.b", "]}"])
NESTED = st.recursive(
    JSON | RECORDS | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
PREFIXES = st.lists(KEYS | st.just("item"), max_size=3).map(lambda names: ".".join([*names, "item"]))


@st.composite
def documents_with_prefixes(draw: st.DrawFn) -> tuple[bytes, str]:
    """Anything, with what the prefix names in it more often than by chance."""
    prefix = draw(PREFIXES)
    value: Any = draw(st.lists(NESTED, max_size=3) | RECORDS)
    for name in reversed(prefix.split(".")[:-1]):
        if name == "item":
            value = [*draw(st.lists(NESTED, max_size=2)), value, *draw(st.lists(st.just(value) | NESTED, max_size=2))]
        else:
            beside = [draw(st.dictionaries(KEYS | st.text(max_size=3), NESTED, max_size=3)) for _ in range(2)]
            before, behind = ({key: one[key] for key in one if key != name} for one in beside)
            value = before | {name: value} | behind
    spelling: dict[str, Any] = draw(SPELLINGS)
    mark = "\ufeff" if draw(st.booleans()) else ""
    return (mark + json.dumps(value, **spelling) + draw(TAILS)).encode(), prefix


def read(arrays: ArraysUnder) -> list[tuple[int, bytes]]:
    """Take all of them, as whoever reads arrays does: one that is not JSON is an error."""
    found = []
    for array in arrays:
        blocks = list(array.blocks)
        assert all(blocks)
        data = b"".join(blocks)
        try:
            json.loads(data.decode())
        except ValueError as error:
            message = "in the array"
            raise MalformedInputError(message) from error
        found.append((array.offset, data))
    return found


def outcome(blocks: Iterable[bytes], prefix: str) -> tuple[list[Any], InputError | None]:
    """Read the arrays, or the error."""
    try:
        return [json.loads(data) for _, data in read(ArraysUnder(blocks, prefix))], None
    except InputError as error:
        return [], error


def assert_read_as_json_reads(data: bytes, size: int, prefix: str) -> None:
    """The same arrays; if refused, then with reason."""
    value = loaded(data)
    arrays, error = outcome(cut(data, size), prefix)
    if isinstance(value, Exception):
        assert error is not None
    elif not isinstance(error, UnsupportedInputError):
        expected = list(arrays_under(value, prefix.split(".")))
        assert repr(expected) == repr(arrays)
        assert isinstance(error, NotAnArrayError) == (not expected)
        assert error is None or not expected


@given(documents_with_prefixes(), BLOCK_SIZES)
def test_the_arrays_are_those_of_json(document: tuple[bytes, str], size: int) -> None:
    """All of them, in order, to the byte, wherever blocks end."""
    data, prefix = document
    found = read(ArraysUnder(cut(data, size), prefix))
    assert repr(list(arrays_under(loaded(data), prefix.split(".")))) == repr([json.loads(array) for _, array in found])
    assert [data[offset : offset + len(array)] for offset, array in found] == [array for _, array in found]
    offsets = [offset for offset, _ in found]
    assert sorted(set(offsets)) == offsets


@given(documents_with_prefixes(), BLOCK_SIZES, st.integers(0, 9))
def test_strings_around_the_arrays_come_in_parts(document: tuple[bytes, str], size: int, longest: int) -> None:
    """Keys come whole."""
    data, prefix = document
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts.__init__, "__defaults__", (longest,))
        assert_read_as_json_reads(data, size, prefix)


@given(documents_with_prefixes(), BLOCK_SIZES)
def test_one_can_go_on_behind_any_array(document: tuple[bytes, str], size: int) -> None:
    """With the bytes from there on alone, the others are found."""
    data, prefix = document
    found = read(ArraysUnder(cut(data, size), prefix))
    assert found[0][0] == first_array(cut(data, size), prefix)
    for number, (offset, array) in enumerate(found, 1):
        behind = offset + len(array)
        assert found[number:] == read(ArraysUnder(cut(data[behind:], size), prefix, behind=behind))


@given(NESTED, SPELLINGS, PREFIXES, BLOCK_SIZES)
def test_a_prefix_is_compared_name_by_name(value: object, spelling: dict[str, Any], prefix: str, size: int) -> None:
    """In documents in which it names something by chance, or nothing."""
    assert_read_as_json_reads(json.dumps(value, **spelling).encode(), size, prefix)


@pytest.mark.parametrize(
    ("prefix", "data", "expected"),
    [
        ("item", "[1, [2]]", [[1, [2]]]),
        ("results.item", '{"meta": {"results": [0]}, "results": [1], "more": [2]}', [[1]]),
        ("a.b.item", '{"b": [0], "a": {"a": {"b": [0]}, "b": [1]}}', [[1]]),
        ("item.p.item", '[{"p": [1]}, {"q": [0]}, {"p": []}, {"p": 5}, [[0]], {"p": [[2], 3]}]', [[1], [], [[2], 3]]),
        ("a.item.b.item", '{"a": [{"b": [1]}, {"c": {"b": [0]}}, {"b": [2]}]}', [[1], [2]]),
        ("item.item", '[[1], {"item": [0]}, [2, [3]]]', [[1], [2, [3]]]),
        ("a.item.item", '{"a": {"item": [0], "a": [[0]]}, "b": 1, "\\u0061\\u0061": 2, "c": [[0]], "": 1}', None),
        ("item.item", '{"item": {"item": [0]}}', None),
        (".item", '{"a": [0], "": [1]}', [[1]]),
        ("a.b.item", '{"a.b": [0], "a": {"b": [1]}}', [[1]]),
        ("é😀.item", '{"\\u00e9\\ud83d\\ude00": [1], "é": [0]}', [[1]]),
        ("é😀.item", '{"é😀": ["\\ud800", NaN], "x": "]["}', [["\ud800", float("nan")]]),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_what_a_prefix_means(prefix: str, data: str, expected: list[object] | None, size: int) -> None:
    """`item` is an array's and no key's, names are whole; what is in an array is its reader's business."""
    arrays, error = outcome(cut(data.encode(), size), prefix)
    assert (repr(expected or []), expected is None) == (repr(arrays), isinstance(error, NotAnArrayError))


@pytest.mark.parametrize("prefix", ["", "results", "results.items", "item.", "Item", "results.item.id"])
def test_a_prefix_that_names_no_items_is_refused(prefix: str) -> None:
    """At once, before anything is read."""
    with pytest.raises(ConfigurationError, match="does not end in 'item'"):
        check_prefix(prefix)
    with pytest.raises(ConfigurationError, match="does not end in 'item'"):
        ArraysUnder(iter(()), prefix)
    assert check_prefix("a.item.item") == ["a", "item", "item"]


@pytest.mark.parametrize(
    ("data", "prefix", "hint"),
    [
        ('{"results": {"item": [1]}}', "results.item", ": 'results' is an object"),
        ('{"results": null}', "results.item", ": 'results' is null"),
        ('{"a": {"b": true}}', "a.b.item", ": 'a.b' is a truth value"),
        ('{"a": "x"}', "a.b.item", ": 'a' is a text"),
        ("[1]", "a.item", ": the top level is an array"),
        ('{"a": []}', "item", ": the top level is an object"),
        ("-1.5e3", "item", ": the top level is a number"),
        ('[{"a": 1}, {}]', "item.b.item", ""),
        ('[{"a": 1}, {"a": {}}]', "item.a.item", ": 'item.a' is a number"),
        ("{}", "a.item", ": the top-level object is empty"),
        (
            '{"x": 1, "%s": {"z": 2}}' % ("y" * 99),
            "a.item",
            ": the top-level object has the keys 'x', '%s'" % ("y" * 40),
        ),
        (
            '{"p": 1, "q": 1, "r": 1, "s": [], "t": 1, "u": 1}',
            "a.item",
            ": the top-level object has the keys 'p', 'q', 'r', 's', 't', ...",
        ),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_where_there_is_no_array_it_is_said_what_there_is(data: str, prefix: str, hint: str, size: int) -> None:
    """As far as it may help."""
    _, error = outcome(cut(data.encode(), size), prefix)
    assert (NotAnArrayError, f"there is no array at the prefix {prefix!r}{hint}") == (type(error), str(error))


SMALL = '{"m": {"é\\"": [1, "]"], "r": 2}, "r": [{"x": "]"}, 1], "t": [{}, "\\u00e9", -1.5]} \n'.encode()
START, END = SMALL.index(b"[{"), SMALL.index(b', "t"')


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("end", range(len(SMALL.rstrip())))
def test_a_document_that_is_cut_is_refused(end: int, size: int) -> None:
    """At every byte."""
    _, error = outcome(cut(SMALL[:end], size), "r.item")
    assert type(error) is MalformedInputError
    if end == 0:
        assert "at byte 0: nothing in it, where a JSON document must be; no item" in str(error)
    elif START < end < END:
        assert str(error) == "in the array"
    elif b"\xc3" != SMALL[end - 1 : end]:
        assert f"at byte {end}: the input ends inside the document" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("at", [at for at in range(len(SMALL)) if not START < at < END - 1])
def test_no_byte_around_the_array_can_be_wrong(at: int) -> None:
    """What json.load refuses is refused; what it accepts has the same array, if it has one."""
    for byte in range(256):
        changed = SMALL[:at] + bytes([byte]) + SMALL[at + 1 :]
        assert_read_as_json_reads(changed, 65536 if byte % 2 else 5, "r.item")


@given(
    broken_documents(),
    BLOCK_SIZES,
    st.sampled_from(['{"r": [1], "x": %b}', '{"x": %b, "r": [1]}', '{"r": %b, "x": 1}']),
)
def test_whatever_is_broken_is_refused_as_json_refuses_it(broken: bytes, size: int, document: str) -> None:
    """Before the array, in it, and behind it."""
    assert_read_as_json_reads(document.encode() % broken, size, "r.item")


@given(broken_documents(), BLOCK_SIZES)
def test_what_follows_a_top_level_array_must_be_blank(broken: bytes, size: int) -> None:
    """The one array that is the whole document."""
    assert_read_as_json_reads(broken, size, "item")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("value", "offset", "kind", "reason"),
    [
        (b"nope", 0, MalformedInputError, "Expecting value"),
        (b'{"a" 1}', 5, MalformedInputError, "Expecting ':' delimiter"),
        (b'["\xc3\xa9" 1]', 6, MalformedInputError, "Expecting ',' delimiter"),
        (b'"\xff"', 1, MalformedInputError, "invalid UTF-8 (invalid start byte)"),
        (b"\x0c1", 0, MalformedInputError, "a form feed"),
        (b"[1]]", 3, MalformedInputError, "Expecting ',' delimiter"),
        (b"NaN", 0, UnsupportedInputError, "the value N"),
        (b'"\\ud83d"', 1, UnsupportedInputError, "the lone surrogate \\ud83d"),
        (b"1" * 4301, 0, UnsupportedInputError, "a number of more than 4,300 digits"),
        (b"1e999999999999999999999", 0, UnsupportedInputError, "the value 1e999999999999999999999"),
        (
            b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
            MAX_DEPTH - 1,
            UnsupportedInputError,
            "nesting of more than 1,000 levels",
        ),
    ],
)
def test_an_error_around_the_array_is_placed(
    value: bytes, offset: int, kind: type[InputError], reason: str, before: bool, size: int
) -> None:
    """To the byte, with the number of items that the reader has told."""
    head = b'\xef\xbb\xbf{"x": ' if before else b'\xef\xbb\xbf{"r": [0], "x": '
    arrays = ArraysUnder(cut(head + value + b', "y": [3]}', size), "r.item")
    arrays.items = 7
    with pytest.raises(InputError) as raised:
        read(arrays)
    error = raised.value
    assert isinstance(error, kind)
    assert (len(head) + offset, 7) == (error.offset, error.items)  # type: ignore[attr-defined]
    assert f"at byte {len(head) + offset}: {reason}" in str(error)
    assert str(error).endswith("the last complete item is 6")


def test_an_error_far_from_the_array_is_placed_to_the_block() -> None:
    """No more than a few megabytes are kept of what is around it."""
    data = b'{"r": [], "x": ["' + b"x" * (KEPT_BYTES + 10**6) + b'", nope], "y": 1}'
    _, error = outcome(cut(data, 65536), "r.item")
    assert isinstance(error, MalformedInputError)
    assert len(data) // 65536 * 65536 == error.offset


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "tail", [b"]", b"}", b"{}", b"0", b'"', b'"a"', b"tru", b"-", b",", b"[", b"\\", b"\xef\xbb\xbf"]
)
def test_what_follows_the_document_is_refused(tail: bytes, size: int) -> None:
    """Also what ijson overlooks."""
    for data, prefix in ((b'{"r": [1], "x": [2]} ', "r.item"), (b"[[1]]\n", "item.item"), (b"[1] ", "item")):
        _, error = outcome(cut(data + tail, size), prefix)
        assert isinstance(error, MalformedInputError)
        assert f"at byte {len(data)}: Extra data" in str(error)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tail", [b".5}", b"5}", b"e5}", b"1}", b"[]}", b'""}', b":1}", b"", b",}", b"]"])
def test_what_follows_an_array_cannot_belong_to_it(tail: bytes, size: int) -> None:
    """Whatever stands for the array in the parser that goes on behind it."""
    _, error = outcome(cut(b'{"r": [1]' + tail, size), "r.item")
    assert isinstance(error, MalformedInputError)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("data", "prefix", "key"),
    [
        ('{"r": [1], "r": [2]}', "r.item", '"r"'),
        ('{"r": [1], "x": "r", "r": 5}', "r.item", '"r"'),
        ('{"r": 5, "r": [1]}', "r.item", '"r"'),
        ('{"a": {"b": [1]}, "a": {"b": [2]}}', "a.b.item", '"a"'),
        ('{"a": {"b": [1]}, "a": {}}', "a.b.item", '"a"'),
        ('[{"b": [1]}, {"b": [2], "b": [3]}]', "item.b.item", '"b"'),
    ],
)
def test_a_key_that_is_there_twice_is_refused(data: str, prefix: str, key: str, size: int) -> None:
    """Of which json.load would keep the last value only."""
    _, error = outcome(cut(data.encode(), size), prefix)
    assert isinstance(error, UnsupportedInputError)
    assert f"the key {key[1:-1]!r} is given twice" in str(error)
    if size == 65536:
        assert data.rindex(key) == error.offset


def test_a_byte_order_mark_is_none_behind_an_array() -> None:
    """Though there the bytes begin that are read."""
    with pytest.raises(MalformedInputError, match="at byte 9: Expecting ',' delimiter"):
        read(ArraysUnder([b"\xef\xbb\xbf}"], "r.item", behind=9))


def test_other_keys_may_be_there_twice() -> None:
    """And the same one in several objects."""
    data = b'[{"b": [1], "c": 1, "c": {"b": 1, "b": 2}}, {"b": [2]}]'
    assert outcome([data], "item.b.item") == ([[1], [2]], None)


def test_no_more_is_read_than_is_asked_for() -> None:
    """Of a pipe, say, that has no more yet."""
    taken = []

    def blocks() -> Iterator[bytes]:
        for block in (b'{"x": 1, "r": ', b'[{"a": 1', b"}, 2", b'], "y"', b": 1}"):
            taken.append(block)
            yield block

    assert first_array(blocks(), "r.item") == 14
    assert len(taken) == 2
    taken.clear()
    arrays = iter(ArraysUnder(blocks(), "r.item"))
    array = next(arrays)
    for expected, count in ((b"[", 2), (b'{"a": 1', 2), (b"}, 2", 3), (b"]", 4)):
        assert (expected, count) == (next(array.blocks), len(taken))
    assert list(array.blocks) == []
    assert len(taken) == 4
    assert list(arrays) == []
    assert len(taken) == 5


def test_the_first_array_is_none_where_there_is_none() -> None:
    """Why, whoever reads it is told."""
    assert first_array([b'{"x": [1]}'], "r.item") is None
    assert first_array([b'{"x": nope, "r": [1]}'], "r.item") is None
    assert first_array([b'{"x": 1, "r": [nope'], "r.item") == 14


def test_an_array_that_is_not_read_to_its_end_is_an_error() -> None:
    """Whether its reader stopped or the input did."""
    for data in (b'{"r": [1, 2, 3], "x": 1}', b"[1, 2, 3]", b"[1, 2, "):
        arrays = iter(ArraysUnder(cut(data, 3), "item" if data.startswith(b"[") else "r.item"))
        offset = next(arrays).offset
        with pytest.raises(MalformedInputError, match=f"byte {offset}: the array that begins here was not read"):
            next(arrays)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "array", ['[1, {"a": 2]', "[1}", '[{"a": [1}]}]', "[[1]", "[1]]", '[1, "]', '[1, \\"]', "[1, 2"]
)
def test_an_array_whose_brackets_do_not_match_is_an_error(array: str, size: int) -> None:
    """Its reader is given something that is no array, or what follows is wrong."""
    _, error = outcome(cut(f'{{"r": {array}, "x": [1]}}'.encode(), size), "r.item")
    assert isinstance(error, MalformedInputError)


@pytest.mark.slow
def test_what_is_beside_the_array_takes_no_memory() -> None:
    """However much it is."""

    def blocks() -> Iterator[bytes]:
        beside = b"[" + b", ".join([b'{"r": [1, "%b"]}' % (b"x" * 2000)] * 20) + b"], "
        yield b"{"
        yield from (b'"%d%b": 0, ' % (number, b"k" * 50) for number in range(100_000))
        yield b'"x": ['
        yield from [beside] * 250
        yield b'0], "r": [1'
        yield from [b', "' + b"y" * 40_000 + b'"'] * 250
        yield b'], "y": ['
        yield from [beside] * 250
        yield b"0]}"

    tracemalloc.start()
    taken = [sum(map(len, array.blocks)) for array in ArraysUnder(blocks(), "r.item")]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [250 * 40_004 + 3] == taken
    assert peak < 2 * KEPT_BYTES
