from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from streamgaps import RULES, Answer, SkipReason
from streamgaps.auditing import Audit, Disagreement, RuleReading
from streamgaps.reports.audit import document, lines, spread
from streamgaps.survey import Confusion

NOTHING: Mapping[str, Confusion] = {}


def made(counts: Mapping[str, Confusion], *disagreements: Disagreement, patterns: int = 0, skipped: int = 0) -> Audit:
    """Make an audit of counts by rule; those of other rules are zeros."""
    rules = tuple(RuleReading(rule, counts.get(rule, Confusion())) for rule in RULES)
    reasons = {SkipReason("gt", "both"): skipped} if skipped else {}
    disagreeing = sum(one.samples for one in disagreements)
    return Audit(rules, disagreeing, patterns or len(disagreements), disagreements, reasons)


def sample(response: str, samples: int = 1, source: str | None = None) -> Disagreement:
    """Make a sample that the rules read by themselves."""
    answers = {name: rule(response) for name, rule in RULES.items()}
    return Disagreement(
        index=7,
        video_id="a.mp4",
        response=response,
        truth=Answer.NO,
        answers=answers,
        samples=samples,
        source=source,
    )


EVEN = dict.fromkeys(RULES, Confusion(true_positives=3, false_positives=1))


def test_the_table_has_what_follows_of_each_rule() -> None:
    """Numbers end below one another; the default is marked; what is not defined is a dash."""
    counts = {"strict": Confusion(1000, 200, 30, 4, 5, 6), "exact": Confusion(unclear_negatives=1)}
    shown = list(lines(made(counts)))
    assert [
        "+------------------+-------+-----+---------+----+----+----------+--------+",
        "| Rule             |   Yes |  No | Unclear | FP | FN | Accuracy |     F1 |",
        "+------------------+-------+-----+---------+----+----+----------+--------+",
        "| strict (default) | 1,030 | 204 |      11 | 30 |  4 |   0.9639 | 0.9809 |",
        "| leading          |     0 |   0 |       0 |  0 |  0 |        - |      - |",
        "| first-word       |     0 |   0 |       0 |  0 |  0 |        - |      - |",
        "| exact            |     0 |   0 |       1 |  0 |  0 |   0.0000 |      - |",
    ] == shown[:7]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (NOTHING, "No accuracy: there is no prediction with a clear truth."),
        (EVEN, "Accuracy is 0.7500 by every rule."),
        (
            EVEN | {"leading": Confusion(true_positives=4), "exact": Confusion(1, unclear_positives=3)},
            "Accuracy moves from 0.2500 (exact) to 1.0000 (leading) by the rule alone.",
        ),
        (
            dict.fromkeys(RULES, Confusion(1)) | {"pope": Confusion(0, 0, 0, 1), "mme": Confusion(0, 0, 0, 1)},
            "Accuracy moves from 0.0000 (pope) to 1.0000 (strict) by the rule alone.",
        ),
    ],
)
def test_the_last_line_says_how_far_the_accuracy_moves(counts: Mapping[str, Confusion], words: str) -> None:
    """Of rules that are equal the first is named."""
    assert words == list(lines(made(counts)))[-1]


def test_the_spread_of_another_metric_leaves_out_what_is_not_defined() -> None:
    """A rule that reads no yes, where none is true, has no F1."""
    counts = {"strict": Confusion(1, 0, 1), "mme": Confusion(2)}
    ends = spread(made(counts), "f1")
    assert ends is not None
    assert ["strict", "mme"] == [end.rule for end in ends]


def test_samples_are_shown_with_what_each_rule_read() -> None:
    """One way in which they differ below the other."""
    shown = list(lines(made(EVEN, sample("It may be yes or no.", 3), sample("Yes.", source="b.json"))))
    at = shown.index("The rules differ on 4 of 4 samples, in 2 ways. The first sample of each:")
    assert [
        "- item 7, a.mp4 (truth no; 3 samples like this)",
        "  response: It may be yes or no.",
        "  read as both by strict, leading; neither by first-word, exact, startswith, mme; no by pope",
        "- b.json: item 7, a.mp4 (truth no; 1 sample like this)",
        "  response: Yes.",
        "  read as yes by strict, leading, first-word, startswith, pope, mme; neither by exact",
        "",
    ] == shown[at + 1 : -1]


def test_it_says_how_the_samples_are_chosen() -> None:
    """Where there are more ways than samples."""
    shown = list(lines(made(EVEN, sample("Yes."), patterns=9)))
    expected = "The rules differ on 1 of 4 samples, in 9 ways. The first sample of 1 of them:"
    assert expected in shown


def test_what_is_skipped_or_left_over_is_named() -> None:
    """With the reason."""
    found = made(EVEN, skipped=1234)._replace(unused_labels=2, ambiguous_labels=3)
    expected = ["ground truth says both yes and no: 1,234", "Labels without a prediction: 2", "given more than once: 3"]
    text = "\n".join(lines(found))
    assert [words for words in expected if words in text] == expected


def test_the_document_has_all_of_it() -> None:
    """As JSON; each rule with the metrics of a run."""
    found = json.loads(json.dumps(document(made(EVEN, sample("Yes.", 2), skipped=1)), allow_nan=False))
    assert (5, 4, "strict", 2, 1) == tuple(
        found[name] for name in ("records", "samples", "default_rule", "disagreeing", "patterns")
    )
    assert [{"field": "gt", "reason": "both", "count": 1}] == found["skipped"]
    assert list(RULES) == [one["rule"] for one in found["rules"]]
    assert (4, 0, 0, 0.75) == tuple(found["rules"][0][name] for name in ("yes", "no", "unclear", "accuracy"))
    assert ("strict", "strict") == (found["lowest_accuracy"], found["highest_accuracy"])
    (one,) = found["disagreements"]
    assert (7, "a.mp4", "no", 2, "neither") == (
        one["index"],
        one["video_id"],
        one["truth"],
        one["samples"],
        one["answers"]["exact"],
    )


def test_the_document_of_nothing_makes_nothing_up() -> None:
    """What is not defined is null."""
    found = document(made(NOTHING))
    assert [None, None, None] == [found["lowest_accuracy"], found["highest_accuracy"], found["rules"][0]["accuracy"]]
