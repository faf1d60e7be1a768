"""The errors that streamgaps raises.

    StreamgapsError
    ├── InputError (ValueError)                  the input is refused
    │   ├── NotAnArrayError                      its top level is not an array
    │   ├── MalformedInputError                  it is not JSON, is cut short, or is not UTF-8
    │   ├── UnsupportedInputError                it is JSON that this reader cannot read rightly
    │   └── RecordError                          an item is not a prediction
    ├── SourceError (OSError)                    the input cannot be opened or read
    │   └── SourceNotFoundError (FileNotFoundError)
    ├── OutputError (OSError)                    the results cannot be written
    ├── WorkerError (RuntimeError)               a process that reads a part of the input died, or none is there
    ├── GateError (RuntimeError)                 a limit was not kept
    └── ConfigurationError (ValueError)          what was asked for makes no sense

Each is also the built-in class in brackets, so that ``except ValueError`` works without this module.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamgaps.model import Tally

__all__ = [
    "ConfigurationError",
    "GateError",
    "InputError",
    "MalformedInputError",
    "NotAnArrayError",
    "OutputError",
    "RecordError",
    "SourceError",
    "SourceNotFoundError",
    "StreamgapsError",
    "UnsupportedInputError",
    "WorkerError",
    "as_output_error",
    "reason",
]


class StreamgapsError(Exception):
    """Any error that streamgaps raises on purpose."""


class InputError(StreamgapsError, ValueError):
    """The predictions were read, and refused.

    Attributes:
        source: the name of the input, once the pipeline has added it; it then leads the message.
    """

    source: str | None = None

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.source is None else f"{self.source}: {message}"


class NotAnArrayError(InputError):
    """You passed JSON whose top-level value is not an array."""


class MalformedInputError(InputError):
    """You passed a file that is not JSON, is cut short, or is not UTF-8.

    Attributes:
        offset: the byte, counted from 0, at which it goes wrong; None where it cannot be told.
        items: how many items before it are complete.
    """

    def __init__(self, message: str, *, offset: int | None = None, items: int = 0) -> None:
        super().__init__(message)
        self.offset = offset
        self.items = items


class UnsupportedInputError(MalformedInputError):
    """You passed JSON that would be read wrongly, or only at the price of all the memory."""


class RecordError(InputError):
    """You passed an item that is not a prediction: no object, a field missing, or of the wrong type.

    Attributes:
        index: the item, counted from 0.
        field: the field at fault; None where the item is not an object.
        is_missing: whether it is at fault because it is not there.
        line: the line on which the item begins, counted from 1, once the pipeline has added it; None where it would
            say nothing.
    """

    def __init__(self, message: str, *, index: int = 0, field: str | None = None, is_missing: bool = False) -> None:
        super().__init__(message)
        self.index = index
        self.field = field
        self.is_missing = is_missing

    line: int | None = None

    @property
    def problem(self) -> str:
        """What is wrong, without the name of the input."""
        return Exception.__str__(self)

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.line is None else f"{message} (line {self.line})"


class SourceError(StreamgapsError, OSError):
    """You named an input that cannot be opened, or that failed or changed while it was read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """You named an input that does not exist."""


class OutputError(StreamgapsError, OSError):
    """You named a results folder that cannot be made or written to, or it stopped working."""


class WorkerError(StreamgapsError, RuntimeError):
    """You let other processes read the input, and one of them died, is of another version, or none could be reached."""


class GateError(StreamgapsError, RuntimeError):
    """You set a limit that the run did not keep: too much was skipped, or a metric is too low.

    Attributes:
        tally: the counts of the run.
        is_written: whether the results are in place all the same.
    """

    def __init__(self, message: str, tally: Tally, is_written: bool = False) -> None:  # noqa: FBT001, FBT002 -- for pickle
        super().__init__(message)
        self.tally = tally
        self.is_written = is_written

    def __reduce__(self) -> tuple[type[GateError], tuple[str, Tally, bool]]:
        """Keep the counts when it is sent from another process."""
        return type(self), (str(self), self.tally, self.is_written)


class ConfigurationError(StreamgapsError, ValueError):
    """You asked for something that makes no sense: an unknown key, a missing one, a value out of range."""


def reason(error: Exception) -> str:
    """Return what an error says, without the number and the name that an OSError puts around it; else its kind."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


@contextmanager
def as_output_error(what: str) -> Iterator[None]:
    """Have what the system says while results are written be an `OutputError`; `what` begins the sentence."""
    try:
        yield
    except (OutputError, BrokenPipeError):  # only a stream's reader can go away, and that is no failure to report
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, say
        message = f"{what} cannot be written: {reason(error)}"
        raise OutputError(message) from error
