"""The camera and videos on the page, over the WebSocket."""

import csv
import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_page import SIZES, check_accessible
from tests.browser.test_picture import hand_over
from tests.browser.visits import SCREENSHOTS

pytestmark = pytest.mark.slow

STARTED = re.compile(r"[1-9]\d* frames?")

# A browser that waits for a press of the video's own button.
RESTING = "() => { HTMLMediaElement.prototype.play = () => Promise.reject(new Error('not now')); }"

# A camera of another shape at every `turn`, as a phone's is.
TURNING_CAMERA = """() => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const draw = () => {
    context.fillStyle = `hsl(${performance.now() % 360} 50% 50%)`;
    context.fillRect(0, 0, canvas.width, canvas.height);
  };
  window.turn = (width, height) => { Object.assign(canvas, { width, height }); draw(); };
  turn(320, 180);
  setInterval(draw, 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
}"""


# Three frames of one colour each are taken; only the first is answered. What does its picture show afterwards?
TAKE_THREE = """async () => {
  const { Frames } = await import("/web/frames.js");
  const video = document.createElement("canvas");
  Object.assign(video, { videoWidth: 8, videoHeight: 8, width: 8, height: 8 });
  video.requestVideoFrameCallback = () => {};
  const frames = new Frames(video, new AbortController().signal);
  const take = (colour) => {
    Object.assign(video.getContext("2d"), { fillStyle: colour }).fillRect(0, 0, 8, 8);
    return frames.take({ max_pixels: 64, max_frame_bytes: 1e6 });
  };
  const answered = await take("rgb(200, 0, 0)");
  frames.keep();
  await take("rgb(0, 200, 0)");
  await take("rgb(0, 0, 200)");
  return [...answered.canvas.getContext("2d").getImageData(4, 4, 1, 1).data];
}"""


def start_camera(page) -> None:
    page.get_by_role("button", name=re.compile("Start the camera|Bật camera")).click()


def recorded(page) -> int:
    return int(re.sub(r"\D", "", page.locator("#recorded").inner_text()) or 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_camera_end_to_end(visit, real_server, size, scheme):
    """Real weights see both faces of the fake camera, frame after frame."""
    locale = "vi-VN" if size == "phone" else "en-GB"
    seen = visit(real_server, camera=True, viewport=SIZES[size], color_scheme=scheme, locale=locale)
    page = seen.open()
    start_camera(page)
    expect(page.locator(".card")).to_have_count(2)
    page.wait_for_function("() => parseInt(document.getElementById('recorded').textContent) > 10")
    assert re.fullmatch(r"\d+[.,]\d", page.locator("#rate").inner_text())
    assert re.fullmatch(r"\d+ ms", page.locator("#round-trip").inner_text())
    expect(page.locator(".lane")).to_have_count(2)
    expect(page.locator(".lane-chart").nth(1)).to_have_attribute("aria-label", re.compile(r" 2: .*\d+%"))
    check_accessible(page)
    page.screenshot(path=SCREENSHOTS / f"{size}-{scheme}-camera.png", full_page=True)
    seen.check()


def test_the_answered_frame_stays_as_it_is_while_others_go_unanswered(visit, fake_server):
    assert visit(fake_server).open().evaluate(TAKE_THREE) == [200, 0, 0, 255]


def test_stop_ends_the_camera_and_keeps_the_results(visit, fake_server):
    page = visit(fake_server, camera=True).open()
    start_camera(page)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start the camera")).to_be_focused()
    assert page.evaluate("document.getElementById('video').srcObject") is None
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [int(row["frame"]) for row in rows] == list(range(len(rows)))
    times = [float(row["time_s"]) for row in rows]
    assert times == sorted(times)
    assert times[0] == 0


def test_a_wrong_file_is_told_while_the_camera_goes_on(visit, fake_server):
    page = visit(fake_server, camera=True).open()
    start_camera(page)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    hand_over(page, b"%PDF-", "drop", "application/pdf")
    before = recorded(page)
    page.wait_for_function("count => parseInt(document.getElementById('recorded').textContent) > count + 5", arg=before)
    expect(page.get_by_role("alert")).to_contain_text("neither a picture nor a video")
    expect(page.locator("#notice")).to_be_hidden(timeout=15_000)


def test_video_file(visit, fake_server, video):
    seen = visit(fake_server)
    page = seen.open()
    page.set_input_files("#video-file", video)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    page.wait_for_function("() => document.getElementById('video').ended")
    seen.check()


def test_a_frame_that_is_sought_is_asked_about_once(visit, fake_server, video):
    page = visit(fake_server).open()
    page.evaluate(RESTING)
    page.set_input_files("#video-file", video)
    expect(page.locator("#recorded")).to_have_text(re.compile("^1 frame,"))
    for time_s, frames in ((1.5, "2 frames"), (0, "2 frames"), (1.5, "2 frames"), (0.9, "3 frames")):
        page.evaluate("time => { document.getElementById('video').currentTime = time }", time_s)
        page.wait_for_function("() => !document.getElementById('video').seeking")
        expect(page.locator("#recorded")).to_have_text(re.compile(frames))
        expect(page.locator("#overlay")).to_be_visible()


def test_broken_video(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#video-file", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"no video"})
    expect(page.get_by_role("alert")).to_contain_text("This browser cannot play the video")


def test_video_without_a_media_type(visit, fake_server, video):
    """It is played here; a whole video has no business at POST /detect."""
    seen = visit(fake_server)
    page = seen.open()
    page.get_by_role("radio", name="Video").check()
    hand_over(page, video.read_bytes(), "drop", media_type="")
    expect(page.locator("#recorded")).to_have_text(STARTED)
    assert not any(each.endswith("/detect") for each in seen.addresses)
    seen.check()


def test_boxes_fit_a_camera_that_is_turned(visit, fake_server):
    page = visit(fake_server).open()
    page.evaluate(TURNING_CAMERA)
    start_camera(page)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    page.evaluate("turn(180, 320)")
    page.wait_for_function("() => document.getElementById('video').videoHeight === 320")
    page.wait_for_function(
        """() => {
          const { width, height } = document.getElementById("overlay").getBoundingClientRect();
          return Math.abs(width / height - 180 / 320) < 0.01;
        }"""
    )
    expect(page.locator("#overlay")).to_be_visible()


def watch_texts(page) -> list[str]:
    """Return a list that grows: the text messages that the page sends over its streams."""
    texts: list[str] = []
    page.on(
        "websocket", lambda socket: socket.on("framesent", lambda sent: isinstance(sent, str) and texts.append(sent))
    )
    return texts


def test_smoothing_is_changed_while_it_runs(visit, fake_server):
    """Only the session is a new one: what was found stays, and its faces are not taken for those that come."""
    page = visit(fake_server, camera=True).open()
    texts = watch_texts(page)
    start_camera(page)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    assert texts == []
    kept = page.evaluate("() => { smoothing.click(); return recorded.textContent; }")  # elements are named by their ids
    assert STARTED.match(kept)
    page.wait_for_function(
        "count => parseInt(document.getElementById('recorded').textContent) > count + 5", arg=int(kept.split()[0])
    )
    assert texts == ['{"type":"session.update","smoothing":false}']
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    faces = [int(row["face"]) for row in csv.DictReader(download.value.path().read_text().splitlines())]
    assert faces == sorted(faces)
    assert set(faces) == {1, 2}


def test_a_seek_resets_the_session_and_a_change_of_smoothing_opens_another(visit, fake_server, video):
    """Far from what was answered, a face is another one; beside it, it is the same."""
    page = visit(fake_server).open()
    texts = watch_texts(page)
    page.evaluate(RESTING)
    page.set_input_files("#video-file", video)
    expect(page.locator("#recorded")).to_have_text(re.compile("^1 frame,"))
    assert texts == []
    page.evaluate("() => { document.getElementById('video').currentTime = 1.5 }")
    expect(page.locator("#recorded")).to_have_text(re.compile("^2 frames"))
    assert texts == ['{"type":"session.reset"}']
    page.get_by_label("Smooth over time").uncheck()
    page.evaluate("() => { document.getElementById('video').currentTime = 1.7 }")
    expect(page.locator("#recorded")).to_have_text(re.compile("^3 frames"))
    assert texts[1:] == ['{"type":"session.update","smoothing":false}']
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    faces = [int(row["face"]) for row in csv.DictReader(download.value.path().read_text().splitlines())]
    assert faces == [1, 2, 2]
