"""jq, or its rewrite in Go: a filter; the third argument says which. This script becomes that program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_FILTER = r"""
def word($w): test("\\b" + $w + "\\b");
def answer: ascii_downcase | [word("yes"), word("no")] | if .[0] == .[1] then null else .[0] end;
EACH
| (.response | answer) as $response
| (.gt | answer) as $truth
| select($response != null and $truth != null and $response != $truth)
| {video_id, error_type: (if $response then "FP" else "FN" end), question, ground_truth: .gt, response}
"""

if __name__ == "__main__":
    data, out, program = sys.argv[1:]
    each = "." if data.endswith(".jsonl") else ".[]"
    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), 1)
    os.execvp(program, [Path(program).name, "-c", _FILTER.replace("EACH", each), data])  # noqa: S606 -- no shell
