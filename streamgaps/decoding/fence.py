"""What stands between the input and ijson, so that ijson never sees what it would read wrongly.

ijson reads well-formed JSON in a stream, and refuses most of what is malformed. But it turns a lone
surrogate into `?`, dies of an integer that Python will not convert, takes form feeds for white space,
needs memory that grows with the square of the nesting, and gives neither items nor an error for a top
level that is no array. So the input is followed just closely enough to know how deep the nesting is and
whether a string is open (`follow`), and stopped short of all these (`refuse`).
"""

from __future__ import annotations

import codecs
import re
import sys
from contextlib import suppress
from itertools import accumulate, chain
from typing import TYPE_CHECKING, NamedTuple

from streamgaps.decoding.refused import BLANK, BOM, RefusedError, refused_top_level
from streamgaps.exceptions import MalformedInputError, UnsupportedInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "MAX_DEPTH",
    "Block",
    "Place",
    "end_of_item",
    "follow",
    "length_of_item",
    "pieces",
    "refuse",
    "split",
    "without_bom",
]

MAX_DEPTH = 1000
"""How deep values may be nested; Python's own `json` gives up at about as many levels in 3.11."""

_PIECE_BYTES = 64 * 1024
_DIGITS = b"0123456789"
_OPENING, _CLOSING = b"[]"
_BETWEEN_ITEMS = b'[,}]"'
_NOT_MARKS = bytes(set(range(256)) - set(b'"[]{}'))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
# It begins with a literal, for which `re` can search quickly: with the alternatives outside, 30 times as slow.
_LONE_SURROGATE = re.compile(
    rb"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?<!%b\\u[dD])[c-fC-F][0-9a-fA-F]{2})" % _HIGH
)
# An escape that goes on in the next block, and a high surrogate whose other half may follow there.
_UNFINISHED = re.compile(rb"(?:%b)?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z" % _HIGH)
_LONGEST_UNFINISHED = 11
# What `json` reads, and is no JSON, where a value may stand; and how it begins, or is whole, at the end of a block.
_NO_JSON = re.compile(rb'"[^"]*(?:"|\Z)|(?:\A|[\[,:])[ \t\n\r]*(?P<value>-?(?:NaN|Infinity))')
_NO_JSON_BEGUN = re.compile(rb"(?:-|-?(?:N(?:aN?)?|I(?:n(?:f(?:i(?:n(?:it?)?)?)?)?)?))\Z")
_LONGEST_BEGUN = 8
_ESCAPED_MARK = re.compile(rb'\\[\\"]')
_MARK = re.compile(rb'["\[\]{}]')
_FEED = re.compile(rb"[\f\v]")


class Place(NamedTuple):
    """A place in the input, and what is open there."""

    offset: int
    depth: int
    in_string: bool
    before: bytes
    """The last byte before it that is not blank; `b""` before the array begins."""

    @property
    def between_items(self) -> bool:
        """Whether no item is open here. A number or literal counts as open until a comma or bracket follows."""
        return self.depth <= 1 and not self.in_string and self.before in _BETWEEN_ITEMS


_BEGINNING = Place(0, 0, in_string=False, before=b"")


class Block(NamedTuple):
    """A piece of the input that cuts no escape sequence, and neither NaN nor an infinity."""

    data: bytes
    plain: bytes
    r"""The same, byte for byte, with `\\` and `\"` blanked out: here each quote begins or ends a string."""
    brackets: bytes
    """The brackets and braces outside of strings."""
    start: Place

    def deepest(self) -> int:
        """Return how deep the nesting gets in it."""
        return max(accumulate(map(_STEP.__getitem__, self.brackets), initial=self.start.depth))

    def shallowest(self) -> int:
        """Return the lowest depth in it, its beginning included."""
        brackets = self.brackets
        # What opens and closes at once changes nothing; of records little is left: 6 µs for 64 KiB instead of 47.
        for _ in range(2):
            brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
        return min(accumulate(map(_STEP.__getitem__, brackets), initial=self.start.depth))

    @property
    def depth_behind(self) -> int:
        """How deep the nesting is at its end."""
        opening = self.brackets.count(b"[") + self.brackets.count(b"{")
        return self.start.depth + 2 * opening - len(self.brackets)


def follow(blocks: Iterable[bytes], start: Place = _BEGINNING) -> Iterator[Block]:
    """Cut the input where no `Block` must be cut, leave out a byte-order mark, and follow what is open.

    The last block is empty, and starts at the end. What comes after a syntax error is followed wrongly;
    nobody reads that far.

    Args:
        blocks: the input, in pieces of any size.
        start: where in the input they begin; not inside an escape sequence.
    """
    place = start
    for data in _whole_words(without_bom(blocks)):
        if place.offset == 0 and data == BOM:
            place = place._replace(offset=len(data))
            continue
        plain = _ESCAPED_MARK.sub(b"__", data) if b"\\" in data else data
        brackets, in_string = _brackets(plain, in_string=place.in_string)
        block = Block(data, plain, brackets, place)
        yield block
        before = data.rstrip(BLANK)[-1:] or place.before
        place = Place(place.offset + len(data), block.depth_behind, in_string, before)
    yield Block(b"", b"", b"", place)


def without_bom(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a byte-order mark at the beginning as a block of its own."""
    blocks = iter(blocks)
    head = b""
    for block in blocks:
        head += block
        if not BOM.startswith(head):
            break
    if head.startswith(BOM):
        yield BOM
        head = head[len(BOM) :]
    if head:
        yield head
    yield from blocks


def _whole_words(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Hold back an escape sequence or a word that a block cuts until the next block."""
    held = b""
    for block in blocks:
        data = held + block if held else block
        held = b""
        if b"\\" in data[-_LONGEST_UNFINISHED:]:
            plain = _ESCAPED_MARK.sub(b"__", data)
            unfinished = _UNFINISHED.search(plain, max(0, len(data) - _LONGEST_UNFINISHED))
            if unfinished is not None:
                data, held = data[: unfinished.start()], data[unfinished.start() :]
        if not held:
            begun = _NO_JSON_BEGUN.search(data, max(0, len(data) - _LONGEST_BEGUN))
            if begun is not None:
                data, held = data[: begun.start()], data[begun.start() :]
        if data:
            yield data
    if held:
        yield held


def _brackets(plain: bytes, *, in_string: bool) -> tuple[bytes, bool]:
    """Return the brackets outside of strings, and whether a string is open at the end."""
    marks = plain.translate(None, _NOT_MARKS)
    if in_string:
        marks = b'"' + marks
    ends_in_string = marks.count(b'"') % 2 == 1
    if ends_in_string:
        marks += b'"'
    # Strings without brackets are pairs of quotes now. If one quote is left over, then some string has
    # brackets in it, and the strings must be taken out one by one: three times as slow (65 µs for 64 KiB).
    outside = marks.replace(b'""', b"")
    if b'"' in outside:
        outside = b"".join(marks.split(b'"')[::2])
    return outside, ends_in_string


def split(blocks: Iterable[Block], depth: int) -> Iterator[Block]:
    """Cut the blocks behind each bracket that begins or ends an array in that many arrays and objects."""
    for block in blocks:
        yield from [block] if block.shallowest() > depth else _split(block, depth)


def _split(block: Block, depth: int) -> Iterator[Block]:
    data, plain, brackets, start = block
    cut = used = 0
    for count, (at, behind) in enumerate(_each_bracket(block), 1):
        if (plain[at] == _OPENING and behind == depth + 1) or (plain[at] == _CLOSING and behind == depth):
            end = at + 1
            yield Block(data[cut:end], plain[cut:end], brackets[used:count], start)
            cut, used = end, count
            start = Place(block.start.offset + end, behind, in_string=False, before=data[at:end])
    if cut < len(data) or not data:
        yield Block(data[cut:], plain[cut:], brackets[used:], start)


def _each_bracket(block: Block) -> Iterator[tuple[int, int]]:
    """Yield where in the block each bracket outside of strings is, and how deep the nesting is behind it."""
    depth, in_string = block.start.depth, block.start.in_string
    for mark in _MARK.finditer(block.plain):
        if mark[0] == b'"':
            in_string = not in_string
        elif not in_string:
            depth += _STEP[ord(mark[0])]
            yield mark.start(), depth


def refuse(blocks: Iterable[Block], *, is_array: bool = True) -> Iterator[Block]:
    """Pass the input on as far as ijson can read it rightly.

    Args:
        blocks: the input.
        is_array: whether its top level must be an array.

    Raises:
        RefusedError: here begins what it cannot; the block was passed on up to that byte.
    """
    utf8 = _Utf8()
    numbers = _Numbers()
    for block in blocks:
        found = [
            utf8.check(block),
            numbers.check(block),
            _check_top_level(block) if is_array else None,
            _check_feeds(block),
            _check_surrogates(block),
            _check_values(block),
            _check_depth(block),
        ]
        refused = min(filter(None, found), key=lambda error: error.offset, default=None)
        if refused is None:
            yield block
            continue
        fine = block.data[: max(0, refused.offset - block.start.offset)]
        if fine:
            yield block._replace(data=fine)
        raise refused


class _Utf8:
    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def check(self, block: Block) -> RefusedError | None:
        waiting = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block.data, final=not block.data)
        except UnicodeDecodeError as error:
            offset = block.start.offset - waiting + error.start
            return RefusedError(MalformedInputError, f"invalid UTF-8 ({error.reason})", offset)
        return None


class _Numbers:
    """Python refuses to convert integers of more than 4,300 digits, and ijson's C back end dies of it."""

    def __init__(self) -> None:
        self._limit: int = getattr(sys, "get_int_max_str_digits", int)() or 4300
        self._carried = 0

    def check(self, block: Block) -> RefusedError | None:
        for at in self._long_runs(block.data):
            if not _in_string(block, max(0, at)):
                reason = f"a number of more than {self._limit:,} digits"
                return RefusedError(UnsupportedInputError, reason, block.start.offset + at)
        return None

    def _long_runs(self, data: bytes) -> list[int]:
        """Find where runs of too many digits begin; below 0 if in an earlier block."""
        carried = self._carried
        leading = len(data) - len(data.lstrip(_DIGITS))
        self._carried = carried + leading if leading == len(data) else len(data) - len(data.rstrip(_DIGITS))
        runs = [-carried] if carried and carried + leading > self._limit else []
        # A run that is too long covers two neighbours of this sample; to search all bytes takes 50 µs for 64 KiB.
        if re.search(rb"\d\d", data[:: max(1, self._limit // 2)]):
            runs += [run.start() for run in re.finditer(rb"(?<!\d)\d{%d,}" % (self._limit + 1), data)]
        return runs


def _check_top_level(block: Block) -> RefusedError | None:
    if block.start.before:
        return None
    text = block.data.lstrip(BLANK)
    if text.startswith(b"[") or (block.data and not text):
        return None
    return refused_top_level(text, block.start.offset + len(block.data) - len(text))


def _check_feeds(block: Block) -> RefusedError | None:
    feed = _FEED.search(block.data) if b"\f" in block.data or b"\v" in block.data else None
    if feed is None:
        return None
    name = "form feed" if feed[0] == b"\f" else "vertical tab"
    return RefusedError(MalformedInputError, f"a {name}, which JSON does not allow", block.start.offset + feed.start())


def _check_surrogates(block: Block) -> RefusedError | None:
    lone = _LONE_SURROGATE.search(block.plain) if b"\\u" in block.data else None
    if lone is None:
        return None
    reason = f"the lone surrogate {lone[0].decode('ascii')}"
    return RefusedError(UnsupportedInputError, reason, block.start.offset + lone.start())


def _check_values(block: Block) -> RefusedError | None:
    if b"NaN" not in block.data and b"Infinity" not in block.data:
        return None
    start = block.start
    at = block.plain.find(b'"') + 1 or len(block.plain) if start.in_string else 0
    may_begin = not start.in_string and start.before in (b"", b"[", b",", b":")
    for found in _NO_JSON.finditer(block.plain, at):
        if found["value"] and (may_begin or found[0][:1] in (b"[", b",", b":")):
            reason = f"the value {found['value'].decode('ascii')}"
            return RefusedError(UnsupportedInputError, reason, start.offset + found.start("value"))
    return None


def _check_depth(block: Block) -> RefusedError | None:
    if block.start.depth + len(block.brackets) <= MAX_DEPTH or block.deepest() <= MAX_DEPTH:
        return None
    at = next(at for at, depth in _each_bracket(block) if depth > MAX_DEPTH)
    return RefusedError(UnsupportedInputError, f"nesting of more than {MAX_DEPTH:,} levels", block.start.offset + at)


def _in_string(block: Block, at: int) -> bool:
    return block.start.in_string ^ (block.plain.count(b'"', 0, at) % 2 == 1)


def end_of_item(block: Block) -> int:
    """Return where in the block the first item of an array ends that is an object, an array or a string."""
    depth, in_string = block.start.depth, block.start.in_string
    for mark in _MARK.finditer(block.plain):
        if mark[0] == b'"':
            in_string = not in_string
        elif not in_string:
            depth += _STEP[ord(mark[0])]
        if depth == 1 and not in_string:
            return mark.end()
    message = "no item ends in this block"
    raise ValueError(message)


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut what was collected into blocks again: what is done to all bytes of one at once takes memory for each."""
    return (data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))


def length_of_item(data: bytes) -> int | None:
    """Return the length of the object, array or string that data begins with; None if it does not end in it."""
    bracket = b"["
    # In pieces: to blank out the escapes of 8 MiB at once takes 400 MiB.
    for block in follow(chain([bracket], pieces(data))):
        if block.start.depth:
            with suppress(ValueError):
                return block.start.offset + end_of_item(block) - len(bracket)
    return None
