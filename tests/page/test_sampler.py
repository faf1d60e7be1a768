from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.page.highlight import deciding
from streamgaps.page.sampler import Sampler
from streamgaps.stages.write import encode_exactly
from tests.doubles import cut

if TYPE_CHECKING:
    from streamgaps.page.samples import Sample


def line(number: int, kind: str = "FP", **more: object) -> bytes:
    """Return a gap as it is written."""
    record = {"video_id": f"/v/{number}.mp4", "error_type": kind, "question": "?", "ground_truth": "no"}
    return encode_exactly({**record, "response": f"Yes. {number}", **more}) + b"\n"


def sampled(lines: Iterable[bytes], most: int, seed: int = 0) -> Sampler:
    """Return a sampler that has seen these."""
    sampler = Sampler(most, seed)
    for one in lines:
        sampler.add(one)
    return sampler


def numbers(samples: list[Sample], kind: str = "FP") -> list[int]:
    """Return which gaps of a type were kept."""
    return [sample.line - 1 for sample in samples if sample.error_type == kind]


GAPS = st.lists(
    st.tuples(
        st.sampled_from(["FP", "FN"]),
        st.text(max_size=5)
        | st.sampled_from(['","error_type":"FP","question":', '\\","error_type":"FN","question":"'])
        | st.just({"a": "b", "error_type": "FN", "question": 1}),
    ),
    max_size=60,
)


@given(GAPS, st.integers(min_value=0, max_value=9), st.integers(min_value=1, max_value=99))
def test_however_lines_are_packed_the_sample_is_the_same(gaps: list[tuple[str, object]], most: int, size: int) -> None:
    """And each is counted by its own type, whatever its texts, and the values in it, look like."""
    lines = [
        line(number, kind, question=question, video_id=question if isinstance(question, str) else "v")
        for number, (kind, question) in enumerate(gaps)
    ]
    one_by_one = sampled(lines, most)
    together = sampled([b"".join(lines[at : at + size]) for at in range(0, len(lines), size)], most)
    assert one_by_one.samples() == together.samples()
    kinds = Counter(kind for kind, _ in gaps)
    assert {"FP": kinds["FP"], "FN": kinds["FN"]} == one_by_one.counts == together.counts
    for kind, count in one_by_one.counts.items():
        kept = numbers(one_by_one.samples(), kind)
        assert min(most, count) == len(kept)
        assert all(gaps[number][0] == kind for number in kept)


def test_many_lines_at_once_are_as_good_as_one_after_the_other() -> None:
    """Also where they are looked through in several parts."""
    lines = [line(number, "FN" if number % 3 else "FP") for number in range(20_000)]
    expected = sampled(lines, 20).samples()
    assert expected == sampled([b"".join(lines)], 20).samples()
    assert expected == sampled([b"".join(lines[at : at + 777]) for at in range(0, len(lines), 777)], 20).samples()
    assert 40 == len(expected)


def test_each_gap_is_as_likely_as_any_other() -> None:
    """By the chi-square statistic of ten parts of the stream: it is below 27.9 in 999 of 1,000 cases."""
    lines = [line(number) for number in range(1000)]
    found: Counter[int] = Counter()
    for seed in range(200):
        found.update(number // 100 for number in numbers(sampled([b"".join(lines)], 10, seed).samples()))
    expected = 200 * 10 / 10
    assert 27.9 > sum((found[part] - expected) ** 2 / expected for part in range(10))


def test_another_seed_gives_another_sample() -> None:
    """And the same one the same."""
    lines = [b"".join(line(number) for number in range(500))]
    one, same, other = (numbers(sampled(lines, 9, seed).samples()) for seed in (1, 1, 2))
    assert one == same != other


def test_few_gaps_are_all_there() -> None:
    """In their order, with their numbers."""
    samples = sampled([line(0), line(1, "FN"), line(2)], 5).samples()
    assert [(1, "FP"), (2, "FN"), (3, "FP")] == [(one.line, one.error_type) for one in samples]
    assert ["/v/0.mp4", "/v/1.mp4", "/v/2.mp4"] == [one.video_id.text for one in samples]


def test_what_decided_is_kept_of_a_long_response() -> None:
    """With its beginning and its end."""
    sampler = Sampler(1, deciding=lambda text: deciding(text, "strict"))
    sampler.add(line(0, response="a" * 90_000 + " No, " + "b" * 90_000))
    (sample,) = sampler.samples()
    assert ["No"] == [piece.text for piece in sample.response.pieces if piece.is_marked]
    assert (True, True) == (sample.response.text.startswith("aaa"), sample.response.text.endswith("bbb"))
    assert 180_005 == sample.response.left_out + len(sample.response.text)


def test_further_fields_are_kept_as_far_as_there_is_room() -> None:
    """How many there are beside is told, and the groups are told by their values."""
    sampler = sampled([line(0, **{f"f{number}": "x" * 500 for number in range(50)}, n=1, unclear=True)], 1)
    (sample,) = sampler.samples()
    assert 51 == len(sample.carried) + sample.carried_left
    assert 400 > sum(name.cost + value.cost for name, value in sample.carried)
    assert ((b"1", None), True) == (sample.keys["n"], sample.unclear)


def test_memory_does_not_grow_with_what_is_sampled() -> None:
    """Neither with the number of gaps nor with their length."""

    def peak(lines: Iterator[bytes]) -> int:
        tracemalloc.start()
        sampled(lines, 50).samples()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few = peak(line(number, response="x" * 2000) for number in range(500))
    assert 2 * few > peak(line(number, response="x" * 2000) for number in range(10_000))
    few_long = peak(line(number, response="x" * 200_000) for number in range(5))
    assert 2 * few_long > peak(line(number, response="x" * 200_000) for number in range(200))


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_a_sample_is_what_its_line_says(size: int) -> None:
    """Lone surrogates, too."""
    texts = ["é 漢 😀", "\ud83d", 'a "quoted" \\ one', "\x00\n"]
    lines = [line(number, response=text) for number, text in enumerate(texts)]
    whole = b"".join(lines)
    assert whole == b"".join(cut(whole, size))
    assert texts == [one.response.text for one in sampled(lines, 9).samples()]
    assert texts == [json.loads(one)["response"] for one in lines]
