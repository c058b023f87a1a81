"""What else the server can say of a face is asked only where a user switches it on."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_page import check_accessible
from tests.support.photos import photo_path
from tests.support.pipeline import FakePipeline
from tests.support.thread_server import ThreadServer

pytestmark = pytest.mark.slow

GENDER = "Gender, as most people would describe the look"
SAID = re.compile(r"· (Female|Male) \d+%$")


@pytest.fixture
def server():
    with ThreadServer(lambda: FakePipeline({"gender": ("female", "male"), "glasses": ("none", "worn")})) as running:
        yield running


def verdicts(page):
    return page.locator("#cards .row-verdict")


def test_without_such_networks_there_is_no_switch(visit, fake_server):
    page = visit(fake_server).open()
    page.set_input_files("#picture-file", photo_path("zidane"))
    expect(verdicts(page)).to_have_count(1)
    expect(page.locator("#further input")).to_have_count(0)
    expect(verdicts(page)).not_to_have_text(SAID)


def test_a_switch_asks_for_the_pictures_that_come(visit, server):
    seen = visit(server)
    page = seen.open()
    page.set_input_files("#picture-file", photo_path("zidane"))
    expect(verdicts(page)).to_have_count(1)
    expect(verdicts(page)).not_to_have_text(SAID)
    assert not any("attributes" in each for each in seen.addresses)

    page.get_by_label(GENDER).check()
    check_accessible(page)
    page.set_input_files("#picture-file", photo_path("astronaut"))
    expect(verdicts(page)).to_have_text(SAID)
    assert any(each.endswith("/detect?attributes=gender") for each in seen.addresses)
    assert server.engine.manifest.further  # and the other network was not asked
    expect(verdicts(page)).not_to_contain_text("worn")
    page.get_by_role("button", name="Tiếng Việt").click()
    expect(verdicts(page)).to_have_text(re.compile(r"· (Nữ|Nam) \d+%$"))
    expect(page.get_by_label("Cho biết thêm: glasses")).not_to_be_checked()
    seen.check()


def test_a_stream_asks_from_then_on(visit, server):
    seen = visit(server, camera=True)
    page = seen.open()
    page.get_by_role("button", name="Start the camera").click()
    expect(verdicts(page).first).to_be_visible()
    expect(verdicts(page).first).not_to_have_text(SAID)
    page.get_by_label(GENDER).check()
    expect(verdicts(page).first).to_have_text(SAID)
    page.get_by_label(GENDER).uncheck()
    expect(verdicts(page).first).not_to_have_text(SAID)
    seen.check()
