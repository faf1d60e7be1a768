"""Polars: one lazy query; JSON Lines are scanned and written in a stream, an array has to be read whole.

To give the schema spares it the guessing, and the columns that nobody asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

pl: Any = import_module("polars")  # by name, so that types can be checked where it is not installed


def _word(column: str, word: str) -> Any:  # noqa: ANN401 -- an expression of Polars
    return pl.col(column).str.contains(word, literal=True) & pl.col(column).str.contains(rf"\b{word}\b")


def main(data: str, out: str) -> None:
    """Write the gaps of `data` to `out`."""
    schema = dict.fromkeys(("video_id", "response", "gt", "question"), pl.String)
    is_lines = data.endswith(".jsonl")
    rows = pl.scan_ndjson(data, schema=schema) if is_lines else pl.read_json(data, schema=schema).lazy()
    gaps = (
        rows.with_columns(r=pl.col("response").str.to_lowercase(), g=pl.col("gt").str.to_lowercase())
        .with_columns(r_yes=_word("r", "yes"), r_no=_word("r", "no"), g_yes=_word("g", "yes"), g_no=_word("g", "no"))
        .filter(
            pl.col("r_yes") != pl.col("r_no"), pl.col("g_yes") != pl.col("g_no"), pl.col("r_yes") != pl.col("g_yes")
        )
        .select(
            "video_id",
            pl.when("r_yes").then(pl.lit("FP")).otherwise(pl.lit("FN")).alias("error_type"),
            "question",
            pl.col("gt").alias("ground_truth"),
            "response",
        )
    )
    gaps.sink_ndjson(out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
