"""How a command ends: its exit code, its one sentence, and the signals that stop it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import TYPE_CHECKING

import click

from streamgaps import system
from streamgaps.cli.logs import LogFormat, stderr
from streamgaps.cli.terminal import printable
from streamgaps.exceptions import (
    ConfigurationError,
    GateError,
    InputError,
    OutputError,
    SourceError,
    WorkerError,
    reason,
)
from streamgaps.log import log
from streamgaps.signals import STOPPING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import NoReturn

__all__ = ["ExitCode", "Outlook", "run"]


class ExitCode(IntEnum):
    """The exit codes of both commands.

    A run that is stopped by a signal dies of that signal, which a shell shows as 128 + its number:
    129 (SIGHUP), 130 (SIGINT), 143 (SIGTERM).
    """

    DONE = 0
    """Done, gaps or none."""
    INPUT = 1
    """The input is refused."""
    USAGE = 2
    """Wrong usage or configuration."""
    ENVIRONMENT = 3
    """Something cannot be opened, read or written; the input changed meanwhile; out of memory; a worker died."""
    GATE = 4
    """A limit that the user set was not kept: --max-skipped, --strict, --fail-under, --fail-on-regression."""
    BUG = 70
    """A bug in streamgaps."""
    PIPE = 141
    """The reader of standard output went away."""


class Outlook:
    """What a command has learnt so far of how it is to report its end."""

    debug = False
    """Whether to show tracebacks."""
    log_format = LogFormat.CONSOLE
    """Whether the last sentence, too, is JSON; known before the command line is read, which may be wrong."""


class _Stopped(BaseException):
    """A signal asks us to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(name: str, command: Callable[[Outlook], object]) -> int:
    """Run a command and return its exit code.

    Args:
        name: what its messages begin with.
        command: does the work, in click's non-standalone mode; returns an exit code of click's, or anything else.
    """
    outlook = Outlook()
    _occupy_standard_streams()
    try:
        with _signals_caught() as came:
            try:
                return _run(name, command, outlook, came)
            finally:
                _abandon_broken_streams()
    except _Stopped as stopped:
        _tell(name, outlook, f"stopped by {signal.Signals(stopped.number).name}")
        _die_of(stopped.number)


def _run(name: str, command: Callable[[Outlook], object], outlook: Outlook, came: list[int]) -> int:
    try:
        result = command(outlook)
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit as ended:  # click exits where standard output is a broken pipe, and when it has completed words
        return ExitCode.PIPE if ended.code else ExitCode.DONE
    except BrokenPipeError:
        return ExitCode.PIPE
    except click.ClickException as error:
        _tell(name, outlook, _usage(error))
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 -- the last door: what comes here is reported, whatever it is
        if came:  # SQLite makes an error of its own of what is raised in a function that it calls
            raise _Stopped(came[0]) from None
        code, sentence = _verdict(error)
        trace = _trace(error) if outlook.debug else None
        error.__traceback__ = error.__context__ = None  # to say that memory is out takes some of what its frames hold
        _tell(name, outlook, sentence, trace)
        return code
    return result if isinstance(result, int) else ExitCode.DONE


def _trace(error: Exception) -> str:
    import traceback  # noqa: PLC0415 -- a run that ends well has no use for it

    return "".join(traceback.format_exception(error))


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    help_command = f"{context.command_path} --help" if context else "--help"
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See {help_command}."


_CODES = {
    InputError: ExitCode.INPUT,
    ConfigurationError: ExitCode.USAGE,
    SourceError: ExitCode.ENVIRONMENT,
    OutputError: ExitCode.ENVIRONMENT,
    WorkerError: ExitCode.ENVIRONMENT,
    GateError: ExitCode.GATE,
}


def _verdict(error: Exception) -> tuple[ExitCode, str]:
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code, str(error)
    if isinstance(error, MemoryError):
        return (
            ExitCode.ENVIRONMENT,
            "out of memory; a smaller --max-record-bytes refuses the records that are too large",
        )
    if isinstance(error, ImportError):  # with little memory, too
        return ExitCode.ENVIRONMENT, f"a part of the program, or of what it needs, cannot be loaded: {error}"
    if isinstance(error, OSError):
        what = f"{error.filename}: cannot be used" if error.filename else "cannot write to standard output"
        return ExitCode.ENVIRONMENT, f"{what}: {reason(error)}"
    return ExitCode.BUG, f"a bug in streamgaps, please report it: {type(error).__name__}: {error}"


def _tell(name: str, outlook: Outlook, sentence: str, trace: str | None = None) -> None:
    try:
        _tell_as_asked(name, outlook, sentence, trace)
    except Exception:  # noqa: BLE001 -- where memory ends, what is raised while structlog is loaded may be anything
        with suppress(MemoryError):
            stderr.write(f"{name}: {printable(sentence)}\n")


def _tell_as_asked(name: str, outlook: Outlook, sentence: str, trace: str | None) -> None:
    if outlook.log_format is LogFormat.JSON:
        # The highest level, which no choice of level hides.
        details = {} if trace is None else {"traceback": trace}
        log.critical("streamgaps.failed", error=sentence, **details)
        return
    for line in (trace or "").splitlines():  # of which a message may have some: none of them passes for another line
        stderr.write(f"| {printable(line)}\n")
    stderr.write(f"{name}: {printable(sentence)}\n")


def _occupy_standard_streams() -> None:
    """Let the numbers of standard streams that are closed stand for files that cannot be used.

    Else the next file to be opened would get such a number, and what is meant for the stream.
    """
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            system.fstat(descriptor)
        except OSError:
            system.open_descriptor(os.devnull, mode)


@contextmanager
def _signals_caught() -> Iterator[list[int]]:
    """Let signals that ask us to stop raise `_Stopped`, at the end if it was swallowed; give those that came."""
    # Ignored on purpose, as by nohup or in the background of a script, a signal stays ignored.
    before = {number: signal.getsignal(number) for number in STOPPING if signal.getsignal(number) != signal.SIG_IGN}

    came: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        came.append(number)
        for other in before:  # a second one is not to interrupt the cleaning up
            signal.signal(other, _ignore)
        raise _Stopped(number)

    def arm() -> None:
        for number in before:
            signal.signal(number, stop)

    arm()
    try:
        with _sent_again(arm):
            yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise _Stopped(came[0])


def _ignore(_: int, __: FrameType | None) -> None:
    """Do nothing. Of SIG_IGN Python complains where that signal, too, has come already."""


_AGAIN_SECONDS = 0.01


@contextmanager
def _sent_again(arm: Callable[[], None]) -> Iterator[None]:
    """Send a signal again whose `_Stopped` was dropped: Python drops what is raised while an object goes away."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    dropped: list[int] = []

    def send(_: int, __: FrameType | None) -> None:
        if dropped:
            arm()
            os.kill(os.getpid(), dropped.pop())  # where stopping has to wait, this waits too

    def take(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, _Stopped):
            dropped.append(unraisable.exc_value.number)
            signal.signal(signal.SIGALRM, send)
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)  # not now: what is raised in here is dropped, too
        else:
            hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, take
    try:
        yield
    finally:
        dropped.clear()  # whoever has caught them knows that they came
        sys.unraisablehook = hook


def _die_of(number: int) -> NoReturn:
    """Die of the signal, so that whoever waits for us sees what happened."""
    signal.signal(number, signal.SIG_DFL)
    if os.name == "posix":  # on Windows that would exit with the number alone
        os.kill(os.getpid(), number)
    # Process 1, as in a container, does not die of signals.
    os._exit(128 + number)


def _abandon_broken_streams() -> None:
    """Let the interpreter not find, at its own end, what cannot be written: it would complain, and exit with 120."""
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            null = system.open_descriptor(os.devnull, os.O_WRONLY)
            system.dup2(null, descriptor)
            system.close(null)
