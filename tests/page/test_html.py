from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.metadata import version

import pytest

from streamgaps import ConfigurationError
from streamgaps.page import html
from tests.conftest import ROOT
from tests.page.pages import HOSTILE, gap, metrics, page

pytest.importorskip("jinja2")

VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """Reads a page, and checks that each element is closed where it must be.

    Attributes:
        texts: by the names of elements, and `.` with each of their classes, the texts in them.
        elements: the names of all elements, with their attributes.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(text)
        self.close()
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open one."""
        attributes = dict(attrs)
        assert len(attributes) == len(attrs)
        self.elements.append((tag, attributes))
        if tag in ("td", "th"):
            self.handle_data(" ")
        if tag not in VOID:
            names = [tag, *(f".{name}" for name in (attributes.get("class") or "").split())]
            self._open.append((tag, names))
            for name in names:
                self.texts.setdefault(name, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take one that is closed at once, as in SVG."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the last one."""
        assert tag == self._open.pop()[0]

    def handle_data(self, data: str) -> None:
        """Add to all that are open."""
        for name in {name for _, names in self._open for name in names}:
            self.texts[name][-1] += data

    def all(self, name: str) -> list[str]:
        """Return the texts of elements, blanks made one."""
        return [" ".join(text.split()) for text in self.texts.get(name, [])]


def test_the_verdict_is_seen_at_once() -> None:
    """Accuracy with its interval, false positives and negatives, unclear answers, records."""
    gaps = [gap(1), gap(2), gap(3, "FN")]
    read = Page(page(gaps, metrics(gaps)))
    assert ["37.5 %"] == read.all(".big")
    assert "95 % interval 13.7\N{EN DASH}69.4 %, of 8 samples with a clear truth" in read.all(".note")
    assert [
        "False positives 2said yes, the truth is no",
        "False negatives 1said no, the truth is yes",
        "Unclear answers 2neither yes nor no, or both, 25.0 %",
        "Records read 9" + "1 could not be compared",
    ] == read.all(".tile")


@pytest.mark.parametrize("positive", ["yes", "no"])
def test_the_matrix_has_unclear_answers_in_a_row_of_their_own(positive: str) -> None:
    """And it is told by yes, whatever the positive answer is."""
    gaps = [gap(1), gap(2), gap(3, "FN")]
    read = Page(page(gaps, metrics(gaps, positive=positive)))
    assert [
        "Said yes 2right 2false positives 4",
        "Said no 1false negatives 1right 2",
        "Unclear 1neither or both 1neither or both 2",
        "All 4 4 8",
    ] == [row for row in read.all("tr") if row.startswith(("Said", "Unclear 1n", "All 4"))]
    assert (positive == "no") == ("The positive answer of this run is no" in " ".join(read.all(".note")))


def test_what_is_missing_is_not_available() -> None:
    """Without metrics only what the gaps say is there."""
    read = Page(page([gap(1), gap(2, "FN")]))
    assert 6 <= read.all(".none").count("not available")
    assert ["False positives 1said yes, the truth is no", "Unclear answers not available"] == read.all(".tile")[:3:2]
    assert [] == read.all("mark")
    assert "%" not in re.sub("style|script", "", " ".join(read.all("section")))


def test_without_gaps_it_says_so() -> None:
    """And claims nothing where nothing was compared."""
    assert "No gaps. No answer that was compared contradicts its truth." in Page(page([], metrics([]))).all("p")
    nothing = {**metrics([]), "accuracy": None, "total_samples": 0, "unclear_rate": None}
    assert "No gaps. Nothing could be compared: this says nothing about the model." in Page(page([], nothing)).all("p")
    assert "No gaps. Whether anything was compared is not known." in Page(page([])).all("p")


def test_rates_that_are_not_defined_are_not_available() -> None:
    """As of no answers at all."""
    empty = metrics([])
    empty = {**empty, "precision": None, "intervals": {**empty["intervals"], "precision": None}}
    (row,) = (row for row in Page(page([], empty)).all("tr") if row.startswith("Precision"))
    assert row.endswith("not available")


def test_a_sample_shows_what_its_line_says() -> None:
    """The words that decided are marked, and the video can be played."""
    gaps = [gap(7, category="night", unclear=True)]
    read = Page(page(gaps, metrics(gaps)))
    (sample,) = read.all("article")
    for text in ("Is there a collision?", "Yes, there is.", "B. No", "/data/7.mp4", "night", "line 1", "Unclear"):
        assert text in sample
    assert ["Yes"] == read.all("mark")
    (video,) = (attributes for name, attributes in read.elements if name == "video")
    assert {"controls": None, "preload": "none", "src": "file:///data/7.mp4"} == video


def test_groups_are_shown_worst_first_and_can_be_chosen() -> None:
    """As a chart, as a table, and as a filter of the samples; a value that is no text as JSON."""
    gaps = [*(gap(n, category="night") for n in range(9)), gap(9, category=None), gap(10, "FN", category=["a"])]
    read = Page(page(gaps, metrics(gaps, ["category"])))
    rows = [row for row in read.all("tr") if re.search(r"(%|available) [\d ]*\d$", row)]
    assert ["night 0.0 %", '["a"] 0.0 %'] == [row.split(" 0.0\N{EN DASH}")[0] for row in rows[:2]]
    (chart,) = read.all(".chart")
    assert "night" in chart
    assert ["All", "night (9)", "(none) (1)", '["a"] (1)'] == read.all("option")
    chosen = [attributes["data-groups"] for name, attributes in read.elements if name == "article"]
    assert [*["0"] * 9, "1", "2"] == chosen


def test_a_filter_has_the_values_of_most_samples() -> None:
    """All others are one choice."""
    gaps = [*(gap(n, category=str(n)) for n in range(120)), gap(120, category="119")]
    read = Page(page(gaps, metrics(gaps, ["category"])))
    options = read.all("option")
    assert ["All", "119 (2)", "0 (1)"] == options[:3]
    assert ["58 (1)", "(all others) (60)"] == options[-2:]
    chosen = [attributes["data-groups"] for name, attributes in read.elements if name == "article"]
    assert ["1", "59", "60", "0"] == [chosen[n] for n in (0, 58, 59, 119)]


def test_of_many_groups_the_worst_are_shown() -> None:
    """It says of how many, and what is left is one of them."""
    document = metrics([gap(n, category=str(n)) for n in range(40)], ["category"])
    document["groups"]["category"][3]["is_other"] = True
    read = Page(page([], {**document, "gaps": {"FP": 0, "FN": 0, "unclear": 0}}))
    assert "The 12 worst of 41 groups." in " ".join(read.all(".lead"))
    assert any(row.startswith("(other) ") for row in read.all("tr"))


def test_why_samples_were_skipped_is_listed() -> None:
    """In words."""
    read = Page(page([], metrics([])))
    assert "ground truth says neither yes nor no 1" in read.all("tr")
    assert "response says both yes and no 2" in read.all("tr")


def test_hostile_text_stays_text() -> None:
    """In every place that a text of the input or of the run comes to."""
    gaps = [
        {**gap(0), **dict.fromkeys(("video_id", "question", "ground_truth", "response", name), text), "carried": text}
        for text in HOSTILE
        for name in HOSTILE
    ]
    hostile = metrics(gaps, ["question", *HOSTILE], inputs=HOSTILE, **dict.fromkeys(HOSTILE, "x"), rule=HOSTILE[0])
    hostile["skipped"] = [{"field": text, "reason": text, "count": 1} for text in HOSTILE]
    whole = page(gaps, hostile)
    read = Page(whole)
    names = {name for name, _ in read.elements}
    assert names <= {name for name, _ in Page(page([gap(0)], metrics([gap(0)], ["question"]))).elements} | {
        "video",
        "i",
    }
    assert not [key for _, attributes in read.elements for key in attributes if key.startswith("on") or key == "style"]
    assert not set("\0\x07\x1b\u202e\u2066") & set(whole)
    assert whole == whole.encode().decode()
    assert {"{{ 7 * 7 }}{% raw %}", "lone \\ud83d surrogate", HOSTILE[1]} <= set(read.all(".response"))
    assert 1 == whole.count("<script") == whole.count("<style")


def test_only_the_style_and_script_of_the_page_are_allowed() -> None:
    """By their digests; and nothing may be asked for but videos and pictures."""
    whole = page([gap(1)], metrics([gap(1)], ["question"]))
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', whole)
    for name in ("style", "script"):
        (text,) = re.findall(rf"<{name}>(.*?)</{name}>", whole, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src &#39;sha256-{digest}&#39;;" in policy
    assert policy.startswith("default-src &#39;none&#39;;")
    assert "unsafe" not in policy
    assert not re.findall(r"(?:src|href)=\"(?!#|file:)", whole)


@pytest.mark.slow
@pytest.mark.parametrize("letter", ["a", "é", "漢", "<", "&", "\0", "\ud800", "yes "])
def test_a_page_of_400_samples_is_below_1_mb(letter: str) -> None:
    """However long the texts are, whatever they are written in, if all of a response is marked, with many groups."""
    long = letter * 5000
    gaps = [
        gap(
            n,
            kind,
            video_id=f"/{letter * (n % 150)}{n}.mp4",
            question=f"{n}{long}",
            ground_truth=long,
            response=long,
            **dict.fromkeys((long, *"abcde"), f"{n}{long}"),
        )
        for kind in ("FP", "FN")
        for n in range(200)
    ]
    whole = page(gaps, metrics(gaps, ["question", *"abcde"]))
    assert 400 == whole.count("<article")
    assert 1_000_000 > len(whole.encode())


def test_the_same_page_comes_again() -> None:
    """Byte for byte, from another process; whatever day it is."""
    gaps = [gap(n, category=str(n % 3)) for n in range(300)]
    script = "from tests.page.pages import *; gaps = [gap(n, category=str(n % 3)) for n in range(300)]; "
    script += "print(page(gaps, metrics(gaps, ['category'])), end='')"
    again = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=ROOT)
    assert page(gaps, metrics(gaps, ["category"])) == again.stdout.decode()


def test_the_way_python_finds_modules_is_left_as_it_is() -> None:
    """Whatever a library adds to it; and Python finds packages afterwards."""
    script = "import sys; from importlib.metadata import version; from tests.page.pages import *; "
    script += "page([gap(0)], metrics([gap(0)], ['question'])); assert 'pygal' in sys.modules; print(version('pygal'), "
    script += "[finder for finder in sys.meta_path if type(finder).__module__.startswith('pygal')])"
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, check=True, capture_output=True, cwd=ROOT, text=True)
    assert done.stdout == f"{version('pygal')} []\n"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way to install it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pygal" else name)
    with pytest.raises(ConfigurationError, match=r"needs pygal; install them: pip install 'streamgaps\[report\]'"):
        html.check_available()


@pytest.mark.parametrize("positive", ["yes", "no"])
def test_the_gaps_of_groups_are_told_by_yes(positive: str) -> None:
    """As everywhere on the page, whatever the positive answer is."""
    gaps = [*(gap(n, category="night") for n in range(5)), *(gap(n, "FN", category="night") for n in range(5, 8))]
    read = Page(page(gaps, metrics(gaps, ["category"], positive=positive)))
    (row,) = (row for row in read.all("tr") if row.startswith("night "))
    assert row.endswith(" 5 3 0 8")
    assert "FP FN Unclear Samples" in " ".join(read.all("thead"))


def test_one_word_without_end_is_marked_at_its_beginning_only() -> None:
    """The rule pope drops commas: with a hundred thousand of them it still is one word."""
    gaps = [gap(number, "FN", response="n" + "," * 100_000 + "o") for number in range(100)]
    text = page(gaps, metrics(gaps, rule="pope"))
    assert len(text) < 400_000
    assert text.count("<mark>n,,,") == 100
