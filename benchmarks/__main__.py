"""Measure streamgaps beside what its users would run instead: `python -m benchmarks`; see README.md here."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS
from benchmarks.generate import KINDS, STYLES
from benchmarks.runner import compete, count_for, make
from benchmarks.table import save, table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

_QUICK = {"size_mb": 16.0, "rounds": 2, "contenders": ["streamgaps", "chdb", "tao", "bare-orjson"]}
_FULL = {"size_mb": 220.0, "rounds": 3, "contenders": list(CONTENDERS)}


def main(arguments: Sequence[str]) -> int:
    """Print a table for each data set; return 1 if streamgaps was wrong or failed."""
    options = _parse(arguments)
    chosen = {name: CONTENDERS[name] for name in options.contenders}
    tables, results = [], []
    with tempfile.TemporaryDirectory() as scratch, _folder(options.keep) as folder:
        for kind in options.kinds:
            count = options.count or count_for(kind, options.size_mb)
            for style in options.styles:
                print(f"{kind}, {style}: making or finding {count:,} records ...", file=sys.stderr)
                data = make(kind, style, count, folder)
                runs = compete(data, chosen.values(), options.rounds, Path(scratch))
                results.append((data, runs))
                tables.append(table(data, runs, chosen))
                print(tables[-1], flush=True)
    if options.save:
        print(f"saved in runs/{save(options.save, list(arguments), tables, results).name}")
    return int(any(run.problem for _, runs in results for run in runs if CONTENDERS[run.contender].role == "ours"))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--kinds", type=_some_of(KINDS), default=list(KINDS), help=",".join(KINDS))
    parser.add_argument("--styles", type=_some_of(STYLES), default=["indent"], help=f"{','.join(STYLES)} (indent)")
    parser.add_argument("--size-mb", type=float, help="of each data set, if it were indented (220)")
    parser.add_argument("--count", type=int, help="records of each data set, instead of a size")
    parser.add_argument("--rounds", type=int, help="turns of each contender (3)")
    parser.add_argument("--contenders", type=_some_of(CONTENDERS), help=f"{','.join(CONTENDERS)} (all)")
    parser.add_argument("--quick", action="store_true", help="small data, two rounds, a few contenders: under a minute")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the data there, and use what is there")
    parser.add_argument("--save", type=_name, metavar="NAME", help="keep the figures in runs/<date>-NAME/")
    options = parser.parse_args(arguments)
    for key, value in (_QUICK if options.quick else _FULL).items():
        setattr(options, key, getattr(options, key) or value)
    return options


def _some_of(known: Collection[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                message = f"{name!r} is none of {', '.join(known)}"
                raise argparse.ArgumentTypeError(message)
        return chosen

    return names


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w-]+", text):
        message = f"{text!r} is no simple name"
        raise argparse.ArgumentTypeError(message)
    return text


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
