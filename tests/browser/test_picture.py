"""Pictures on the page: chosen, dropped, pasted, broken; downloads."""

import base64
import csv
import json
import re

import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from tests.browser.visits import SCREENSHOTS
from tests.support.photos import photo_path
from tests.support.pictures import encode, gradient

pytestmark = pytest.mark.slow


def picture_file(payload: bytes, name: str = "picture.png", media_type: str = "image/png") -> dict[str, object]:
    return {"name": name, "mimeType": media_type, "buffer": payload}


def hand_over(page, payload: bytes, event: str, media_type: str = "image/png") -> None:
    """Drop or paste a file as a user would."""
    page.evaluate(
        """([data, event, type]) => {
          const bytes = Uint8Array.from(atob(data), each => each.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "file", { type }));
          const made = event === "drop"
            ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
          document.body.dispatchEvent(made);
        }""",
        [base64.b64encode(payload).decode(), event, media_type],
    )


def test_upload_shows_two_faces(visit, real_server):
    seen = visit(real_server)
    page = seen.open()
    page.get_by_role("radio", name="Picture").check()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures").click()
    chooser.value.set_files(photo_path("zidane"))
    expect(page.locator(".card")).to_have_count(2)
    for card in page.locator(".card").all():
        shares = [int(each.rstrip("%")) for each in card.locator(".value").all_inner_texts()]
        assert len(shares) == 5
        assert 97 <= sum(shares) <= 103
    expect(page.locator("#overlay")).to_have_attribute("aria-label", re.compile(r"^2 faces: .*\d+%"))
    expect(page.get_by_role("status")).to_have_text(re.compile("^2 faces"))
    expect(page.get_by_role("button", name="Add pictures")).to_be_focused()
    seen.check()


@pytest.mark.parametrize(
    ("locale", "words"), [("en-GB", r"^Unclear: [a-z]+ or [a-z]+$"), ("vi-VN", r"^Chưa rõ: .+ hay .+$")]
)
def test_an_unclear_face_is_said_to_be_between_two(visit, fake_server, locale, words):
    seen = visit(fake_server, locale=locale, viewport={"width": 390, "height": 844})
    page = seen.open()
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    row = page.locator(".card.unclear")
    expect(row.locator(".row-verdict")).to_have_text(re.compile(words))
    expect(row.locator("li.best")).to_have_count(2)
    for part in (".row-name", ".row-verdict"):
        assert row.locator(part).evaluate(
            "each => each.clientWidth > 40 && each.scrollWidth <= each.clientWidth + 1"
        ), part
    hatched = "bar => getComputedStyle(bar, '::after').backgroundImage.startsWith('repeating-linear-gradient')"
    assert row.locator(".stack").evaluate(hatched)
    page.screenshot(path=SCREENSHOTS / f"unclear-{locale}.png")
    seen.check()


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_drop_and_paste(visit, fake_server, event):
    seen = visit(fake_server)
    page = seen.open()
    hand_over(page, encode(gradient(320, 240)), event)
    expect(page.locator(".card")).to_have_count(1)
    assert page.locator("input[value=picture]").is_checked()
    seen.check()


def test_broken_upload_shows_the_servers_message(visit, fake_server):
    page = visit(fake_server).open()
    truncated = encode(gradient(320, 240), "JPEG")[:900]
    page.set_input_files("#picture-file", picture_file(truncated, "photo.jpg", "image/jpeg"))
    expect(page.get_by_role("alert")).to_contain_text("This file could not be read")
    expect(page.get_by_role("alert")).to_contain_text("The server says: ")
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 2600])
def test_a_file_that_is_cut_off_is_answered_and_said_to_be(visit, fake_server, width):
    """One of 2,600 pixels is reduced by the page, so that the server sees no cut."""
    seen = visit(fake_server)
    page = seen.open()
    whole = encode(gradient(width, 240), "JPEG", quality=95)
    page.set_input_files("#picture-file", picture_file(whole[: len(whole) * 9 // 10], "cut.jpg", "image/jpeg"))
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("This file is cut off")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    [row] = csv.DictReader(download.value.path().read_text().splitlines())
    assert (row["truncated"], row["image_width"]) == ("true", str(width))
    page.set_input_files("#picture-file", picture_file(whole, "whole.jpg", "image/jpeg"))
    expect(page.locator("#notice")).to_be_hidden()
    seen.check()


def test_file_of_another_kind(visit, fake_server):
    page = visit(fake_server).open()
    hand_over(page, b"%PDF-", "drop", "application/pdf")
    expect(page.get_by_role("alert")).to_contain_text("neither a picture nor a video")


def test_a_format_that_browsers_cannot_show_is_answered_all_the_same(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240), "TIFF"), "a.tiff", "image/tiff"))
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("cannot show this kind of picture")


def test_busy_server_says_when_and_is_asked_again(visit, fake_server):
    page = visit(fake_server).open()
    problem = {"title": "The server is busy", "status": 503, "code": "overloaded", "detail": "The queue is full."}
    answers = [{"status": 503, "headers": {"Retry-After": "60"}, "json": problem}]
    page.route("**/detect", lambda route: route.fulfill(**answers.pop()) if answers else route.continue_())
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.get_by_role("alert")).to_contain_text("The server is busy")
    expect(page.locator("#countdown")).to_have_text(re.compile(r"Trying again in \d\d s"))
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".card")).to_have_count(1)
    assert int(page.locator("#round-trip").inner_text().removesuffix(" ms")) < 3000  # of the try that was answered
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize(("status", "title"), [(429, "Quá nhiều yêu cầu"), (408, "Gửi tệp mất quá nhiều thời gian")])
def test_what_is_wrong_is_told_in_the_users_language_and_the_servers_words_in_theirs(visit, fake_server, status, title):
    page = visit(fake_server, locale="vi-VN").open()
    problem = {"title": "No", "status": status, "code": "any", "detail": "In the server's words."}
    page.route("**/detect", lambda route: route.fulfill(status=status, json=problem))
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.locator(".notice-title")).to_have_text(title)
    expect(page.locator(".notice-server")).to_have_text("Máy chủ trả lời: In the server's words.")
    expect(page.locator(".notice-server [lang=en]")).to_have_text("In the server's words.")


def test_a_key_is_asked_for_and_sent(visit, fake_server):
    page = visit(fake_server).open()
    problem = {"title": "Unauthorized", "status": 401, "code": "unauthorized", "detail": "Send a key."}

    def guard(route):
        right = route.request.headers.get("x-api-key") == "secret"
        route.continue_() if right else route.fulfill(status=401, json=problem)

    page.route("**/detect", guard)
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.get_by_role("alert")).to_contain_text("asks for an API key")
    key = page.get_by_label("API key")
    expect(key).to_be_focused()
    key.fill("wrong")
    key.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This API key is not accepted")
    key.fill("secret")
    key.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#key")).to_be_hidden()


def test_downloads(visit, fake_server, tmp_path):
    page = visit(fake_server).open()
    expect(page.get_by_role("button", name="CSV")).to_be_disabled()
    page.set_input_files("#picture-file", picture_file(encode(gradient(320, 240))))
    expect(page.locator(".card")).to_have_count(1)
    files = {}
    for button, name in [("CSV", "picture.csv"), ("JSON", "picture.json"), ("Picture with boxes", "picture-boxes.png")]:
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == name
        files[name] = tmp_path / name
        download.value.save_as(files[name])
    [row] = csv.DictReader(files["picture.csv"].read_text().splitlines())
    [frame] = json.loads(files["picture.json"].read_text())["frames"]
    [face] = frame["faces"]
    assert row["emotion"] == face["emotion"]
    assert {name: row[name] for name in face["probabilities"]} == {
        name: f"{share:.4f}" for name, share in face["probabilities"].items()
    }
    assert (row["file"], row["width"], row["image_width"]) == ("picture.png", "160", "320")
    with Pillow.open(files["picture-boxes.png"]) as png:
        assert png.size == (320, 240)


def test_labels_of_a_crowd_keep_apart(visit, fake_server):
    """Sixty faces on a phone: no label covers another one, or another face."""
    page = visit(fake_server).open()
    boxes = [{"left": 36 * x, "top": 40 + 60 * y, "width": 28, "height": 36} for y in range(6) for x in range(10)]
    labels = [[f"{index} · Surprise 100%", str(index)] for index in range(len(boxes))]
    placed = page.evaluate(
        """([boxes, labels]) => import("/web/overlay.js").then(({ placeLabels }) => placeLabels(
          boxes, labels, { width: 360, height: 400, fontPx: 12, measure: (words) => 7 * words.length + 12 }))""",
        [boxes, labels],
    )
    for index, label in enumerate(placed):
        others = [*boxes[:index], *boxes[index + 1 :], *placed[index + 1 :]]
        assert not [other for other in others if overlap(label, other)]
    assert {label["words"] for label in placed} & {whole for whole, _ in labels}


def overlap(one, other):
    return all(
        one[start] < other[start] + other[length] and other[start] < one[start] + one[length]
        for start, length in (("left", "width"), ("top", "height"))
    )
