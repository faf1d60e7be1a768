"""Inputs of all kinds."""

from __future__ import annotations

import json

from hypothesis import strategies as st

WORDS = st.sampled_from(
    ["yes", "no", "Yes", "NO", "YES", "yeſ", "no-one", "nothing", "yes_", "eyes", "İno", "no²", "é", "noé", " no\u0301"]
)
TEXTS = st.lists(st.one_of(WORDS, st.sampled_from([" ", ". ", ",", '"', "\\", "\n", "😀", "[{"]), st.text(max_size=3)))
ANSWERS = TEXTS.map("".join) | st.sampled_from(["Yes", "No", "B. No"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
# What looks like the end of a record, or of the array.
HOSTILE = ['}, {"a"', '"}, {"video_id": "', "}]", "},", '"}]', [{"a": 1}, {"a": 2}], {"video_id": [{}, {}]}]
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"video_id": TEXTS.map("".join).map(lambda text: text.replace("\0", "")), "response": ANSWERS, "gt": ANSWERS},
        optional={"question": JSON, "extra": JSON | st.sampled_from(HOSTILE)},
    ),
    max_size=12,
)
BLOCK_SIZES = st.sampled_from([1, 2, 3, 7, 64, 65536])
SPELLINGS = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 2])},
    optional={"separators": st.sampled_from([(",", ":"), (" , ", " : "), ("\n,\t", ":")])},
)
TAILS = st.sampled_from(["", "\n", " \n\n\t"])
DOCUMENTS = st.builds(
    lambda value, spelling, tail: (json.dumps(value, **spelling) + tail).encode(),
    st.lists(JSON) | RECORDS | st.lists(JSON | RECORDS.filter(bool).map(lambda records: records[0])),
    SPELLINGS,
    TAILS,
)

_WORDS = b'" { } [ ] , : - + 0 1 . e // NaN -Infinity true nul \\ \\ud83d \\ude00 \\u00e9 \x00 \xff \xc3 \xed\xa0\x80'
_PIECES = st.sampled_from([*_WORDS.split(b" "), b" ", b"\n", b"\f", b"\v"])


@st.composite
def broken_documents(draw: st.DrawFn) -> bytes:
    """JSON with a few bytes put in, taken out or changed."""
    data: bytes = draw(DOCUMENTS)
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        at = draw(st.integers(min_value=0, max_value=len(data)))
        end = min(len(data), at + draw(st.integers(min_value=0, max_value=2)))
        data = data[:at] + draw(_PIECES | st.just(b"")) + data[end:]
    return data
