"""A real headless Chromium against real servers."""

import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.visits import Visit
from tests.support.chromium import FLAGS
from tests.support.photos import photo_path
from tests.support.server_process import running_server
from tests.support.thread_server import ThreadServer

PATIENCE_MS = 30_000


@pytest.fixture(scope="package")
def camera_video(tmp_path_factory) -> Path:
    """What the fake camera films: a photo with two faces, moving slowly."""
    photo = Pillow.open(photo_path("zidane")).convert("RGB")
    frames = io.BytesIO()
    for shift in [*range(0, 64, 4), *range(64, 0, -4)]:
        photo.crop((shift, 0, shift + 1200, 675)).resize((640, 360)).save(frames, "JPEG", quality=90)
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    path.write_bytes(frames.getvalue())
    return path


@pytest.fixture
def video(tmp_path):
    """Two seconds of a moving pattern."""
    path = tmp_path / "video.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 10, (320, 240))
    for index in range(20):
        writer.write(np.full((240, 320, 3), index * 10, np.uint8))
    writer.release()
    return path


@pytest.fixture(scope="package")
def launch():
    """Starts browsers, each with a new profile; more flags may be given."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *flags])


@pytest.fixture(scope="package")
def browser(launch, camera_video) -> Browser:
    """The browser of most tests; its camera is fake."""
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera_video}")
    return launch(*flags)


@pytest.fixture(scope="package")
def real_server(tmp_path_factory):
    """One server process with the real weights."""
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def fake_server():
    """A server with the fake pipeline."""
    with ThreadServer() as server:
        yield server


@pytest.fixture
def visit(browser):
    """Opens windows: `visit(server, camera=True, locale="vi-VN", ...)`."""
    contexts: list[BrowserContext] = []

    def make(server, *, camera: bool = False, **options) -> Visit:
        context = browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["camera"] if camera else [])
        return Visit(context.new_page(), server.address)

    yield make
    for context in contexts:
        context.close()
