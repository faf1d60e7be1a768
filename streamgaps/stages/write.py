"""Gap -> JSON Lines. orjson's encoder has its one door here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from streamgaps.exceptions import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.model import Gap

__all__ = ["encode", "write"]


def write(gaps: Iterable[Gap], file: BinaryIO) -> Iterator[Gap]:
    """Append each gap to `file` as one line of JSON, and pass it on.

    Keys, in this order: `video_id`, `error_type`, `question`, `ground_truth`, `response`.

    Raises:
        RecordError: a `question` is nested too deeply to be written.
        OSError: whatever `file.write` raises.
    """
    for gap in gaps:
        record = {
            "video_id": gap.video_id,
            "error_type": gap.error_type,
            "question": gap.question,
            "ground_truth": gap.ground_truth,
            "response": gap.response,
        }
        try:
            # orjson writes NaN as null and floats in a spelling of its own, so only texts are left to it.
            line = _encode_line(record) if type(gap.question) is str else _encode_exactly(record) + b"\n"
        except RecursionError as error:
            message = f"item {gap.index}: 'question' is nested too deeply to be written"
            raise RecordError(message, index=gap.index, field="question") from error
        file.write(line)
        yield gap


def _encode_line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return _encode_exactly(record) + b"\n"


def encode(value: object) -> bytes:
    """Encode a value as compact JSON in UTF-8: texts in any language as they are, a lone surrogate as its escape."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return _encode_exactly(value)


def _encode_exactly(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # UTF-8 has no lone surrogates; Python's way of escaping them is JSON's too.
    return text.encode("utf-8", "backslashreplace")
