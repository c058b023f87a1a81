"""What the page says and does when a camera, a key or the server is missing, or the server has too much to do."""

import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Page, WebSocket, expect

from app.api.stream.sessions import GOING_AWAY
from app.errors import OutOfMemory
from app.faces.types import DetectOptions, ImageFaces
from app.pictures.types import Image
from tests.browser.test_live import RESTING, STARTED, recorded, start_camera
from tests.browser.test_page import check_accessible
from tests.browser.test_picture import hand_over, picture_file
from tests.browser.visits import SCREENSHOTS
from tests.support.pipeline import FakePipeline
from tests.support.thread_server import ThreadServer

pytestmark = pytest.mark.slow

NOTE_CLOSE_CODES = """() => {
  window.closeCodes = [];
  window.WebSocket = class extends WebSocket {
    constructor(...options) {
      super(...options);
      this.addEventListener("close", ({ code }) => closeCodes.push(code));
    }
  };
}"""

# Half a second without an answer: no frame is under way.
RESTS = """() => {
  if (window.count !== recorded.textContent) Object.assign(window, { count: recorded.textContent, at: Date.now() });
  return Date.now() > at + 500;
}"""


class FullPipeline(FakePipeline):
    """Has no memory for a picture, until it has."""

    is_full = True

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> list[ImageFaces]:
        if self.is_full:
            raise OutOfMemory("No room for a picture.")
        return super().detect(images, options)


def watch_streams(page: Page) -> tuple[list[WebSocket], list[bytes]]:
    """Return two lists that grow: the streams that the page opens, and the frames that it sends."""
    sockets: list[WebSocket] = []
    frames: list[bytes] = []

    def note(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framesent", lambda sent: isinstance(sent, bytes) and frames.append(sent))

    page.on("websocket", note)
    return sockets, frames


def test_server_goes_away_and_comes_back(visit):
    with ThreadServer() as server:
        page = visit(server, camera=True).open()
        start_camera(page)
        expect(page.locator("#recorded")).to_have_text(STARTED)
        page.locator(".card button").first.focus()
        server.stop()
        expect(page.get_by_role("alert")).to_contain_text("The connection was lost")
        hand_over(page, b"%PDF-", "drop", "application/pdf")  # what waits for a new try goes on waiting
        expect(page.get_by_role("alert")).to_contain_text("The connection was lost")
        expect(page.locator("#countdown")).to_have_text(re.compile(r"Trying again in \d+ s"))
        check_accessible(page)
        page.screenshot(path=SCREENSHOTS / "lost.png")
        before = recorded(page)
        server.start()
        page.wait_for_function("count => parseInt(document.getElementById('recorded').textContent) > count", arg=before)
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.get_by_role("status")).to_have_text(re.compile("Connected again|face"))
        expect(page.locator("#main")).to_be_focused()  # the card that had the focus is gone


def test_server_is_restarted_while_a_video_rests(visit, video):
    """An idle stream is told that the server goes away; the next frame opens a new one, and nobody is bothered."""
    with ThreadServer() as server:
        page = visit(server).open()
        page.evaluate(NOTE_CLOSE_CODES)
        page.evaluate(RESTING)
        page.set_input_files("#video-file", video)
        expect(page.locator("#recorded")).to_have_text(STARTED)
        page.wait_for_function(RESTS)
        server.stop()
        page.wait_for_function("() => closeCodes.length > 0")
        assert page.evaluate("closeCodes") == [GOING_AWAY.code]
        server.start()
        before = recorded(page)
        page.evaluate("() => { document.getElementById('video').currentTime = 0.5 }")
        page.wait_for_function("count => parseInt(document.getElementById('recorded').textContent) > count", arg=before)
        expect(page.locator("#notice")).to_be_hidden()


def test_full_server_is_busy_until_a_place_is_free(visit):
    with ThreadServer(stream_max_sessions=1) as server:
        first = visit(server, camera=True).open()
        start_camera(first)
        expect(first.locator("#recorded")).to_have_text(STARTED)
        second = visit(server, camera=True).open()
        start_camera(second)
        expect(second.get_by_role("alert")).to_contain_text("The server is busy")
        expect(second.locator("#countdown")).to_have_text(re.compile(r"Trying again in \d+ s"))
        first.get_by_role("button", name="Stop").click()
        expect(second.locator("#recorded")).to_have_text(STARTED)


def test_overloaded_server_is_left_alone_for_a_while(visit):
    """A refused frame is followed by a wait, not by the next frame."""
    pipeline = FullPipeline()
    with ThreadServer(lambda: pipeline) as server:
        page = visit(server, camera=True).open()
        sockets, frames = watch_streams(page)
        start_camera(page)
        expect(page.get_by_role("alert")).to_contain_text("The server is busy")
        expect(page.locator("#countdown")).to_have_text(re.compile(r"Trying again in \d+ s"))
        assert len(frames) <= len(sockets)
        pipeline.is_full = False
        expect(page.locator("#recorded")).to_have_text(STARTED)
        expect(page.locator("#notice")).to_be_hidden()


def test_frames_that_are_always_too_large_are_not_sent(visit):
    with ThreadServer(stream_max_frame_bytes=500) as server:
        page = visit(server, camera=True).open()
        sockets, frames = watch_streams(page)
        start_camera(page)
        expect(page.get_by_role("alert")).to_contain_text("The frames are too large for this server")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        assert (len(sockets), len(frames)) == (1, 0)


def test_a_browser_that_does_not_tell_frames_says_so(visit, fake_server, video):
    seen = visit(fake_server, camera=True)
    seen.page.add_init_script("delete HTMLVideoElement.prototype.requestVideoFrameCallback")
    page = seen.open()
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_role("alert")).to_contain_text("This browser is too old")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    page.set_input_files("#video-file", video)
    expect(page.get_by_role("alert")).to_contain_text("This browser is too old")
    expect(page.locator("#main")).to_be_focused()  # the button that had the focus is gone
    seen.check()


def test_a_key_opens_the_stream(visit):
    with ThreadServer(api_keys="secret+/=?") as server:
        page = visit(server, camera=True).open()
        start_camera(page)
        expect(page.get_by_role("alert")).to_contain_text("asks for an API key")
        for wrong in ("wrong", "chìa khóa"):
            page.get_by_label("API key").fill(wrong)
            page.get_by_role("button", name="Use this key").click()
            expect(page.get_by_role("alert")).to_contain_text("This API key is not accepted")
        page.get_by_label("API key").fill("secret+/=?")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#recorded")).to_have_text(STARTED)
        expect(page.locator("#notice")).to_be_hidden()


def test_refused_camera(visit, fake_server):
    page = visit(fake_server, camera=False).open()
    start_camera(page)
    expect(page.get_by_role("alert")).to_contain_text("The camera was not allowed")
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#recorded")).to_have_text(STARTED)


def test_no_camera(launch, fake_server):
    browser = launch()
    try:
        page = browser.new_page(locale="en-GB", permissions=["camera"])
        page.goto(fake_server.address)
        start_camera(page)
        expect(page.get_by_role("alert")).to_contain_text("No camera was found")
    finally:
        browser.close()


def test_insecure_page(visit, fake_server):
    page = visit(fake_server).page
    page.goto(fake_server.address.replace("127.0.0.1", "plain.test"))
    start_camera(page)
    expect(page.get_by_role("alert")).to_contain_text("needs a secure page")


def test_a_file_that_cannot_be_shown_leaves_a_low_stage(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", picture_file(b"no picture", "notes.jpg", "image/jpeg"))
    expect(page.get_by_role("alert")).to_contain_text("This file could not be read")
    stage = page.locator("#media").bounding_box()
    assert stage["height"] < stage["width"] / 2
