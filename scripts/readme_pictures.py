#!/usr/bin/env python3
"""Remakes the README's pictures with this checkout's weights: docs/result.jpg and docs/page.png.

    .venv/bin/python scripts/readme_pictures.py

Needs the extra `dev` and Chromium; nothing else should be running, as the page shows its speed.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.chromium import FLAGS  # noqa: E402 - found only through the path above
from tests.support.photos import photo_path  # noqa: E402
from tests.support.server_process import running_server  # noqa: E402

PHOTOS = ("grace_hopper", "astronaut")
HEIGHT_PX, GAP_PX = 480, 8
FRAMES = 400
"""Number of answers to wait for, so that the page's timeline has something to show."""


def photo(name: str) -> Image.Image:
    """Open a photo at the common height."""
    found = Image.open(photo_path(name)).convert("RGB")
    return found.resize((found.width * HEIGHT_PX // found.height, HEIGHT_PX))


def side_by_side(pictures: list[Image.Image], gap_px: int) -> Image.Image:
    """Join pictures of the same height."""
    joined = Image.new("RGB", (sum(each.width + gap_px for each in pictures) - gap_px, HEIGHT_PX), "white")
    left = 0
    for each in pictures:
        joined.paste(each, (left, 0))
        left += each.width + gap_px
    return joined


def make_result(folder: Path) -> None:
    """Draw what `mien detect` finds in the photos."""
    files = [folder / f"{name}.png" for name in PHOTOS]
    for name, file in zip(PHOTOS, files, strict=True):
        photo(name).save(file)
    subprocess.run([sys.executable, "-m", "app", "detect", *files, "--annotate", folder], check=True, cwd=ROOT)  # noqa: S603
    annotated = [Image.open(folder / f"{file.stem}.annotated.png") for file in files]
    side_by_side(annotated, GAP_PX).save(ROOT / "docs" / "result.jpg", quality=88)


def make_camera(path: Path) -> None:
    """Film both photos, moving slowly to and fro."""
    both = side_by_side([photo(name) for name in PHOTOS], 0)
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


with tempfile.TemporaryDirectory() as name:
    make_result(Path(name))
    make_page(Path(name))
