"""ijson alone: one record at a time, in a plain loop."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import ijson
import orjson

_YES = re.compile(r"\byes\b")
_NO = re.compile(r"\bno\b")


def _says_yes(text: str) -> bool | None:
    """Return None if it says neither or both."""
    text = text.lower()
    yes = "yes" in text and _YES.search(text) is not None
    no = "no" in text and _NO.search(text) is not None
    return yes if yes != no else None


def _gap(item: dict[str, Any]) -> bytes | None:
    response = _says_yes(item["response"])
    truth = None if response is None else _says_yes(item["gt"])
    if truth is None or truth is response:
        return None
    gap = {
        "video_id": item["video_id"],
        "error_type": "FP" if response else "FN",
        "question": item.get("question", ""),
        "ground_truth": item["gt"],
        "response": item["response"],
    }
    return orjson.dumps(gap, option=orjson.OPT_APPEND_NEWLINE)


def main(data: Path, out: Path) -> None:
    """Write the gaps of `data` to `out`."""
    is_lines = data.suffix == ".jsonl"
    with data.open("rb") as file, out.open("wb") as output:
        items = ijson.items(file, "" if is_lines else "item", multiple_values=is_lines, use_float=True)
        output.writelines(gap for gap in map(_gap, items) if gap is not None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
