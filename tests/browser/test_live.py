"""The camera and videos on the page, over the WebSocket; what is said when something is missing."""

import csv
import re

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.servers import ThreadServer
from tests.browser.test_page import SIZES, check_accessible

pytestmark = pytest.mark.slow

STARTED = re.compile(r"[1-9]\d* frames")


def start_camera(page) -> None:
    page.get_by_role("button", name=re.compile("Start the camera|Bật camera")).click()


def recorded(page) -> int:
    return int(re.sub(r"\D", "", page.locator("#recorded").inner_text()) or 0)


@pytest.fixture
def video(tmp_path):
    """Two seconds of a moving pattern."""
    path = tmp_path / "video.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 10, (320, 240))
    for index in range(20):
        writer.write(np.full((240, 320, 3), index * 10, np.uint8))
    writer.release()
    return path


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
    page.locator(".card button").nth(1).click()
    expect(page.locator(".card button").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#timeline-face")).to_contain_text(page.locator(".card h3").nth(1).inner_text().split("\n")[0])
    check_accessible(page)
    page.screenshot(path=SCREENSHOTS / f"{size}-{scheme}-camera.png", full_page=True)
    seen.check()


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


def test_video_file(visit, fake_server, video):
    seen = visit(fake_server)
    page = seen.open()
    page.set_input_files("#video-file", video)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    page.wait_for_function("() => document.getElementById('video').ended")
    count = recorded(page)
    page.evaluate("() => { document.getElementById('video').currentTime = 0.5 }")
    page.wait_for_function(
        "count => parseInt(document.getElementById('recorded').textContent) > count", arg=count
    )  # a frame that is sought is asked about, too
    seen.check()


def test_broken_video(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#video-file", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"no video"})
    expect(page.get_by_role("alert")).to_contain_text("This browser cannot play the video")


def test_smoothing_is_asked_for_or_not(visit, fake_server):
    page = visit(fake_server, camera=True).open()
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    start_camera(page)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    assert not any(isinstance(each, str) for each in sent)
    page.get_by_label("Smooth over time").uncheck()
    expect(page.locator("#recorded")).to_have_text(STARTED)
    assert [each for each in sent if isinstance(each, str)] == ['{"type":"session.update","smoothing":false}']


def test_server_goes_away_and_comes_back(visit):
    with ThreadServer() as server:
        page = visit(server, camera=True).open()
        start_camera(page)
        expect(page.locator("#recorded")).to_have_text(STARTED)
        server.stop()
        expect(page.get_by_role("alert")).to_contain_text("The connection was lost")
        expect(page.locator("#countdown")).to_have_text(re.compile(r"Trying again in \d+ s"))
        check_accessible(page)
        page.screenshot(path=SCREENSHOTS / "lost.png")
        before = recorded(page)
        server.start()
        page.wait_for_function("count => parseInt(document.getElementById('recorded').textContent) > count", arg=before)
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.get_by_role("status")).to_have_text(re.compile("Connected again|face"))


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
