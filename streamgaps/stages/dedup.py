"""Gap -> Gap, without those that were there before."""

from __future__ import annotations

import io
import json
import sqlite3
from hashlib import blake2b
from typing import TYPE_CHECKING

from streamgaps.exceptions import RecordError
from streamgaps.model import ErrorType, SkipReason
from streamgaps.scratch import scratch_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self  # from the type checker; Python has it from 3.11 on

    from streamgaps.model import Gap, Tally

__all__ = ["DUPLICATE", "Repeats", "drop_repeated_lines", "drop_repeats"]

DUPLICATE = SkipReason("gap", "duplicate")
"""Why a gap is not written whose video and question an earlier gap has."""

_DIGEST_BYTES = 32  # of two different keys with one digest, nobody has heard yet

# Measured: a million pairs take 8 MiB of memory (a set of their digests 100 MiB) and 10 µs of processor time each,
# five million 8 MiB and 12 µs: a cache in front of SQLite's would gain little.
# The table is a temporary one: SQLite unlinks its file at once, and whatever SQLite was built with, this keeps it on
# the disk, unless files are forbidden altogether. Nothing has to survive a crash.
_SETUP = """
PRAGMA temp_store = FILE;
PRAGMA temp.journal_mode = OFF;
PRAGMA temp.synchronous = OFF;
PRAGMA temp.cache_size = -8192; -- KiB
CREATE TEMPORARY TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
BEGIN; -- and never commit: to do so for each key takes twice as long
"""

_json = json.JSONEncoder(sort_keys=True, check_circular=False).encode  # what was JSON has no circles


class Repeats:
    """Remembers which video was asked which question, in bounded memory: what does not fit is kept in a file.

    The file is a temporary one without a name, in the folder that the environment variable SQLITE_TMPDIR or
    TMPDIR names, or in /var/tmp. It takes 40 bytes a pair.

    Raises:
        OutputError: the temporary file cannot be made; as a rule, that is found out later.
    """

    def __init__(self) -> None:
        # Whoever takes gaps from a generator may do so in one thread, and close it in another.
        self._database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._database.executescript(_SETUP)
        except sqlite3.Error as error:
            self._database.close()
            raise scratch_error(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget all."""
        self._database.close()

    def is_new(self, video_id: str, question: object) -> bool:
        """Say whether this is the first time that this pair is asked for.

        Args:
            video_id: any text.
            question: any value as `json` decodes it. Two are the same if their JSON texts are, with the keys of
                objects sorted: 1, 1.0 and true differ, NaN is the same as NaN.

        Raises:
            OutputError: the temporary file cannot be written.
            RecursionError: the question is nested too deeply.
        """
        # A JSON string ends with its quotation mark, so that it is beyond doubt where the other text begins.
        text = _json(video_id) + _json(question)
        digest = blake2b(text.encode("ascii"), digest_size=_DIGEST_BYTES).digest()
        try:
            return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount > 0
        except sqlite3.Error as error:
            raise scratch_error(error) from error


def drop_repeats(gaps: Iterable[Gap], repeats: Repeats, tally: Tally) -> Iterator[Gap]:
    """Pass on the first gap of each video and question; count the others as skipped, and no longer as gaps.

    Args:
        gaps: gaps in the order of the input.
        repeats: what was there before; one for all gaps of a run.
        tally: where the gaps are counted already.

    Raises:
        RecordError: a `question` is nested too deeply to be compared.
        OutputError: the temporary folder is full, or cannot be used.
    """
    for gap in gaps:
        try:
            is_new = repeats.is_new(gap.video_id, gap.question)
        except RecursionError as error:
            message = f"item {gap.index}: 'question' is nested too deeply to be compared"
            raise RecordError(message, index=gap.index, field="question") from error
        if is_new:
            yield gap
        else:
            _count_repeat(tally, gap.error_type, unclear=gap.unclear)


def drop_repeated_lines(lines: bytes, repeats: Repeats, tally: Tally) -> bytes:
    """Do what `drop_repeats` does for gaps that are JSON Lines already, and return the lines that are kept, unchanged.

    Raises:
        RecordError: a `question` is nested too deeply to be compared; which item it is, the lines do not say.
        OutputError: the temporary folder is full, or cannot be used.
    """
    return b"".join(line for line in io.BytesIO(lines) if _is_kept(line, repeats, tally))


def _is_kept(line: bytes, repeats: Repeats, tally: Tally) -> bool:
    try:
        gap = json.loads(line)
        is_new = repeats.is_new(gap["video_id"], gap["question"])
    except RecursionError as error:  # whoever wrote the line had more room on its stack
        message = "a gap's 'question' is nested too deeply to be compared"
        raise RecordError(message, field="question") from error
    if not is_new:
        _count_repeat(tally, ErrorType(gap["error_type"]), unclear=gap.get("unclear", False))
    return is_new


def _count_repeat(tally: Tally, error_type: ErrorType, *, unclear: bool) -> None:
    if error_type is ErrorType.FP:
        tally.false_positives -= 1
    else:
        tally.false_negatives -= 1
    tally.unclear -= unclear
    tally.skipped[DUPLICATE] += 1
