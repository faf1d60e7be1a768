from __future__ import annotations

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps import ErrorType, Gap, RecordError
from streamgaps.stages.write import encode, write
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
