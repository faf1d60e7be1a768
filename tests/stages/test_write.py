from __future__ import annotations

import io
import json
import math

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import ErrorType, Gap, RecordError, Skip, SkipReason
from streamgaps.stages.write import encode, encode_exactly, encode_record, skipped_line, write
from tests.strategies import JSON

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


def lines(*gaps: Gap) -> bytes:
    """Write gaps."""
    file = io.BytesIO()
    assert list(gaps) == list(write(gaps, file))
    return file.getvalue()


@given(ANY_TEXT, JSON | ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_what_went_in_comes_out(video_id: str, question: object, ground_truth: str, response: str) -> None:
    """Any text, lone surrogates included, and any question reads back the same."""
    line = lines(Gap(3, video_id, ErrorType.FN, question, ground_truth, response))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    expected = {
        "video_id": video_id,
        "error_type": "FN",
        "question": question,
        "ground_truth": ground_truth,
        "response": response,
    }
    read_back = json.loads(line)
    assert repr(expected) == repr(read_back)  # repr tells 1 from 1.0, and the order of keys


def test_texts_stay_as_they_are_and_lone_surrogates_become_escapes() -> None:
    """UTF-8 cannot hold a lone surrogate."""
    line = lines(Gap(0, "/v", ErrorType.FP, "é😀\u2028", "no", "\ud83d yes \x7f"))
    expected = (
        '{"video_id":"/v","error_type":"FP","question":"é😀\u2028","ground_truth":"no","response":"\\ud83d yes \x7f"}\n'
    )
    assert expected.encode() == line


@pytest.mark.parametrize("value", [10**30, 1e-7, math.inf, -0.0, [1.0, {"a": 10**25}]])
def test_a_number_keeps_its_value(value: object) -> None:
    """Beyond what orjson can write, too."""
    assert repr(json.loads(lines(Gap(0, "/v", ErrorType.FP, value, "no", "yes")))["question"]) == repr(value)


def test_a_question_nested_beyond_reason_is_an_error() -> None:
    """It names the item."""
    question: list[object] = []
    for _ in range(100_000):
        question = [question]
    with pytest.raises(RecordError, match="^item 5: a value is nested too deeply to be written$"):
        lines(Gap(5, "/v", ErrorType.FP, question, "no", "yes"))
    while question:  # taken apart step by step: it would be freed recursively
        question = question.pop()  # type: ignore[assignment]


def test_the_encoder_takes_what_orjson_refuses() -> None:
    """Logs go through it too."""
    assert encode({"a": 10**30, "b": "\udc80"}) == b'{"a":1000000000000000000000000000000,"b":"\\udc80"}'


@given(st.dictionaries(ANY_TEXT, JSON | ANY_TEXT, max_size=3), st.booleans())
def test_what_is_carried_comes_after_the_rest(carried: dict[str, object], unclear: bool) -> None:
    """In its order, any value of it, and the mark of what is unclear last, if it is."""
    line = lines(Gap(3, "/v", ErrorType.FP, "q", "no", "yes", carried, unclear))
    expected = {"video_id": "/v", "error_type": "FP", "question": "q", "ground_truth": "no", "response": "yes"}
    assert repr({**expected, **carried, **({"unclear": True} if unclear else {})}) == repr(json.loads(line))


def test_a_line_is_compact_whatever_is_in_it() -> None:
    """What is carried changes nothing in the rest of it; nothing carried is no key at all."""
    head = b'{"video_id":"/v","error_type":"FN","question":"\xc3\xa9","ground_truth":"yes","response":"?"'
    gap = Gap(0, "/v", ErrorType.FN, "é", "yes", "?")
    assert head + b"}\n" == lines(gap)
    for carried, more in (
        ({}, b""),
        ({"id": "a"}, b',"id":"a"'),
        ({"id": [1.0, None], "é": True}, b',"id":[1.0,null],"\xc3\xa9":true'),
    ):
        carrying = Gap(0, "/v", ErrorType.FN, "é", "yes", "?", carried)
        assert head + more + b"}\n" == lines(carrying)
        unclear = Gap(0, "/v", ErrorType.FN, "é", "yes", "?", carried, unclear=True)
        assert head + more + b',"unclear":true}\n' == lines(unclear)
    assert head + b',"unclear":true}\n' == lines(Gap(0, "/v", ErrorType.FN, "é", "yes", "?", unclear=True))


@pytest.mark.parametrize("value", [1, 1.0, True, None, 10**30, math.nan, ["yes"], {"a": "\ud83d"}])
def test_a_ground_truth_that_is_no_text_stays_as_it_is(value: object) -> None:
    """Labels say what such values mean; in the output they are what they were."""
    line = lines(Gap(0, "/v", ErrorType.FP, "q", value, "yes"))
    assert repr(value) == repr(json.loads(line)["ground_truth"])


@pytest.mark.parametrize("field", ["question", "ground_truth", "carried"])
def test_any_value_that_is_nested_beyond_reason_is_an_error(field: str) -> None:
    """What is skipped, too."""
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    values = {"question": "q", "ground_truth": "no", "response": "yes"}
    gap = Gap(5, "/v", ErrorType.FP, **{**values, field: {"a": value} if field == "carried" else value})  # type: ignore[arg-type]  # any of them
    with pytest.raises(RecordError, match="^item 5: a value is nested too deeply to be written$") as caught:
        lines(gap)
    assert 5 == caught.value.index
    with pytest.raises(RecordError, match="^item 6: "):
        encode_record(6, {field: value})
    del gap, caught
    while value:  # taken apart step by step: it would be freed recursively
        value = value.pop()  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("source", "record", "expected"),
    [
        (None, None, b'{"index":7,"field":"gt","reason":"neither"}\n'),
        (None, b"{}", b'{"index":7,"field":"gt","reason":"neither"}\n'),
        ("a.json", None, b'{"source":"a.json","index":7,"field":"gt","reason":"neither"}\n'),
        (None, b'{"video_id":1}', b'{"index":7,"field":"gt","reason":"neither","video_id":1}\n'),
        ('"\u00e9"', b'{"a":{}}', b'{"source":"\\"\xc3\xa9\\"","index":7,"field":"gt","reason":"neither","a":{}}\n'),
    ],
)
def test_a_skipped_sample_is_a_line_of_where_and_why_and_what(
    source: str | None, record: bytes | None, expected: bytes
) -> None:
    """With the name of the input where there are several, and with all that is known where that was kept."""
    skip = Skip(7, "v", SkipReason("gt", "neither"), "text", source, record)
    assert expected == skipped_line(skip)


@given(st.dictionaries(ANY_TEXT, JSON | ANY_TEXT, max_size=3), ANY_TEXT)
def test_the_line_of_a_skipped_sample_is_json(record: dict[str, object], source: str) -> None:
    """Whatever is known of it."""
    line = skipped_line(Skip(0, None, SkipReason("record", "x"), "", source, encode_record(0, record)))
    assert 1 == line.count(b"\n")
    head = {"source": source, "index": 0, "field": "record", "reason": "x"}
    assert repr(head | record) == repr(json.loads(line))


@given(st.dictionaries(st.sampled_from(["video_id", "question", "ground_truth", "response"]), ANY_TEXT, min_size=4))
def test_long_texts_are_written_in_parts(record: dict[str, str]) -> None:
    """To the same bytes; orjson would ask for sixteen times the memory, and die if there is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamgaps.stages.write._LONG", 3)
        assert encode_exactly(record) == encode_record(0, record)


@pytest.mark.parametrize("field", ["video_id", "question", "ground_truth", "response"])
@pytest.mark.parametrize("unclear", [False, True])
def test_no_long_text_is_given_to_orjson(field: str, unclear: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it is, and whatever else is in the gap."""
    lengths: list[int] = []
    dumps = orjson.dumps

    def spy(value: object, option: int | None = None) -> bytes:
        lengths.append(len(dumps(value)))
        return dumps(value, option=option)

    monkeypatch.setattr("streamgaps.stages.write.orjson.dumps", spy)
    texts = {"video_id": "v", "question": "q", "ground_truth": "no", "response": "yes"} | {field: "x" * 1_000_000}
    gap = Gap(0, texts["video_id"], ErrorType.FP, texts["question"], texts["ground_truth"], texts["response"])
    out = io.BytesIO()
    list(write([msgspec.structs.replace(gap, unclear=unclear)], out))
    expected = texts | {"error_type": "FP"} | ({"unclear": True} if unclear else {})
    assert expected == json.loads(out.getvalue())
    assert 0 < max(lengths) < 70_000
