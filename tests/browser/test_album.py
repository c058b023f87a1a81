"""Several pictures at once, groups, large pictures, and that nothing is lost."""

import csv
import re

import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from app.faces.types import Detection, Face, ImageFaces
from tests.browser.test_page import check_accessible
from tests.browser.test_picture import overlap, picture_file
from tests.browser.visits import SCREENSHOTS
from tests.support.photos import photo_path
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline, digest_probabilities, emotion
from tests.support.thread_server import ThreadServer

pytestmark = pytest.mark.slow

PLACE = """([boxes, labels, canvas]) => import("/web/overlay.js").then(({ placeLabels, eyesOf }) => ({
  placed: placeLabels(boxes, labels, { ...canvas, measure: (words) => 7 * words.length + 12 }),
  eyes: boxes.map(eyesOf),
}))"""

NOTE_SIZES = """() => {
  window.sizes = [];
  const { send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (body) { sizes.push(body.size); send.call(this, body); };
}"""

BEST_SHARES = """rows => rows.map(row => Math.max(
    ...[...row.querySelectorAll(".stack i")].map(part => Number(part.style.getPropertyValue("--share")))))"""

# Frames drawn in a second and a half of scrolling through a list, at 40 px each.
SCROLL = """() => new Promise((resolve) => {
  const list = document.getElementById("cards");
  const from = performance.now();
  let count = 0;
  const step = (now) => {
    list.scrollTop = (list.scrollTop + 40) % (list.scrollHeight - list.clientHeight);
    count += 1;
    if (now - from > 1500) resolve((count * 1000) / (now - from));
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


class CrowdPipeline(FakePipeline):
    """Finds sixty faces in rows of ten, each with an emotion of its own."""

    def _faces(self, image, options):
        height, width = image.shape[:2]
        faces = []
        for index in range(60):
            left, top = index % 10 * width / 10, index // 10 * height / 6
            box = (left + 4.0, top + 4.0, left + width / 12 + index / 10, top + height / 8)
            seed = np.full((2, 2, 3), index, np.uint8)
            faces.append(Face(Detection(box, 0.9), emotion(digest_probabilities(seed))))
        return ImageFaces(width, height, tuple(faces), {"detect": 1.0, "classify": 1.0})


def five_files() -> list[dict[str, object]]:
    broken = encode(gradient(320, 240), "JPEG")[:900]
    good = [picture_file(encode(gradient(320 + index, 240)), f"{index}, a.png") for index in range(4)]
    return [*good[:2], picture_file(broken, "broken.jpg", "image/jpeg"), *good[2:]]


def test_five_pictures_to_one_table(visit, fake_server):
    seen = visit(fake_server)
    page = seen.open()
    page.set_input_files("#picture-file", five_files())
    expect(page.locator("#summary")).to_have_text(
        re.compile(r"^5 pictures, 4 faces: \d .* \(4 unclear\)\. Not read: 1\.")
    )
    expect(page.locator(".strip-item")).to_have_count(5)
    assert [each for each in seen.addresses if each.endswith("/detect/batch")]
    check_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "mien-5-pictures.csv"
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [row["file"] for row in rows] == ["0, a.png", "1, a.png", "2, a.png", "3, a.png", "broken.jpg"]
    assert [row["error"] for row in rows] == ["", "", "", "", "bad_payload"]
    assert rows[-1]["detail"]
    seen.check()


def test_nothing_is_said_of_faces_before_an_answer(visit, fake_server):
    page = visit(fake_server).open()
    held = []
    page.route("**/detect/batch", lambda route: held.append(route))
    page.set_input_files("#picture-file", five_files())
    expect(page.locator('.strip-item[data-state="sending"]')).to_have_count(5)
    expect(page.locator("#summary")).to_have_text("5 pictures.")
    held[0].continue_()
    expect(page.locator("#summary")).to_have_text(re.compile("^5 pictures, 4 faces: "))


def test_keys_go_back_and_forth_and_errors_stand_at_their_picture(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", five_files())
    expect(page.locator('.strip-item[data-state="failed"]')).to_have_count(1)
    expect(page.locator("#notice")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".strip-item button").nth(2)).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("alert")).to_contain_text("This file could not be read")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()  # the file would be no better
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator(".card")).to_have_count(1)


def test_a_part_that_is_too_large_is_sent_in_smaller_ones(visit):
    files = [
        picture_file(encode(np.asarray(Pillow.effect_noise((200, 200), 80).convert("RGB"))), f"{n}.png")
        for n in range(5)
    ]
    size = max(len(each["buffer"]) for each in files)
    with ThreadServer(max_request_bytes=int(size * 2.5), max_image_bytes=size * 2) as server:
        page = visit(server).open()
        page.set_input_files("#picture-file", files)
        expect(page.locator('.strip-item[data-state="done"]')).to_have_count(5)


def test_rows_and_boxes_light_each_other_and_can_be_sorted(visit):
    with ThreadServer(CrowdPipeline) as server:
        page = visit(server, viewport={"width": 1440, "height": 900}).open()
        page.set_input_files("#picture-file", picture_file(encode(gradient(1200, 700))))
        rows = page.locator(".card")
        expect(rows).to_have_count(60)
        assert page.evaluate("document.documentElement.scrollHeight") < 2000
        expect(page.get_by_role("button", name="CSV")).to_be_in_viewport()
        box = page.locator("#overlay").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.04, box["y"] + box["height"] * 0.08)
        expect(page.locator(".card.lit .row-name")).to_have_text("Face 1")
        page.mouse.click(box["x"] + box["width"] * 0.04, box["y"] + box["height"] * 0.08)
        expect(page.locator(".card.lit .row-more")).to_be_visible()
        page.keyboard.press("ArrowDown")
        expect(page.locator(".card.lit")).to_have_count(1)
        for order, sign in (("surest", -1), ("leastSure", 1)):
            page.locator("#sort").select_option(order)
            shares = rows.evaluate_all(BEST_SHARES)
            assert shares == sorted(shares, key=lambda share: sign * share)
        check_accessible(page)
        page.screenshot(path=SCREENSHOTS / "group.png")
        assert any(page.evaluate(SCROLL) >= 50 for _ in range(5))  # whatever else this machine does now and then


@pytest.mark.parametrize("gap", [30, 12, 0])
def test_labels_never_cover_eyes(visit, fake_server, gap):
    page = visit(fake_server).open()
    boxes = [
        {"left": (40 + gap) * x, "top": (50 + gap) * y, "width": 40, "height": 50} for y in range(6) for x in range(8)
    ]
    labels = [[f"{index} · Surprise 100%", str(index)] for index in range(len(boxes))]
    found = page.evaluate(PLACE, [boxes, labels, {"width": 600, "height": 500, "fontPx": 12}])
    for label in found["placed"]:
        assert not [eyes for eyes in found["eyes"] if label["width"] and overlap(label, eyes)]
    assert any(label["width"] for label in found["placed"])


def test_a_large_picture_is_reduced_and_its_boxes_scaled_back(visit, fake_server, tmp_path):
    """Eighty megapixels are above the server's limit; the page sends 2,560 px and speaks of 10,240."""
    path = tmp_path / "large.jpg"
    Pillow.fromarray(gradient(640, 480)).resize((10_240, 7_812)).save(path, quality=60)
    page = visit(fake_server).open()
    page.evaluate(NOTE_SIZES)
    page.set_input_files("#picture-file", path)
    expect(page.locator(".card")).to_have_count(1)
    assert page.evaluate("sizes[0]") < 1_500_000
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    [row] = csv.DictReader(download.value.path().read_text().splitlines())
    assert (row["image_width"], row["image_height"]) == ("10240", "7812")
    assert float(row["width"]) == pytest.approx(5120, abs=8)


def test_a_source_keeps_what_it_has_until_it_is_dropped(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("radio", name="Camera").check()
    expect(page.locator(".card")).to_have_count(0)
    page.get_by_role("radio", name="Picture").check()
    expect(page.locator(".card")).to_have_count(1)
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".card")).to_have_count(1)
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()
    assert len(asked) == 2


@pytest.mark.parametrize("is_saved", [True, False])
def test_leaving_asks_only_if_something_is_not_saved(visit, fake_server, is_saved):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.locator(".card")).to_have_count(1)
    if is_saved:
        with page.expect_download():
            page.get_by_role("button", name="CSV").click()
    asks = page.evaluate("() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    assert asks is not is_saved


def test_an_example_is_one_click_away(visit, real_server):
    seen = visit(real_server)
    page = seen.open()
    page.get_by_role("button", name="See an example").click()
    expect(page.locator(".row-verdict")).to_have_text(re.compile(r"Happy \d+%"))
    seen.check()


@pytest.mark.parametrize(
    ("code", "status", "title", "again"),
    [
        ("upload_timeout", 408, "Gửi tệp mất quá nhiều thời gian", True),
        ("bad_payload", 400, "Không đọc được tệp này", False),
    ],
)
def test_known_codes_are_told_in_the_users_language_alone(visit, fake_server, code, status, title, again):
    page = visit(fake_server, locale="vi-VN").open()
    problem = {"title": "No", "status": status, "code": code, "detail": "In the server's words."}
    page.route("**/detect", lambda route: route.fulfill(status=status, json=problem))
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.locator(".notice-title")).to_have_text(title)
    expect(page.locator(".notice-server")).to_have_text("")
    expect(page.get_by_role("button", name="Thử lại")).to_have_count(int(again))


def test_a_photo_of_a_group_end_to_end(visit, real_server):
    """Real weights, three photos of which one has no face."""
    page = visit(real_server).open()
    page.set_input_files("#picture-file", [photo_path(name) for name in ("zidane", "astronaut", "coffee")])
    expect(page.locator("#summary")).to_have_text(re.compile("^3 pictures, 3 faces: "))
    expect(page.locator(".strip-words").nth(2)).to_have_text("No face")
