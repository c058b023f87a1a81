"""The report of `mien detect`."""

import base64
import io
import json
import re
from contextlib import suppress

import pytest
from PIL import Image as Pillow

from app.api.wire.schemas import model_names
from app.errors import InvalidRequest
from app.faces.types import DetectOptions
from app.looking import Looker
from app.manifest import LABELS
from app.report.gallery import PICTURE_PX, GalleryReport
from app.report.look import style, tones
from app.report.markup import FURTHER_LIMITS, LIMITS
from tests.support.manifest import make_manifest
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline
from tests.support.server_process import ROOT

SAD = (0.0, 0.0, 1.0, 0.0, 0.0)
HOSTILE = "<img src=x onerror=alert(1)>&.png"


@pytest.fixture
def album(tmp_path):
    for name in ("a.png", HOSTILE):
        (tmp_path / name).write_bytes(encode(gradient()))
    (tmp_path / "no.png").write_bytes(b"no picture")
    Pillow.new("RGB", (2_000, 500), "gray").save(tmp_path / "wide.png")
    return tmp_path


def report_of(album, names, with_pictures=False):
    path = album / "report.html"
    with GalleryReport(path, model_names(make_manifest()), with_pictures) as report:
        looker = Looker(FakePipeline(), DetectOptions(), 100_000, 1_000_000, None, report=report)
        for name in names:
            looker.look(album / name)
        report.add("caf\udce9.png", {"faces": []})
    return path.read_text()


def test_what_was_looked_at_when_and_with_which_networks(album):
    words = report_of(album, ["a.png", "no.png"])
    assert "<h1>3 pictures</h1>" in words
    assert re.search(r"3 pictures, 1 face: 1 \w+\. Unclear: 1 of the faces\. Without a face: 1\. Failed: 1\.", words)
    assert re.search(r"<p>\d{4}-\d\d-\d\d \d\d:\d\d to ", words)
    assert "Networks: detector@000000000000, emotion@000000000000" in words
    assert LIMITS in words
    assert "<td>caf\\xe9.png</td>" in words
    assert words.count("No face found.") == words.count('<td colspan="3">Not read: ') == 1
    assert words.count("<tr>") == 1 + 3


def test_a_file_that_is_cut_off_is_told(album):
    (album / "cut.jpg").write_bytes(encode(gradient(), "JPEG")[:-2])
    assert report_of(album, ["a.png", "cut.jpg"]).count("cut.jpg <small>(the file is cut off)") == 1


def test_an_unclear_face_is_called_so_and_hatched(album):
    faces = [
        {"emotion": "sad", "unclear": False, "probabilities": dict(zip(LABELS, SAD, strict=True))},
        {"emotion": "sad", "unclear": True, "probabilities": dict(zip(LABELS, (0.0, 0.1, 0.5, 0.0, 0.4), strict=True))},
    ]
    fault = {"code": "internal_error", "detail": "a <b> odd"}
    with GalleryReport(album / "r.html", model_names(make_manifest()), False) as report:
        report.add("a.png", {"faces": faces, "annotate_error": fault})
    words = (album / "r.html").read_text()
    assert ["<td>Sad 100%</td>" in words, "<td>Unclear: sad or neutral</td>" in words] == [True, True]
    assert words.count('class="bar unclear"') == 1
    assert "1 picture, 2 faces: 2 sad. Unclear: 1 of the faces. Failed: 1." in words
    assert "Not drawn: a &lt;b&gt; odd" in words


def test_what_else_was_asked_is_told_and_drawn(album):
    gender = {"gender": ("female", "male")}
    drawn = []
    for further in (gender, {}):
        pipeline, path = FakePipeline(gender), album / f"{len(further)}.html"
        with GalleryReport(path, model_names(pipeline.manifest, further), True) as report:
            options = DetectOptions(attributes=tuple(further))
            Looker(pipeline, options, 100_000, 1_000_000, None, report=report).look(album / "wide.png")
        words, asked = path.read_text(), bool(further)
        assert bool(re.search(r"<td>Unclear: \w+ or \w+ · (Fem|M)ale \d+%</td>", words)) is asked
        assert "ale " in words if asked else not re.search("[Mm]ale", words)
        assert ("emotion@000000000000, gender@000000000000" in words, FURTHER_LIMITS in words) == (asked, asked)
        drawn.append(re.findall(r'src="([^"]+)"', words))
    assert drawn[0] != drawn[1]


def test_names_of_files_are_text(album):
    words = report_of(album, [HOSTILE], with_pictures=True)
    assert "<img src=x" not in words
    assert words.count("&lt;img src=x onerror=alert(1)&gt;&amp;.png") >= 2


def test_pictures_only_if_asked_for_and_reduced(album):
    assert "<img" not in report_of(album, ["wide.png"])
    (album / "report.html").unlink()
    [picture] = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', report_of(album, ["wide.png"], with_pictures=True))
    with Pillow.open(io.BytesIO(base64.b64decode(picture))) as opened:
        assert opened.size == (PICTURE_PX, PICTURE_PX // 4)
        assert len(set(opened.convert("L").crop((0, 0, 460, 130)).tobytes())) > 20, "its face has a box"


def test_what_was_seen_is_told_also_if_it_breaks_off(album):
    with suppress(KeyboardInterrupt), GalleryReport(album / "r.html", model_names(make_manifest()), False) as report:
        report.add("a.png", {"faces": []})
        raise KeyboardInterrupt
    assert "<h1>a.png</h1>" in (album / "r.html").read_text()


def test_a_report_that_cannot_be_written_is_one_clear_line(album):
    report = GalleryReport(album / "r.html", model_names(make_manifest()), False)
    report.add("a.png", {"faces": []})
    (album / "r.html").touch()
    with pytest.raises(InvalidRequest, match=r"The report .*r\.html cannot be written: File exists\."):
        report.__exit__(None, None, None)


def test_of_nothing_there_is_no_report(album):
    with GalleryReport(album / "r.html", model_names(make_manifest()), False):
        pass
    assert not (album / "r.html").exists()


def test_it_looks_and_warns_as_the_pages_own():
    assert "print-color-adjust: exact" in style()
    assert "{" in style()
    assert tuple(tones()) == LABELS
    said = re.search(r"reportLimits:\s+(\".*\")", (ROOT / "app" / "web" / "texts" / "en.js").read_text())
    assert json.loads(said[1]) == LIMITS
    said = re.search(r"reportFurther:\s+(\".*\")", (ROOT / "app" / "web" / "texts" / "en.js").read_text())
    assert json.loads(said[1]) == FURTHER_LIMITS
