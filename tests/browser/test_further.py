"""What else the server can say of a face is asked only where a user switches it on."""

import csv
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


def saved(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value.path().read_text()


def test_downloads_say_it_of_the_faces_that_were_asked(visit, server):
    page = visit(server).open()
    page.set_input_files("#picture-file", photo_path("zidane"))
    expect(verdicts(page)).to_have_count(1)
    plain = saved(page, "CSV").splitlines()[0]
    assert not re.search("gender|Female|Male|not who someone is", plain + saved(page, "Report"))

    page.get_by_label(GENDER).check()
    page.set_input_files("#picture-file", photo_path("astronaut"))
    expect(verdicts(page)).to_have_text(SAID)
    before, asked = csv.DictReader((words := saved(page, "CSV")).splitlines())
    names = ("gender", "gender_confidence", "gender_female", "gender_male")
    assert words.splitlines()[0] == ",".join((plain, *names))
    assert [before[name] for name in names] == [""] * 4
    assert asked["gender"] in ("female", "male")
    assert asked["gender_confidence"] == asked[f"gender_{asked['gender']}"]
    assert sum(float(asked[name]) for name in names[2:]) == pytest.approx(1, abs=1e-3)
    report = saved(page, "Report")
    assert len(re.findall(r"<td>[^<]+ · (?:Fem|M)ale \d+%</td>", report)) == 1
    assert "not who someone is" in report
    assert re.search(r"Networks: [^<]*gender@", report)


def test_the_report_of_a_camera_gives_the_mean_of_each_face(visit, server):
    page = visit(server, camera=True).open()
    page.get_by_label(GENDER).check()
    page.get_by_role("button", name="Start the camera").click()
    expect(verdicts(page).first).to_have_text(SAID)
    page.get_by_role("button", name="Stop").click()
    report = saved(page, "Report")
    assert re.search(r"<p>0:0\d [^<]* · (Female|Male) \d+% in the mean</p>", report)
    assert re.search(r"Networks: [^<]*gender@", report)
