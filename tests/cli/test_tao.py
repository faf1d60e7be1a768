from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streamgaps import ConfigurationError
from streamgaps.cli.tao import settings
from streamgaps.outputs.names import GAPS_NAME, REPORT_NAME
from tests.conftest import GOLDEN, names

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

GIVEN = ["predictions_json=p", "results_dir=r"]


def test_it_writes_the_golden_files(run: Run, sample: Path, tmp_path: Path) -> None:
    """As TAO's users type it."""
    result = run("gap_analysis", "vlm_bcq", f"predictions_json={sample}", "results_dir=gaps", "videos_dir=/data/videos")
    assert result.returncode == 0
    assert (GOLDEN / "sample.jsonl").read_bytes() == (tmp_path / "gaps" / GAPS_NAME).read_bytes()
    assert (GOLDEN / "sample_report.txt").read_bytes() == (tmp_path / "gaps" / REPORT_NAME).read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ["-e", "specs/job.yaml"],
        pytest.param(["--experiment_spec_file", "specs/job.yaml"], marks=pytest.mark.slow),
        pytest.param(["--experiment_spec_file=specs/job.yaml"], marks=pytest.mark.slow),
        pytest.param(["--config-path", "specs", "--config-name", "job"], marks=pytest.mark.slow),
        ["--config-path=specs", "--config-name=job.yaml"],
        ["-cp", "specs", "-cn", "job"],
    ],
)
def test_a_spec_is_read_and_overrides_win(run: Run, sample: Path, tmp_path: Path, arguments: list[str]) -> None:
    """Options and overrides in any order."""
    (tmp_path / "specs").mkdir()
    spec = "predictions_json: ???\nvideos_dir: /from/spec\nresults_dir: 'from spec'  # a comment\n"
    (tmp_path / "specs" / "job.yaml").write_text(spec)
    result = run("gap_analysis", "vlm_bcq", f"predictions_json={sample}", *arguments, "videos_dir=/data/videos")
    assert result.returncode == 0, result.stderr
    assert (GOLDEN / "sample.jsonl").read_bytes() == (tmp_path / "from spec" / GAPS_NAME).read_bytes()


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("videos_dir=/a b", "/a b"),
        ("videos_dir=", ""),
        ("videos_dir=''", ""),
        ("videos_dir=null", ""),
        ("videos_dir=???", ""),
        ("videos_dir='/a=b, c'", "/a=b, c"),
        ('videos_dir="/a\\tb"', "/a\\tb"),
        ("videos_dir='it\\'s'", "it's"),
        ("videos_dir='a\\\\b\\nc'", "a\\\\b\\nc"),
        ("videos_dir='a\\\\\\'b\\\\'", "a\\'b\\"),
        ("videos_dir='a\\\"b'", 'a\\"b'),
        ('videos_dir="it\'s"', "it's"),
        ("videos_dir='a' ", "a"),
        ('videos_dir="a\\"b\\\\"', 'a"b\\'),
        ('videos_dir="null"', "null"),
        ("videos_dir=/a=b", "/a=b"),
        ("videos_dir=/a\\=b\\,c\\ d", "/a=b,c d"),
        ("videos_dir= /a\\b\\\\c  d\\  ", "/a\\b\\c  d "),
        ("videos_dir=NULL ", ""),
        ("videos_dir=/a(b)", "/a(b)"),
        ("videos_dir=/é", "/é"),
        ("videos_dir=/a #b: c", "/a #b: c"),
        ("videos_dir=2024_01_01", "2024_01_01"),
        ("videos_dir=007", "007"),
        ("videos_dir=true", "true"),
        ("+videos_dir=/a", "/a"),
        ("++videos_dir=/a", "/a"),
    ],
)
def test_values_of_overrides(override: str, value: str) -> None:
    """Quotes, nothing, and what YAML would take for something else than a path."""
    assert settings(None, [*GIVEN, override])["videos_dir"] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("/a b", "/a b"),
        ("", ""),
        ("~", ""),
        ("null", ""),
        ('""', ""),
        ("???", ""),
        ('"null"', "null"),
        ("2024-01-01", "2024-01-01"),
        ("2024_01_01", "2024_01_01"),
        (">-\n  /folded\n  path", "/folded path"),
    ],
)
def test_values_of_specs(text: str, value: str, tmp_path: Path) -> None:
    """YAML, but a number or a date is the text it is written as."""
    spec = tmp_path / "s.yaml"
    spec.write_text(f"videos_dir: {text}\nhydra:\n  run: {{dir: x}}\n")
    assert settings(spec, GIVEN)["videos_dir"] == value


def test_the_last_override_wins_and_hydras_own_have_no_effect() -> None:
    """As with Hydra."""
    overrides = [*GIVEN, "results_dir=last", "hydra.run.dir=x", "+hydra.verbose=true", "hydra/job_logging=disabled"]
    overrides += ["hydra.run.dir=outputs/${now:%Y}", "hydra.job.env_copy=[A,B]", "hydra.x='"]
    assert settings(None, overrides) == {"predictions_json": "p", "results_dir": "last", "videos_dir": ""}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "missing: predictions_json and results_dir; give predictions_json=VALUE, or the key in a spec"),
        (["predictions_json=p"], "missing: results_dir"),
        (["predictions_json=p", "results_dir=???"], "missing: results_dir"),
        (["predictions_json=p", "results_dir="], "missing: results_dir"),
        ([*GIVEN, "video_dir=x"], "override 'video_dir=x': unknown key 'video_dir'; the keys are predictions_json"),
        ([*GIVEN, "hydrax.y=x"], "unknown key 'hydrax.y'"),
        ([*GIVEN, "videos_dir"], "malformed override 'videos_dir': expected KEY=VALUE"),
        ([*GIVEN, "=x"], "malformed override '=x'"),
        ([*GIVEN, "~videos_dir=x"], "malformed override '~videos_dir=x'"),
        ([*GIVEN, "videos_dir='x"], 'malformed override "videos_dir=\'x"'),
        ([*GIVEN, "videos_dir='a' # b"], "the quotes do not fit"),
        ([*GIVEN, "videos_dir='it''s'"], "the quotes do not fit; inside them, put a backslash before one like them"),
        ([*GIVEN, "videos_dir='a', 'b'"], "the quotes do not fit"),
        ([*GIVEN, "videos_dir=choice(a,b)"], "a text is expected, not a function"),
        ([*GIVEN, "videos_dir=~/videos"], "~ is not replaced here; write the folder out"),
        ([*GIVEN, "videos_dir=[a]"], "a text is expected, not a list or a mapping"),
        ([*GIVEN, "videos_dir={a: b}"], "a text is expected, not a list or a mapping"),
        ([*GIVEN, "videos_dir=${oc.env:HOME}/x"], "${...} is not replaced here"),
    ],
)
def test_a_wrong_override_is_named(overrides: list[str], message: str) -> None:
    """And what is missing."""
    with pytest.raises(ConfigurationError) as caught:
        settings(None, overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "a spec is a mapping"),
        ("videos_dir: [a]", "videos_dir: a text is expected"),
        ("videos: a", "unknown key 'videos'"),
        ("videos_dir: a\nvideos_dir: b", "the key 'videos_dir' is there twice"),
        ("videos_dir: 'a", "not YAML"),
        ("videos_dir: ${results_dir}", "not replaced"),
        ("videos_dir: !!python/object/apply:os.system ['exit 1']", "a text is expected"),
        ("a: \x00", "not YAML"),
        ("[a]: b", "unknown key"),
        ("[" * 50_000, "nested too deeply"),
    ],
)
def test_a_wrong_spec_is_named(text: str, message: str, tmp_path: Path) -> None:
    """With the file and the key; nothing in it is executed."""
    spec = tmp_path / "s.yaml"
    spec.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        settings(spec, GIVEN)
    assert message in str(caught.value)
    assert str(spec) in str(caught.value)


def test_an_empty_spec_is_none(tmp_path: Path) -> None:
    """Everything may come from overrides."""
    (tmp_path / "s.yaml").touch()
    assert settings(tmp_path / "s.yaml", GIVEN)["results_dir"] == "r"


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["-e", "nope.yaml", *GIVEN], 2, "nope.yaml: the spec cannot be read: No such file"),
        (["--config-path", "x", *GIVEN], 2, "--config-path needs --config-name"),
        (["-e", "x", "--config-name", "y"], 2, "leave out --config-path"),
        (["--nope"], 2, "No such option"),
        (GIVEN, 3, "p: there is no such file"),
        (["predictions_json=p"], 2, "missing: results_dir"),
    ],
)
def test_errors_are_one_line(run: Run, tmp_path: Path, arguments: list[str], code: int, part: str) -> None:
    """With the right exit code."""
    result = run("gap_analysis", "vlm_bcq", *arguments)
    assert (code, 1) == (result.returncode, result.stderr.count("\n"))
    assert part in result.stderr
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_is_said(run: Run, sample: Path, tmp_path: Path) -> None:
    """A NUL cannot come from the command line, but from a spec."""
    (tmp_path / "s.yaml").write_text(f'predictions_json: {sample}\nresults_dir: "a\\0b"\n')
    result = run("gap_analysis", "vlm_bcq", "-e", "s.yaml")
    assert (3, 1) == (result.returncode, result.stderr.count("\n"))
    assert "the results cannot be written: " in result.stderr


def test_other_subcommands_are_said_to_be_unknown(run: Run) -> None:
    """TAO has more of them."""
    result = run("gap_analysis", "vcn_aoi")
    assert (2, 1) == (result.returncode, result.stderr.count("\n"))
    assert "No such command 'vcn_aoi'" in result.stderr


def test_all_warnings_are_shown(run: Run, tmp_path: Path) -> None:
    """There is no limit here."""
    (tmp_path / "p.json").write_text(json.dumps([{"video_id": "v", "response": "?", "gt": ""}] * 150))
    result = run("gap_analysis", "vlm_bcq", "predictions_json=p.json", "results_dir=gaps")
    assert result.stderr.count("streamgaps.sample_skipped") == 150
    assert "No KPI Gaps found!" in result.stderr
    assert names(tmp_path) == ["p.json"]


@pytest.mark.parametrize(
    ("level", "skips", "found", "traceback"),
    [
        ("DEBUG", 1, 1, 1),
        pytest.param("info", 1, 1, 0, marks=pytest.mark.slow),
        ("WARNING", 1, 0, 0),
        pytest.param("ERROR", 0, 0, 0, marks=pytest.mark.slow),
        pytest.param("", 1, 1, 0, marks=pytest.mark.slow),
        ("LOUD", 1, 1, 0),
        pytest.param("CRITICAL", 0, 0, 0, marks=pytest.mark.slow),
    ],
)
def test_the_level_comes_from_the_environment(
    run: Run, tmp_path: Path, level: str, skips: int, found: int, traceback: int
) -> None:
    """An unknown one is INFO, with a warning; DEBUG shows tracebacks."""
    (tmp_path / "p.json").write_text(json.dumps([{"video_id": "v", "response": "?", "gt": ""}]))
    environment = {"TAO_LOGGING_LEVEL": level}
    result = run("gap_analysis", "vlm_bcq", "predictions_json=p.json", "results_dir=gaps", env=environment)
    counts = (result.stderr.count("sample_skipped"), result.stderr.count("No KPI Gaps found!"))
    assert (skips, found) == counts
    assert ("unknown_level" in result.stderr) == (level == "LOUD")
    result = run("gap_analysis", "vlm_bcq", *GIVEN, env=environment)
    assert ("Traceback" in result.stderr) == bool(traceback)
    assert "p: there is no such file" in result.stderr


def test_help_names_the_keys(run: Run) -> None:
    """Each on a line."""
    result = run("gap_analysis", "vlm_bcq", "--help")
    assert result.returncode == 0
    for text in (
        "\n    predictions_json  ",
        "\n    results_dir  ",
        "\n    videos_dir  ",
        "TAO_LOGGING_LEVEL",
        "-e, --exp",
    ):
        assert text in result.stdout


@pytest.mark.parametrize(
    "raw",
    [
        '"' + "''" * 5000 + "a",
        "'" + '"' * 9999,
        '"' + "\\" * 9999,
        "'" + "\\'" * 9999,
        "'a\\'",
        "'" + "\\" * 9999 + "'",
    ],
)
def test_quotes_that_do_not_fit_are_found_out_soon(raw: str) -> None:
    """However many ways there seem to be to read them: it took for ever."""
    with pytest.raises(ConfigurationError, match="the quotes do not fit"):
        settings(None, [f"predictions_json={raw}"])
