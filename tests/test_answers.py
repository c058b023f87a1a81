"""Folders, tables and the closing line of `mien detect`."""

import csv
import io
import json

import pytest

from app.answers import Answers
from app.api.wire.table import COLUMNS, columns_with
from app.counts import Counts
from app.errors import InvalidRequest
from app.faces.types import DetectOptions
from app.looking import Looker
from app.manifest import LABELS
from app.names import missing, pictures_of
from app.outputs import TABLES, check_output
from tests.support.pictures import encode, gradient
from tests.support.pipeline import FakePipeline


@pytest.fixture
def album(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "deep/c.webp", "deep/deeper/d.png"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(gradient()))
    (tmp_path / "album" / "loop").symlink_to(tmp_path / "album", target_is_directory=True)
    return tmp_path / "album"


def test_a_folder_is_its_pictures(album):
    assert [path.name for path in pictures_of([album], recursive=False)] == ["a.JPG", "b.png"]


def test_recursive_goes_down_but_not_in_circles(album):
    assert [path.name for path in pictures_of([album], recursive=True)] == ["a.JPG", "b.png", "c.webp", "d.png"]


def test_a_named_file_counts_whatever_its_name(album):
    named, gone = album / "notes.txt", album / "gone.png"
    assert list(pictures_of([named, gone], recursive=False)) == [named, gone]
    assert missing([named, gone, album]) == [gone]


def answers(album, as_csv):
    file, looker = io.StringIO(), Looker(FakePipeline(), DetectOptions(), 100_000, 1_000_000, None)
    writer = Answers(file, as_csv)
    for name in ("a.JPG", "gone.png"):
        writer.write(name, looker.look(album / name))
    writer.write("empty.png", {"image": {"width": 4, "height": 3}, "faces": []})
    return writer, file.getvalue()


def test_a_table_has_a_row_for_each_face_error_and_empty_picture(album):
    _, text = answers(album, as_csv=True)
    first, gone, empty = csv.DictReader(io.StringIO(text))
    assert tuple(first) == COLUMNS
    assert (first["file"], first["image_width"], first["image_height"], first["face"]) == ("a.JPG", "64", "48", "1")
    assert (first["width"], first["detection_confidence"], first["error"]) == ("32.0", "0.9000", "")
    assert first["rotation_deg"] == "0"
    assert (gone["error"], gone["detail"], gone["face"]) == ("file_error", "No such file or directory", "")
    assert (empty["file"], empty["image_width"], empty["face"], empty["error"]) == ("empty.png", "4", "0", "")
    assert empty["emotion"] == "no face"


def test_lines_are_those_of_before_and_the_last_lines_count(album):
    writer, text = answers(album, as_csv=False)
    assert [json.loads(line)["file"] for line in text.splitlines()] == ["a.JPG", "gone.png", "empty.png"]
    counted, shares, failures = writer.summary().splitlines()
    assert counted.startswith("3 pictures, 1 face, 1 without a face, 1 failed, ")
    assert shares == f"faces: {json.loads(text.splitlines()[0])['faces'][0]['emotion']} 100.0%; unclear 100.0%"
    assert failures == "failed: file_error 1"


def test_a_drawing_that_failed_counts_its_picture_once_and_its_faces():
    counts = Counts()
    fault = {"code": "internal_error", "detail": "no"}
    face = {
        "emotion": "sad",
        "unclear": False,
        "probabilities": dict(zip(LABELS, (0.0, 0.0, 1.0, 0.0, 0.0), strict=True)),
    }
    counts.add({"faces": [face], "annotate_error": fault, "explain_error": fault})
    assert (counts.pictures, counts.faces, counts.failed, counts.unclear) == (1, 1, 1, 0)
    assert counts.shares["sad"] == 1.0


def test_names_that_are_not_utf_8_are_written_all_the_same():
    file = io.StringIO()
    Answers(file, as_csv=False).write("caf\udce9.png", {"faces": []})
    assert json.loads(file.getvalue())["file"] == "caf\\xe9.png"


@pytest.mark.parametrize(
    ("name", "message"), [("a.txt", "csv or .jsonl"), ("there.csv", "exists already"), ("no/a.csv", "no folder")]
)
def test_bad_outputs_are_refused(tmp_path, name, message):
    (tmp_path / "there.csv").touch()
    with pytest.raises(InvalidRequest, match=message):
        check_output(tmp_path / name, "answers are", TABLES)


def test_what_else_is_asked_has_columns_at_the_end(album):
    pipeline, options = FakePipeline({"gender": ("female", "male")}), DetectOptions(attributes=("gender",))
    file, looker = io.StringIO(), Looker(pipeline, options, 100_000, 1_000_000, None)
    answer = looker.look(album / "a.JPG")
    assert answer["model"]["gender"] == "gender@000000000000"
    Answers(file, True, columns_with(pipeline.manifest.further)).write("a.JPG", answer)
    [row] = csv.DictReader(io.StringIO(file.getvalue()))
    assert tuple(row) == (*COLUMNS, "gender", "gender_confidence", "gender_female", "gender_male")
    assert row["gender_male"] == f"{answer['faces'][0]['gender']['probabilities']['male']:.4f}"
