"""Gap -> JSON Lines. orjson's encoder has its one door here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from streamgaps.exceptions import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamgaps.model import Gap, Skip

_LONG = 64 * 1024
"""How many characters are given to orjson at once, about: it asks for up to sixteen times as many bytes, and the
process dies if it does not get them."""

__all__ = ["SKIPPED_KEYS", "encode", "encode_exactly", "encode_record", "skipped_line", "write"]


def write(gaps: Iterable[Gap], file: BinaryIO) -> Iterator[Gap]:
    """Append each gap to `file` as one line of JSON, and pass it on.

    Keys, in this order: `video_id`, `error_type`, `question`, `ground_truth`, `response`; then what is carried, and
    `unclear`, if it is true.

    Raises:
        RecordError: a value is nested too deeply to be written.
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
        if gap.carried is not None:
            record |= gap.carried
        if gap.unclear:
            record["unclear"] = True
        # Most records hold nothing but texts; to find that out in general takes 0.3 µs more.
        if gap.carried is None and type(gap.question) is str and type(gap.ground_truth) is str:
            line = _encode_texts(record)
        else:
            line = encode_record(gap.index, record) + b"\n"
        file.write(line)
        yield gap


SKIPPED_KEYS = ("source", "index", "field", "reason", "text")
"""The keys that the line of a skipped sample has beside those of the sample."""


def skipped_line(skip: Skip) -> bytes:
    """Encode a sample that was skipped as a line of JSON: where and why, and what is known of it."""
    reason = {"index": skip.index, "field": skip.reason.field, "reason": skip.reason.why}
    head = reason if skip.source is None else {"source": skip.source} | reason
    known = skip.record or b"{}"
    return encode(head)[:-1] + (b"" if known == b"{}" else b",") + known[1:] + b"\n"


def encode_record(index: int, record: dict[str, Any]) -> bytes:
    """Encode what is known of item `index`.

    Raises:
        RecordError: a value is nested too deeply to be written.
    """
    try:
        # orjson writes NaN as null and floats in a spelling of its own, so only texts, and that a gap is unclear, are
        # left to it: 2.5 instead of 8 µs.
        if all(isinstance(value, str) or value is True for value in record.values()):
            is_long = sum(len(value) for value in record.values() if value is not True) > _LONG
            return _encode_long(record) if is_long else encode(record)
        return encode_exactly(record)
    except RecursionError as error:
        message = f"item {index}: a value is nested too deeply to be written"
        raise RecordError(message, index=index) from error


def _encode_texts(record: dict[str, Any]) -> bytes:
    texts = len(record["response"]) + len(record["question"]) + len(record["ground_truth"]) + len(record["video_id"])
    if texts > _LONG:
        return _encode_long(record) + b"\n"
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return encode_exactly(record) + b"\n"


def _encode_long(record: dict[str, Any]) -> bytes:
    """Encode an object of texts and truth values, the texts in parts."""
    pairs = (
        b"%b:%b" % (encode(name), _encode_long_text(value) if isinstance(value, str) else encode(value))
        for name, value in record.items()
    )
    return b"{%b}" % b",".join(pairs)


def _encode_long_text(text: str) -> bytes:
    return b'"%b"' % b"".join(encode(text[at : at + _LONG])[1:-1] for at in range(0, len(text), _LONG))


def encode(value: object) -> bytes:
    """Encode a value as compact JSON in UTF-8: texts in any language as they are, a lone surrogate as its escape."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return encode_exactly(value)


def encode_exactly(value: object) -> bytes:
    """Encode any JSON value as Python's `json` does, compactly and in UTF-8: numbers are as they were read."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # UTF-8 has no lone surrogates; Python's way of escaping them is JSON's too.
    return text.encode("utf-8", "backslashreplace")
