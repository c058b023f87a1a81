"""The report of `mien batch`."""

import base64
import io
import re
from collections import Counter

import pytest
from PIL import Image as Pillow

from app.batch.parts import NAMES
from app.errors import InvalidRequest
from app.faces.types import DetectOptions
from app.manifest import LABELS
from app.report.summary import FAILED, LEAST_SURE, SUREST, Summary
from tests.batch.runs import batch, write_album
from tests.batch.test_batch import killed, rows
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline

HOSTILE = "<img src=x>.png"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """60 pictures of their own sizes, some none, some in an archive, one with a hostile name."""
    folder = tmp_path_factory.mktemp("pictures")
    write_album(folder, 60, archived_every=7)
    (folder / HOSTILE).write_bytes(b"")
    return [folder, folder / "more.zip"]


def without_times(words):
    return re.sub(r"<p>\d{4}-.*", "", words)


def test_counts_a_few_faces_and_what_failed(tmp_path, pictures):
    summary = batch(pictures, tmp_path / "faces.csv", report=tmp_path / "told")
    words = (tmp_path / "told" / "report.html").read_text()
    assert "61 pictures, 54 faces: " in words
    assert "Failed: 7." in words
    assert summary.startswith("61 pictures, 54 faces")
    found = [row for row in rows(tmp_path / "faces.csv") if row["emotion"]]
    clear = Counter(row["emotion"] for row in found if row["unclear"] == "false")
    assert words.count('class="bar unclear"') == min(LEAST_SURE, sum(row["unclear"] == "true" for row in found))
    assert words.count("<article>") == sum(min(count, SUREST) for count in clear.values()) + LEAST_SURE + 2
    assert re.search(r"<h3>unsupported_media: 6 pictures</h3><p[^>]*>.*009\.png: ", words)
    assert words.count("This is not a picture") == FAILED
    assert "<img" not in words
    assert "&lt;img src=x&gt;.png" in words
    assert "All rows are in faces.csv." in words
    assert re.search(r"<p>\d{4}-\d\d-\d\d \d\d:\d\d to ", words)


def test_faces_are_cut_out_of_their_pictures_only_if_asked_for(tmp_path, pictures):
    report = tmp_path / "r.html"
    batch(pictures, tmp_path / "faces.csv", report=report, with_pictures=True)
    words = report.read_text()
    images = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', words)
    assert len(images) == words.count("<article>") - 2
    with Pillow.open(io.BytesIO(base64.b64decode(images[0]))) as thumb:
        assert thumb.size == (96, 96)


def test_what_else_was_asked_is_told_of_each_face(tmp_path, pictures):
    pipeline, options = FakePipeline({"gender": ("female", "male")}), DetectOptions(attributes=("gender",))
    batch(pictures, tmp_path / "faces.csv", pipeline, options=options, report=tmp_path / "r.html")
    words = (tmp_path / "r.html").read_text()
    assert len(re.findall(r"<h3>[^<]+ · (?:Fem|M)ale \d+%</h3>", words)) == words.count("<article>") - 2
    assert "emotion@000000000000, gender@000000000000" in words


def test_killed_and_gone_on_with_it_is_the_same(tmp_path, pictures):
    whole, again = tmp_path / "whole.html", tmp_path / "again.html"
    batch(pictures, tmp_path / "whole.csv", report=whole, with_pictures=True)
    for stop_at in (30, 15):
        killed(tmp_path / "faces.csv", stop_at, pictures)
    batch(pictures, tmp_path / "faces.csv", report=again, with_pictures=True)
    told = without_times(again.read_text()).replace("faces.csv", "whole.csv")
    assert told == without_times(whole.read_text())


def test_pictures_that_went_meanwhile_are_told_in_words(tmp_path, pictures):
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.png").write_bytes(encode(gradient(40 + number, 30)))

    def tell(counts, _):
        if counts.pictures == 30:
            for each in folder.iterdir():
                each.unlink()

    batch([folder], tmp_path / "f.csv", report=tmp_path / "r.html", with_pictures=True, tell=tell)
    words = (tmp_path / "r.html").read_text()
    assert (words.count("<img"), words.count("<article>") >= LEAST_SURE) == (0, True)


def test_nothing_is_overwritten_and_the_rows_are_there(tmp_path, pictures):
    report = tmp_path / "r.html"

    def tell(*_):
        report.write_text("mine")

    with pytest.raises(InvalidRequest, match="exists already"):
        batch(pictures, tmp_path / "faces.csv", report=report, tell=tell)
    assert (report.read_text(), (tmp_path / "faces.csv").exists()) == ("mine", True)
    with pytest.raises(InvalidRequest, match="exists already"):
        batch(pictures, tmp_path / "other.csv", report=report)
    assert (tmp_path / "faces.csv.parts" / NAMES).exists(), "the same command goes on"
    report.unlink()
    batch(pictures, tmp_path / "faces.csv", report=report)
    assert "61 pictures" in report.read_text()
    assert not (tmp_path / "faces.csv.parts").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"with_pictures": True}, "give --report"),
        ({"report": "x.pdf"}, "written as .html"),
        ({"report": "no/r.html"}, "no folder"),
    ],
)
def test_a_report_that_cannot_be_is_told_before_anything_is_looked_at(tmp_path, pictures, given, message):
    given = {name: tmp_path / value if name == "report" else value for name, value in given.items()}
    with pytest.raises(InvalidRequest, match=message):
        batch(pictures, tmp_path / "faces.csv", **given)
    assert list(tmp_path.iterdir()) == []


def face(confidence):
    shares = dict.fromkeys(LABELS, 0.0) | {"sad": confidence}
    unclear, margin = confidence < 0.7, confidence / 2
    return {"emotion": "sad", "confidence": confidence, "margin": margin, "unclear": unclear, "probabilities": shares}


def test_of_very_many_faces_the_surest_and_least_sure_are_kept():
    seen = Summary()
    for number in range(1_000):
        share = (number * 7_919 % 1_000) / 1_000
        seen.add(f"{number}.png", {"faces": [face(share)]})
    assert [each.face["confidence"] for each in seen.surest["sad"]] == [0.999, 0.998, 0.997, 0.996, 0.995, 0.994]
    assert [each.face["margin"] for each in seen.least_sure] == [number / 2_000 for number in range(LEAST_SURE)]
    size = len(seen.model_dump_json())
    for number in range(1_000):
        seen.add(f"{number}.png", {"faces": [face(0.5)]})
    assert len(seen.model_dump_json()) < size + 20
    assert Summary.model_validate_json(seen.model_dump_json()) == seen
