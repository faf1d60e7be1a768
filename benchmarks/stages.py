"""Show where the CPU time of one process goes, stage by stage: `python -m benchmarks.stages FILE [ROUNDS]`.

Each line is a run of all stages up to that one, beside the limit `bare-orjson` in the same process, and its time is
the least of several rounds. The start of the interpreter is not in it.
"""

from __future__ import annotations

import io
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders.bare_orjson import count
from streamgaps.model import Tally
from streamgaps.paths import PathResolver
from streamgaps.sources.source import open_source
from streamgaps.stages.classify import classify
from streamgaps.stages.parse import parse
from streamgaps.stages.read import read
from streamgaps.stages.validate import validate
from streamgaps.stages.write import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def _stages(path: Path) -> dict[str, Callable[[], Iterable[object]]]:
    def blocks() -> Iterator[bytes]:
        with open_source(path) as source:
            yield from source.blocks

    def parsed() -> Iterator[object]:
        return parse(validate(read(blocks())))

    def classified(resolve: Callable[[int, str], str]) -> Iterator[object]:
        return classify(parse(validate(read(blocks()))), tally=Tally(), resolve=resolve, on_skip=lambda _: None)

    def unresolved(_: int, video_id: str) -> str:
        return video_id

    resolve = PathResolver(None, on_unresolved=lambda _: None)
    return {
        "bare-orjson": lambda: [count(path)],
        "blocks": blocks,
        "+ read": lambda: read(blocks()),
        "+ validate": lambda: validate(read(blocks())),
        "+ parse": parsed,
        "+ classify": lambda: classified(unresolved),
        "+ paths": lambda: classified(resolve),
        "+ write": lambda: write(classified(resolve), io.BufferedWriter(Path("/dev/null").open("wb", 0))),  # type: ignore[arg-type]
    }


def main(path: Path, rounds: int) -> None:
    """Print seconds of CPU, and how they compare with the limit."""
    stages = _stages(path)
    best = dict.fromkeys(stages, float("inf"))
    for _ in range(rounds):
        for name, run in stages.items():
            begin = time.process_time()
            deque(run(), maxlen=0)
            best[name] = min(best[name], time.process_time() - begin)
    for name, seconds in best.items():
        print(f"{name:12}{seconds:8.3f} s{seconds / best['bare-orjson']:8.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
