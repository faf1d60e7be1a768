from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.page.pages import HOSTILE, gap, metrics, page

pytest.importorskip("jinja2")
sync_api = pytest.importorskip("playwright.sync_api")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NARROW = 360

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


class Shown:
    """A page in the browser, and what it has asked for and complained of.

    Attributes:
        page: the page.
        requests: the URLs that were asked for.
        complaints: errors, and what was said on the console.
    """

    def __init__(self, browser: Browser, path: Path, text: str, **options: Any) -> None:
        path.write_text(text, "utf-8")
        self.page: Page = browser.new_page(**options)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def samples(self) -> list[str]:
        """Return the texts of the samples that are shown."""
        return [one.inner_text() for one in self.page.locator("article:visible").all()]

    def state(self) -> str:
        """Return what is said of how many there are."""
        found: str = self.page.locator(
            "output"
        ).inner_text()  # where Playwright is not installed, nothing is known of it
        return found

    def is_too_wide(self) -> bool:
        """Say whether one would have to scroll sideways."""
        found: bool = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return found


GAPS = [
    gap(0, category="night"),
    gap(1, category="day", response="Yes: a Straße, ﬁne."),
    gap(2, "FN", category="night"),
    gap(3, "FN", category="day", question="Is it raining?"),
]


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Shown:
    """Show the page of four gaps in two groups."""
    return Shown(browser, tmp_path / "page.html", page(GAPS, metrics(GAPS, ["category"])))


def test_it_opens_without_a_complaint_and_asks_for_nothing(shown: Shown) -> None:
    """But for itself; all samples are shown."""
    shown.page.wait_for_timeout(200)
    assert ([], 1) == (shown.complaints, len(shown.requests))
    assert ("4 of 4 shown", 4) == (shown.state(), len(shown.samples()))
    assert ["Yes", "Yes", "No", "No"] == shown.page.locator("mark").all_inner_texts()


def test_samples_are_filtered_by_keyboard(shown: Shown) -> None:
    """By error type, by group, by words; and all come back."""
    keyboard = shown.page.keyboard
    shown.page.get_by_role("radio", name="All").focus()
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    assert ("2 of 4 shown", ["FN"] * 2) == (shown.state(), [text[:2] for text in shown.samples()])
    keyboard.press("Tab")
    keyboard.type("night")
    assert "1 of 4 shown" == shown.state()
    keyboard.press("Tab")
    keyboard.type("collision")
    assert ("1 of 4 shown", True) == (shown.state(), "/data/2.mp4" in shown.samples()[0])
    keyboard.type(" raining")
    assert ("None fits", []) == (shown.state(), shown.samples())
    keyboard.press("Tab")
    keyboard.press("Enter")
    shown.page.wait_for_function("document.querySelector('output').textContent === '4 of 4 shown'")
    assert 4 == len(shown.samples())


@pytest.mark.parametrize(("words", "count"), [("STRASSE", 0), ("straße", 1), ("fine", 1), ("3.mp4", 1), ("day yes", 2)])
def test_words_are_found_in_all_that_is_shown(shown: Shown, words: str, count: int) -> None:
    """In any case and order."""
    shown.page.get_by_role("searchbox").fill(words)
    assert count == len(shown.samples())


def test_a_video_that_cannot_be_played_says_so(shown: Shown) -> None:
    """When it is played, and not before."""
    assert 4 == shown.page.locator("video").count()
    shown.page.locator("video").first.evaluate("video => video.play().catch(() => 0)")
    shown.page.get_by_text("not available", exact=True).wait_for()
    assert 3 == shown.page.locator("video").count()


def test_without_script_all_samples_are_there(browser: Browser, tmp_path: Path) -> None:
    """And nothing that would do nothing."""
    text = page(GAPS, metrics(GAPS, ["category"]))
    shown = Shown(browser, tmp_path / "page.html", text, java_script_enabled=False)
    assert (4, 0) == (shown.page.locator("article:visible").count(), shown.page.locator("form:visible").count())


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    """In each field, in the names and values of groups, in what is known of the run: nothing runs or is fetched."""
    gaps = [
        {**gap(n), **dict.fromkeys(("video_id", "question", "ground_truth", "response", *HOSTILE), text)}
        for n, text in enumerate(HOSTILE)
    ]
    document = metrics(gaps, ["question", *HOSTILE], inputs=HOSTILE, **dict.fromkeys(HOSTILE, "x"), gt_rule=HOSTILE[0])
    shown = Shown(browser, tmp_path / "page.html", page(gaps, document), viewport={"width": NARROW, "height": 800})
    shown.page.wait_for_timeout(200)
    assert ([], 1) == (shown.complaints, len(shown.requests))
    assert "9 gaps · streamgaps" == shown.page.title()
    responses = shown.page.locator(".response").all_text_contents()
    assert HOSTILE[:4] == responses[:4]
    assert not shown.is_too_wide()
    assert 1 == shown.page.locator("script").count()
    shown.page.locator("select").first.select_option(index=1)
    assert "1 of 9 shown" == shown.state()


@pytest.mark.parametrize("count", [0, 40])
@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark"}, {"viewport": {"width": NARROW, "height": 800}}, {"media": "print"}], ids=str
)
def test_nothing_is_wider_than_the_window(browser: Browser, tmp_path: Path, count: int, look: dict[str, Any]) -> None:
    """Light and dark, on a phone and on paper; with many gaps, and with none."""
    gaps = [gap(n, "FN" if n % 2 else "FP", category=f"group {n % 30} " + "x" * n) for n in range(count)]
    options = dict(look)
    media = options.pop("media", None)
    shown = Shown(browser, tmp_path / "page.html", page(gaps, metrics(gaps, ["category", "question"])), **options)
    shown.page.emulate_media(media=media)
    assert not shown.is_too_wide()
    assert [] == shown.complaints
    assert (media != "print" and count > 0) == (shown.page.locator("form:visible").count() == 1)


CONTRAST = """() => {
  const light = (color) => {
    const parts = color.map((part) => (part /= 255) <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
  };
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const low = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("svg, script")) continue;
    const both = [rgb(getComputedStyle(element).color).slice(0, 3), behind(element)].map(light);
    both.sort((a, b) => b - a);
    if ((both[0] + .05) / (both[1] + .05) < 4.5) low.add(`${element.tagName}.${element.className}`);
  }
  return [...low];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_told_from_what_is_behind_it(browser: Browser, tmp_path: Path, scheme: str) -> None:
    """With a contrast of 4.5 to 1, as WCAG 2.2 AA asks for."""
    text = page(GAPS, metrics(GAPS, ["category"]))
    shown = Shown(browser, tmp_path / "page.html", text, color_scheme=scheme)
    assert [] == shown.page.evaluate(CONTRAST)


def test_each_control_and_picture_has_a_name(shown: Shown) -> None:
    """And headings go down one level at a time."""
    for role in ("radio", "combobox", "searchbox", "button"):
        found = shown.page.get_by_role(role)
        assert found.count() > 0
        for one in found.all():
            assert one.evaluate("one => one.labels?.[0]?.textContent || one.textContent").strip()
    levels = shown.page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((one) => +one.tagName[1])")
    assert 1 == levels[0]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for landmark in ("banner", "main", "navigation", "search", "contentinfo"):
        assert 1 == shown.page.get_by_role(landmark).count()
