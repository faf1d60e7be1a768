from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from streamgaps import OutputError, system
from streamgaps.parallel.spill import SpillFile, packed, read_back
from tests.conftest import names

PARTS = [packed(part) for part in ("one", ["two"] * 1000, 3)]


def written(folder: Path) -> SpillFile:
    """Write parts."""
    file = SpillFile(str(folder))
    for part in PARTS:
        file.append(part)
    return file


def test_what_is_written_comes_back_once(tmp_path: Path) -> None:
    """And the file is gone then."""
    spilled = written(tmp_path).close()
    assert ["one", ["two"] * 1000, 3] == list(read_back(spilled))
    assert names(tmp_path) == []


def test_a_file_that_nobody_wants_is_removed(tmp_path: Path) -> None:
    """While it is open, too."""
    file = written(tmp_path)
    assert len(names(tmp_path)) == 1
    file.discard()
    assert names(tmp_path) == []


@pytest.mark.parametrize("at", range(0, sum(map(len, PARTS)), 50))
def test_what_is_not_what_was_written_is_never_unpacked(tmp_path: Path, at: int) -> None:
    """Wherever it differs; the parts before come."""
    spilled = written(tmp_path).close()
    path = Path(spilled.path)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(OutputError, match="a part of the results is not what a worker has written"):
        list(read_back(spilled))


def test_a_file_that_is_short_or_gone_is_told(tmp_path: Path) -> None:
    """By its path."""
    spilled = written(tmp_path).close()
    os.truncate(spilled.path, 20)
    with pytest.raises(OutputError, match="is not what a worker has written"):
        list(read_back(spilled))
    Path(spilled.path).unlink()
    with pytest.raises(
        OutputError, match=r"\.part: a part of the results cannot be read back: No such file .*; run again$"
    ):
        list(read_back(spilled))


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    """It is not made again: who made it may have ended."""
    with pytest.raises(
        OutputError, match="cannot be written on .*: No such file or directory; workers on other machines need"
    ):
        SpillFile(str(tmp_path / "gone"))
    assert names(tmp_path) == []


def test_a_disk_that_is_full_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has nothing to do with what other machines see."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = written(tmp_path)
    monkeypatch.setattr(system, "write", full)
    with pytest.raises(OutputError, match="cannot be written on .*: No space left on device$"):
        file.close()
    file.discard()
