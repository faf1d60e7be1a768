"""Time that grows with the length of a text, and not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from streamgaps.answers.final_answer import final_answer
from streamgaps.answers.rules import RULES

# What a regular expression may look at again from each of many places.
PIECES = [
    *("ye", "yes", "no", "no ", "yes no ", "noyes", "_", "_no", "-", " ", "\n", "\t ", ".", "é", "éno", "İ", "a", "A "),
    *(
        "answer",
        "answer ",
        "answer is ",
        "answer:  ",
        "answer\n",
        "yes or ",
        "or no ",
        "yes or no ",
        "no or yes",
        "yes ",
    ),
    *("<", "<think>", "</think>", "<answer>", "</answer>", "<answer></answer>", "<think></think>", "</", "<answer"),
]
SHORT, LONG = 20_000, 320_000
RULE = pytest.mark.parametrize("read", [*RULES.values(), final_answer], ids=[*RULES, "final answer"])


def seconds(read: Callable[[str], object], text: str) -> float:
    """Return the least time that it takes to read a text, of a few."""
    least = float("inf")
    for _ in range(3):
        begin = time.process_time()
        read(text)
        least = min(least, time.process_time() - begin)
    return least


@pytest.mark.slow
@RULE
def test_no_text_makes_a_rule_slow(read: Callable[[str], object]) -> None:
    """One that is 16 times as long takes some 16 times as long, whatever it repeats; with a square it were 256."""
    for piece in PIECES:
        for begin, end in (("", ""), ("yes no answer ", " x"), ("<think>", "yes")):
            short, long = (begin + piece * (length // len(piece)) + end for length in (SHORT, LONG))
            # Half a millisecond is what a clock and a machine with other work may add.
            assert seconds(read, long) < 64 * (seconds(read, short) + 0.0005), (begin, piece, end)
