"""A slow link: what is sent is reduced, and the page says how far it has come."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import expect

from tests.browser.test_picture import picture_file

pytestmark = pytest.mark.slow

HALFWAY = """() => {
  const share = document.getElementById("waiting-share");
  return share.checkVisibility() && share.value > 0.05 && share.value < 0.95;
}"""


def grainy(width, height, quality):
    """A JPEG that is large, as photos at night are."""
    noise = np.asarray(Pillow.effect_noise((width, height), 60))
    ramp = np.linspace(0, 90, width, dtype=np.uint8)[None, :, None]
    buffer = io.BytesIO()
    Pillow.fromarray(noise[:, :, None] // 2 + ramp + np.zeros((1, 1, 3), np.uint8)).save(
        buffer, "JPEG", quality=quality
    )
    return buffer.getvalue()


def slow_down(page, bytes_per_s):
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": bytes_per_s},
    )


def test_it_says_what_is_sent_and_how_far_it_has_come(visit, fake_server):
    page = visit(fake_server).open()
    payload = grainy(1200, 900, 90)
    slow_down(page, len(payload) / 4)
    page.set_input_files("#picture-file", picture_file(payload, "night.jpg", "image/jpeg"))
    expect(page.locator("#waiting-words")).to_contain_text("Sending the picture (")
    page.wait_for_function(HALFWAY)
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#waiting")).to_be_hidden()


@pytest.mark.long
def test_a_photo_of_four_megabytes_at_100_kilobytes_a_second(visit, fake_server):
    page = visit(fake_server).open()
    payload = grainy(4032, 3024, 72)
    assert len(payload) > 4_000_000
    slow_down(page, 100_000)
    page.set_input_files("#picture-file", picture_file(payload, "night.jpg", "image/jpeg"))
    expect(page.locator(".card")).to_have_count(1, timeout=60_000)
