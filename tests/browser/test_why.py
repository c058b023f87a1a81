"""What the answer for a face rests on, by a click."""

import re

import pytest
from playwright.sync_api import expect

from app.manifest import LABELS
from tests.browser.test_album import CrowdPipeline
from tests.browser.test_page import check_accessible
from tests.browser.test_picture import picture_file
from tests.browser.visits import SCREENSHOTS
from tests.support.photos import photo_path
from tests.support.pictures import encode, gradient
from tests.support.thread_server import ThreadServer

pytestmark = pytest.mark.slow

ORANGE_ROWS = """map => {
  const { data, width, height } = map.getContext("2d").getImageData(0, 0, map.width, map.height);
  const redness = (row) => {
    let sum = 0;
    for (let at = row * width * 4; at < (row + 1) * width * 4; at += 4) sum += data[at] - data[at + 2];
    return sum / width;
  };
  return [...Array(height).keys()].map(redness);
}"""


@pytest.mark.parametrize(
    ("locale", "why", "words"),
    [("en-GB", "Why?", r"“happy”.*In test sets, \d+% to \d+%"), ("vi-VN", "Vì sao?", r"“vui vẻ”.*\d+% đến \d+%")],
)
def test_a_click_says_why(visit, real_server, locale, why, words):
    seen = visit(real_server, locale=locale, viewport={"width": 390, "height": 844})
    page = seen.open()
    page.set_input_files("#picture-file", photo_path("astronaut"))
    page.get_by_role("button", name=why).click()
    expect(page.locator(".why-words")).to_have_text(re.compile(words))
    rows = page.locator(".why-map").evaluate(ORANGE_ROWS)
    assert max(range(len(rows)), key=rows.__getitem__) > len(rows) / 2  # the mouth
    assert max(rows) > 20 > max(rows[: len(rows) // 4])
    check_accessible(page)
    page.locator(".card").screenshot(path=SCREENSHOTS / f"why-{locale}.png")
    seen.check()


@pytest.mark.parametrize("is_other", [True, False])
def test_a_second_answer_that_is_another_is_told(visit, fake_server, is_other):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    named = page.locator(".card").get_attribute("data-emotion")
    other = next(each for each in LABELS if (each != named) is is_other)
    answer = {"emotion": other, "explanation": {"rows": 4, "columns": 4, "drops": [[0.1] * 4] * 4}}
    page.route("**/classify?*", lambda route: route.fulfill(json={"results": [answer]}))
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".why-words")).to_contain_text(f"Orange places speak for “{other}”")
    assert ("Looked at once more" in page.locator(".why-words").inner_text()) is is_other


@pytest.mark.parametrize(("drop", "is_spread"), [(0.02, True), (0.2, False)])
def test_a_pale_map_is_put_into_words(visit, fake_server, drop, is_spread):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    drops = [[0.01] * 4, [0.01] * 4, [0.0] * 4, [0.0, -drop, drop, 0.0]]
    answer = {"emotion": "happy", "explanation": {"rows": 4, "columns": 4, "drops": drops}}
    page.route("**/classify?*", lambda route: route.fulfill(json={"results": [answer]}))
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".why-words")).to_contain_text("Orange places")
    assert ("No single place matters much" in page.locator(".why-words").inner_text()) is is_spread


def test_what_opens_comes_into_view(visit):
    with ThreadServer(CrowdPipeline) as server:
        page = visit(server, viewport={"width": 1440, "height": 900}).open()
        page.set_input_files("#picture-file", picture_file(encode(gradient(1200, 700))))
        expect(page.locator(".card")).to_have_count(60)
        row = page.locator(".card").nth(6)
        row.locator(".row-head").scroll_into_view_if_needed()
        row.locator(".row-head").click()
        expect(row.get_by_role("button", name="Why?")).to_be_in_viewport(ratio=1)
        row.get_by_role("button", name="Why?").click()
        expect(row.locator(".why-words")).to_contain_text("Orange places")
        expect(row.locator(".why-words")).to_be_in_viewport(ratio=1)


def test_a_face_that_cannot_be_seen_is_not_explained(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", picture_file(encode(gradient(64, 48), "TIFF"), "a.tif", "image/tiff"))
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".why-words")).to_have_text(re.compile("^This browser cannot show"))
    expect(page.locator(".why-map")).to_be_hidden()


# What is cut out of a picture of two colours, whose left half is dark, around a face at its left and upper border.
CORNER = """() => import("/web/why.js").then(({ cropOf }) => {
  const picture = Object.assign(document.createElement("canvas"), { width: 100, height: 60 });
  const context = picture.getContext("2d");
  context.fillStyle = "rgb(40 40 40)"; context.fillRect(0, 0, 50, 60);
  context.fillStyle = "rgb(200 200 200)"; context.fillRect(50, 0, 50, 60);
  const face = { box: { x: 0, y: 0, width: 30, height: 30 }, rotation_deg: 0 };
  const crop = cropOf({ picture, scale: 1 }, face, { margin: 1, shift_y: 0 });
  const { data } = crop.getContext("2d").getImageData(0, 0, crop.width, crop.height);
  return data.filter((each) => each === 40).length === crop.width * crop.height * 3;
})"""


def test_a_face_at_the_border_is_explained_with_the_border_repeated_as_the_server_does(visit, fake_server):
    assert visit(fake_server).open().evaluate(CORNER)
