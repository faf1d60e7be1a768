"""The same job as a script would do it: load the whole file, then loop. It checks and promises nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def _answer(text: str) -> str | None:
    words = [word for word in ("yes", "no") if re.search(rf"\b{word}\b", text.lower())]
    return words[0] if len(words) == 1 else None


def main(data: Path, results: Path) -> None:
    """Write the gaps of `data` and their counts."""
    gaps = []
    for item in json.loads(data.read_text("utf-8")):
        response, truth = _answer(item["response"]), _answer(item["gt"])
        if response and truth and response != truth:
            path = str(Path(item["video_id"]).resolve())
            kind = "FP" if response == "yes" else "FN"
            gaps.append({**item, "video_id": path, "error_type": kind})
    results.mkdir(exist_ok=True)
    with (results / "kpi_gaps.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(gap, ensure_ascii=False) + "\n" for gap in gaps)
    counts = {kind: sum(gap["error_type"] == kind for gap in gaps) for kind in ("FP", "FN")}
    (results / "kpi_gaps_report.txt").write_text("".join(f"| {kind} | {count}\n" for kind, count in counts.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
