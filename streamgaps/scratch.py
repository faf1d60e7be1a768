"""Databases in a temporary folder, which are gone at the end: for what has to be looked up, and may outgrow memory."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from streamgaps.exceptions import OutputError, reason
from streamgaps.signals import STOPPING, signal_mask

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SETTINGS", "opened", "scratch_error", "temporary_folder"]

SETTINGS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192; PRAGMA temp_store = FILE;"
"""A database is made anew by each run, and lost with it: there is nothing to recover. 8 MiB of it are in memory."""

_HINT = "; let TMPDIR name another"


@contextmanager
def temporary_folder(given: str | None = None) -> Iterator[str]:
    """Make a folder for databases, which is gone at the end. The variable `TMPDIR` says where.

    Args:
        given: a folder that somebody else has made, to be used instead.

    Raises:
        OutputError: it cannot be made; later, a database in it cannot be written or read.
    """
    made = None
    try:
        # Signals wait while it is made and removed, for nobody else would ever do that; but not in between, where a
        # generator may be left alone, and others choose which signals wait.
        if given is not None:
            yield given
            return
        with signal_mask("SIG_BLOCK", STOPPING):
            made = _made_folder()
        yield made.name
    except sqlite3.Error as error:
        if given is not None:
            raise scratch_error(error, f"folder {given}", hint="") from error
        raise scratch_error(error, f"temporary folder {tempfile.gettempdir()}") from error
    finally:
        if made is not None:
            with signal_mask("SIG_BLOCK", STOPPING):
                made.cleanup()


def _made_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="streamgaps-", ignore_cleanup_errors=True)
    except OSError as error:
        message = f"a temporary folder cannot be made: {reason(error)}{_HINT}"
        raise OutputError(message) from error


def scratch_error(error: sqlite3.Error, folder: str = "temporary folder", *, hint: str = _HINT) -> OutputError:
    """Return what an error of SQLite's comes to, with the folder, and what leads to another one."""
    # By its text: Python 3.10 does not pass on SQLite's error codes.
    problem = "is full" if "disk is full" in str(error) else f"cannot be used: {error}"
    return OutputError(f"the {folder} {problem}{hint}")


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """Open a database, to be made or changed."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SETTINGS)
        yield database
