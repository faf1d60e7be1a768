"""The way of the TAO Toolkit's action: load the whole file, then two searches a text."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def _answer(text: str) -> str | None:
    words = [word for word in ("yes", "no") if re.search(rf"\b{word}\b", text.lower())]
    return words[0] if len(words) == 1 else None


def main(data: Path, out: Path) -> None:
    """Write the gaps of `data` to `out`."""
    gaps = []
    with data.open(encoding="utf-8") as file:
        items = json.load(file)
    for item in items:
        response, truth = _answer(item["response"]), _answer(item["gt"])
        if response and truth and response != truth:
            gaps.append(
                {
                    "video_id": str(Path(item["video_id"]).resolve()),
                    "error_type": "FP" if response == "yes" else "FN",
                    "question": item.get("question", ""),
                    "ground_truth": item["gt"],
                    "response": item["response"],
                }
            )
    with out.open("w", encoding="utf-8") as file:
        for gap in gaps:
            file.write(json.dumps(gap, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if sys.argv[1].endswith(".jsonl"):
        print("it reads one JSON array, not JSON Lines", file=sys.stderr)
        sys.exit(4)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
