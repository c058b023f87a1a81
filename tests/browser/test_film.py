"""A film on the page has its own time: lanes, replay, the whole of it, and no jumps."""

import csv

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from tests.browser.test_live import RESTING, STARTED, recorded
from tests.browser.test_page import SIZES, check_accessible
from tests.browser.visits import SCREENSHOTS
from tests.support.photos import photo_path

pytestmark = pytest.mark.slow

LENGTH_S = 6
SWEPT = "() => document.getElementById('whole').getAttribute('aria-pressed') === 'false'"

# The sum of layout shifts without a user's doing (web.dev/cls).
WATCH_SHIFTS = """
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifts += each.value;
  }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
def film(tmp_path):
    """Six seconds: a photo with two faces that moves slowly, then another person."""
    two = Pillow.open(photo_path("zidane")).convert("RGB")
    one = Pillow.open(photo_path("astronaut")).convert("RGB").resize((360, 360))
    path = tmp_path / "a film.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 15, (640, 360))
    for index in range(LENGTH_S * 15):
        if index < 60:
            frame = two.crop((index, 0, index + 1200, 675)).resize((640, 360))
        else:
            frame = Pillow.new("RGB", (640, 360))
            frame.paste(one, (index, 0))
        writer.write(cv2.cvtColor(np.asarray(frame), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def sweep(page) -> None:
    page.get_by_role("button", name="Analyse the whole film").click()
    expect(page.locator("#waiting-words")).to_contain_text("Analysing the film")
    expect(page.get_by_role("button", name="The whole film is analysed")).to_be_visible(timeout=60_000)


# Which rows there are after each of these answers, "gone" if their faces are missed.
ROWS_AFTER = """(answers) => import("/web/rows.js").then(({ Rows }) => {
  const rows = new Rows(() => {}, () => "");
  const probabilities = { angry: 0, happy: 1, sad: 0, surprise: 0, neutral: 0 };
  const faceOf = (track_id) => ({ track_id, emotion: "happy", confidence: 1, probabilities, box: {} });
  return answers.map((numbers) => {
    rows.show(numbers.map(faceOf), { picture: null, scale: 1, isLive: true, sort: "size" });
    return [...document.querySelectorAll(".card")].map((each) =>
      each.querySelector(".row-name").textContent + (each.classList.contains("gone") ? " gone" : ""));
  });
})"""


def test_a_missed_face_keeps_its_row_for_a_moment_but_not_over_a_cut(visit, fake_server):
    page = visit(fake_server).open()
    assert page.evaluate(ROWS_AFTER, [[1, 2], [2], [3, 4], []]) == [
        ["Face 1", "Face 2"],
        ["Face 1 gone", "Face 2"],
        ["Face 3", "Face 4"],
        ["Face 3 gone", "Face 4 gone"],
    ]


TELL_OF_A_LONG_WAIT = """() => Promise.all(["/web/waiting.js", "/web/language.js"].map((each) => import(each)))
  .then(([{ waitFor }, { text }]) => waitFor("sweeping", {
    done: () => "10:03", total: () => "12:10", left: () => text("minutesLeft", { count: 12 }),
  }))"""


@pytest.mark.parametrize("locale", ["en-GB", "vi-VN"])
def test_on_a_phone_the_time_left_is_not_cut_off(visit, fake_server, locale):
    page = visit(fake_server, locale=locale, viewport=SIZES["phone"]).open()
    page.evaluate(TELL_OF_A_LONG_WAIT)
    words = page.locator("#waiting-words")
    expect(words).to_contain_text("12:10")
    assert words.evaluate("each => each.scrollWidth <= each.clientWidth && each.scrollHeight <= each.clientHeight")


@pytest.mark.parametrize("size", SIZES)
def test_a_film_end_to_end(visit, real_server, film, size):
    """Lanes of the film's length, seeking by pointer and keys, replayed boxes, rows by the frame's time, no jump."""
    seen = visit(real_server, viewport=SIZES[size], color_scheme="dark" if size == "tablet" else "light")
    seen.page.add_init_script(WATCH_SHIFTS)
    page = seen.open()
    page.set_input_files("#video-file", film)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    page.wait_for_function("() => video.ended")
    assert page.evaluate("shifts") <= 0.1
    page.get_by_role("button", name="Analyse the whole film").click()
    page.wait_for_function(SWEPT, timeout=60_000)
    expect(page.locator("#axis-to")).to_have_text("0:06")
    assert page.locator(".lane").count() >= 2
    check_accessible(page)
    count = recorded(page)
    chart = page.locator(".lane-chart").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 8)
    page.mouse.up()
    page.wait_for_function("() => Math.abs(video.currentTime - 1.5) < 0.1 && !video.seeking")
    expect(page.locator("#overlay")).to_be_visible()
    expect(page.locator(".card:not(.gone)")).to_have_count(2)
    page.locator("#seek").press("ArrowRight")
    page.wait_for_function("() => video.currentTime > 1.45")
    assert recorded(page) == count  # nothing was asked twice
    page.screenshot(path=SCREENSHOTS / f"{size}-film.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "a film.csv"
    times = [float(row["time_s"]) for row in csv.DictReader(download.value.path().read_text().splitlines())]
    assert times == sorted(times)
    assert max(times) > LENGTH_S - 0.3
    seen.check()


def test_a_film_is_analysed_whole_while_it_rests(visit, fake_server, film):
    page = visit(fake_server).open()
    page.evaluate(RESTING)
    page.set_input_files("#video-file", film)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    sweep(page)
    assert recorded(page) >= LENGTH_S * 5 - 2
    assert page.evaluate("video.currentTime") == 0


def test_a_film_waits_while_another_source_is_looked_at(visit, fake_server, film):
    page = visit(fake_server).open()
    page.set_input_files("#video-file", film)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    page.get_by_role("radio", name="Camera").check()
    expect(page.locator("#recorded")).to_have_text("")
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()
    page.get_by_role("radio", name="Video").check()
    expect(page.locator("#recorded")).to_have_text(STARTED)
    expect(page.locator(".lane")).not_to_have_count(0)
