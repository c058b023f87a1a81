"""The keyboard alone does everything, and where it is can be seen."""

import csv
import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_album import CrowdPipeline
from tests.browser.test_film import film  # noqa: F401 - a fixture
from tests.browser.test_live import STARTED
from tests.browser.test_page import SIZES
from tests.support.photos import photo_path
from tests.support.pipeline import FakePipeline
from tests.support.thread_server import ThreadServer

pytestmark = pytest.mark.slow

MOST_STOPS = 60

# The name of what has the focus, and what is wrong with how it is seen: no outline, out of the window, or covered.
FOCUS = """() => {
  const at = document.activeElement;
  const ring = at.closest(".sources label") ?? at;
  const { outlineStyle, outlineWidth } = getComputedStyle(ring);
  const { left, right, top, bottom } = ring.getBoundingClientRect();
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const seen = document.elementFromPoint(x, y);
  const faults = [
    (outlineStyle === "none" || parseFloat(outlineWidth) < 2) && at.tagName !== "VIDEO" && "no outline",
    (y < 0 || y > innerHeight) && "out of the window",
    seen && !ring.contains(seen) && !seen.contains(ring) && `covered by ${seen.id || seen.className}`,
  ];
  const label = at.labels?.[0]?.textContent;
  const name = at.getAttribute("aria-label") ?? label ?? at.textContent;
  return [name.trim().replace(/\\s+/g, " "), faults.filter(Boolean)];
}"""


def reach(page, name, key="Tab"):
    """Press a key until what has this name has the focus; each stop on the way can be seen."""
    stops = []
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        if page.evaluate("document.activeElement === document.body"):
            continue  # the browser's own controls come next, or the first element
        at, faults = page.evaluate(FOCUS)
        assert faults == [], at
        if re.search(name, at):
            return
        stops.append(at)
    raise AssertionError(f"{name!r} is not reached; stops: {stops}")


def press(page, name, key="Enter", by="Tab"):
    reach(page, name, by)
    page.keyboard.press(key)


def choose(page, name, files):
    with page.expect_file_chooser() as chooser:
        press(page, name)
    chooser.value.set_files(files)


def saved(page, name, by="Tab"):
    with page.expect_download() as download:
        press(page, name, by=by)
    return download.value.path().read_text()


@pytest.fixture
def server():
    with ThreadServer(lambda: FakePipeline({"gender": ("female", "male")})) as running:
        yield running


@pytest.mark.parametrize("size", SIZES)
def test_pictures(visit, server, size):
    seen = visit(server, viewport=SIZES[size])
    page = seen.open()
    press(page, "Tiếng Việt")
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    press(page, "English", by="Shift+Tab")
    press(page, "^Camera", "ArrowRight")
    press(page, "Gender", "Space")
    choose(page, "Choose pictures", [photo_path(name) for name in ("zidane", "astronaut", "coffee")])
    expect(page.locator(".strip-item[data-state=done]")).to_have_count(3)
    expect(page.locator("#another")).to_be_focused()

    press(page, "Next picture", by="Shift+Tab")
    chosen = page.locator('#strip [aria-current="true"]')
    expect(chosen).to_have_attribute("aria-label", re.compile("^2"))
    page.keyboard.press("Enter")
    expect(chosen).to_have_attribute("aria-label", re.compile("^3"))
    page.keyboard.press("Enter")  # there is no next one, and the focus stays with the pictures
    assert page.evaluate("document.getElementById('strip-panel').contains(document.activeElement)")
    page.keyboard.press("ArrowLeft")
    expect(chosen).to_have_attribute("aria-label", re.compile("^2"))

    rows = list(csv.DictReader(saved(page, "^CSV$").splitlines()))
    assert [row["gender"] in ("female", "male") for row in rows] == [True] * 3
    reach(page, r"Face 1.*(Female|Male) \d+%")
    expect(page.get_by_role("button", name="Why?")).to_be_visible()  # one of few faces is open at once
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Why?")).to_be_hidden()
    page.keyboard.press("Enter")
    press(page, r"^Why\?$")
    expect(page.get_by_text(re.compile("Orange places speak for"))).to_be_visible()
    expect(page.get_by_role("button", name="Why?")).to_be_focused()
    press(page, "Pictures in the report", "Space")
    assert saved(page, "^Report$", by="Shift+Tab").count("<figure>") == 3
    press(page, "^Discard$")
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()
    expect(page.get_by_role("radio", name="Picture")).to_be_focused()
    seen.check()


@pytest.mark.parametrize("size", SIZES)
def test_a_film(visit, server, film, size):  # noqa: F811
    page = visit(server, viewport=SIZES[size]).open()
    press(page, "^Camera", "ArrowLeft")  # round to the last source
    choose(page, "Choose a video", film)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    press(page, "Analyse the whole film")
    expect(page.get_by_role("button", name="The whole film is analysed")).to_be_visible(timeout=60_000)
    page.wait_for_function("() => video.ended")  # else it goes on from where a key has brought it
    reach(page, "Time in the film")
    for key, least_s, most_s in (("Home", 0, 0.01), ("PageUp", 0.2, 5.5), ("End", 5.8, 6.1), ("ArrowLeft", 5.7, 5.99)):
        page.keyboard.press(key)
        page.wait_for_function(
            f"() => !video.seeking && video.currentTime >= {least_s} && video.currentTime <= {most_s}"
        )
    assert 'class="lane"' in saved(page, "^Report$")


@pytest.mark.parametrize("size", SIZES)
def test_a_group(visit, size):
    with ThreadServer(CrowdPipeline) as server:
        page = visit(server, viewport=SIZES[size]).open()
        press(page, "^Camera", "ArrowRight")
        choose(page, "Choose pictures", [photo_path("zidane")])
        expect(page.locator(".card")).to_have_count(60)
        reach(page, "Order|^Largest")
        page.keyboard.press("ArrowDown")
        expect(page.locator("#sort")).to_have_value("place")
        reach(page, r"^Face \d+")
        for _ in range(59):
            page.keyboard.press("ArrowDown")
            assert page.evaluate(FOCUS)[1] == []
        expect(page.locator(".row-head").last).to_be_focused()
        for _ in range(59):
            page.keyboard.press("ArrowUp")
            name, faults = page.evaluate(FOCUS)
            assert faults == [], name
        expect(page.locator(".row-head").first).to_be_focused()
