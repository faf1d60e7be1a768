from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.decoding import parts as parts_module
from streamgaps.decoding.events import read_events
from streamgaps.decoding.fence import follow
from streamgaps.decoding.parts import Parts
from tests.doubles import cut

TEXTS = st.text(st.sampled_from('aé中😀"\\\n{[]},:x'), max_size=20)
VALUES = st.recursive(
    TEXTS | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ITEMS = TEXTS | st.lists(VALUES, max_size=2) | st.dictionaries(TEXTS | st.sampled_from(["gt", "q"]), VALUES, max_size=5)
MOST = 3 * 64 * 1024


def kept(item: Any) -> Any:
    """Return what `read_events` keeps of an item."""
    if isinstance(item, dict):
        return {key: value for key, value in item.items() if key in ("gt", "q")}
    return [] if isinstance(item, list) else item


@given(st.lists(ITEMS, max_size=4), st.booleans(), st.sampled_from([1, 2, 3, 5, 8, 100]), st.integers(0, 9))
def test_strings_in_parts_come_whole(items: list[Any], escapes: bool, size: int, longest: int) -> None:
    """Wherever they are: values, keys and items, wanted and ignored, with escapes and characters that blocks cut."""
    data = json.dumps(items, ensure_ascii=escapes).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts.__init__, "__defaults__", (longest,))
        found = list(read_events(cut(data, size), fields=["gt", "q"], max_record_bytes=10**6))
    assert [kept(item) for item in items] == found


@pytest.mark.parametrize("size", [1000, 65536])
@pytest.mark.parametrize(
    ("begin", "filler"),
    [
        (b'[{"a" :\n"', b'","":"'),
        (b'[{"', b'":0,"'),
        (b'[{"b": [], "', b'":0,"'),
        (b'["', b'","'),
        (b'[{"b": 1}, "', b'","'),
    ],
)
def test_no_part_is_long(begin: bytes, filler: bytes, size: int) -> None:
    """And no character of the text is lost or cut; the last ones are given when the string ends."""
    text = "é中".encode() * 500_000
    given = b"".join(Parts(follow(cut(begin + text, size))))
    parts = given[len(begin) :].split(filler)
    assert len(parts) > 5
    assert max(map(len, parts)) <= parts_module.LONGEST_PART + size
    assert (begin + text).startswith(begin + b"".join(parts))
    assert all(part.decode() for part in parts)


@pytest.mark.parametrize(
    "data", [rb'[{"a": "%b\x%b"}]', b'[{"a": "%b\n%b"}]', b'[{"%b\t%b": 1}]', b'[["%b\0%b"]]', rb'["%b\u12x%b"]']
)
def test_what_is_wrong_in_a_part_is_refused(data: bytes) -> None:
    """Each part is looked at, though nobody wants it."""
    with pytest.raises(ValueError, match="malformed JSON"):
        list(read_events(cut(data % (b"x" * MOST, b"x" * MOST), 65536), fields=["gt"], max_record_bytes=10**9))


@pytest.mark.slow
def test_keys_that_end_as_a_wanted_one_are_not_taken_for_it() -> None:
    """The last part of a key is no key."""
    data = b'[{"%bgt": "no"}]' % (b"x" * (parts_module.LONGEST_PART + 65536 - 4))
    for size in (1, 60_000, 65536):
        assert [{}] == list(read_events(cut(data, size), fields=["gt"], max_record_bytes=10**9))


def test_memory_that_is_not_there_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what was collected of a text nothing lives on in the error: to report it takes some memory."""

    def fail(*_: object) -> Any:
        yield "part"
        raise MemoryError

    monkeypatch.setattr(Parts, "is_cut", True)
    monkeypatch.setattr(Parts, "rest", fail)
    with pytest.raises(MemoryError) as caught:
        list(read_events([b'["text"]'], fields=[], max_record_bytes=100))
    frames = [entry.frame for entry in caught.traceback]
    assert [[]] == [frame.f_locals["texts"] for frame in frames if "texts" in frame.f_locals]


def test_what_is_open_is_found_in_one_go() -> None:
    """However deep it is: to take pairs out again and again, from within, took 13 times as long as all the rest."""
    data = b"[" + b",".join([b"[" * 900 + b"]" * 900] * 3) + b',[[{"a": "'
    for size in (1, 100, 65536):
        parts = Parts(follow(cut(data, size)))
        assert data == b"".join(parts)
        assert parts._opened == b"[[[{"
