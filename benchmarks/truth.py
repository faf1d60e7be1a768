"""What a run must come to, judged as plainly as it can be said, and what a contender's output says.

It shares no code with streamgaps or with any contender.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Verdict", "read_output"]


@dataclass
class Verdict:
    """The counts of a data set or of an output, and a sum over its gaps, of which each text makes a difference.

    The sum leaves out the order, and the folder of the video, which only some contenders make absolute.
    """

    records: int = 0
    fp: int = 0
    fn: int = 0
    digest: int = 0

    def watch(self, record: dict[str, str]) -> None:
        """Judge a record that was made."""
        self.records += 1
        response, truth = _answer(record["response"]), _answer(record["gt"])
        if response and truth and response != truth:
            error_type = "FP" if response == "yes" else "FN"
            self._add(error_type, record["video_id"], record["question"], record["gt"], record["response"])

    def read(self, line: bytes) -> None:
        """Count a line of a contender's output."""
        gap = json.loads(line)
        keys = ("error_type", "video_id", "question", "ground_truth", "response")
        self._add(*(gap[key] for key in keys))

    def _add(self, error_type: str, video_id: str, *texts: str) -> None:
        self.fp += error_type == "FP"
        self.fn += error_type == "FN"
        self.digest += zlib.crc32(json.dumps([error_type, PurePath(video_id).name, *texts]).encode())


def read_output(path: Path) -> Verdict:
    """Count what a contender wrote; no file is no gaps. A limit writes only how many records it has seen.

    Raises:
        ValueError: a line is no JSON.
        KeyError: a gap lacks a field.
    """
    verdict = Verdict()
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if line.startswith(b'{"records":'):
                    verdict.records = json.loads(line)["records"]
                else:
                    verdict.read(line)
    return verdict


def _answer(text: str) -> str | None:
    words = [word for word in ("yes", "no") if re.search(rf"\b{word}\b", text.lower())]
    return words[0] if len(words) == 1 else None
