#!/usr/bin/env python3
"""Remakes the README's pictures with this checkout's weights: docs/moving.webp and docs/page.png.

    .venv/bin/python scripts/readme_pictures.py [moving|page]...

Without a name: all. Needs the extra `dev` and, for the page, Chromium and a machine that does nothing else, as the page
shows its speed.
"""

import io
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import av
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.chromium import FLAGS  # noqa: E402 - found only through the path above
from tests.support.photos import photo_path  # noqa: E402
from tests.support.server_process import running_server  # noqa: E402

PHOTOS = ("grace_hopper", "astronaut")
HEIGHT_PX = 480
FILM_FPS, FILM_S, FILM_PX = 12, 6, (576, 360)
"""Of the moving picture."""

STOPS = ((0.27, 0.34, 0.5), (0.5, 0.5, 1.0), (0.72, 0.3, 0.55), (0.5, 0.5, 1.0))
"""Where its camera looks: centre across and down, and width, as shares of both photos side by side; then again."""

FRAMES = 400
"""Number of answers to wait for, so that the page's timeline has something to show."""


def photo(name: str) -> Image.Image:
    """Open a photo at the common height."""
    found = Image.open(photo_path(name)).convert("RGB")
    return found.resize((found.width * HEIGHT_PX // found.height, HEIGHT_PX))


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Join pictures of the same height."""
    joined = Image.new("RGB", (sum(each.width for each in pictures), HEIGHT_PX))
    left = 0
    for each in pictures:
        joined.paste(each, (left, 0))
        left += each.width
    return joined


def view(both: Image.Image, time: float) -> Image.Image:
    """Return what the camera sees at a time, 0 to 1 over the film; it rests at each stop and glides between them."""
    at, part = divmod(time * len(STOPS), 1)
    eased = (1 - math.cos(math.pi * min(max(part - 0.25, 0) / 0.75, 1))) / 2
    here, there = STOPS[int(at) % len(STOPS)], STOPS[(int(at) + 1) % len(STOPS)]
    x, y, width = (a + (b - a) * eased for a, b in zip(here, there, strict=True))
    wide = width * min(both.width, both.height * FILM_PX[0] / FILM_PX[1])
    high = wide * FILM_PX[1] / FILM_PX[0]
    left = min(max(x * both.width - wide / 2, 0), both.width - wide)
    top = min(max(y * both.height - high / 2, 0), both.height - high)
    return both.resize(FILM_PX, Image.Resampling.LANCZOS, (left, top, left + wide, top + high))


def make_moving(folder: Path) -> None:
    """Film both photos, let `mien watch` draw what it sees, and keep that as a moving picture."""
    both, film, drawn = side_by_side([photo(name) for name in PHOTOS]), folder / "film.mp4", folder / "drawn.mp4"
    with av.open(film, "w") as container:
        stream = container.add_stream("mpeg4", rate=FILM_FPS, width=FILM_PX[0], height=FILM_PX[1], bit_rate=8_000_000)
        for number in range(FILM_FPS * FILM_S):
            frame = av.VideoFrame.from_image(view(both, number / (FILM_FPS * FILM_S)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    command = [sys.executable, "-m", "app", "watch", film, "--out", folder / "faces.csv", "--annotate", drawn]
    subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603
    with av.open(drawn) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    frames[0].save(
        ROOT / "docs" / "moving.webp", save_all=True, append_images=frames[1:], duration=1000 // FILM_FPS, loop=0,
        quality=50, method=6,
    )  # fmt: skip


def make_camera(path: Path) -> None:
    """Film both photos, moving slowly to and fro."""
    both = side_by_side([photo(name) for name in PHOTOS])
    width, frames = both.width - 48, io.BytesIO()
    for shift in [*range(0, 48, 2), *range(48, 0, -2)]:
        both.crop((shift, 0, shift + width, HEIGHT_PX)).resize((848, 480)).save(frames, "JPEG", quality=92)
    path.write_bytes(frames.getvalue())


def make_page(folder: Path) -> None:
    """Take a screenshot of the page while it follows both faces."""
    camera = folder / "camera.mjpeg"
    make_camera(camera)
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}")
    with running_server(folder) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, *flags])
        context = browser.new_context(
            locale="en-GB", viewport={"width": 1000, "height": 766}, permissions=["camera"], color_scheme="light"
        )
        page = context.new_page()
        page.goto(server.address)
        page.get_by_role("button", name="Start the camera").click()
        page.wait_for_function(
            f"() => parseInt(document.getElementById('recorded').textContent) > {FRAMES}", timeout=300_000
        )
        page.screenshot(path=ROOT / "docs" / "page.png", full_page=True)
        browser.close()


PICTURES = {"moving": make_moving, "page": make_page}

for wanted in sys.argv[1:] or PICTURES:
    with tempfile.TemporaryDirectory() as name:
        PICTURES[wanted](Path(name))
