from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from streamgaps import RULES
from streamgaps.cli import analyze as analyze_module
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import GOLDEN, command, names, real_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Run = Callable[..., subprocess.CompletedProcess[str]]

UNCLEAR = {"video_id": "v", "response": "maybe", "gt": "no"}


def events(stderr: str) -> list[dict[str, object]]:
    """Read JSON Lines."""
    return [json.loads(line) for line in stderr.splitlines()]


def test_it_writes_the_golden_files_and_tells_the_counts(run: Run, sample: Path, tmp_path: Path) -> None:
    """Where nobody watches, the log is JSON Lines from the first to the last."""
    result = run("streamgaps", "analyze", sample, "-o", "gaps", "--videos-dir", "/data/videos")
    assert (0, "") == (result.returncode, result.stdout)
    assert (GOLDEN / "sample.jsonl").read_bytes() == (tmp_path / "gaps" / GAPS_NAME).read_bytes()
    assert (GOLDEN / "sample_report.txt").read_bytes() == (tmp_path / "gaps" / REPORT_NAME).read_bytes()
    log = events(result.stderr)
    skips = [entry for entry in log if entry["event"] == "streamgaps.sample_skipped"]
    assert [(3, "response", "both"), (7, "response", "neither"), (9, "gt", "neither")] == [
        (entry["index"], entry["field"], entry["reason"]) for entry in skips
    ]
    assert ["dock/clip_004.mp4", "It could be yes or no."] == [skips[0]["video_id"], skips[0]["text"]]
    expected = {"records": 10, "correct": 2, "false_positives": 3, "false_negatives": 2}
    assert expected.items() <= log[-1].items()
    assert log[-1]["skipped"] == {"gt neither": 1, "response both": 1, "response neither": 1}
    assert ["timestamp", "level", "event"] == list(log[-1])[:3]


def rows_of(shown: str) -> dict[str, str]:
    """Return the counts in a table, by what they are of."""
    return dict(re.findall(r"^\| (.+?) +\| +([\d,]+) \| +[\d.% ]*\|\r?$", shown, re.MULTILINE))


def uncoloured(shown: str) -> str:
    """Take the colours away."""
    return re.sub("\x1b\\[[0-9;]*m", "", shown)


def test_the_console_shows_a_table(run: Run, sample: Path) -> None:
    """Its rows between first and last add up to the last."""
    result = run("streamgaps", "analyze", sample, "-o", "gaps", "--log-format", "console")
    assert rows_of(result.stderr) == {
        "Correct": "2",
        "False positives (FP)": "3",
        "False negatives (FN)": "2",
        "Skipped: ground truth says neither yes nor no": "1",
        "Skipped: response says both yes and no": "1",
        "Skipped: response says neither yes nor no": "1",
        "Records read": "10",
    }


def test_real_predictions_with_a_warning_each(run: Run, tmp_path: Path) -> None:
    """49 samples of HallusionBench say neither or both."""
    result = run("streamgaps", "analyze", real_data("hallusionbench_predictions.json"), "-o", "gaps")
    kinds = [entry["event"] for entry in events(result.stderr)]
    assert kinds.count("streamgaps.sample_skipped") == 49
    assert "| FP         | 55    |" in (tmp_path / "gaps" / REPORT_NAME).read_text("utf-8")


@pytest.mark.parametrize(("limit", "shown", "more"), [("2", 2, 1), ("0", 0, 1), ("5", 5, 0), ("-1", 5, 0)])
def test_warnings_are_limited(run: Run, tmp_path: Path, limit: str, shown: int, more: int) -> None:
    """After the last, one line says that the rest are counted, and how to see them."""
    (tmp_path / "p.json").write_text(json.dumps([UNCLEAR] * 5))
    result = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--max-warnings", limit)
    log = events(result.stderr)
    kinds = [entry["event"] for entry in log]
    assert (shown, more) == (kinds.count("streamgaps.sample_skipped"), kinds.count("streamgaps.warnings_limited"))
    assert log[-1]["skipped"] == {"response neither": 5}
    hints = [str(entry["hint"]) for entry in log if entry["event"] == "streamgaps.warnings_limited"]
    assert all("--max-warnings" in hint for hint in hints)


def test_no_gaps_are_said_and_leave_nothing(run: Run, tmp_path: Path) -> None:
    """With exit code 0."""
    (tmp_path / "p.json").write_text("[]")
    result = run("streamgaps", "analyze", "p.json", "-o", "gaps")
    assert result.returncode == 0
    assert "No KPI Gaps found!" in [entry["event"] for entry in events(result.stderr)]
    assert names(tmp_path) == ["p.json"]


def test_quiet_is_quiet_but_for_errors(run: Run, sample: Path, tmp_path: Path) -> None:
    """No warnings, no summary."""
    result = run("streamgaps", "analyze", sample, "-o", "gaps", "-q", "--log-format", "console")
    assert (0, "", "") == (result.returncode, result.stdout, result.stderr)
    assert names(tmp_path / "gaps") == [GAPS_NAME, REPORT_NAME]
    result = run("streamgaps", "analyze", "nope", "-o", "gaps", "-q", "--log-format", "console")
    assert (3, "streamgaps: nope: there is no such file\n") == (result.returncode, result.stderr)


def test_verbose_tells_settings_and_time(run: Run, sample: Path) -> None:
    """As events of their own."""
    log = events(run("streamgaps", "analyze", sample, "-o", "gaps", "-v").stderr)
    assert ("streamgaps.started", sample.stat().st_size) == (log[0]["event"], log[0]["bytes"])
    assert "streamgaps.timed" in [entry["event"] for entry in log]


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        ("17", 1, "p.json: must be a JSON array of prediction objects"),
        (
            "{}",
            1,
            (
                "p.json: must be a JSON array of prediction objects, or JSON Lines of them; it begins with an object "
                "that is none: item 0: missing 'gt'. Is the array inside of it (--prefix), or do the fields have other "
                "names (--field)?"
            ),
        ),
        ("[1]", 1, "p.json: item 0 is not an object"),
        ('[{"gt": ""}]', 1, "p.json: item 0: missing 'response'"),
        ('[{"gt": "", "response": null, "video_id": ""}]', 1, "p.json: item 0: 'response' must be a string, not null"),
        ('[{"gt": 1, "response": "no", "video_id": ""}]', 1, "p.json: item 0: 'gt' must be a string, not number"),
        (
            '[{"gt": "no", "response": "yes", "video_id": []}]',
            1,
            "p.json: item 0: 'video_id' must be a string, not array",
        ),
        ("[}", 1, "p.json: malformed JSON at byte 1: Expecting value; no item is complete"),
        ("", 1, "p.json: malformed JSON at byte 0: nothing in it, where a JSON array must be; no item is complete"),
        (
            f"[{'1' * 4301}]",
            1,
            "p.json: unsupported JSON at byte 1: a number of more than 4,300 digits; no item is complete",
        ),
        (None, 3, "p.json: there is no such file"),
    ],
)
@pytest.mark.parametrize("log_format", ["console", pytest.param("json", marks=pytest.mark.slow)])
def test_an_error_is_one_line_an_exit_code_and_no_file(
    run: Run, tmp_path: Path, content: str | None, code: int, sentence: str, log_format: str
) -> None:
    """No traceback; a folder that was to be made is not there."""
    if content is not None:
        (tmp_path / "p.json").write_text(content)
    result = run("streamgaps", "analyze", "p.json", "-o", "gaps", "--log-format", log_format)
    assert code == result.returncode
    if log_format == "json":
        assert [sentence] == [entry["error"] for entry in events(result.stderr)]
    else:
        assert f"streamgaps: {sentence}\n" == result.stderr
    assert names(tmp_path) == (["p.json"] if content is not None else [])


def test_a_traceback_in_json_is_a_field(run: Run) -> None:
    """Every line of the log stays JSON."""
    log = events(run("streamgaps", "analyze", "nope", "-o", "gaps", "--debug").stderr)
    assert "Traceback" in str(log[-1]["traceback"])


def test_a_video_id_that_nobody_has_to_read_does_no_harm(run: Run, tmp_path: Path) -> None:
    """However deep it is nested: a warning shows its type."""
    (tmp_path / "p.json").write_text('[{"video_id": %s, "response": "?", "gt": 0}]' % ("[" * 900 + "]" * 900))
    result = run("streamgaps", "analyze", "p.json", "-o", "gaps")
    assert result.returncode == 0
    assert events(result.stderr)[0]["video_id"] == "<array>"


def test_debug_shows_the_traceback(run: Run) -> None:
    """Before the sentence."""
    result = run("streamgaps", "analyze", "nope", "-o", "gaps", "--debug", "--log-format", "console")
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("\nstreamgaps: nope: there is no such file\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["analyze", "x"], "Missing option '-o' / '--results-dir'. See streamgaps analyze --help."),
        (["analyze", "-o", "x"], "Missing argument 'PREDICTIONS...'. See streamgaps analyze --help."),
        (["analyze", "x", "-o", "y", "--log-format", "xml"], "Invalid value for '--log-format'"),
        (
            ["analyze", "x", "-o", "y", "-q", "-v"],
            "--quiet contradicts --verbose and --debug. See streamgaps analyze --help.",
        ),
        (["analyze", "x", "-o", ""], "results_dir (--results-dir) is empty; name a folder"),
        (["analyze", "x", "-o", "y", "--max-warnings", "-2"], "Invalid value for '--max-warnings'"),
        (["analyze", "x", "-o", "y", "--jobs", "0"], "Invalid value for '--jobs': '0' is neither auto nor a whole"),
        (["analyze", "x", "-o", "y", "--field", "gt"], "--field 'gt': expected NAME=PATH. See streamgaps analyze"),
        (["analyze", "x", "-o", "y", "--field", "gt="], "--field 'gt=': expected NAME=PATH."),
        (["analyze", "x", "-o", "y", "--label", "yes"], "--label 'yes': expected ANSWER=VALUES."),
        (["analyze", "x", "-o", "y", "--label", "maybe=1"], "a label (--label) is for yes or for no, not for 'maybe'"),
        (["analyze", "x", "-o", "y", "--rule", "lax"], "Invalid value for '--rule': 'lax' is not one of 'strict', "),
        (["analyze", "x", "-o", "y", "--unclear", "x"], "Invalid value for '--unclear'"),
        (["analyze", "x", "-o", "y", "--on", "id"], "on (--on) needs ground_truth (--ground-truth)"),
        (["analyze", "x", "-o", "y", "--media-dir", "m"], "media_dir (--media-dir) needs annotations (--annotations)"),
        (["analyze", "x", "-o", "y", "--prefix", "a"], "the prefix 'a' (--prefix) does not end in 'item'"),
        (["analyse"], "No such command 'analyse'"),
        ([], "Missing command. See streamgaps --help."),
    ],
)
def test_wrong_usage_is_one_line_too(run: Run, arguments: list[str], sentence: str) -> None:
    """With exit code 2."""
    result = run("streamgaps", *arguments)
    assert (2, 1) == (result.returncode, result.stderr.count("\n"))
    assert sentence in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze", "x", "--nope", "--log-format", "FORM", "-o", "y"],
        ["analyze", "x", "-o", "y", "--max-warnings", "-2", "--log-format=FORM"],
        ["analyze", "--log-format", "console", "x", "--log-format", "FORM"],
        ["analyze", "x", "-o", "y", "--strict", "--max-skipped", "1", "--log-format", "FORM"],
        ["report", "--log-format", "FORM", "x", "y"],
        pytest.param(["analyse", "x", "--log-format", "FORM"], marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_wrong_usage_is_said_in_the_form_that_was_asked_for(run: Run, arguments: list[str], form: str) -> None:
    """Wherever it stands, and whatever else is wrong."""
    result = run("streamgaps", *(argument.replace("FORM", form) for argument in arguments))
    assert result.returncode == 2
    if form == "json":
        (said,) = events(result.stderr)
        assert str(said["error"]).endswith(" --help.")
    else:
        assert result.stderr.startswith("streamgaps: ")


def test_where_logs_are_json_by_themselves_wrong_usage_is_too(run: Run) -> None:
    """Not behind a double dash, and not if the form is none."""
    for arguments in (["--nope"], ["--nope", "--", "--log-format", "console"], ["--log-format", "xml"]):
        (said,) = events(run("streamgaps", "analyze", *arguments).stderr)
        assert "streamgaps.failed" == said["event"]
    (said,) = events(run("gap_analysis", "vlm_bcq", "--nope").stderr)
    assert "No such option" in str(said["error"])


def test_versions_are_told(run: Run) -> None:
    """That of ijson with its back end."""
    result = run("streamgaps", "--version")
    assert re.match(
        r"streamgaps \d+\.\d+\.\d+ \(Python .*ijson [\d.]+ with back end yajl2_c, msgspec .*, orjson .*\)\n",
        result.stdout,
    )


def test_it_runs_as_a_module(sample: Path, tmp_path: Path) -> None:
    """`python -m streamgaps`."""
    arguments = [sys.executable, "-m", "streamgaps", "analyze", str(sample), "-o", str(tmp_path / "gaps"), "-q"]
    subprocess.run(arguments, check=True, cwd=tmp_path)
    assert names(tmp_path / "gaps") == [GAPS_NAME, REPORT_NAME]


HOSTILE = ["\n", "\r", "\x1b[31m", "\x07", "\x7f", "\x9b1m", "\u202e", "\u2066", "\u2028", '\n{"event": "forged"} = "']


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_control_characters_do_not_reach_the_terminal(run: Run, tmp_path: Path, log_format: str) -> None:
    """Neither from a field nor from a file's name, nor in a traceback; a line of log cannot be forged."""
    unclear = [{"video_id": f"v{hostile}", "response": f"a{hostile}", "gt": "no"} for hostile in HOSTILE]
    without_path = [{"video_id": f"\0{hostile}", "response": "yes", "gt": "no"} for hostile in HOSTILE]
    (tmp_path / "p.json").write_text(json.dumps([*unclear, *without_path, 1]))
    name = "".join(f"{hostile}_" for hostile in HOSTILE)
    for path, lines in (("p.json", 2 * len(HOSTILE) + 1), (f"none{name}", 1)):
        options = ["-o", f"gaps{name}", "--log-format", log_format]
        result = run("streamgaps", "analyze", path, *options)
        assert result.returncode in (1, 3)
        assert lines == result.stderr.count("\n") == len(result.stderr.splitlines())
        traced = run("streamgaps", "analyze", path, *options, "--debug")
        for shown in (result.stderr, traced.stderr):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\u2066]", shown)


def test_a_file_name_that_is_not_utf8_is_logged(run: Run) -> None:
    """A file's name may hold bytes that are not UTF-8."""
    result = run("streamgaps", "analyze", os.fsdecode(b"\xff.json"), "-o", "gaps")
    assert events(result.stderr)[0]["error"] == "\udcff.json: there is no such file"


def on_a_terminal(
    arguments: list[str], folder: Path, columns: int = 100, environment: Mapping[str, str] = os.environ
) -> str:
    """Run a command on a terminal of its own, and return what it shows."""
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        arguments, stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder, env=environment
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:  # what Linux says when the other side is closed
                break
            if not chunk:
                break
            shown += chunk
        assert process.wait() == 0
    os.close(main)
    return shown.decode()


def write_many(path: Path) -> None:
    """Write so many records that they take long enough for a progress bar."""
    few = [{"video_id": "v", "response": response, "gt": "no"} for response in ("no", "yes", "yes", "no", "yes")]
    path.write_text("[" + ", ".join([json.dumps(few)[1:-1]] * 100_000) + "]")


def test_a_terminal_gets_readable_logs_and_a_progress_bar(tmp_path: Path) -> None:
    """In bytes, with rate, time left and gaps; a short run has none."""
    write_many(tmp_path / "p.json")
    shown = on_a_terminal([*command("streamgaps"), "analyze", "p.json", "-o", "gaps"], tmp_path)
    assert re.search(r"\d+%\|.*\d+(\.\d+)?M/\d+(\.\d+)?M \[\d\d:\d\d<\d\d:\d\d, +[\d.]+MB/s, [\d,]+ gaps\]", shown)
    assert rows_of(uncoloured(shown))["Records read"] == "500,000"
    assert "streamgaps.gaps_written" in shown
    (tmp_path / "p.json").write_text("[]")
    shown = on_a_terminal([*command("streamgaps"), "analyze", "p.json", "-o", "gaps"], tmp_path)
    assert "No KPI Gaps found!" in shown
    assert "%|" not in shown


def test_colours_are_for_terminals(tmp_path: Path, run: Run, sample: Path) -> None:
    """Of somebody who has not asked for none."""
    arguments = ["analyze", str(sample), "-o", "gaps", "--log-format", "console"]
    shown = on_a_terminal([*command("streamgaps"), *arguments], tmp_path)
    assert "\x1b[31mFalse positives (FP)" in shown
    none = on_a_terminal([*command("streamgaps"), *arguments], tmp_path, environment={**os.environ, "NO_COLOR": "1"})
    assert "\x1b[" not in none
    assert rows_of(none) == rows_of(uncoloured(shown))
    assert "\x1b[" not in run("streamgaps", *arguments).stderr


@pytest.mark.parametrize(
    ("name", "value", "is_shown"),
    [
        pytest.param("TQDM_DISABLE", "1", False, marks=pytest.mark.slow),
        ("TQDM_WRITE_BYTES", "1", True),
        ("TQDM_MININTERVAL", "often", False),
    ],
)
def test_the_progress_bar_takes_its_settings_from_the_environment(
    tmp_path: Path, name: str, value: str, is_shown: bool
) -> None:
    """Those that make no sense are no reason to stop; then there is no bar."""
    write_many(tmp_path / "p.json")
    arguments = [*command("streamgaps"), "analyze", "p.json", "-o", "gaps", "--jobs", "1"]
    shown = on_a_terminal(arguments, tmp_path, environment={**os.environ, name: value})
    assert rows_of(uncoloured(shown))["Records read"] == "500,000"
    assert "Traceback" not in shown
    assert is_shown == (" gaps]" in shown)


def test_what_a_run_does_not_show_is_not_loaded(sample: Path, tmp_path: Path) -> None:
    """The progress bar's library, the YAML reader, the reader of events, several processes; without logs, structlog."""
    script = (
        "import sys; from streamgaps.cli.streamgaps import main; "
        "unwanted = ('tqdm', 'yaml', 'ijson', 'multiprocessing', 'structlog', 'asyncio'); "
        f"main(['analyze', {str(sample)!r}, '-o', {str(tmp_path / 'gaps')!r}, '-q']); "
        "print([name for name in unwanted if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert result.stdout == "[]\n"


ANALYZE = analyze_module.command
OPTIONS = [option for option in ANALYZE.params if isinstance(option, click.Option)]


PLAIN = [
    "--jobs",
    "--reader",
    "--max-record-bytes",
    "--max-warnings",
    "--log-format",
    "--max-groups",
    "--report-samples",
]


def long_name(option: click.Option) -> str:
    """Return the name that a script would use."""
    return max(option.opts, key=len)


@pytest.mark.parametrize("option", OPTIONS, ids=long_name)
def test_every_option_is_explained(option: click.Option) -> None:
    """With an example, if it takes a value that depends on the data."""
    name, text = long_name(option), option.help or ""
    assert text
    is_plain = option.is_flag or option.required or name in PLAIN
    assert is_plain or re.search(rf"E\.g\. .*{name} \S", text, re.DOTALL)


def test_help_shows_every_option(run: Run) -> None:
    """On one page."""
    shown = run("streamgaps", "analyze", "--help", env={"COLUMNS": "120"}).stdout
    assert [] == [long_name(option) for option in OPTIONS if f"{long_name(option)} " not in shown]


def test_rules_are_listed(run: Run) -> None:
    """Each with what it does, in a line."""
    shown = run("streamgaps", "rules")
    assert (0, "") == (shown.returncode, shown.stderr)
    rows = [line.split(maxsplit=1) for line in shown.stdout.splitlines()]
    assert list(RULES) == [name for name, _ in rows]
    assert all(says.endswith(".") for _, says in rows)


RECORDS = [
    {"id": "1", "doc": {"clip": "a", "split": "x"}, "out": ["<think>no</think>Yes"]},
    {"id": "2", "doc": {"clip": "b", "split": "y"}, "out": ["Yes. No doubt."]},
    {"id": "3", "doc": {"clip": "b", "split": "y"}, "out": ["perhaps"]},
    {"id": "4", "doc": {"clip": "b", "split": "y"}, "out": [None]},
    {"id": "5", "doc": {"clip": "b", "split": "y"}, "out": ["yes"]},
    {"id": "6", "doc": {"clip": "none", "split": "y"}, "out": ["yes"]},
]


def test_options_as_they_are_typed(run: Run, tmp_path: Path) -> None:
    """All that say how the input looks and how it is read, at once."""
    (tmp_path / "p.json").write_text(json.dumps({"results": RECORDS}))
    labels = [{"question_id": str(number), "label": 0} for number in range(1, 7)]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    (tmp_path / "llava.json").write_text(json.dumps([{"id": "a", "video": "x/a.mp4"}, {"id": "b", "video": "b.mp4"}]))
    result = run(
        *("streamgaps", "analyze", "p.json", "-o", "gaps", "--format", "array", "--prefix", "results.item"),
        *("--field", "video_id=doc.clip", "--field", "response=out.0", "--field", "gt=label"),
        *("--carry", "id", "--carry", "split=doc.split", "--label", "yes=1,true", "--label", "no=0,false"),
        *("--ground-truth", "labels.jsonl", "--on", "id=question_id", "--annotations", "llava.json"),
        *("--media-dir", "/media", "--unmatched", "skip", "--rule", "leading", "--gt-rule", "exact", "--final-answer"),
        *("--unclear", "gap", "--on-invalid", "skip", "--paths", "normalize", "--dedup", "--skipped", "skipped.jsonl"),
        *("--jobs", "1", "--reader", "ijson", "--max-record-bytes", "1000", "--max-warnings", "1", "-v"),
    )
    assert result.returncode == 0, result.stderr
    gaps = events((tmp_path / "gaps" / GAPS_NAME).read_text())
    assert [("/media/x/a.mp4", "1", "x"), ("/media/b.mp4", "2", "y")] == [
        (gap["video_id"], gap["id"], gap["split"]) for gap in gaps
    ]
    assert [0, 0] == [gap["ground_truth"] for gap in gaps]
    skipped = [(one["index"], one["field"], one["reason"]) for one in events((tmp_path / "skipped.jsonl").read_text())]
    assert {(3, "response", "null"), (5, "video_id", "no match")} <= set(skipped)
    log = events(result.stderr)
    chosen = {"prefix": "results.item", "rule": "leading", "final_answer": True, "carry": ["id", "split=doc.split"]}
    assert chosen.items() <= log[0].items()
    counts = {"gap duplicate": 2, "response null": 1, "video_id no match": 1}
    assert (6, 2, counts) == (log[-1]["records"], log[-1]["false_positives"], log[-1]["skipped"])


def test_unclear_and_left_over_ones_are_in_the_summary(run: Run, tmp_path: Path) -> None:
    """Below the records read, of which they are no part."""
    (tmp_path / "p.jsonl").write_text(json.dumps({"id": 1, "video_id": "v", "response": "?"}))
    labels = [{"id": 1, "gt": "no"}, {"id": 2, "gt": "no"}]
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    joined = ["--ground-truth", "labels.json", "--on", "id", "--unmatched", "skip", "--unclear", "gap"]
    shown = run("streamgaps", "analyze", "p.jsonl", "-o", "gaps", *joined, "--log-format", "console").stderr
    rows = rows_of(shown)
    below = {"Of FP and FN: unclear responses": "1", "Labels without a prediction": "1"}
    assert {"Records read": "1", **below}.items() <= rows.items()
    log = events(run("streamgaps", "analyze", "p.jsonl", "-o", "gaps", *joined).stderr)
    assert (1, 1) == (log[-1]["unclear"], log[-1]["unused_labels"])


def test_folders_and_several_inputs_are_one_run(run: Run, tmp_path: Path) -> None:
    """In the order in which they are named; a warning says which it is of."""
    (tmp_path / "shards").mkdir()
    for number, name in enumerate(["shards/b.jsonl", "shards/a.json", "c"]):
        records = [{"video_id": f"/{number}", "response": "yes", "gt": "no"}, UNCLEAR]
        (tmp_path / name).write_text("\n".join(map(json.dumps, records)))
    result = run("streamgaps", "analyze", "c", "shards", "-o", "gaps")
    gaps = events((tmp_path / "gaps" / GAPS_NAME).read_text())
    assert ["/2", "/1", "/0"] == [gap["video_id"] for gap in gaps]
    log = events(result.stderr)
    assert ["c", "shards/a.json", "shards/b.jsonl"] == [one["source"] for one in log if "sample" in str(one["event"])]
    (tmp_path / "shards" / "b.jsonl").write_text(f"{json.dumps(UNCLEAR)}\n5")
    result = run("streamgaps", "analyze", "c", "shards", "-o", "gaps", "-q", "--log-format", "console")
    assert (1, "streamgaps: shards/b.jsonl: item 1 is not an object (line 2)\n") == (result.returncode, result.stderr)
    assert events((tmp_path / "gaps" / GAPS_NAME).read_text()) == gaps


def test_the_other_files_of_a_run_may_be_in_its_folder(run: Run, tmp_path: Path) -> None:
    """Labels, what was skipped, and the results of an earlier run: none of them is taken for predictions."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "labels.jsonl").write_text('{"id": 1, "gt": "no"}\n')
    (tmp_path / "d" / "p.jsonl").write_text('{"id": 1, "video_id": "v", "response": "yes"}\n{"id": 2}\n')
    joined = ["--ground-truth", "d/labels.jsonl", "--on", "id", "--on-invalid", "skip"]
    for _ in range(2):
        options = [*joined, "--skipped", "d/skipped.jsonl", "--metrics"]
        assert 0 == run("streamgaps", "analyze", "d", "-o", "d", *options).returncode
        assert len(events((tmp_path / "d" / GAPS_NAME).read_text())) == 1
        assert len(events((tmp_path / "d" / "skipped.jsonl").read_text())) == 1


def test_verbose_names_a_folder_and_not_all_that_is_in_it(run: Run, sample: Path, tmp_path: Path) -> None:
    """There may be thousands; and a limit of none is a limit."""
    (tmp_path / "shards").mkdir()
    for name in ("a.json", "b.json"):
        (tmp_path / "shards" / name).write_bytes(sample.read_bytes())
    for arguments in (["analyze", "shards", "-o", "gaps", "--strict"], ["audit", "shards"]):
        log = events(run("streamgaps", *arguments, "-v").stderr)
        assert (["shards"], 2 * sample.stat().st_size) == (log[0]["predictions"], log[0]["bytes"])
    assert events(run("streamgaps", "analyze", "shards", "-o", "gaps", "--strict", "-v").stderr)[0]["max_skipped"] == 0
