"""A real headless Chromium against real servers. Screenshots go to out/screenshots (not in version control)."""

import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.servers import ThreadServer
from tests.conftest import photo_path
from tests.system.server import running_server

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP plain.test 127.0.0.1",
)
PATIENCE_MS = 30_000
SCREENSHOTS = Path(__file__).resolve().parents[2] / "out" / "screenshots"

# Violations of the content security policy, where a test can read them.
WATCH_POLICY = "window.violations = []; addEventListener('securitypolicyviolation', e => violations.push(e.blockedURI))"


class Visit:
    """One browser window on one server, and what must not happen there.

    Attributes:
        page: The window's page.
        errors: Messages of the console that are errors, and exceptions.
        addresses: Every address that was asked for.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.errors: list[str] = []
        self.addresses: list[str] = []
        page.add_init_script(WATCH_POLICY)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("websocket", lambda socket: self.addresses.append(socket.url))

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.base + path)
        return self.page

    def check(self) -> None:
        """Nothing went wrong, and no other host was asked."""
        assert self.errors == []
        assert self.page.evaluate("window.violations") == []
        own = (self.base + "/", self.base.replace("http", "ws") + "/", "blob:", "data:")
        assert [each for each in self.addresses if not each.startswith(own)] == []


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
