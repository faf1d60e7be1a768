"""The results of a run: `kpi_gaps.jsonl`, its report and what else is asked for, all of one run.

The gaps are put in place last: a new `kpi_gaps.jsonl` means that all else is new.

Gaps that are written to a file which is open already, as standard output is, cannot be taken back: they go there as
they come, and there is no report.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, cast

from streamgaps import system
from streamgaps.exceptions import ConfigurationError, OutputError, as_output_error
from streamgaps.outputs.atomic import OutputFile, exchange, folders_of, mode_of
from streamgaps.outputs.locks import locked
from streamgaps.outputs.names import GAPS_NAME, GENERATOR, METRICS_NAME, REPORT_NAME
from streamgaps.outputs.stream import Stream
from streamgaps.signals import STOPPING, signal_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from streamgaps.outputs.spill_folder import SpillFolder

__all__ = ["Outputs", "open_outputs"]

_ELSEWHERE = {"skipped", "html"}
"""The files that may be in other folders than the results, which must be there already."""
_ATTEMPTS = 20
_NO_DOCUMENTS: Mapping[str, Iterable[str]] = MappingProxyType({})
_HEAD_BYTES = 200
_BY_US = re.compile(rb'"generator"\s*:\s*"' + GENERATOR.encode() + b" ")


@contextmanager
def open_outputs(
    results: str | os.PathLike[str] | BinaryIO,
    *,
    skipped: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    has_metrics: bool = False,
) -> Iterator[Outputs]:
    """Prepare the outputs of a run; whatever `Outputs.commit` has not put in place is gone at the end.

    Args:
        results: the folder for the gaps and their report, which is made if it does not exist, and taken away again
            if nothing was put into it. Or a binary file that is open already, for the gaps alone: it is not closed,
            and gets the gaps as they come.
        skipped: one more file, in a folder that exists; None if it is not asked for.
        html: one more, for a page to look at.
        has_metrics: whether the folder gets metrics, too.

    Raises:
        OutputError: a folder cannot be made or written to; later, from writing and from `commit`, too.
        ConfigurationError: two of the files have the same place.
    """
    # Signals wait while files are made and removed, and come through while gaps are written.
    with signal_mask("SIG_BLOCK", STOPPING) as before:
        outputs = Outputs(results, skipped, html, has_metrics=has_metrics)
        try:
            with signal_mask("SIG_SETMASK", before):
                yield outputs
        finally:
            outputs.discard()


class Outputs:
    """The outputs of one run.

    Attributes:
        gaps: where to write the gaps: a staging file, or a stream, of which `flush` hands on what has come so far.
        skipped: the staging file for the skipped samples; None if it was not asked for.
    """

    def __init__(
        self,
        results: str | os.PathLike[str] | BinaryIO,
        skipped: str | os.PathLike[str] | None,
        html: str | os.PathLike[str] | None,
        *,
        has_metrics: bool,
    ) -> None:
        self.gaps: BinaryIO
        self.skipped: BinaryIO | None = None
        self._made: list[Path] = []
        self._spill_folder: SpillFolder | None = None
        self._files: dict[str, OutputFile] = {}  # in the order in which they are put in place
        if skipped is not None:
            self._files["skipped"] = OutputFile(Path(skipped), os.fspath(skipped), "skipped samples")
        if html is not None:
            self._files["html"] = OutputFile(Path(html), os.fspath(html), "page")
        if isinstance(results, (str, os.PathLike)):
            folder = Path(results)
            self._files["metrics"] = OutputFile(folder / METRICS_NAME, str(folder), "results")
            self._files["report"] = OutputFile(folder / REPORT_NAME, str(folder), "results")
            self._files["gaps"] = OutputFile(folder / GAPS_NAME, str(folder), "results")
        else:
            self.gaps = cast("BinaryIO", Stream(results))
        _check_distinct(self._files.values())
        # Those of an earlier run would be taken for this one's.
        if "metrics" in self._files and not has_metrics and not _is_ours(self._files["metrics"].target):
            del self._files["metrics"]
        try:
            self._open()
        except BaseException:
            self.discard()
            raise

    def _open(self) -> None:
        gaps = self._files.get("gaps")
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._stage(gaps)
                break
            except OutputError as error:
                # A run that made the folder, and had nothing to put into it, has taken it away again just now.
                is_gone = gaps is not None and not gaps.is_staged and isinstance(error.__cause__, FileNotFoundError)
                if is_gone and left:
                    continue
                if is_gone and gaps is not None:
                    gaps.check_folder()  # a link that leads nowhere is no folder
                raise

    def _stage(self, gaps: OutputFile | None) -> None:
        if gaps is not None:
            with as_output_error(gaps.what):
                self._made += _make_folders(gaps.target.parent)
        for name in _ELSEWHERE & self._files.keys():
            self._files[name].check_folder()
        with locked(folders_of(self._files.values())):
            for file in self._files.values():
                file.check_target()
                file.sweep()
            if gaps is not None:
                self.gaps = gaps.stage()
            if "skipped" in self._files:
                self.skipped = self._files["skipped"].stage()

    def spill_folder(self) -> str | None:
        """Return the absolute path of a folder beside the gaps, which is made if it is not there, and gone at the end.

        Returns:
            None if the gaps go to a stream.

        Raises:
            OutputError: it cannot be made.
        """
        gaps = self._files.get("gaps")
        if gaps is None:
            return None
        if self._spill_folder is None:
            with signal_mask("SIG_BLOCK", STOPPING), locked(folders_of([gaps])):
                self._spill_folder = gaps.make_spill_folder()
        return str(self._spill_folder.path)

    def commit(
        self, report: str | None, *, has_skipped: bool = False, documents: Mapping[str, Iterable[str]] = _NO_DOCUMENTS
    ) -> None:
        """Put the outputs in place, or the absence of those that are empty.

        A reader takes a missing `kpi_gaps.jsonl` as "no gaps", so one of an earlier run is removed then; and so it is
        with the skipped samples.

        Args:
            report: the report on the gaps; None if there are none. Not used if the gaps went to a stream.
            has_skipped: whether anything was written to `skipped`.
            documents: the texts of `html` and `metrics`, those that were asked for, in pieces. They are there
                whatever there is to say.

        Raises:
            OutputError: it failed, and all files are as they were; or all are in place, and only the last sync failed.
            BrokenPipeError: the reader of the stream went away; all files are as they were.
        """
        is_there = {"skipped": has_skipped, "gaps": report is not None}
        texts = {**documents, **({"report": [report]} if report is not None and "report" in self._files else {})}
        # Under the lock: a run that begins just now would remove a staging file that is not locked yet.
        with signal_mask("SIG_BLOCK", STOPPING), locked(folders_of(self._files.values())):
            for name in texts:
                self._files[name].stage()
                is_there[name] = True
        for name, pieces in texts.items():
            self._files[name].write_pieces(pieces)
        steps = [(file, is_there.get(name, False)) for name, file in self._files.items()]
        if "gaps" not in self._files:
            self.gaps.flush()
        for file, there in steps:
            if there:
                file.sync()  # not under the lock: this is what may take long
        with signal_mask("SIG_BLOCK", STOPPING), locked(folders_of(self._files.values())):
            for file in self._files.values():
                file.check_target()
            exchange(steps)

    def discard(self) -> None:
        """Remove what is not in place, and the folder if this run made it and it is empty."""
        if self._spill_folder is not None:
            self._spill_folder.discard()
        for file in self._files.values():
            file.discard()
        for folder in reversed(self._made):
            with suppress(OSError):
                system.rmdir(folder)


def _is_ours(metrics: Path) -> bool:
    """Say whether metrics are there that streamgaps has written; others may have files of that name."""
    try:
        if not stat.S_ISREG(system.stat(metrics).st_mode):  # a pipe would be waited for
            return False
        with system.open_to_read(os.fspath(metrics)) as file:
            return _BY_US.search(file.read(_HEAD_BYTES)) is not None
    except (OSError, ValueError):  # there are none, as a rule
        return False


def _check_distinct(files: Iterable[OutputFile]) -> None:
    places: dict[Path, OutputFile] = {}
    for file in files:
        with as_output_error(file.what):
            place = Path(system.realpath(file.target.parent), file.target.name)
        first = places.setdefault(place, file)
        if first is not file:
            message = f"{first.what} cannot be written: other results go to that file; choose another"
            raise ConfigurationError(message)


def _make_folders(folder: Path) -> list[Path]:
    """Make the folder and its parents where they are missing, and return those that were made."""
    missing = []
    while mode_of(folder) is None and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    made: list[Path] = []
    try:
        for path in reversed(missing):
            with suppress(FileExistsError):  # someone else made it just now, and it is theirs
                system.mkdir(path)
                made.append(path)
    except OSError:
        for path in reversed(made):
            with suppress(OSError):
                system.rmdir(path)
        raise
    return made
