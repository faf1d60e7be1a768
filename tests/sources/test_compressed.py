from __future__ import annotations

import lzma
import os
import sys
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgaps.exceptions import ConfigurationError, MalformedInputError, SourceError, UnsupportedInputError
from streamgaps.sources.compressed import LONGEST_MAGIC, compression, decompressed
from tests.doubles import cut
from tests.packing import COMPRESS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BLOCK = 64 * 1024
FORMATS = sorted(COMPRESS)
FIRST, SECOND = b'[{"gt": "A"}, ' * 9, b'{"gt": "B"}]' * 7
SKIPPABLE = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"abcde"


def content(data: bytes, size: int = BLOCK) -> bytes:
    """Decompress data that comes in blocks of `size` bytes."""
    return b"".join(decompressed(cut(data, size)))


def until_error(blocks: Iterator[bytes], kind: type[Exception] = MalformedInputError) -> tuple[bytes, str]:
    """Return what comes before the error, and what that says."""
    before = []
    try:
        for block in blocks:
            before.append(block)  # noqa: PERF402 -- what came before the error is needed
    except kind as error:
        return b"".join(before), str(error)
    pytest.fail(f"no {kind.__name__}, but {before}")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, BLOCK, 10**9])
def test_what_is_compressed_is_known_by_its_content(form: str, size: int) -> None:
    """Whatever blocks it comes in, and with several members."""
    data = COMPRESS[form](FIRST) + COMPRESS[form](b"") + COMPRESS[form](SECOND)
    assert form == compression(data[:LONGEST_MAGIC])
    assert FIRST + SECOND == content(data, size)


@given(st.sampled_from(FORMATS), st.lists(st.binary(max_size=200), min_size=1), st.integers(1, 300))
def test_the_content_comes_back(form: str, members: list[bytes], size: int) -> None:
    """What was compressed, no more and no less."""
    data = b"".join(map(COMPRESS[form], members))
    assert b"".join(members) == content(data, size)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("length", [0, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 20 * BLOCK + 7])
def test_what_is_longer_than_a_block_comes_whole(form: str, length: int) -> None:
    """Also where the last block is a full one, and nothing of the input is left."""
    for data in (os.urandom(length), bytes(length)):
        blocks = list(decompressed(cut(COMPRESS[form](data) * 2, BLOCK)))
        assert data * 2 == b"".join(blocks)
        assert all(0 < len(block) <= BLOCK for block in blocks)


@pytest.mark.parametrize(
    "data",
    [b"", b"[", b"B", b"[]", b"BZh", b"BZh0", b"BZip", b"\x1f", b"\x1f\x8c", b"\xfd7zXZ", b"\x28\xb5\x2f", b"[*M\x19"],
)
@pytest.mark.parametrize("size", [1, 100])
def test_what_is_not_compressed_is_left_as_it_is(data: bytes, size: int) -> None:
    """And so is what is shorter than the bytes that would tell."""
    assert compression(data[:LONGEST_MAGIC]) is None
    assert data == content(data, size)


def test_blocks_of_what_is_not_compressed_are_not_copied() -> None:
    """They pass as they are."""
    blocks = [os.urandom(0), b"{" * 10, b"1" * 10]
    assert all(given is taken for given, taken in zip(blocks[1:], decompressed(blocks), strict=True))


def test_no_more_is_looked_at_than_it_takes_to_know() -> None:
    """A first byte that begins no magic is enough."""

    def slow() -> Iterator[bytes]:
        yield b"{"
        pytest.fail("read further than it was needed")

    assert b"{" == next(decompressed(slow()))


@pytest.mark.parametrize("form", FORMATS)
def test_what_has_arrived_is_given_before_more_is_read(form: str) -> None:
    """A pipe may be slow; the first member is not held back for the second."""

    def slow() -> Iterator[bytes]:
        yield COMPRESS[form](FIRST)
        pytest.fail("read further than it was needed")

    assert next(decompressed(slow()))[:BLOCK] == FIRST


def test_what_was_flushed_is_given_before_the_member_ends() -> None:
    """As from a program that writes its log compressed."""
    compressor = zstd.ZstdCompressor()
    flushed = compressor.compress(FIRST) + compressor.flush(zstd.ZstdCompressor.FLUSH_BLOCK)

    def slow() -> Iterator[bytes]:
        yield flushed
        pytest.fail("read further than it was needed")

    assert next(decompressed(slow())) == FIRST


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", [1, 10**9])
def test_whatever_is_cut_short_is_refused(form: str, size: int) -> None:
    """Two members, cut behind each byte; all that is there is given first."""
    first = COMPRESS[form](FIRST)
    data = first + COMPRESS[form](SECOND)
    for end in range(LONGEST_MAGIC, len(data)):
        if end == len(first):  # this cannot be known
            assert FIRST == content(data[:end], size)
            continue
        before, message = until_error(decompressed(cut(data[:end], size)))
        assert (FIRST + SECOND).startswith(before)
        assert end < len(first) or len(before) >= len(FIRST)
        assert f"the {form} data is cut short after {end} bytes of it; copy or download it again" == message


@pytest.mark.parametrize("form", FORMATS)
def test_a_magic_with_nothing_behind_it_is_cut_short(form: str) -> None:
    """It is not plain any more."""
    for end in range(1, LONGEST_MAGIC + 1):
        head = COMPRESS[form](FIRST)[:end]
        if compression(head) is None:
            assert content(head) == head
        else:
            assert until_error(decompressed([head])) == (
                b"",
                f"the {form} data is cut short after {end} bytes of it; copy or download it again",
            )


@pytest.mark.parametrize("form", FORMATS)
def test_no_changed_byte_gives_other_content(form: str) -> None:
    """It is refused, or it is one that does not count, such as the time in the head of gzip."""
    first = COMPRESS[form](FIRST)
    data = first + COMPRESS[form](SECOND)
    refused = 0
    for at in range(len(data)):
        for bits in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[at] ^= bits
            if compression(bytes(damaged[:LONGEST_MAGIC])) is None:
                assert at < LONGEST_MAGIC
                continue
            try:
                assert FIRST + SECOND == content(bytes(damaged))
            except MalformedInputError:
                refused += 1
    assert refused > 2 * len(data)


@pytest.mark.parametrize("form", FORMATS)
def test_damage_is_said_with_its_place(form: str) -> None:
    """The blocks before it are given."""
    data = bytearray(COMPRESS[form](os.urandom(20 * BLOCK)) * 2)
    at = len(data) * 3 // 4
    data[at : at + 500] = bytes(500)
    before, message = until_error(decompressed(cut(bytes(data), BLOCK)))
    assert len(before) >= 20 * BLOCK
    assert message.startswith(f"the {form} data is damaged at about byte ")
    assert len(data) // 2 < int(message.split(" of it: ")[0].rpartition(" ")[2]) <= len(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("garbage", [b"x", b"garbage " * 20, bytes(4) + b"x", b"\x1f\x8c", b"BZh0", b"[]"])
def test_what_is_something_else_may_not_follow(form: str, garbage: bytes) -> None:
    """The file classes of the standard library would leave it out without a word."""
    for size in (1, BLOCK):
        before, message = until_error(decompressed(cut(COMPRESS[form](FIRST) + garbage, size)))
        assert before == FIRST
        assert f"what follows the {form} data, from byte " in message


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("other", FORMATS)
def test_another_format_may_not_follow(form: str, other: str) -> None:
    """Nobody writes that on purpose."""
    data = COMPRESS[form](FIRST) + COMPRESS[other](SECOND)
    if form == other:
        assert content(data) == FIRST + SECOND
    else:
        before, message = until_error(decompressed([data]))
        at = len(COMPRESS[form](FIRST))
        assert before == FIRST
        assert (f"what follows the {form} data, from byte {at} of the input on, is no {form} data") == message


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("zeros", "size"), [(4, 1), (512, 5), (2 * BLOCK, BLOCK)])
def test_zero_bytes_may_follow_where_the_format_pads(form: str, zeros: int, size: int) -> None:
    """As tapes and xz do; between members, too."""
    padded = COMPRESS[form](FIRST) + bytes(zeros)
    if form in ("gzip", "xz"):
        assert content(padded, size) == FIRST
        assert content(padded + COMPRESS[form](SECOND), size) == FIRST + SECOND
        assert until_error(decompressed(cut(padded + b"x", size)))[0] == FIRST
    else:
        assert until_error(decompressed(cut(padded, size)))[0] == FIRST


@pytest.mark.parametrize("zeros", [1, 3, 4 * BLOCK + 2])
def test_xz_is_padded_in_fours(zeros: int) -> None:
    """So its specification says, and so `xz -t` does."""
    for behind in (b"", COMPRESS["xz"](SECOND)):
        data = COMPRESS["xz"](FIRST) + bytes(zeros) + behind
        before, message = until_error(decompressed(cut(data, BLOCK)))
        assert (before, message) == (
            FIRST,
            f"the xz data is damaged: {zeros} zero bytes follow it, which is no multiple of 4",
        )


@pytest.mark.parametrize("size", [1, 5, BLOCK])
def test_what_zstd_may_skip_is_skipped(size: int) -> None:
    """Before, between and behind what counts, and where there is nothing else."""
    first, second = COMPRESS["zstd"](FIRST), COMPRESS["zstd"](SECOND)
    data = SKIPPABLE + SKIPPABLE + first + SKIPPABLE + second + SKIPPABLE
    assert compression(data[:LONGEST_MAGIC]) == "zstd"
    assert content(data, size) == FIRST + SECOND
    assert content(SKIPPABLE, size) == b""
    assert until_error(decompressed(cut(data[:-1], size)))[0] == FIRST + SECOND


@pytest.mark.parametrize("form", FORMATS)
def test_a_wrong_checksum_is_refused(form: str) -> None:
    """Even if all else fits."""
    data = bytearray(COMPRESS[form](FIRST))
    # Of gzip the sum stands before the length, of xz before the index and the foot.
    at = {"gzip": -8, "bzip2": -5, "xz": -40, "zstd": -1}[form]
    data[at] ^= 1
    assert f"the {form} data is damaged" in until_error(decompressed([bytes(data)]))[1]


@pytest.mark.parametrize("form", FORMATS)
def test_a_bomb_takes_no_memory(form: str) -> None:
    """A small input of 16 MiB of zero bytes; each block of it is a small one."""
    bomb = COMPRESS[form](bytes(16 * 1024 * 1024))
    blocks = decompressed([bomb])
    next(blocks)  # zstd's and xz's windows, which tracemalloc may see or not
    tracemalloc.start()
    try:
        assert 16 * 1024 * 1024 - BLOCK == sum(map(len, blocks))
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_xz_that_takes_too_much_memory_is_refused() -> None:
    """Its head says how much it is."""
    data = lzma.compress(FIRST, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 << 20}])
    before, message = until_error(decompressed([data]), UnsupportedInputError)
    assert before == b""
    assert "to decompress the xz data takes more than 128 MiB of memory; compress it with less" == message


@pytest.mark.parametrize(("window_log", "is_refused"), [(27, False), (28, True)])
def test_zstd_that_takes_too_much_memory_is_refused(window_log: int, is_refused: bool) -> None:
    """As the program `zstd` does, unless it is asked for more."""
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    data = compressor.compress(FIRST) + compressor.flush()
    if is_refused:
        _, message = until_error(decompressed([data]), UnsupportedInputError)
        assert "the zstd data takes more than 128 MiB" in message
    else:
        assert content(data) == FIRST


def test_zstd_with_a_dictionary_is_refused() -> None:
    """Nobody can know which one."""
    samples = [b'{"gt": "A", "id": %d, "response": "yes %d"}' % (n, n * 7) for n in range(2000)]
    data = zstd.compress(samples[5], zstd_dict=zstd.train_dict(samples, 1024))
    _, message = until_error(decompressed([data]), UnsupportedInputError)
    assert message.startswith("the zstd data cannot be decompressed: ")


@pytest.mark.parametrize(("form", "module"), [("bzip2", "bz2"), ("xz", "lzma")])
def test_a_python_without_the_module_is_said(form: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are built without them."""
    data = COMPRESS[form](FIRST)
    monkeypatch.setitem(sys.modules, module, None)
    _, message = until_error(decompressed([data]), ConfigurationError)
    assert f"to read {form} data takes the module {module}, which this Python lacks" in message


@pytest.mark.parametrize("form", FORMATS)
def test_an_error_of_reading_is_no_error_of_decompressing(form: str) -> None:
    """It comes through as it is."""

    def broken() -> Iterator[bytes]:
        yield COMPRESS[form](FIRST)[:-9]
        message = "made to fail"
        raise SourceError(message)

    assert until_error(decompressed(broken()), SourceError)[1] == "made to fail"


def test_only_the_module_that_is_needed_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading all of them takes longer than reading a small file."""
    for module in ("bz2", "lzma", "zlib", "backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    assert content(b"[]") == b"[]"
