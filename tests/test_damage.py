"""Files that are cut anywhere, or in which any byte is another one."""

from __future__ import annotations

import io
import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from streamgaps import InputError, StreamgapsError, analyze, iter_gaps
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from streamgaps.stages.read import Format, Reader, Shape, read
from streamgaps.stages.validate import validate
from tests import oracle
from tests.conftest import names
from tests.doubles import cut
from tests.judge import are_predictions, array_in, records_in, spelled
from tests.packing import COMPRESS
from tests.runs import in_a_row, in_parts

RECORDS = [
    '{"video_id": "/a.mp4", "response": "Yes, é\\u00e9.", "gt": "B. No", "question": "Is there a \\"crash\\"?"}',
    '{"gt": "no", "response": "No.", "video_id": "/b.mp4"}',
    '{"video_id": "/😀", "x": [{"y": "}, {"}, -1.5e3, null], "response": "no", "gt": "Yes"}',
    '{"response": "yes", "question": {"a": [true]}, "gt": "No", "video_id": "/\\ud83d\\ude00"}',
]
ARE_GAPS = [True, False, True, True]
BEGINNINGS = {"array": "[", "jsonl": "", "document": '{"model": "é", "r": ['}
SEPARATORS = {"array": ",\n  ", "jsonl": "\n", "document": ", "}
ENDS = {"array": "]\n", "jsonl": "\n", "document": '], "n": [{}, "]"]}\n'}
FORMS = pytest.mark.parametrize("form", BEGINNINGS)
PACKINGS = pytest.mark.parametrize("packing", COMPRESS)


def whole(form: str) -> bytes:
    """Return a file of some 400 bytes."""
    return (BEGINNINGS[form] + SEPARATORS[form].join(RECORDS) + ENDS[form]).encode()


def ends_of_records(form: str) -> list[int]:
    """Return the places behind the records."""
    pieces = [RECORDS[0], *(SEPARATORS[form] + record for record in RECORDS[1:])]
    return [len(BEGINNINGS[form].encode()) + end for end in accumulate(len(piece.encode()) for piece in pieces)]


def is_whole(form: str, end: int) -> bool:
    """Say whether nothing is missing but blanks; of JSON Lines, that cannot be known behind each record."""
    rest = whole(form)[:end].rstrip()
    return len(rest) in [0, *ends_of_records(form)] if form == "jsonl" else rest == whole(form).rstrip()


def options_for(form: str) -> dict[str, Any]:
    """Return the options with which a file is read."""
    return {"prefix": "r.item"} if form == "document" else {"format": form}


def gaps_in(data: bytes, **options: Any) -> tuple[list[object], StreamgapsError | None]:
    """Find the gaps, and the error that ends them."""
    gaps: list[object] = []
    try:
        gaps.extend(gap.index for gap in iter_gaps(io.BytesIO(data), **options))
    except StreamgapsError as error:
        return gaps, error
    return gaps, None


ALL_GAPS = [index for index, is_gap in enumerate(ARE_GAPS) if is_gap]


@FORMS
@pytest.mark.parametrize("reader", list(Reader))
def test_a_file_that_is_cut_anywhere_gives_what_is_whole_in_it_and_an_error(form: str, reader: Reader) -> None:
    """All gaps before the cut first; a cut is overlooked only behind a complete record of JSON Lines."""
    data = whole(form)
    assert 330 < len(data) < 430
    for end in range(len(data) + 1):
        gaps, error = gaps_in(data[:end], reader=reader, **options_for(form))
        count = sum(end >= behind for behind in ends_of_records(form))
        assert [index for index in ALL_GAPS if index < count] == gaps
        assert is_whole(form, end) == (error is None)
        assert error is None or isinstance(error, InputError)


@pytest.mark.parametrize("form", ["array", "jsonl"])
def test_several_jobs_find_the_cut(form: str, tmp_path: Path) -> None:
    """With the same results before it, and the same words."""
    path = tmp_path / "p.json"
    data = whole(form)
    for end in range(len(data) + 1):
        path.write_bytes(data[:end])
        expected = in_a_row(path, form)
        assert is_whole(form, end) == (expected[3] == "")
        assert expected == in_parts(path, 40, form=form, jobs=1 + end % 3)


@FORMS
@PACKINGS
def test_a_compressed_file_that_is_cut_anywhere_is_an_error(form: str, packing: str) -> None:
    """After what could be read: also behind a complete record of JSON Lines, for the end of the packing is known."""
    data = COMPRESS[packing](whole(form))
    assert (ALL_GAPS, None) == gaps_in(data, **options_for(form))
    for end in range(form == "jsonl", len(data)):  # JSON Lines may be empty, if that is what they are called
        gaps, error = gaps_in(data[:end], **options_for(form))
        assert ALL_GAPS[: len(gaps)] == gaps
        assert isinstance(error, InputError)


@FORMS
def test_a_cut_file_leaves_nothing_and_changes_nothing(form: str, tmp_path: Path) -> None:
    """Neither plain nor compressed: no folder where there was none, and an earlier pair stays as it was."""
    old = {GAPS_NAME: b"gaps", REPORT_NAME: b"report"}
    (tmp_path / "old").mkdir()
    for name, content in old.items():
        (tmp_path / "old" / name).write_bytes(content)
    data = whole(form)
    cuts = [data[:end] for end in range(len(data)) if not is_whole(form, end)]
    for pack in COMPRESS.values():
        packed = pack(data)
        cuts += [packed[:end] for end in range(1, len(packed), 5)]
    for number, damaged in enumerate(cuts):
        with pytest.raises(StreamgapsError):
            analyze(io.BytesIO(damaged), tmp_path / ("old" if number % 2 else "new"), **options_for(form))
        assert names(tmp_path) == ["old"]
        assert old == {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}


SMALL = [
    '{"video_id":"/é","response":"yes","gt":"B. No"}',
    '{"question":[-1.5e1,{"a":null}],"response":"n\\u006f","gt":"Yes","video_id":""}',
]
SMALL_FILES = {"array": f"[{', '.join(SMALL)}]".encode(), "jsonl": "\n".join(SMALL).encode()}
JUDGES = {"array": array_in, "jsonl": records_in}
PLACES = pytest.mark.parametrize(
    ("form", "at"), [(form, at) for form, data in SMALL_FILES.items() for at in range(len(data))]
)


def changed(data: bytes, at: int, byte: int) -> bytes:
    """Return the data with another byte."""
    return data[:at] + bytes([byte]) + data[at + 1 :]


@pytest.mark.slow
@PLACES
def test_no_byte_can_be_another_without_its_being_seen(form: str, at: int) -> None:
    """Each of all 255: read if it is JSON, and all of it predictions, with the values that `json` gives."""
    for byte in range(256):
        data = changed(SMALL_FILES[form], at, byte)
        expected = JUDGES[form](data)
        try:
            found = list(validate(read(cut(data, 7 if byte % 2 else 65536), Shape(Format(form)))))
        except InputError:
            assert not are_predictions(expected), data
        else:
            assert are_predictions(expected), data
            assert spelled(expected or []) == spelled(found)


@PLACES
def test_a_changed_byte_changes_the_results_or_leaves_none(form: str, at: int, tmp_path: Path) -> None:
    """A few of them, through the whole run."""
    for byte in (at % 256, ord('"')):
        data = changed(SMALL_FILES[form], at, byte)
        expected = JUDGES[form](data)
        if expected is None or not are_predictions(expected):
            with pytest.raises(InputError):
                analyze(io.BytesIO(data), tmp_path / "gaps", format=form)
            assert names(tmp_path) == []
            continue
        analyze(io.BytesIO(data), tmp_path, format=form, videos_dir="/videos", max_warnings=0)
        lines = (tmp_path / GAPS_NAME).read_bytes().splitlines() if (tmp_path / GAPS_NAME).exists() else []
        assert repr(oracle.expect(expected, "/videos").gaps) == repr([json.loads(line) for line in lines])
        for name in names(tmp_path):
            (tmp_path / name).unlink()
