from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any, cast

import pytest

from streamgaps import RULES, Answer, ConfigurationError, Options, SourceError, analyze, iter_gaps, parse_answer
from streamgaps.paths import Paths
from streamgaps.settings import Settings, make_settings
from streamgaps.stages.classify import Unclear
from streamgaps.stages.read import MAX_RECORD_BYTES, Format, Reader
from tests.conftest import names


def made(**options: Any) -> Settings:
    """Make settings of options as they are typed."""
    return make_settings(cast("Options", options))


def test_nothing_asked_for_is_the_contract() -> None:
    """The strict rule, resolved paths, and an error for all that is wrong."""
    settings = made()
    assert (Format.AUTO, None, Reader.AUTO, MAX_RECORD_BYTES) == settings.shape[:4]
    assert ("strict", "strict", False, (), False) == settings.reading
    assert (Unclear.SKIP, False, False) == settings.policy
    assert (Paths.RESOLVE, str(Path.cwd().resolve()), False) == (settings.paths, settings.base, settings.dedup)
    assert (None, None, False) == (settings.ground_truth, settings.annotations, settings.skips_unmatched)


OPTIONS = {"fields": "--field", "labels": "--label"}
"""Those of the command that are not called as the library calls them."""


def test_none_is_nothing_asked_for() -> None:
    """As a command passes on what was not typed."""
    absent = ["videos_dir", "paths", "format", "prefix", "reader", "fields", "carry", "labels", "ground_truth", "on"]
    absent += ["annotations", "media_dir", "unmatched", "unclear", "on_invalid", "dedup", "final_answer"]
    assert made() == made(**dict.fromkeys(absent))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_record_bytes": 0}, "max_record_bytes (--max-record-bytes) must be a whole number from 1 on, not 0"),
        ({"max_record_bytes": -5}, "max_record_bytes (--max-record-bytes) must be a whole number from 1 on, not -5"),
        (
            {"max_record_bytes": True},
            "max_record_bytes (--max-record-bytes) must be a whole number from 1 on, not True",
        ),
        (
            {"max_record_bytes": 1e9},
            "max_record_bytes (--max-record-bytes) must be a whole number from 1 on, not 1000000000.0",
        ),
        (
            {"max_record_bytes": float("nan")},
            "max_record_bytes (--max-record-bytes) must be a whole number from 1 on, not nan",
        ),
        ({"reader": "orjson"}, "reader (--reader) must be one of auto, ijson, not 'orjson'"),
        ({"format": "csv"}, "format (--format) must be one of auto, array, jsonl, not 'csv'"),
        ({"format": ""}, "format (--format) must be one of auto, array, jsonl, not ''"),
        ({"paths": "real"}, "paths (--paths) must be one of resolve, normalize, keep, not 'real'"),
        ({"paths": 1}, "paths (--paths) must be one of resolve, normalize, keep, not 1"),
        ({"unclear": "wrong"}, "unclear (--unclear) must be one of skip, gap, error, not 'wrong'"),
        ({"on_invalid": "ignore"}, "on_invalid (--on-invalid) must be one of error, skip, not 'ignore'"),
        ({"unmatched": "keep", "annotations": "a"}, "unmatched (--unmatched) must be one of error, skip, not 'keep'"),
        ({"rule": "lax"}, f"rule (--rule) must be one of {', '.join(RULES)}, or a function, not 'lax'"),
        ({"rule": None}, f"rule (--rule) must be one of {', '.join(RULES)}, or a function, not None"),
        ({"gt_rule": 5}, f"gt_rule (--gt-rule) must be one of {', '.join(RULES)}, or a function, not 5"),
        (
            {"prefix": ""},
            "the prefix '' (--prefix) does not end in 'item'; it must name the items of an array, as 'results.item'",
        ),
        (
            {"prefix": "results"},
            "the prefix 'results' (--prefix) does not end in 'item'; it must name the items of an array",
        ),
        (
            {"prefix": "a.item", "format": "jsonl"},
            "a prefix (--prefix) names an array in one JSON document, not in JSON Lines",
        ),
        (
            {"fields": {"answer": "a"}},
            "there is no field 'answer' (--field); there are video_id, response, gt, question",
        ),
        (
            {"fields": {"gt": ""}},
            "the path '' (--field) has an empty part, a quote, a backslash, or a character in it that is no text",
        ),
        ({"fields": {"gt": "a..b"}}, "the path 'a..b' (--field) has an empty part"),
        ({"fields": {"gt": ".a"}}, "the path '.a' (--field) has an empty part"),
        ({"fields": {"gt": 'a"b'}}, "a quote"),
        ({"fields": {"gt": "a\\b"}}, "a backslash"),
        ({"fields": {"gt": "a\nb"}}, "a character in it that is no text"),
        ({"fields": {"gt": "\ud83d"}}, "a character in it that is no text"),
        ({"fields": {"gt": 1}}, "the path 1 (--field) is no text; write 'doc.answers.0'"),
        ({"carry": [""]}, "the path '' (--carry) has an empty part"),
        ({"carry": ["name="]}, "the path '' (--carry) has an empty part"),
        (
            {"carry": ["video_id"]},
            "a gap has a field 'video_id' already; carry it under another name: --carry name=video_id",
        ),
        (
            {"carry": ["unclear=x"]},
            "a gap has a field 'unclear' already; carry it under another name: --carry name=unclear",
        ),
        ({"carry": ["a", "a=b"]}, "a gap has a field 'a' already"),
        ({"labels": {"maybe": [2]}}, "a label (--label) is for yes or for no, not for 'maybe'"),
        ({"labels": {"yes": [""]}}, "the label '' (--label) is empty, or no text, number or truth value"),
        ({"labels": {"yes": ["  "]}}, "the label '  ' (--label) is empty, or no text, number or truth value"),
        ({"labels": {"no": [[0]]}}, "the label [0] (--label) is empty, or no text, number or truth value"),
        ({"labels": {"yes": b"yes"}}, "the label b'yes' (--label) is empty, or no text, number or truth value"),
        ({"labels": {"yes": [b"yes"]}}, "the label b'yes' (--label) is empty, or no text, number or truth value"),
        ({"max_groups": 5}, "max_groups (--max-groups) has no effect without group_by (--group-by)"),
        ({"labels": {"yes": ["A"], "no": ["b", "a "]}}, "the label 'a ' (--label) is given for both yes and no"),
        ({"labels": {"yes": [1], "no": [1.0]}}, "the label 1.0 (--label) is given for both yes and no"),
        ({"labels": {"yes": [1], "no": ["1e0"]}}, "the label '1e0' (--label) is given for both yes and no"),
        ({"labels": {"yes": [True], "no": ["true"]}}, "the label 'true' (--label) is given for both yes and no"),
        ({"on": "id"}, "on (--on) needs ground_truth (--ground-truth)"),
        ({"ground_truth": "labels.jsonl"}, "ground_truth (--ground-truth) needs on (--on)"),
        ({"ground_truth": "labels.jsonl", "on": ""}, "the path '' (--on) has an empty part"),
        ({"ground_truth": "labels.jsonl", "on": "=id"}, "the path '' (--on) has an empty part"),
        ({"ground_truth": "labels.jsonl", "on": "id="}, "the path '' (--on) has an empty part"),
        ({"media_dir": "/media"}, "media_dir (--media-dir) needs annotations (--annotations)"),
        ({"media_dir": "/m", "videos_dir": "/v", "annotations": "a"}, "media_dir (--media-dir) takes the place of vid"),
        ({"paths": "keep", "videos_dir": "/v"}, "a folder for videos (--videos-dir, --media-dir) has no effect where"),
        ({"unmatched": "skip"}, "unmatched (--unmatched) needs ground_truth (--ground-truth) or annotations"),
        ({"videos_dir": "a\0b"}, "the folder for videos 'a\\x00b' (--videos-dir, --media-dir) cannot be resolved"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Before anything is read or made; the sentence names the option of the command."""
    results = tmp_path / "gaps"
    for run in (
        lambda: made(**options),
        lambda: next(iter_gaps("none", **options)),
        lambda: analyze("none", results, **options),
    ):
        with pytest.raises(ConfigurationError) as caught:
            run()
        assert message in str(caught.value)
        assert any(OPTIONS.get(name, f"--{name.replace('_', '-')}") in str(caught.value) for name in options)
    assert names(tmp_path) == []


def test_an_option_that_there_is_not_is_a_type_error() -> None:
    """As of any function; the sentence lists those that there are."""
    with pytest.raises(TypeError, match="there is no option 'field'; there are annotations, carry, .*, unmatched, vid"):
        next(iter_gaps(io.BytesIO(b"[]"), field={}))  # type: ignore[call-arg]  # the point


@pytest.mark.parametrize("jobs", [0, -1, 1.0, "2", True])
def test_jobs_are_a_whole_number(jobs: Any, tmp_path: Path) -> None:
    """From 1 on."""
    with pytest.raises(ConfigurationError, match=r"jobs \(--jobs\) must be None or a whole number from 1 on, not "):
        analyze(io.BytesIO(b"[]"), tmp_path / "gaps", jobs=jobs)
    assert names(tmp_path) == []


@pytest.mark.parametrize("most", [-1, 1.0, "x", True])
def test_a_limit_of_warnings_is_a_whole_number(most: Any, tmp_path: Path) -> None:
    """From 0 on; the command's -1, for all, is None here."""
    with pytest.raises(
        ConfigurationError,
        match=r"max_warnings \(--max-warnings\) must be None \(all\) or a whole number from 0 on, not ",
    ):
        analyze(io.BytesIO(b"[]"), tmp_path / "gaps", max_warnings=most)
    assert names(tmp_path) == []


def test_choices_may_be_given_as_members() -> None:
    """Whoever uses the enumerations need not spell them."""
    settings = made(format=Format.JSONL, reader=Reader.IJSON, paths=Paths.KEEP, unclear=Unclear.GAP)
    assert (Format.JSONL, Reader.IJSON) == (settings.shape.format, settings.shape.reader)
    assert (Paths.KEEP, Unclear.GAP, True) == (
        settings.paths,
        settings.policy.unclear,
        settings.reading.reads_gt_of_unclear,
    )


def test_the_prefix_of_a_top_level_array_is_an_array() -> None:
    """Which takes no ijson to be found."""
    assert made(prefix="item").shape == made(format="array").shape


def test_the_key_of_predictions_and_of_labels_may_differ() -> None:
    """Else it is the same; all other fields have the same places in both."""
    options = {"ground_truth": "x", "fields": {"gt": "label"}, "carry": "split"}
    both = made(**options, on="a.id")
    assert both.label_fields == both.shape.fields
    assert both.shape.fields.key == ("a", "id")
    settings = made(**options, on="a.id=b")
    assert settings.label_fields == both.shape.fields._replace(key=("b",))
    assert settings.shape.fields == both.shape.fields


def test_a_single_text_is_one_of_several() -> None:
    """And not its letters."""
    assert made(carry="split").shape.fields.carried == (("split", ("split",)),)
    assert made(labels={"yes": "ja"}).reading.labels == (("ja", Answer.YES),)


def test_media_are_in_their_folder_or_in_that_of_videos() -> None:
    """With annotations the one stands for the other."""
    assert made(annotations="a", media_dir="/media").base == "/media"
    assert made(annotations="a", videos_dir="/videos").base == "/videos"


@pytest.mark.parametrize("rule", ["strict", parse_answer, os.path.isabs])
def test_a_rule_with_a_name_can_be_sent(rule: Any) -> None:
    """To other processes, with all the rest."""
    settings = made(rule=rule, gt_rule=rule, labels={"yes": [1]}, carry="a", annotations="a")
    assert settings.can_be_sent
    assert settings == pickle.loads(pickle.dumps(settings))  # noqa: S301 -- ours


def test_a_rule_without_a_name_cannot_be_sent() -> None:
    """Nor can one that holds an open file."""
    assert not made(rule=lambda _: True).can_be_sent
    assert not made(gt_rule=io.TextIOWrapper(io.BytesIO()).write).can_be_sent


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative ids need it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for paths in ("resolve", "normalize"):
        with pytest.raises(SourceError, match="working directory does not exist"):
            made(paths=paths)
        assert made(paths=paths, videos_dir="/v").base == "/v"
