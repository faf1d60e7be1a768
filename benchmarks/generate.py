"""Seeded predictions files of any size, in the two kinds that real ones come in.

    python -m benchmarks.generate short 1000000 short.json
    python -m benchmarks.generate long 150000 long.json

`short`: an answer of a few words. `long`: one to three kilobytes of reasoning before the answer.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "generate"]

_SEED = 20261122
_QUESTIONS = (
    "Does a vehicle run the red light?",
    "Is someone standing on the tracks?",
    "Does the forklift carry a pallet?\nAnswer with yes or no.",
)
_REMARKS = {
    True: ("Yes", "Yes.", "B. Yes", "Yes, it can be seen at 00:12 \u2013 clearly.", 'The answer is "yes".'),
    False: ("No", "No.", "A. No", "No, nothing of the kind can be seen.", "There is no sign of it in this clip."),
}
_UNCLEAR = ("I cannot tell from this video.", "It could be yes or no.", "Unclear")
_THOUGHTS = (
    "The camera looks down on the yard, and the light is poor.",
    "At 00:07 a person in a yellow vest enters from the left and stops beside the gate.",
    "Nothing in the first ten seconds moves, apart from the shadows of the trees.",
    "The reflection on the wet ground makes it hard to tell how far away the vehicle is.",
    "I know that the second camera would show more, but only this one is given.",
    "Its brake lights are on, and it comes to rest before the line.",
)


def _record(rnd: random.Random, number: int, response: Callable[[random.Random, bool], str]) -> dict[str, str]:
    truth = rnd.random() < 0.5
    answer = truth if rnd.random() < 0.9 else not truth
    return {
        "video_id": f"site_{rnd.randrange(400):03d}/clip_{number:08d}.mp4",
        "response": rnd.choice(_UNCLEAR) if rnd.random() < 0.01 else response(rnd, answer),
        "gt": rnd.choice(("Yes", "yes", "A. Yes") if truth else ("No", "no", "B. No")),
        "question": rnd.choice(_QUESTIONS),
    }


def _short(rnd: random.Random, answer: bool) -> str:  # noqa: FBT001 -- the answer is a truth value
    return rnd.choice(_REMARKS[answer])


def _long(rnd: random.Random, answer: bool) -> str:  # noqa: FBT001
    thoughts = " ".join(rnd.choice(_THOUGHTS) for _ in range(rnd.randrange(14, 44)))
    return f"<think>\n{thoughts}\n</think>\n\n<answer>\n{'Yes' if answer else 'No'}\n</answer>"


KINDS = {"short": _short, "long": _long}


def generate(kind: str, count: int, file: TextIO) -> None:
    """Write an array of `count` records, the same ones every time, indented as `json.dump(..., indent=2)` does."""
    rnd = random.Random(_SEED)  # noqa: S311 -- repeatable, not secret
    file.write("[")
    for number in range(count):
        text = json.dumps(_record(rnd, number, KINDS[kind]), indent=2)
        file.write(("," if number else "") + "\n  " + text.replace("\n", "\n  "))
    file.write("\n]\n")


if __name__ == "__main__":
    _, chosen, size, target = sys.argv
    with Path(target).open("w", encoding="utf-8") as output:
        generate(chosen, int(size), output)
