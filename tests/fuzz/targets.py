"""What is fuzzed: functions that take any bytes, and raise where what comes of them is not what must come.

The first bytes of a case choose how the rest is read; which byte stands for which choice is `Case.pick`'s business.
So each file of the corpus is a whole case, and new choices go behind the old ones, for old files to mean the same.
None of this needs a fuzzer: `test_corpus.py` runs it on what fuzzers found.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast
from unittest import mock

from streamgaps import (
    ConfigurationError,
    InputError,
    NotAnArrayError,
    Skip,
    SourceError,
    Tally,
    UnresolvedPath,
    UnsupportedInputError,
    analyze,
    iter_gaps,
)
from streamgaps.answers import final_answer
from streamgaps.answers.rules import RULES
from streamgaps.answers.strict import LONG
from streamgaps.cli import tao
from streamgaps.decoding import events, fence, locate  # noqa: F401 -- as above
from streamgaps.decoding.array import ArrayReader
from streamgaps.decoding.lines import LinesReader
from streamgaps.decoding.prefix import ArraysUnder, first_array
from streamgaps.exceptions import StreamgapsError
from streamgaps.fields import look_up, parse_path
from streamgaps.model import Broken
from streamgaps.settings import Options, make_settings
from streamgaps.sources.compressed import LONGEST_MAGIC, compression, decompressed
from streamgaps.stages import parse  # noqa: F401 -- as above
from streamgaps.stages.read import Format, Reader, Shape, read, read_with
from streamgaps.stages.write import write
from tests import judge, oracle, plainly
from tests.doubles import ChunkedFile, Here, cut
from tests.packing import COMPRESS
from tests.runs import RANGES as RUN_RANGES
from tests.runs import in_a_row, in_parts, taken

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_T = TypeVar("_T")

SIZES = [65536, 1, 2, 3, 7, 64]
RANGES = [1, 5, 30, 150]
ALL = 10**6
"""More than any case has."""
GIANTS = [ALL, 0, 5, 16, 40]


class Case:
    """Takes choices from the beginning of the bytes; what is left is the input."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def pick(self, choices: Sequence[_T]) -> _T:
        """Choose by the next byte; the first one if there is none. The digit 0 is the first one, too."""
        first, self.rest = self.rest[:1] or b"0", self.rest[1:]
        return choices[(first[0] - ord("0")) % len(choices)]

    def take(self, size: int) -> bytes:
        """Take so many bytes."""
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken


_folder = tempfile.TemporaryDirectory()


def _file(data: bytes) -> Path:
    """Write the bytes to a file, for what reads only files."""
    path = Path(_folder.name) / "case"
    path.write_bytes(data)
    return path


# Readers --------------------------------------------------------------------------------------------------------------


def array(data: bytes) -> None:
    """An array comes to what `json` makes of it; or both refuse it; or it is said to be more than ijson can read."""
    case = Case(data)
    size, giant_bytes, reader, longest = case.pick(SIZES), case.pick(GIANTS), case.pick([*Reader]), case.pick([ALL, 40])
    range_bytes, text = case.pick(RANGES), case.rest
    shape = Shape(Format.ARRAY, reader=reader, max_record_bytes=longest)
    blocks = cut(text, size)
    is_exact = reader is Reader.AUTO and giant_bytes == ALL
    items, error = taken(
        read(blocks, shape)
        if giant_bytes == ALL
        else read_with(ArrayReader(max_record_bytes=longest), blocks, shape, giant_bytes=giant_bytes)
    )
    expected = judge.loaded(text)
    if error is None:
        assert isinstance(expected, list)
        assert judge.spelled(expected, whole=is_exact) == judge.spelled(items, whole=is_exact)
        assert reader is Reader.IJSON or judge.longest_item(text) <= longest
    elif isinstance(expected, list):
        assert isinstance(error, UnsupportedInputError)
        assert not is_exact or judge.longest_item(text) > longest
    if is_exact and longest == ALL:
        _same_from_any_blocks(lambda size: read(cut(text, size), shape))
        _same_in_parts(text, range_bytes, "array")


def _same_from_any_blocks(reading: Callable[[int], Iterable[list[Any]]]) -> None:
    """An error has the same words, after the same items, wherever blocks end."""
    outcomes = (taken(reading(size)) for size in (1, 2, 7, 65536))
    assert len({(judge.spelled(items), str(error)) for items, error in outcomes}) == 1


def _same_in_parts(text: bytes, range_bytes: int, form: str, **options: Any) -> None:
    """Several jobs come to the same as one."""
    if compression(text[:LONGEST_MAGIC]) is None:  # else it is read by one anyway
        path = _file(text)
        assert in_a_row(path, form, **options) == in_parts(path, range_bytes, form=form, **options)


def lines(data: bytes) -> None:
    """Records come to what `json` makes of them one after the other, each on its line, broken ones skipped or not."""
    case = Case(data)
    size, giant_bytes, reader = case.pick(SIZES), case.pick(GIANTS), case.pick([*Reader])
    skips_broken, range_bytes, text = case.pick([False, True]), case.pick(RANGES), case.rest
    shape = Shape(Format.JSONL, reader=reader, skips_broken=skips_broken)
    is_exact = reader is Reader.AUTO and giant_bytes == ALL
    if giant_bytes == ALL:
        batches = read(cut(text, size), shape)
        numbers: list[int | None] = []
        items, error = taken(_noting(batches, lambda index: numbers.append(batches.line_of(index))))
    else:
        records = LinesReader(max_record_bytes=ALL, skips_broken=skips_broken)
        items, error = taken(read_with(records, cut(text, size), shape, giant_bytes=giant_bytes))
    # What `json` reads and ijson does not is refused, and not skipped.
    is_refused = isinstance(error, UnsupportedInputError) and not is_exact
    assert error is None or is_refused or not skips_broken
    expected, is_json = judge.records(text, skips_broken=skips_broken)
    found = judge.spelled(items, whole=False)
    if is_refused:
        assert judge.spelled([item for item, _ in expected[: len(items)]], whole=False) == found
    elif _LONG_WORD.search(text.decode("utf-8", "surrogateescape")):
        assert is_json == (error is None)
    elif is_exact or _is_for_ijson(text):
        assert judge.spelled([item for item, _ in expected], whole=False) == found
        # Nobody asks for the line of what is broken.
        assert giant_bytes < ALL or all(
            line == number
            for (item, line), number in zip(expected, numbers, strict=True)
            if not isinstance(item, Broken)
        )
        assert is_json == (error is None)
    elif error is None and not skips_broken:
        assert is_json
        assert judge.spelled([item for item, _ in expected], whole=False) == found
    if is_exact:
        _same_from_any_blocks(lambda size: read(cut(text, size), shape))
        _same_in_parts(text, range_bytes, "jsonl", on_invalid="skip" if skips_broken else "error")


def _noting(batches: Iterable[list[Any]], note: Callable[[int], object]) -> Iterator[list[Any]]:
    index = 0
    for batch in batches:
        for _ in batch:
            note(index)
            index += 1
        yield batch


# A word that is too long to be one value, and that a byte which is no UTF-8 ends: it may be taken apart or not.
_LONG_WORD = re.compile(r"[-+.\w]{13}[\udc80-\udcff]")
_NOT_FOR_IJSON = re.compile(rb"\\u[dD]|NaN|Infinity|[eE][-+]?\d{18}|\d{4300}|[\[{\s]{900}")


def _is_for_ijson(text: bytes) -> bool:
    """Say whether nothing in it may be what ijson would read wrongly."""
    return _NOT_FOR_IJSON.search(text) is None


PREFIXES = ["a.item", "item", "item.item", "a.b.item", "item.a.item", ".item", "a\\.b.item", "a.item.a.item"]


def prefix(data: bytes) -> None:
    """The arrays that a prefix names are those that are there in memory; and one can go on behind each of them."""
    case = Case(data)
    name, size, reader, range_bytes = case.pick(PREFIXES), case.pick(SIZES), case.pick([*Reader]), case.pick(RANGES)
    text, shape = case.rest, Shape(Format.ARRAY, prefix=name, reader=reader)
    items, error = taken(read(cut(text, size), shape))
    document = judge.loaded(text)
    if isinstance(document, Exception):
        assert error is not None
    elif not isinstance(error, UnsupportedInputError):
        arrays = list(judge.arrays_under(document, list(parse_path(name))))
        is_whole = reader is Reader.AUTO
        assert judge.spelled([one for each in arrays for one in each], whole=is_whole) == judge.spelled(
            items, whole=is_whole
        )
        assert isinstance(error, NotAnArrayError) == (not arrays)
        assert error is None or not arrays
    if error is None:
        _found_again_behind_each(text, size, name)
    if name != "item" and compression(text[:LONGEST_MAGIC]) is None:
        path = _file(text)
        alone = _analyzed(path, prefix=name)
        with mock.patch.dict(RUN_RANGES, range_bytes=range_bytes):
            assert alone == _analyzed(path, prefix=name, executor=Here())


def _found_again_behind_each(text: bytes, size: int, name: str) -> None:
    found = [(one.offset, b"".join(one.blocks)) for one in ArraysUnder(cut(text, size), name)]
    assert found[0][0] == first_array(cut(text, size), name)
    for number, (offset, one) in enumerate(found, 1):
        behind = offset + len(one)
        arrays = ArraysUnder(cut(text[behind:], size), name, behind=behind)
        assert found[number:] == [(one.offset, b"".join(one.blocks)) for one in arrays]


def _analyzed(path: Path, **options: Any) -> tuple[bytes, list[Any], str]:
    """Return the gaps, the warnings, and the counts or the error."""
    file = io.BytesIO()
    notices: list[Any] = []
    try:
        tally: object = analyze(path, file, on_warning=notices.append, **options)
    except InputError as error:
        tally = error
    return file.getvalue(), notices, str(tally)


# The whole pipeline ---------------------------------------------------------------------------------------------------

VIDEOS = ["a.mp4", "/b.mp4", "s3://c/d.mp4", "../e", "./f/../g.mp4", "\u00e9 \u4e2d.mp4", "", "http://x", "/"]
WORDS = [
    *("yes", "no", "Yes", "NO", " ", ". ", ",", "boundary", "nothing", "no-one", "eyes", "yes_", "answer is ", " or "),
    *("<think>", "</think>", "<answer>", "</answer>", "A", "b.", "not", "\n", "**", "ye\u017f", "\u0130no", "no\u00b2"),
    *("no\u0301", "\u662fyes", "\u200b", "\U0001f600", '"', "\\", "}, {", "\ud800", " " * LONG),
]
QUESTIONS = ["", "Is it?", None, 1, 10**30, 0.1, [], ["\u00e9"], {"a": {"b": None}}, True, '"}, {"', 1e400]
LABELS: dict[str, list[Any]] = {"yes": ["boundary", 1, "a"], "no": ["nothing", 0, "yes_"]}
NO_TEXTS: list[Any] = [None, 1, 0.0, True, [], {}]
FORMS: dict[str, Callable[[list[Any]], str]] = {
    "array": json.dumps,
    "jsonl": lambda records: "\n".join(map(json.dumps, records)),
    "prefix": lambda records: json.dumps({"config": {"item": [1]}, "results": records, "more": [{"results": [{}]}]}),
    "array, as it is": lambda records: json.dumps(records, ensure_ascii=False, indent=1),
    "jsonl, as it is": lambda records: "".join(json.dumps(one, ensure_ascii=False) + " \r\n" for one in records),
}


def records(data: bytes) -> None:
    """Each record is correct, a gap or skipped, as it is when all of them are in memory; and so each is counted."""
    case = Case(data)
    form, size, reader = case.pick([*FORMS]), case.pick(SIZES), case.pick(["auto", "ijson"])
    rule, gt_rule, is_final = case.pick([*RULES]), case.pick([*RULES]), case.pick([False, True])
    is_messy, is_renamed, unclear = case.pick([False, True]), case.pick([False, True]), case.pick(["skip", "gap"])
    has_labels, has_carried, range_bytes = case.pick([False, True]), case.pick([False, True]), case.pick([0, *RANGES])
    asked: dict[str, Any] = {"reader": reader, "rule": rule, "gt_rule": gt_rule, "final_answer": is_final}
    asked |= {"unclear": unclear, "on_invalid": "skip" if is_messy else "error"}
    shape = {"prefix": "results.item"} if form == "prefix" else {"format": form[:5]}
    asked |= {"labels": LABELS} if has_labels else {}
    asked |= {"carry": ["raw=video_id", "none.0"]} if has_carried else {}
    asked |= {"fields": {"response": "doc.answers.-1", "gt": "label"}} if is_renamed else {}
    made = _records(case, is_messy=is_messy)
    text = FORMS[form]([_renamed(record) for record in made] if is_renamed else made).encode("utf-8", "surrogatepass")
    try:
        gaps, skipped, tally = _found(text, size, {**asked, **shape, "videos_dir": "/videos"})
    except UnsupportedInputError:
        assert reader == "ijson"
        return
    except InputError:  # what is no UTF-8 is no JSON
        assert "\ud800" in text.decode("utf-8", "surrogatepass")
        return
    assert len(made) == tally.records == tally.correct + len(gaps) + tally.skipped.total()
    if range_bytes and reader == "auto" and form != "prefix":
        _same_in_parts(text, range_bytes, form[:5], **asked)
    if is_messy:
        return
    expected = oracle.expect(
        made,
        "/videos",
        rule=_after_reasoning(plainly.RULES[rule]) if is_final else plainly.RULES[rule],
        gt_rule=_labelled(plainly.RULES[gt_rule]) if has_labels else plainly.RULES[gt_rule],
        unclear_is_gap=unclear == "gap",
    )
    if has_carried:
        assert [made[index]["video_id"] for index in expected.places] == [gap.pop("raw") for gap in gaps]
    assert expected.gaps == gaps
    assert expected.skipped == skipped
    assert expected.correct == tally.correct
    assert sum("unclear" in gap for gap in expected.gaps) == tally.unclear


def _records(case: Case, *, is_messy: bool) -> list[dict[str, Any]]:
    made = []
    while case.rest:
        record: dict[str, Any] = {"video_id": case.pick(VIDEOS), "response": _text(case), "gt": _text(case)}
        if case.pick([False, True]):
            record["question"] = case.pick(QUESTIONS)
        if is_messy:
            name = case.pick(["", "video_id", "response", "gt"])
            if name and case.pick([False, True]):
                del record[name]
            elif name:
                record[name] = case.pick(NO_TEXTS)
        made.append(record)
    return made


def _text(case: Case) -> str:
    return "".join(case.pick(WORDS) for _ in range(case.pick(range(5))))


def _renamed(record: dict[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in record.items() if name not in ("response", "gt")}
    if "gt" in record:
        others["label"] = record["gt"]
    if "response" in record:
        others["doc"] = {"answers": ["yes", record["response"]], "gt": "no"}
    return others


def _found(
    text: bytes, size: int, asked: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]], Tally]:
    """Return the lines of the gaps, who is skipped and why, and the counts."""
    tally, file, notices = Tally(), io.BytesIO(), cast("list[Skip | UnresolvedPath]", [])
    predictions = cast("BinaryIO", ChunkedFile(text, size))
    for _ in write(iter_gaps(predictions, on_warning=notices.append, tally=tally, **asked), file):
        pass
    skipped = [(one.index, *one.reason) for one in notices if isinstance(one, Skip)]
    return [json.loads(line) for line in file.getvalue().splitlines()], skipped, tally


def _after_reasoning(rule: Callable[[str], str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        final = plainly.final_answer(text)
        return "no final answer" if final is None else rule(final)

    return read


def _labelled(rule: Callable[[str], str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        bare = text.strip().lower()
        return next((name for name, labels in LABELS.items() if bare in labels), None) or rule(text)

    return read


# Rules ----------------------------------------------------------------------------------------------------------------


def rules(data: bytes) -> None:
    """Each rule says of any text what it says when it is applied in no hurry."""
    case = Case(data)
    spell, before = case.pick([_in_words, _in_utf8]), case.pick(["", " " * LONG, "a " * LONG, "\u4e2d" * LONG])
    text = before + spell(case.rest)
    for name, rule in RULES.items():
        assert plainly.RULES[name](text) == rule(text).value, name
    assert plainly.final_answer(text) == final_answer.final_answer(text)


def _in_words(data: bytes) -> str:
    """Make what the rules look for likely."""
    return "".join(chr(byte) if byte < 0x80 else WORDS[byte % len(WORDS)] for byte in data)


def _in_utf8(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


# What is compressed ---------------------------------------------------------------------------------------------------

_MOST_BLOCKS = 64
_MEMORY = 1 << 27


def compressed(data: bytes) -> None:
    """What is decompressed is what the standard library makes of it; what is not is refused; and blocks are small."""
    case = Case(data)
    size, text = case.pick(SIZES), _damaged(case)
    form = compression(text[:LONGEST_MAGIC])
    found, refused = b"", None
    try:
        for number, block in enumerate(decompressed(cut(text, size))):
            assert form is None or 0 < len(block) <= 65536
            if number == _MOST_BLOCKS:
                return
            found += block
    except InputError as error:
        refused = error
    if form is None:
        assert refused is None
        assert text == found
        return
    # libzstd does not compare the announced length of a frame whose last block is empty, unless it gets all at once.
    outcomes = [_by_the_book(form, text, size) for size in (1, ALL)]
    if refused is None:
        assert (found, b"") in outcomes
    elif not isinstance(refused, UnsupportedInputError):
        assert any(expected is None or rest for expected, rest in outcomes)
        assert all(expected is None or expected.startswith(found) for expected, _ in outcomes)


def _damaged(case: Case) -> bytes:
    """Compress what follows, or that many times, and change a byte, cut it or put something behind it."""
    compress, change, at, byte = case.pick([bytes, *COMPRESS.values()]), case.pick("ncdabz"), case.take(2), case.take(1)
    data = compress(case.pick([1, 500]) * case.rest)
    place = int.from_bytes(at, "big") % (len(data) + 1)
    return {
        "n": data,
        "c": data[:place],
        "d": data[:place] + byte + data[place + 1 :],
        "a": data + byte,
        "b": data + compress(byte),
        "z": data + bytes(place) + data,
    }[change]


def _by_the_book(name: str, data: bytes, size: int) -> tuple[bytes | None, bytes]:
    """Decompress member after member with the standard library, and return what is behind them as well.

    None stands for the content if it is damaged or cut short.
    """
    make: Callable[[], Any] = {
        "gzip": lambda: zlib.decompressobj(31),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY),
        "zstd": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27}),
    }[name]
    content = b""
    while compression(data) == name:
        member = make()
        try:
            while not member.eof and data:
                content += member.decompress(data[:size])
                data = member.unused_data + data[size:]
        except (zlib.error, OSError, lzma.LZMAError, zstd.ZstdError):
            return None, b""
        if not member.eof:
            return None, b""
        if name in ("gzip", "xz"):
            behind = data.lstrip(b"\0")
            if name == "xz" and (len(data) - len(behind)) % 4:
                return None, b""
            data = behind
    return content, data


# What is asked for ----------------------------------------------------------------------------------------------------


def spec(data: bytes) -> None:
    """A spec and overrides are taken or refused in words; what is taken is texts."""
    case = Case(data)
    count = case.pick(range(4))
    *overrides, text = case.rest.split(b"\0", count)
    asked = [one.decode("utf-8", "surrogateescape") for one in overrides]
    path = _file(text) if case.pick([True, False]) else None
    try:
        found = tao.settings(path, asked)
    except ConfigurationError as error:
        assert str(error)
        return
    assert ["predictions_json", "results_dir", "videos_dir"] == sorted(found)
    assert all(type(value) is str for value in found.values())
    assert found["predictions_json"]
    assert found["results_dir"]


VALUES: list[Any] = [
    *(
        None,
        "",
        "item",
        "a.item",
        "yes",
        "skip",
        "gap",
        "error",
        "array",
        "jsonl",
        "ijson",
        "strict",
        "keep",
        "resolve",
    ),
    *(0, 1, -1, True, 1.5, 10**30, [], {}, ["a"], [1], {"gt": "a.0"}, {"yes": [1, True], "no": "0"}, {"gt": 1}, b"x"),
    *(
        {"yes": "1", "no": [1.0]},
        {"response": "\\."},
        "a=b",
        "=",
        "a=",
        "=a",
        "\ud800",
        "\0",
        " ",
        "s3://x",
        ".",
        float("nan"),
    ),
]
NAMES = sorted(Options.__annotations__)


def options(data: bytes) -> None:
    """Options are taken, or refused in words; so are paths of fields, and what is taken leads to somewhere."""
    case = Case(data)
    asked: dict[str, Any] = {}
    for _ in range(case.pick(range(6))):
        name, kind = case.pick(NAMES), case.pick(["value", "text", "path"])
        text = case.take(case.pick(range(12))).decode("utf-8", "surrogateescape")
        asked[name] = case.pick(VALUES) if kind == "value" else text if kind == "text" else [text, {"gt": text}]
    try:
        settings = make_settings(cast("Options", asked))
    except StreamgapsError as error:
        assert isinstance(error, (ConfigurationError, SourceError))
        assert str(error)
    else:
        assert type(settings.shape.max_record_bytes) is int
        if settings.ground_truth is None and settings.annotations is None:
            _run_on_little(asked)
    text = case.rest.decode("utf-8", "surrogateescape")
    path = parse_path(text)
    value: Any = 1
    for part in reversed(path):
        value = {part: value}
    assert look_up(value, path) == 1
    if "\\" not in text:
        assert tuple(text.split(".")) == path
    look_up([[["x"]]], path)


def _ignore(_: object) -> None:
    pass


LITTLE = b'[{"video_id": "a", "response": "yes", "gt": "no", "a": {"item": [1]}}, {"gt": [0, {"a": null}]}, 1, NaN]'


def _run_on_little(asked: dict[str, Any]) -> None:
    """Do the job with options that were taken: all that may be wrong then is the input."""
    try:
        for _ in write(iter_gaps(io.BytesIO(LITTLE), on_warning=_ignore, **asked), io.BytesIO()):
            pass
    except InputError as error:
        assert str(error)


TARGETS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function for function in (array, lines, prefix, records, rules, compressed, spec, options)
}
"""The targets by their names."""
