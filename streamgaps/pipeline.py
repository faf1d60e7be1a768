"""The pipeline read -> validate -> join -> parse -> classify -> write, in a row or with parts of it side by side."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from streamgaps.beside.files import indexed
from streamgaps.documents import Documents
from streamgaps.exceptions import ConfigurationError
from streamgaps.gates import check_metrics, check_percentage, check_skipped_share
from streamgaps.log import INFO, log
from streamgaps.machine import usable_processors
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME
from streamgaps.outputs.outputs import open_outputs
from streamgaps.page.options import MOST_SAMPLES
from streamgaps.paths import check_is_local
from streamgaps.reports import text
from streamgaps.run import Run, read_gaps
from streamgaps.settings import make_settings
from streamgaps.sources.inputs import is_same, list_inputs, size_of
from streamgaps.stages.write import SKIPPED_KEYS
from streamgaps.warn import log_warning
from streamgaps.writing import Notices, Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Executor

    from typing_extensions import Unpack  # from the type checker; Python has it from 3.11 on

    from streamgaps.chain import OnNotice
    from streamgaps.model import Gap, Tally
    from streamgaps.parallel.dispatch import Pool
    from streamgaps.settings import Options, Settings
    from streamgaps.sources.inputs import Input
    from streamgaps.survey import Survey

__all__ = ["PARALLEL_FROM_BYTES", "analyze", "iter_gaps"]

PARALLEL_FROM_BYTES = 32 * 1024 * 1024
"""How long the input is, at least, for several processes to be faster than one: to start them takes 60 ms."""


def analyze(
    predictions: Input | Iterable[Input],
    results_dir: str | os.PathLike[str] | BinaryIO,
    *,
    jobs: int | None = 1,
    executor: Executor | None = None,
    scheduler: str | None = None,
    skipped: str | os.PathLike[str] | None = None,
    metrics: bool = False,
    html: str | os.PathLike[str] | None = None,
    report_samples: int = MOST_SAMPLES,
    positive: str = "yes",
    max_skipped: float | None = None,
    fail_under: Mapping[str, float] | None = None,
    on_warning: OnNotice | None = None,
    max_warnings: int | None = None,
    on_progress: Callable[[int, Tally], None] | None = None,
    **options: Unpack[Options],
) -> Tally:
    """Write the false positives and false negatives among predictions, and a report.

    `results_dir` gets `kpi_gaps.jsonl`, one gap a line in the order of the input, and
    `kpi_gaps_report.txt`. Both appear whole at the end, or not at all. Without gaps there are no
    files; those of an earlier run are removed.

    Memory: bounded by a small constant (about 30 MiB with the interpreter, and 10 to 20 MiB for each further process)
    plus a few times the largest single record, for each process; not by the length of the file or the number of
    gaps. Of a record of more than 8 MiB only the fields that are used count, and its longest key. Ground truth from
    another file takes one bit a label, and the rest of it, like what `dedup` remembers, lies in a temporary folder.
    Each group takes about 1 KiB, a page 10 MiB.

    Args:
        predictions: a path, a URL (with `streamgaps[remote]`), a folder, of which the JSON files are read in the order
            of their names, or a file open in binary mode, which is not closed; or several of these, which are one
            run. gzip, bzip2, xz and zstd are known by content.
        results_dir: the folder for the results; made if it does not exist. Or a file open in binary mode, which gets
            the gaps as they are found, and no report; it is not closed.
        jobs: how many processes read at once; if None, as many as this process may use, but one for small inputs. The
            results are the same. Of several inputs each may be read by another one, and a large file is read by all;
            but one that is compressed, or a URL, or read with `reader="ijson"`, by one process, and pipes and files
            that are open already by this one. A program that has threads needs `if __name__ == "__main__":` around
            the call.
        executor: reads instead of processes of our own: that of another library, say; `jobs` is then how many units
            it does at once, at least 2. What it runs opens inputs by their absolute paths, and puts results that are
            too long to be sent into a folder beside `kpi_gaps.jsonl`, which is gone at the end; both may be on other
            machines that share them. Threads are no faster than one job.
        scheduler: the address of a Dask cluster, `"tcp://host:8786"`, whose workers read (with `streamgaps[dask]`); or
            `"local"`, which starts one of `jobs` workers on this machine, and then a program needs
            `if __name__ == "__main__":` around the call.
        skipped: one more file, which gets every sample that is skipped, as JSON Lines with the reason; it appears, or
            disappears, as the results do.
        metrics: whether the folder gets `kpi_metrics.json`, too, which is there even without gaps: accuracy and other
            rates with their intervals, also for each group of `group_by`.
        html: one more file, a page to look at (with `streamgaps[report]`), also without gaps.
        report_samples: how many gaps of each type it shows, at most: a random sample, the same in each run.
        positive: which answer the metrics take for the positive one: `"yes"` or `"no"`.
        max_skipped: the percentage of predictions that may be skipped, those that `dedup` drops not counted; if more
            are, no results are put in place. 0: none may be.
        fail_under: the least value of metrics: `{"accuracy": 0.9}`. If one is less, or not defined, the results are
            put in place all the same, and the run fails.
        on_warning: called for each skipped sample and each path that cannot be resolved, instead of logging
            it with structlog.
        max_warnings: after how many warnings the others are only counted; never if None.
        on_progress: called after each block or range with the number of bytes read so far and the counts; of correct
            records those since the last gap or skip may be missing.
        **options: see `Options`.

    Returns:
        The counts of the run.

    Raises:
        InputError: the input is refused; a ValueError. See its subclasses.
        SourceError: the input cannot be read, or does not exist (then also a FileNotFoundError); an OSError.
        OutputError: the results cannot be written; an OSError.
        BrokenPipeError: whoever reads what is written to `results_dir`, a pipe, went away.
        WorkerError: a process that read a part of the input died, or no scheduler is there; a RuntimeError.
        GateError: more was skipped than `max_skipped` allows, or a metric is less than `fail_under`; a RuntimeError.
        ConfigurationError: an argument makes no sense; a ValueError.
        TypeError: there is no option of that name.
    """
    check_is_local(results_dir, "results_dir (--results-dir)", kind="folder", may_be_open=True, may_be_missing=False)
    check_is_local(skipped, "skipped (--skipped)")
    check_is_local(html, "html (--html)")
    check_percentage(max_skipped, "max_skipped (--max-skipped)")
    _check_max_warnings(max_warnings)
    is_stream = not isinstance(results_dir, (str, os.PathLike))
    documents = Documents(metrics, html, report_samples, positive, fail_under)
    documents.check(is_stream=is_stream)
    settings = _settings(options, documents, keeps_records=skipped is not None)
    inputs = list_inputs(predictions, without=[*settings.beside, skipped])
    every_input = [*inputs, *settings.beside]
    _check_no_input(every_input, skipped, "skipped samples")
    _check_no_input(every_input, html, "page")
    if skipped is not None:
        _check_carried(settings)
    if scheduler is not None:
        from streamgaps.parallel.cluster import check_scheduler  # noqa: PLC0415 -- many runs never need it

        check_scheduler(scheduler, jobs=jobs, executor=executor)
    jobs = usable_processors() if jobs is None and scheduler else _jobs(inputs, settings, jobs)
    staged = open_outputs(results_dir, skipped=skipped, html=html, has_metrics=metrics)
    with staged as outputs, ExitStack() as stack:
        with _pool(jobs, executor, scheduler) as pool:  # it is closed before anything is in place: that may take long
            folder = outputs.spill_folder() if pool is not None and pool.is_elsewhere else None
            notices = Notices(on_warning or log_warning, max_warnings, outputs.skipped)
            run = Run(indexed(settings, stack, folder), stack, on_notice=notices, is_one=len(inputs) == 1)
            sampler = documents.sampler(settings.reading)
            writing = Writing(
                run, outputs, on_progress, max_notices=notices.wanted, is_stream=is_stream, sampler=sampler
            )
            writing.read(inputs, pool)
        run.check()
        writing.hand_on()
        check_skipped_share(run.tally, max_skipped, is_stream=is_stream)
        log.load(INFO)  # now: if there is no memory for it, nothing is to be in place
        outputs.commit(
            text.report(run.tally) if run.tally.gaps else None,
            has_skipped=notices.has_skipped,
            documents=documents.write(run.tally, sampler, settings.about(writing.names)),
        )
    _log_outcome(run.tally, results_dir, documents)
    check_metrics(run.tally, fail_under, positive=positive, is_stream=is_stream)
    return run.tally


def _check_max_warnings(most: object) -> None:
    if most is not None and (type(most) is not int or most < 0):
        message = f"max_warnings (--max-warnings) must be None (all) or a whole number from 0 on, not {most!r}"
        raise ConfigurationError(message)


def _settings(options: Options, documents: Documents, *, keeps_records: bool) -> Settings:
    """Make the settings of a run that writes results."""
    settings = make_settings(options)
    settings = settings._replace(policy=settings.policy._replace(keeps_records=keeps_records))
    return settings.surveyed() if documents.needs_survey else settings


def _log_outcome(tally: Tally, results_dir: str | os.PathLike[str] | BinaryIO, documents: Documents) -> None:
    """Say what came of a run, and where it is."""
    if tally.records and tally.records == tally.skipped.total():
        log.warning(
            "streamgaps.nothing_compared",
            records=tally.records,
            note="every record was skipped: that there are no gaps says nothing about the model",
        )
    if not tally.gaps:
        log.info("No KPI Gaps found!")
    if isinstance(results_dir, (str, os.PathLike)):
        folder = Path(results_dir)
        if tally.gaps:
            log.info("streamgaps.gaps_written", path=str(folder / GAPS_NAME), count=tally.gaps)
        if documents.metrics:
            log.info("streamgaps.metrics_written", path=str(folder / METRICS_NAME))
    if documents.html is not None:
        log.info("streamgaps.page_written", path=os.fspath(documents.html))
    if tally.survey is not None and tally.survey.total.samples:
        _warn_of_fields(tally.survey)


def _warn_of_fields(survey: Survey) -> None:
    """Say which fields that were to make groups are nowhere."""
    for field in survey.fields:
        if [group.value for group in islice(survey.groups(field), 2)] == [None]:
            log.warning(
                "streamgaps.no_such_field", field=field, note="no record has a value there; is --group-by misspelt?"
            )


def iter_gaps(
    predictions: Input | Iterable[Input],
    *,
    on_warning: OnNotice | None = None,
    tally: Tally | None = None,
    **options: Unpack[Options],
) -> Iterator[Gap]:
    """Yield the gaps among predictions one at a time, writing nothing.

    Lazy: nothing is opened or read before the first gap is asked for, and then no more than it takes, but for
    `ground_truth` and `annotations`, which are read first. An error in the input is raised after all gaps before it.

    >>> import io
    >>> file = io.BytesIO(b'[{"video_id": "/v/1.mp4", "response": "Yes.", "gt": "B. No"}]')
    >>> [(gap.index, gap.error_type.value, gap.video_id) for gap in iter_gaps(file)]
    [(0, 'FP', '/v/1.mp4')]

    Memory: as for `analyze`.

    Args:
        predictions: as for `analyze`.
        on_warning: as for `analyze`.
        tally: where to count on; up to date whenever you have got a gap, and at the end. For one run at a time.
        **options: see `Options`.

    Raises:
        InputError: the input is refused; a ValueError.
        SourceError: the input cannot be read; an OSError.
        OutputError: the temporary folder for `dedup` or for files beside the predictions cannot be used; an OSError.
        ConfigurationError: an argument makes no sense; a ValueError.
        TypeError: there is no option of that name.
    """
    yield from read_gaps(predictions, make_settings(options), on_notice=on_warning or log_warning, tally=tally)


def _jobs(inputs: list[Input], settings: Settings, jobs: int | None) -> int:
    """Choose how many processes there are to be."""
    if jobs is None:
        is_long = sum(size_of(one) or 0 for one in inputs) >= PARALLEL_FROM_BYTES
        return usable_processors() if is_long and settings.can_be_sent else 1
    if type(jobs) is not int or jobs < 1:
        message = f"jobs (--jobs) must be None or a whole number from 1 on, not {jobs!r}"
        raise ConfigurationError(message)
    return jobs


@contextmanager
def _pool(jobs: int, executor: Executor | None, scheduler: str | None) -> Iterator[Pool | None]:
    """Open what reads inputs; None if that is this process alone. Processes of our own start when they are needed."""
    if jobs == 1 and executor is None and scheduler is None:
        yield None
        return
    from streamgaps.parallel.dispatch import Pool  # noqa: PLC0415 -- many runs never need it

    if scheduler is not None:
        from streamgaps.parallel.cluster import open_cluster  # noqa: PLC0415 -- many runs never need it

        with open_cluster(scheduler, jobs) as pool:
            yield pool
    elif executor is not None:
        yield Pool(lambda: executor, lambda: max(2, jobs), is_elsewhere=True)
    else:
        from streamgaps.parallel.workers import Workers  # noqa: PLC0415

        with ExitStack() as stack:
            yield Pool(lambda: stack.enter_context(Workers(jobs)), lambda: jobs)


def _check_no_input(inputs: list[Input | None], target: str | os.PathLike[str] | None, content: str) -> None:
    """Refuse to replace an input, or to remove it where there is nothing to write."""
    if target is not None and any(is_same(one, target) for one in inputs if isinstance(one, (str, os.PathLike))):
        message = f"{os.fspath(target)}: the {content} would replace an input; name another file"
        raise ConfigurationError(message)


def _check_carried(settings: Settings) -> None:
    """Refuse fields that would replace those of a skipped sample."""
    taken = [name for name, _ in settings.shape.fields.carried if name in SKIPPED_KEYS]
    if taken:
        message = (
            f"a skipped sample has a field {taken[0]!r} already; carry it under another name: --carry name={taken[0]}"
        )
        raise ConfigurationError(message)
