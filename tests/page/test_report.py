from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from streamgaps import ConfigurationError, InputError, SourceError, SourceNotFoundError, analyze
from streamgaps.outputs.names import GAPS_NAME, METRICS_NAME, REPORT_NAME
from streamgaps.page.html import HTML_NAME
from streamgaps.page.report import report
from tests.conftest import names
from tests.page.pages import gap, metrics, page

pytest.importorskip("jinja2")

GAPS = [gap(0), gap(1, "FN", category="night"), gap(2, response="\ud83d yes")]


def write_results(folder: Path, gaps: list[dict[str, object]], document: object = None) -> Path:
    """Write what a run writes."""
    folder.mkdir(exist_ok=True)
    lines = (json.dumps(one, separators=(",", ":")) + "\n" for one in gaps)
    (folder / GAPS_NAME).write_text("".join(lines))
    if document is not None:
        (folder / METRICS_NAME).write_text(json.dumps(document))
    return folder


def test_the_page_is_that_of_the_gaps_and_the_metrics(tmp_path: Path) -> None:
    """As it is made while they are written; it appears beside them."""
    document = metrics(GAPS, ["question"])
    folder = write_results(tmp_path / "gaps", GAPS, document)
    assert folder / HTML_NAME == report(folder)
    assert page(GAPS, document) == (folder / HTML_NAME).read_text("utf-8")


def test_the_page_may_be_elsewhere_and_show_fewer_samples(tmp_path: Path) -> None:
    """In a folder that exists."""
    folder = write_results(tmp_path / "gaps", GAPS)
    made = report(str(folder), str(tmp_path / "page.html"), report_samples=1)
    assert (tmp_path / "page.html", 2) == (made, made.read_text("utf-8").count("<article"))
    assert [GAPS_NAME] == names(folder)


def test_a_folder_without_gaps_has_none(tmp_path: Path) -> None:
    """That is how a run says so."""
    (tmp_path / METRICS_NAME).write_text(json.dumps(metrics([])))
    assert "No answer that was compared contradicts its truth." in report(tmp_path).read_text("utf-8")


def test_lines_of_another_program_are_read_too(tmp_path: Path) -> None:
    """With blanks, with the keys in another order, without an end of the last line."""
    (tmp_path / GAPS_NAME).write_text("\n".join(json.dumps(one, sort_keys=True) for one in GAPS))
    assert page(GAPS) == report(tmp_path).read_text("utf-8")


def test_metrics_of_another_run_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And that is said."""
    folder = write_results(tmp_path, GAPS, metrics(GAPS[:2]))
    assert page(GAPS) == report(folder).read_text("utf-8").replace("<mark>", "").replace("</mark>", "")
    assert "streamgaps.metrics_of_another_run" in "".join(capsys.readouterr())  # wherever an earlier test made logs go


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "line 2"),
        ("[]", "line 2"),
        ('{"video_id":', "line 2"),
        ('{"video_id":"v"}', "error_type"),
        (json.dumps({**GAPS[0], "error_type": "TP"}), "'TP'"),
        (json.dumps({**GAPS[0], "response": 1}), "response"),
        ("[" * 100_000, "line 2"),
        ("\udcff", "line 2"),
    ],
)
def test_what_is_no_gap_is_refused(tmp_path: Path, line: str, message: str) -> None:
    """With the file and the line, and without a page."""
    first = json.dumps(GAPS[0])
    (tmp_path / GAPS_NAME).write_bytes(f"{first}\n{line}\n{first}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message) as caught:
        report(tmp_path)
    assert f"{tmp_path / GAPS_NAME}: line 2 is not a gap as streamgaps writes it" in str(caught.value)
    assert [GAPS_NAME] == names(tmp_path)


def broken_metrics() -> list[object]:
    """Return documents that no run writes."""
    whole = metrics(GAPS, ["question"])
    group = {**whole["groups"]["question"][0], "accuracy": "high"}
    changes: list[dict[str, Any]] = [
        {"schema_version": 2},
        {"accuracy": "high"},
        {"groups": {"question": [group]}},
        {"gaps": {}},
        {"intervals": {}},
        {"skipped": [1]},
        {"run": []},
    ]
    return [[], None, "text", *({**whole, **change} for change in changes)]


@pytest.mark.parametrize("document", broken_metrics())
def test_metrics_that_no_run_writes_are_refused(tmp_path: Path, document: object) -> None:
    """With the file, and how to get others."""
    write_results(tmp_path, GAPS)
    (tmp_path / METRICS_NAME).write_text(json.dumps(document))
    with pytest.raises(InputError, match="is not what streamgaps writes: .*; --metrics writes it anew"):
        report(tmp_path)


@pytest.mark.parametrize("positive", ["yes", "no"])
def test_a_run_without_anything_compared_has_a_page(tmp_path: Path, positive: str) -> None:
    """With rates that are not defined."""
    document = json.loads(json.dumps(metrics([], ["question"], positive=positive)))
    for one in (document, *document["groups"]["question"]):
        one.update(dict.fromkeys([name for name, value in one.items() if isinstance(value, float)]))
        one["intervals"] = dict.fromkeys(one["intervals"])
    (tmp_path / METRICS_NAME).write_text(json.dumps(document))
    assert "not available" in report(tmp_path).read_text("utf-8")


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    """Of the environment."""
    with pytest.raises(SourceNotFoundError, match="there is no such folder"):
        report(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="is no folder"):
        report(tmp_path / "file")
    with pytest.raises(SourceError, match="cannot be opened"):
        report("\0")


@pytest.mark.parametrize("name", [GAPS_NAME, METRICS_NAME])
def test_the_page_does_not_replace_what_it_shows(tmp_path: Path, name: str) -> None:
    """That would be the end of it."""
    write_results(tmp_path, GAPS, metrics(GAPS))
    with pytest.raises(ConfigurationError, match="would replace the results"):
        report(tmp_path, tmp_path / name)


def test_the_page_of_a_run_shows_the_groups_that_a_later_one_shows(tmp_path: Path) -> None:
    """The twelve worst, of all that there are."""
    records = [{"video_id": "/v", "response": "yes", "gt": "no", "question": f"Is it {n}?"} for n in range(60)]
    source = io.BytesIO(json.dumps(records).encode())
    analyze(source, tmp_path / "gaps", group_by="question", metrics=True, html=tmp_path / "page.html")
    made = (tmp_path / "page.html").read_text("utf-8")
    assert 12 == made.count('<tr><th scope="row" dir="auto">Is it ')
    assert "The 12 worst of 60 groups." in made
    assert report(tmp_path / "gaps").read_text("utf-8") == made


def test_the_memory_for_a_line_is_a_few_times_its_length(tmp_path: Path) -> None:
    """Whatever is long in it."""
    for field in ("video_id", "question", "response"):
        folder = write_results(tmp_path / field, [gap(1) | {field: '/"' * 1_000_000}])
        tracemalloc.start()
        report(folder, tmp_path / "page.html")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 60_000_000


@pytest.mark.parametrize("levels", [900, 970, 976, 980, 1000, 5000])
def test_a_question_that_is_nested_too_deeply_is_no_bug(tmp_path: Path, levels: int) -> None:
    """It is refused, or not shown."""
    folder = tmp_path / "gaps"
    folder.mkdir()
    line = json.dumps(gap(1)).replace('"Is there a collision?"', "[" * levels + "]" * levels)
    (folder / GAPS_NAME).write_text(line + "\n")
    try:
        text = report(folder).read_text("utf-8")
    except InputError as error:
        assert "line 1 is not a gap" in str(error)
    else:
        assert text.count("<article") == 1


def test_a_carriage_return_between_tokens_ends_no_line(tmp_path: Path) -> None:
    """Also where a value looks like a mark of a type."""
    folder = tmp_path / "gaps"
    folder.mkdir()
    question = {"a": "x", "error_type": "FN", "question": 1}
    line = json.dumps(gap(1) | {"question": question}, separators=(",", ":"))[:-1] + "\r}\n"
    (folder / GAPS_NAME).write_bytes(line.encode() * 3)
    text = report(folder).read_text("utf-8")
    assert (3, 0) == (text.count('data-type="FP"'), text.count('data-type="FN"'))


@pytest.mark.parametrize(
    "change",
    [
        {"number_of_groups": {"question": "x"}},
        {"number_of_groups": [1]},
        {"true_positives": 10**4299},
        {"records": -1},
    ],
)
def test_metrics_that_somebody_has_edited_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """They are no bug; what older versions did not write need not be there."""
    document = metrics(GAPS, ["question"])
    folder = write_results(tmp_path / "gaps", GAPS)
    (folder / METRICS_NAME).write_text(json.dumps({k: v for k, v in document.items() if k != "number_of_groups"}))
    assert "The 12 worst" not in report(folder).read_text("utf-8")
    (folder / METRICS_NAME).write_text(json.dumps({**document, **change}))
    with pytest.raises(InputError, match="is not what streamgaps writes"):
        report(folder)


def test_the_page_replaces_no_results(tmp_path: Path) -> None:
    """None of the three files."""
    folder = write_results(tmp_path / "gaps", GAPS)
    for name in (GAPS_NAME, METRICS_NAME, REPORT_NAME):
        (folder / name).touch()
        with pytest.raises(ConfigurationError, match="the page would replace the results"):
            report(folder, folder / name)
    with pytest.raises(ConfigurationError, match="results_dir is empty"):
        report("")


@pytest.mark.parametrize(("results_dir", "html"), [(None, None), (io.BytesIO(), None), ("s3://a/b", None), (".", 5)])
def test_what_is_no_place_is_refused(results_dir: Any, html: Any) -> None:
    """By a sentence."""
    with pytest.raises(ConfigurationError, match=r"is missing; name a folder|must be a path|name a local folder"):
        report(results_dir, html)


@pytest.mark.parametrize("most", [-1, 1.5, True, "9"])
def test_the_number_of_samples_is_a_number(tmp_path: Path, most: Any) -> None:
    """From 0 on, and refused in the same words wherever a page is asked for."""
    folder = write_results(tmp_path / "gaps", GAPS)
    for make in (
        lambda: report(folder, report_samples=most),
        lambda: analyze(io.BytesIO(b"[]"), folder, html=tmp_path / "page.html", report_samples=most),
    ):
        with pytest.raises(ConfigurationError, match=r"^report_samples \(--report-samples\) must be a whole number"):
            make()
