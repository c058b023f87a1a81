"""The report: one file that needs nothing else."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_album import five_files
from tests.browser.test_film import film, sweep  # noqa: F401 - a fixture
from tests.browser.test_live import STARTED
from tests.browser.test_page import check_accessible
from tests.browser.visits import SCREENSHOTS
from tests.support.photos import photo_path

pytestmark = pytest.mark.slow


def save_report(page, path, *, with_pictures=False):
    page.get_by_label("Pictures in the report").set_checked(with_pictures)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report").click()
    download.value.save_as(path)
    return path.read_text()


def check_self_contained(page, path, words):
    """No script, no other file; axe's rules hold; nothing is wider than A4."""
    assert not re.search(r"<script|\son\w+=|src=\"(?!data:)|href=|url\(", words)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.set_viewport_size({"width": 700, "height": 990})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert [each for each in asked if not each.startswith(("file:", "data:"))] == []


def test_report_of_pictures(visit, fake_server, tmp_path):
    page = visit(fake_server).open()
    page.set_input_files(
        "#picture-file", [*five_files(), {"name": "<b>.png", "mimeType": "image/png", "buffer": b"no"}]
    )
    expect(page.locator("#summary")).to_have_text(re.compile("Not read: 2"))
    path = tmp_path / "report.html"
    words = save_report(page, path)
    assert "<img" not in words
    assert "&lt;b&gt;.png" in words
    assert "<b>" not in words
    assert words.count("0, a.png") == 1
    assert re.search(r"4 pictures, 4 faces: \d \w+.* \(4 unclear\)\.</p>", words)
    assert words.count('class="bar unclear"') == 4
    words = save_report(page, path, with_pictures=True)
    assert words.count("data:image/jpeg") == 4
    other = page.context.new_page()
    check_self_contained(other, path, words)
    assert other.locator("tbody tr").count() == 6


def test_report_of_a_film(visit, real_server, film, tmp_path):  # noqa: F811
    page = visit(real_server).open()
    page.set_input_files("#video-file", film)
    expect(page.locator("#recorded")).to_have_text(STARTED)
    sweep(page)
    path = tmp_path / "report.html"
    words = save_report(page, path, with_pictures=True)
    other = page.context.new_page()
    check_self_contained(other, path, words)
    lanes = other.locator(".lane")
    assert lanes.count() == page.locator(".lane").count()
    expect(other.locator("h1")).to_have_text("a film.webm")
    assert re.search(r"Networks: \S+@[0-9a-f]{12}, \S+@[0-9a-f]{12}", words)
    check_accessible(other)
    other.screenshot(path=SCREENSHOTS / "report-film.png", full_page=True)


def test_report_of_a_photo_in_vietnamese(visit, real_server, tmp_path):
    page = visit(real_server, locale="vi-VN").open()
    page.set_input_files("#picture-file", photo_path("zidane"))
    expect(page.locator(".card")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Báo cáo").click()
    words = download.value.path().read_text()
    assert '<html lang="vi">' in words
    assert "zidane.jpg" in words
    assert download.value.suggested_filename == "zidane.html"
