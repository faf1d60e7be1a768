from __future__ import annotations

import io
import os
from pathlib import Path
from typing import cast

import pytest

from streamgaps import ConfigurationError, SourceError, system
from streamgaps.exceptions import SourceNotFoundError
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME
from streamgaps.sources.inputs import Input, list_inputs, size_of


def test_a_folder_is_replaced_by_its_json_files(tmp_path: Path) -> None:
    """In the order of their names; what else is there is left out."""
    names = ["B.JSON", "a.json", "a.json.gz", "b.jsonl.zst", "c.ndjson.XZ", "d.json.bz2", "my_" + GAPS_NAME, "z.ndjson"]
    others = [
        GAPS_NAME,
        METRICS_NAME,
        ".hidden.json",
        "json",
        ".json",
        "a.json.zip",
        "a.json.gz.gz",
        "a.txt",
        "a.gz",
        "ajson",
    ]
    for name in names + others:
        (tmp_path / name).touch()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "folder.json" / "inside.json").touch()
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "missing")  # left out, it would not be missed
    expected = [tmp_path / name for name in sorted([*names, "nowhere.json"])]
    assert expected == list_inputs(tmp_path) == list_inputs(str(tmp_path)) == list_inputs([tmp_path])


def test_what_is_no_folder_is_passed_on(tmp_path: Path) -> None:
    """Files by any name, what does not exist, an empty path, URLs, open files; in the order given."""
    path = tmp_path / "results.txt"
    path.touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / GAPS_NAME).touch()
    (folder / "p.json").touch()
    given: list[Input] = [path, "missing.json", "", "a\0b", "s3://bucket/*.json", io.BytesIO(), folder / GAPS_NAME]
    assert given == list_inputs(given) == list_inputs(iter(given))
    assert [path, folder / "p.json", path] == list_inputs([path, folder, path])
    for one in given:
        assert [one] == list_inputs(one)


def test_a_folder_without_json_files_is_said(tmp_path: Path) -> None:
    """It is most likely not the one that was meant."""
    (tmp_path / "p.txt").touch()
    with pytest.raises(SourceNotFoundError, match=f"^{tmp_path}: there are no JSON files in the folder"):
        list_inputs(tmp_path)


def test_a_folder_of_results_is_no_folder_of_predictions(tmp_path: Path) -> None:
    """Other commands read it."""
    (tmp_path / GAPS_NAME).touch()
    (tmp_path / METRICS_NAME).touch()
    with pytest.raises(SourceNotFoundError, match=f"^{tmp_path}: it holds the results of a run, .* streamgaps compare"):
        list_inputs(tmp_path)


def test_only_what_may_be_read_in_a_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside predictions there may be very many videos, on a file system far away."""
    for name in ("a.mp4", "b.mp4", "p.json"):
        (tmp_path / name).touch()
    asked: list[str] = []

    def stat(path: Path) -> os.stat_result:
        asked.append(path.name)
        return path.stat()

    monkeypatch.setattr(system, "stat", stat)
    assert [tmp_path / "p.json"] == list_inputs(tmp_path)
    assert [tmp_path.name, "p.json"] == asked


def test_the_other_files_of_a_run_are_no_predictions(tmp_path: Path) -> None:
    """Whatever they are called, and under whatever path."""
    for name in ("annotations.json", "labels.json", "p.json", "skipped.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "link.json").symlink_to("labels.json")
    others = [tmp_path / "annotations.json", str(tmp_path / "labels.json"), tmp_path / "skipped.jsonl", None]
    assert [tmp_path / "p.json"] == list_inputs(tmp_path, without=others)
    assert [tmp_path / "labels.json"] == list_inputs(tmp_path / "labels.json", without=others)


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason."""

    def forbidden(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(system, "listdir", forbidden)
    with pytest.raises(SourceError, match=f"^{tmp_path}: the folder cannot be listed: Permission denied$"):
        list_inputs(tmp_path)


@pytest.mark.parametrize("inputs", [5, b"p.json", None, [None], ["p.json", 5]])
def test_what_is_no_input_is_refused(inputs: object) -> None:
    """It is a mistake in the program."""
    with pytest.raises(ConfigurationError, match="an input must be a path, a URL or a file open in binary mode, not "):
        list_inputs(cast("list[Input]", inputs))


def test_no_input_at_all_is_refused() -> None:
    """There would be no gaps, and no word why."""
    with pytest.raises(ConfigurationError, match="nothing to read"):
        list_inputs([])


def test_the_size_of_a_file_is_known_and_of_others_not(tmp_path: Path) -> None:
    """In bytes."""
    path = tmp_path / "p.json"
    path.write_bytes(b"[]")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert 2 == size_of(path) == size_of(str(path))
    for unknown in (pipe, tmp_path, tmp_path / "missing", "a\0b", "http://host/p.json", io.BytesIO(b"[]")):
        assert size_of(unknown) is None
