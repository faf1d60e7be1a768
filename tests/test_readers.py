"""What other tools read of the output: the same records, in the same order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamgaps import analyze
from streamgaps.outputs.names import GAPS_NAME

pytestmark = pytest.mark.slow

GAPS = [
    ("/v/ä 🏗.mp4", "FP", "Steht er?", "no", 'Yes.\n"So" \\ \u2028', "x"),
    ("/v/2.mp4", "FN", "", "yes", "No", "y"),
    ("/v/3.mp4", "FN", "?", "Yes", "no " * 1000, "z"),
]
NAMES = ["video_id", "error_type", "question", "ground_truth", "response", "split"]


@pytest.fixture
def gaps(tmp_path: Path) -> Path:
    """Write gaps with texts of all kinds."""
    rows = [dict(zip(("video_id", "_", "question", "gt", "response", "split"), gap, strict=True)) for gap in GAPS]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    analyze(tmp_path / "p.json", tmp_path / "gaps", carry=["split"])
    return tmp_path / "gaps" / GAPS_NAME


def test_pandas_reads_it(gaps: Path) -> None:
    """As a frame of texts."""
    frame = pytest.importorskip("pandas").read_json(gaps, lines=True, dtype=False)
    assert (NAMES, GAPS) == ([*frame.columns], [*frame.itertuples(index=False, name=None)])


def test_polars_reads_it(gaps: Path) -> None:
    """Lazily."""
    frame = pytest.importorskip("polars").scan_ndjson(gaps).collect()
    assert (NAMES, GAPS) == (frame.columns, frame.rows())


def test_duckdb_reads_it(gaps: Path) -> None:
    """As a table."""
    found = pytest.importorskip("duckdb").read_json(str(gaps), format="newline_delimited")
    assert (NAMES, GAPS) == (found.columns, found.fetchall())


def test_datasets_reads_it(gaps: Path, tmp_path: Path) -> None:
    """As a split to train on."""
    load: Any = pytest.importorskip("datasets").load_dataset
    found = load("json", data_files=str(gaps), split="train", cache_dir=str(tmp_path / "cache"))
    assert (NAMES, GAPS) == (found.column_names, [tuple(row.values()) for row in found])
