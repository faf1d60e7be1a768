"""The rules by which an answer is read, said again as plainly as they can be, and in no hurry."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator

from tests import oracle

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_TAGS = ["<think>", "</think>", "<answer>", "</answer>"]


def final_answer(text: str) -> str | None:
    """Find the final answer by patterns and searches."""
    plain = text.translate(_LOWER)
    if not any(tag in plain for tag in _TAGS):
        return text
    inside = r"((?:(?!</?(?:think|answer)>).)*)"
    pairs = list(re.finditer(f"<answer>{inside}</answer>", plain, re.DOTALL))
    if pairs:
        begin, end = pairs[-1].span(1)
    else:
        begin = plain.rfind("</think>") + len("</think>") if "</think>" in plain else 0
        end = plain.find("</answer>", begin)
        if "<think>" in plain[begin:]:
            return None
        if end < 0:
            end = len(text)
            if "<answer>" in plain[begin:]:
                begin = plain.rfind("<answer>") + len("<answer>")
    return text[begin:end] if text[begin:end].strip() else None


def leading(text: str) -> str:
    """Apply the leading rule character by character."""
    text = text.split("</think>", 1)[-1] if "</think>" in text else text
    text = "".join(char.lower() if char.isascii() else char for char in text.strip())
    if text.strip(" \t\r\n.,;:!?()[]{}\"'") in ("a", "b"):
        return "yes" if "a" in text else "no"
    runs = [run.strip("_") for run in re.split(r"\W+", text)]
    if [run for run in runs if run] in (["yes", "or", "no"], ["no", "or", "yes"]) and _is_spaced(text):
        return "both"
    found = {word for at in range(len(text)) for word in ("yes", "no") if _is_word(text, at, word)}
    if len(found) < 2:
        return found.pop() if found else "neither"
    first = _word_ahead(text, 0)
    if first:
        return first
    said = {_word_ahead(text, end) for end in _ends_of_answer(text)} - {None}
    return said.pop() or "" if len(said) == 1 else "both"


def _ends_of_answer(text: str) -> Iterator[int]:
    """Yield each place behind "answer" or "answer is"."""
    for at in range(len(text)):
        if text.startswith("answer", at) and not _is_in_word(text, at - 1):
            end = at + len("answer")
            behind = end + len(text[end:]) - len(text[end:].lstrip())
            yield behind + len("is") if text.startswith("is", behind) else end


def _is_in_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalnum() or text[at] == "_")


def _is_word(text: str, at: int, word: str) -> bool:
    return text.startswith(word, at) and not _is_in_word(text, at - 1) and not _is_in_word(text, at + len(word))


def _is_spaced(text: str) -> bool:
    """Say whether only blanks are around the word "or"."""
    before, _, after = text.partition("or")
    return all(
        side and side.isspace() for side in (before[max(map(before.rfind, "so")) + 1 :], re.split("[yn]", after)[0])
    )


def _word_ahead(text: str, at: int) -> str | None:
    """Return the word that is next, if nothing but underscores and what is in no word is before it."""
    while at < len(text) and not text[at].isalnum():
        at += 1
    words = (word for word in ("yes", "no") if text.startswith(word, at) and not _is_in_word(text, at + len(word)))
    return next(words, None)


def first_word(text: str) -> str:
    """Cut the text where no word is, and look at what comes first."""
    words = "".join(char if _is_in_word(char, 0) else " " for char in text).split(" ")
    first = next((word.lower() for word in words if word), "")
    return first if first in ("yes", "no") else "neither"


def exact(text: str) -> str:
    """Compare all of it."""
    bare = text.strip().lower()
    return bare if bare in ("yes", "no") else "neither"


def startswith(text: str) -> str:
    """Compare the first letters."""
    bare = text.strip().lower()
    return next((word for word in ("yes", "no") if bare[: len(word)] == word), "neither")


def pope(text: str) -> str:
    """Do what POPE's `evaluate.py` does."""
    if "." in text:
        text = text.split(".", maxsplit=1)[0]
    text = text.replace(",", "")
    words = text.split(" ")
    return "no" if "No" in words or "not" in words or "no" in words else "yes"


def mme(text: str) -> str:
    """Do what MME's `calculation.py` does."""
    text = text.strip().lower()
    if text in ("yes", "no"):
        return text
    prefix = text[:4]
    return "yes" if "yes" in prefix else "no" if "no" in prefix else "neither"


RULES: dict[str, Callable[[str], str]] = {
    "strict": oracle.answer,
    "leading": leading,
    "first-word": first_word,
    "exact": exact,
    "startswith": startswith,
    "pope": pope,
    "mme": mme,
}
"""The rules by their names."""
