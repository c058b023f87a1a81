"""What a new user wants, who is given only the page: with the real weights, by the words that stand on it."""

import csv
import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_film import film  # noqa: F401 - a fixture
from tests.browser.test_looks import group, jpeg, named, photo
from tests.support.photos import photo_path

pytestmark = pytest.mark.slow


def choose(page, tab, button, files):
    page.get_by_role("radio", name=tab).check()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files(files)


def saved(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value.suggested_filename, download.value.path().read_text()


def test_five_pictures_to_a_table(visit, real_server):
    page = visit(real_server).open()
    files = [named(photo_path(name).read_bytes(), f"{name}.jpg") for name in ("zidane", "astronaut", "coffee")]
    more = [named(jpeg(photo("astronaut").resize((side, side))), f"{side}.jpg") for side in (200, 300)]
    choose(page, "Picture", "Choose pictures", [*files, *more])
    expect(page.get_by_role("region", name="Picture")).to_contain_text(re.compile("5 pictures, 5 faces: "))
    name, words = saved(page, "CSV")
    assert name == "mien-5-pictures.csv"
    rows = list(csv.DictReader(words.splitlines()))
    assert [row["file"] for row in rows] == [
        "zidane.jpg",
        "zidane.jpg",
        "astronaut.jpg",
        "coffee.jpg",
        "200.jpg",
        "300.jpg",
    ]
    assert [row["emotion"] for row in rows][3] == "no face"


def test_a_film_to_a_report(visit, real_server, film):  # noqa: F811
    page = visit(real_server).open()
    choose(page, "Video", "Choose a video", film)
    page.get_by_role("button", name="Analyse the whole film").click()
    expect(page.get_by_role("button", name="The whole film is analysed")).to_be_visible(timeout=60_000)
    page.get_by_label("Pictures in the report").check()
    name, words = saved(page, "Report")
    assert name == "a film.html"
    assert words.count('class="lane"') == words.count("<img") >= 3
    assert re.search(r"Face 1: mostly \w+, \d+% of the time", words)


def test_the_surest_and_the_least_sure_face_of_a_group(visit, real_server):
    page = visit(real_server).open()
    choose(page, "Picture", "Choose pictures", [named(group(), "group.jpg")])
    expect(page.locator(".card")).to_have_count(18)
    first = page.locator(".row-head").first
    page.get_by_label("Order").select_option("Surest first")
    expect(first).to_contain_text(re.compile(r"Happy 9\d%"))
    page.get_by_label("Order").select_option("Least sure first")
    expect(first).to_contain_text("Unclear")


def test_why_a_face_was_called_sad(visit, real_server):
    page = visit(real_server).open()
    choose(page, "Picture", "Choose pictures", [named(jpeg(photo("zidane").crop((780, 20, 1180, 420))), "sad.jpg")])
    expect(page.get_by_role("button", name=re.compile("sad"))).to_be_visible()
    page.get_by_role("button", name="Why?").click()
    words = page.get_by_text(re.compile("Orange places speak for"))
    expect(words).to_contain_text(re.compile(r"In test sets, \d+% to \d+% of the faces called “\w+” are right"))
    expect(words).not_to_contain_text("Looked at once more")  # the second answer is the first
    expect(page.get_by_role("img", name=re.compile("Orange places speak for"))).to_be_visible()
