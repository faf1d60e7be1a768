"""Seeded predictions files of any size, in the kinds and styles that real ones come in.

    python -m benchmarks.generate short 1000000 short.json
    python -m benchmarks.generate long 110000 long.jsonl jsonl

Kinds:
    `short`: an answer of a few words: in half of the records just "Yes", "B. No" and the like, as benchmarks'
        answers are; in the others a sentence.
    `long`: one to three kilobytes of reasoning before the answer.
    `fields`: short answers beside fields that nobody asked for: log-probabilities of up to 400 tokens (60 in the
        mean), and nested lists of boxes.
    `unicode`: answers among Chinese, Japanese, French, German and Spanish, typographic quotes and emoji; one in
        five is long. A few are hard: an answer without a boundary beside it (`Noël` has not the word `no`).

Styles:
    `indent`: as `json.dump(..., indent=2)` writes it, non-ASCII characters escaped.
    `compact`: as `json.dump(...)` writes it: one array, all on one line.
    `jsonl`: one object a line, in bare UTF-8, as most other writers do it.

Answers vary as in life: sentences are put together from a few hundred parts, with times and numbers, so that
most are there once only, while the barest answers are there again and again. A memo of texts helps no more here
than it would outside. The ignored fields come from a pool of 256, which no contender can make use of.
"""

# ruff: noqa: RUF001 -- characters of other languages are the point
from __future__ import annotations

import json
import random
import sys
from json.encoder import encode_basestring, encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Random = Callable[[], float]
    Answer = Callable[[Random, bool], str]
    Line = Callable[[dict[str, str], int], str]
    Style = tuple[str, str, str, Line]

__all__ = ["KINDS", "STYLES", "generate", "records"]

_SEED = 20261122
_POOL = 256


def _parts(text: str) -> list[str]:
    return text.replace("\n", "|").split("|")


_WHO = _parts("""a silver sedan|a white van|the red lorry|a cyclist|the forklift|an empty bus|a person in a yellow vest
the child with the blue jacket|a pedestrian|another motorcycle|the second tram|a delivery robot|two workers
the driver of the taxi|a grey pick-up|someone with a suitcase|the ambulance|a dog""")
_DOES = _parts("""slows down before the line|turns left without a signal|stops beside the gate|runs the red light
is standing on the tracks|carries a pallet|clips the guard rail|knows that the lane ends ahead|cannot be seen any more
crosses against the light|notices the cone too late|waits on the kerb|brakes, and its lights are on|enters the yard
keeps a safe distance|yields as expected|leaves the frame|casts a long shadow on the wet road""")
_WHERE = _parts("""near the exit ramp|in the middle lane|under the bridge|behind the fence|at the far end of the dock
in front of the "North" entrance|next to the parked cars|by the second camera|across the level crossing
where the markings are worn|beside the loading bay|in the shade of the trees""")
_LINKS = _parts("""At first|After that|Meanwhile|Looking closer|Judging by the frames before and after|It seems that
Now|As far as I can tell|In the next shot|Considering the poor light|One more thing to note""")
_BARE = {
    True: ("Yes", "Yes", "Yes", "Yes.", "yes", "A. Yes", "B. Yes", 'The answer is "yes".', "(A) Yes"),
    False: ("No", "No", "No", "No.", "no", "A. No", "B. No", "There is no sign of it in this clip.", "(B) No"),
}
_UNCLEAR = ("I cannot tell from this video.", "It could be yes or no.", "Unclear", "Nothing of the kind is shown.")
_TRUTHS = {True: ("Yes", "Yes", "yes", "A. Yes"), False: ("No", "No", "no", "B. No")}
_QUESTIONS = tuple(
    f"{question}{ending}"
    for question in (
        "Does a vehicle run the red light?",
        "Is someone standing on the tracks?",
        "Does the forklift carry a pallet?",
        "Is there a collision between vehicles in the video?",
        "Is any traffic cone knocked over?",
        "Does a pedestrian cross the road against the light?",
    )
    for ending in ("", "\nAnswer with yes or no.", " Think first, then answer with one word.")
)
_FOREIGN_TEXTS = _parts("""画面中可以看到一辆红色的卡车在路口停下。|行人在人行道上等待，信号灯刚刚变绿。
第{}秒时叉车驶入仓库。|夜间光线较暗，看不清车牌号码。|トラックが{}秒後に右折します。|歩行者は横断歩道の前で待っています。
Une camionnette s\u2019arrête près de l\u2019entrée à {} m.|Le piéton traverse au feu vert, « bien visible ».
Der Gabelstapler fährt über die Brücke – ungefähr {} km/h.|Die Straße ist naß, größere Schäden sind möglich.
El camión gira a la izquierda después de {} segundos.|\u201cDas Fahrzeug\u201d bremst spät 🚗💨|🚧 travaux à {} m 🚧
A café owner\u2019s naïve view: “everything is fine”, says José.|温度{}℃，能見度良好。""")
_FOREIGN_ANSWERS = {
    True: ("Yes。{}", "答案：yes。{}", "✅ Yes – {}", "“Yes”, {}", "{} 👉 yes", "Oui (yes) : {}", "Yes! {}"),
    False: ("No。{}", "答案：no。{}", "❌ No – {}", "“No”, {}", "{} 👉 no", "No, no se ve nada… {}", "No! {}"),
}
# To Python each of these says neither, or only the other answer; to a word boundary that knows ASCII only they do not.
_FOREIGN_HARD = ("Noël: yes, {}", "答案是yes。{}", "Le pré Noé, yes. {}", "结果no结果，yes {}", "Sí. {}")


def _pick(rnd: Random, choices: Sequence[str]) -> str:
    return choices[int(rnd() * len(choices))]


def _sentence(rnd: Random) -> str:
    text = f"{_pick(rnd, _WHO)} {_pick(rnd, _DOES)} {_pick(rnd, _WHERE)}"
    if rnd() < 0.5:
        return f"{text} at {int(rnd() * 20):02d}:{int(rnd() * 60):02d}"
    return f"{text} while {_pick(rnd, _WHO)} {_pick(rnd, _DOES)}"


def _short(rnd: Random, answer: bool) -> str:  # noqa: FBT001 -- the answer is a truth value
    if rnd() < 0.5:
        return _pick(rnd, _BARE[answer])
    return f"{'Yes' if answer else 'No'}, {_sentence(rnd)}."


def _long(rnd: Random, answer: bool) -> str:  # noqa: FBT001
    thoughts = [f"{_pick(rnd, _LINKS)}, {_sentence(rnd)}." for _ in range(12 + int(rnd() * 22))]
    if rnd() < 0.05:  # now and then the reasoning says "no" too, and the answer is unclear
        thoughts.insert(3, "There is no other camera.")
    return f"<think>\n{' '.join(thoughts)}\n</think>\n\n<answer>\n{'Yes' if answer else 'No'}\n</answer>"


def _foreign(rnd: Random) -> str:
    return _pick(rnd, _FOREIGN_TEXTS).format(int(rnd() * 1000))


def _unicode(rnd: Random, answer: bool) -> str:  # noqa: FBT001
    frame = _pick(rnd, _FOREIGN_HARD if rnd() < 0.02 else _FOREIGN_ANSWERS[answer])
    if rnd() < 0.8:
        return frame.format(_foreign(rnd))
    thoughts = "".join(_foreign(rnd) for _ in range(12 + int(rnd() * 40)))
    return f"<think>\n{thoughts}\n</think>\n{frame.format(_foreign(rnd))}"


KINDS: dict[str, Answer] = {"short": _short, "long": _long, "fields": _short, "unicode": _unicode}


def records(kind: str, count: int) -> Iterator[tuple[dict[str, str], int]]:
    """Yield the texts of each record, and the number of its ignored fields in `_ignored()`, of use for `fields`."""
    rnd, answer = random.Random(_SEED).random, KINDS[kind]  # noqa: S311 -- repeatable, not secret
    for number in range(count):
        truth = rnd() < 0.5
        said = truth if rnd() < 0.9 else not truth
        texts = {
            "video_id": f"site_{int(rnd() * 400):03d}/clip_{number:08d}.mp4",
            "response": _pick(rnd, _UNCLEAR) if rnd() < 0.01 else answer(rnd, said),
            "gt": _pick(rnd, _TRUTHS[truth]),
            "question": _pick(rnd, _QUESTIONS),
        }
        yield texts, int(rnd() * _POOL)


def generate(
    kind: str, count: int, file: TextIO, style: str = "indent", watch: Callable[[dict[str, str]], None] | None = None
) -> None:
    """Write `count` records, the same ones every time and in every style; `watch` is shown the texts of each."""
    opening, between, closing, line = STYLES[style](_ignored() if kind == "fields" else [])
    file.write(opening)
    for number, (texts, ignored) in enumerate(records(kind, count)):
        if watch is not None:
            watch(texts)
        file.write((between if number else "") + line(texts, ignored))
    file.write(closing)


def _ignored() -> list[dict[str, Any]]:
    rnd = random.Random(_SEED).random  # noqa: S311
    words = [f" {word}" for text in (*_WHO, *_DOES) for word in text.split()]
    return [
        {
            "logprobs": [
                {"token": _pick(rnd, words), "logprob": -round(rnd() * 4, 6)} for _ in range(8 + int(392 * rnd() ** 6))
            ],
            "boxes": [[[int(rnd() * 1920), int(rnd() * 1080)] for _ in range(2)] for _ in range(int(rnd() * 6))],
        }
        for _ in range(_POOL)
    ]


# Each style gives what stands before, between and after the records, and how to write one. json.dumps() would take
# most of the time: texts are put into a frame instead, and the ignored fields are encoded once.
def _indent(ignored: list[dict[str, Any]]) -> Style:
    def block(fields: dict[str, Any]) -> str:
        return json.dumps(fields, indent=2)[1:-2].replace("\n", "\n  ") + ","

    frame = '  {{\n    "video_id": {},{}\n    "response": {},\n    "gt": {},\n    "question": {}\n  }}'
    return "[\n", ",\n", "\n]", _line(frame, [block(fields) for fields in ignored], encode_basestring_ascii)


def _compact(ignored: list[dict[str, Any]]) -> Style:
    return "[", ", ", "]", _line(_ONE_LINE, _inline(ignored), encode_basestring_ascii)


def _jsonl(ignored: list[dict[str, Any]]) -> Style:
    return "", "\n", "\n", _line(_ONE_LINE, _inline(ignored), encode_basestring)


_ONE_LINE = '{{"video_id": {},{} "response": {}, "gt": {}, "question": {}}}'


def _inline(ignored: list[dict[str, Any]]) -> list[str]:
    return [f" {json.dumps(fields)[1:-1]}," for fields in ignored]


def _line(frame: str, ignored: list[str], encode: Callable[[str], str]) -> Line:
    def line(texts: dict[str, str], number: int) -> str:
        video_id, *others = map(encode, texts.values())
        return frame.format(video_id, ignored[number] if ignored else "", *others)

    return line


STYLES: dict[str, Callable[[list[dict[str, Any]]], Style]] = {"indent": _indent, "compact": _compact, "jsonl": _jsonl}


if __name__ == "__main__":
    chosen, size, target, form = [*sys.argv[1:], "indent"][:4]
    with Path(target).open("w", encoding="utf-8") as output:
        generate(chosen, int(size), output, form)
