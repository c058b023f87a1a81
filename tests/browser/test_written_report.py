"""The reports that the command line writes, as a browser shows and prints them."""

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from app.api.wire.schemas import model_names
from app.faces.types import Detection, DetectOptions, Face
from app.looking import Looker
from app.pictures.open import decode_image
from app.report.film import write_film_report
from app.report.gallery import GalleryReport
from app.report.tracks import Tracks
from tests.browser.test_page import check_accessible
from tests.browser.test_report import check_self_contained
from tests.browser.visits import SCREENSHOTS
from tests.support.manifest import make_manifest
from tests.support.photos import photo_path
from tests.support.pipeline import FakePipeline, emotion

pytestmark = pytest.mark.slow


def overlaps(page):
    """How often two of the report's blocks lie upon each other."""
    return page.evaluate("""() => {
        const boxes = [...document.querySelectorAll("header, .limits, h2, article, figure, tr, footer")]
            .map((each) => each.getBoundingClientRect());
        return boxes.flatMap((one, index) => boxes.slice(index + 1).filter((other) =>
            one.left < other.right - 1 && other.left < one.right - 1
            && one.top < other.bottom - 1 && other.top < one.bottom - 1)).length;
    }""")


def looked_at(page, path, name):
    check_self_contained(page, path, path.read_text())
    check_accessible(page)
    assert overlaps(page) == 0
    assert page.locator(".bar").first.evaluate("bar => getComputedStyle(bar).printColorAdjust") == "exact"
    widths = (
        page.locator(".bar").first.locator("i").evaluate_all("all => all.map((i) => i.getBoundingClientRect().width)")
    )
    assert sum(widths) == pytest.approx(page.locator(".bar").first.bounding_box()["width"], abs=1)
    page.screenshot(path=SCREENSHOTS / name, full_page=True)
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_report_of_a_film(visit, fake_server, tmp_path):
    random, tracks = np.random.default_rng(0), Tracks(with_pictures=True)
    image = decode_image(photo_path("zidane").read_bytes(), 50_000_000)
    boxes = {1: (740.0, 40.0, 930.0, 300.0), 2: (480.0, 230.0, 620.0, 430.0)}
    for index in range(300):
        shares = random.dirichlet((1, 6, 1, 1, 3), 2) if index < 150 else random.dirichlet((1, 1, 6, 1, 3), 2)
        seen = [number for number in boxes if number == 1 or not 100 < index < 200]
        faces = [Face(Detection(boxes[each], 0.9), emotion(shares[each - 1]), each) for each in seen]
        tracks.add(index / 25, faces, image)
    path, page = tmp_path / "film.html", visit(fake_server).page
    began = datetime.now().astimezone()
    write_film_report(path, "a <film> & more.mp4", began, model_names(make_manifest()), tracks)
    looked_at(page, path, "written-report-film.png")
    assert page.locator("h1").text_content() == "a <film> & more.mp4"
    assert page.locator(".lane").count() == 2
    assert page.locator("tbody tr").count() == 2


def test_report_of_pictures(visit, fake_server, tmp_path):
    path, page = tmp_path / "pictures.html", visit(fake_server).page
    with GalleryReport(path, model_names(make_manifest()), with_pictures=True) as report:
        looker = Looker(FakePipeline(), DetectOptions(), 50_000_000, 50_000_000, None, report=report)
        for name in ("zidane", "astronaut", "coffee"):
            looker.look(photo_path(name))
        looker.look(tmp_path / ("a long name " * 20 + ".png"))
    looked_at(page, path, "written-report-pictures.png")
    assert page.locator("figure").count() == 3
    assert page.locator("tbody tr").count() == 4


def test_file_names_of_usual_length_take_one_line(visit, fake_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    shutil.copy(photo_path("zidane"), "photos/zidane.jpg")
    with GalleryReport(Path("x.html"), model_names(make_manifest()), with_pictures=False) as report:
        looker = Looker(FakePipeline(), DetectOptions(), 50_000_000, 50_000_000, None, report=report)
        looker.look(Path("photos/zidane.jpg"))
    page = visit(fake_server).page
    page.goto((tmp_path / "x.html").as_uri())
    lines = page.locator("td").first.evaluate("""cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return range.getClientRects().length;
    }""")
    assert lines == 1
