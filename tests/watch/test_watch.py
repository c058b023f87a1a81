import csv
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.errors import InvalidRequest
from app.faces.annotate import annotate_image
from app.faces.types import Detection, DetectOptions, Face, ImageFaces
from app.manifest import LABELS
from app.watch.address import open_source, title_of
from app.watch.command import watch_source
from app.watch.newest import newest_frames
from app.watch.source import TimedImage
from tests.support.pipeline import FakePipeline, emotion
from tests.watch.frames import FPS, FRAMES


class Interrupted(FakePipeline):
    """Ctrl-C at the eighth frame."""

    def detect(self, images, options):
        if len(self.options) == 7:
            raise KeyboardInterrupt
        return super().detect(images, options)


def run(video, pipeline=None, annotate=None, out=None):
    pipeline = pipeline or FakePipeline()
    return watch_source(str(video), annotate, out, lambda: pipeline, DetectOptions(max_faces=3), True, 0.35)


def test_csv_and_video(make_video, tmp_path):
    pipeline = FakePipeline()
    summary = run(make_video(), pipeline, tmp_path / "out.mp4", tmp_path / "out.csv")
    assert summary == f"done: {FRAMES} frames in 1.9 s of video, {FRAMES} rows"
    looks = [each.second_looks for each in pipeline.options]
    assert looks[0]
    assert sum(looks) == 2, "once a second of the video, which has 1.9"
    assert {each.max_faces for each in pipeline.options} == {3}
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(FRAMES))
    np.testing.assert_allclose([float(row["time_s"]) for row in rows], np.arange(FRAMES) / FPS, atol=0.002)
    assert {row["track_id"] for row in rows} == {"1"}
    for row in rows:
        assert sum(float(row[label]) for label in LABELS) == pytest.approx(1)
        assert sum(float(row[f"raw_{label}"]) for label in LABELS) == pytest.approx(1)
        assert (row["x"], row["width"], row["taken_at"]) == ("0.0", "64.0", "")
    assert rows[0]["angry"] == rows[0]["raw_angry"]
    assert rows[1]["angry"] != rows[1]["raw_angry"]
    annotated = list(open_source(str(tmp_path / "out.mp4")))
    assert len(annotated) == FRAMES
    assert annotated[-1].time_s == pytest.approx(1.9, abs=0.002)


def test_what_else_was_asked_is_in_rows_table_and_report(make_video, tmp_path, capsys):
    pipeline, options = FakePipeline({"gender": ("female", "male")}), DetectOptions(attributes=("gender",))
    out, report = tmp_path / "out.csv", tmp_path / "r.html"
    watch_source(str(make_video()), None, out, lambda: pipeline, options, True, 0.35, report=report)
    with out.open(newline="") as file:
        first = next(csv.DictReader(file))
    assert first["gender"] in ("female", "male")
    [head] = (line for line in capsys.readouterr().err.splitlines() if "unclear" in line)
    assert head.split()[-2:] == ["unclear", "gender"]
    assert "male" in report.read_text().split("<h2>Table</h2>")[1]
    assert "gender@000000000000" in report.read_text()


def test_json_lines(make_video, tmp_path):
    run(make_video(frames=3), out=tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["frame"], row["track_id"]) for row in rows] == [(0, 1), (1, 1), (2, 1)]
    assert set(rows[0]) >= {"time_s", "box", "emotion", "probabilities", "raw_probabilities", "detection_confidence"}


def test_a_report_and_a_table_of_the_faces(make_video, tmp_path, capsys):
    video = make_video("<b>film</b>.mp4".replace("/", "_"))
    report = tmp_path / "report.html"
    for with_pictures in (False, True):
        report.unlink(missing_ok=True)
        pipeline = FakePipeline()
        watch_source(
            str(video), None, tmp_path / f"{with_pictures}.csv", lambda pipeline=pipeline: pipeline, DetectOptions(),
            True, 0.35, report=report, with_pictures=with_pictures,
        )  # fmt: skip
        words = report.read_text()
        assert words.count("<article>") == 1
        assert words.count("<img") == words.count("data:image/jpeg") == with_pictures
    assert "&lt;b&gt;film&lt;_b&gt;.mp4" in words
    assert "<b>" not in words
    assert f"0:01.9 min, {FRAMES} frames, 1 face." in words
    assert "Networks: detector@000000000000, emotion@000000000000" in words
    head, row = capsys.readouterr().err.splitlines()[-2:]
    assert head.split() == ["face", "first", "last", "frames", *LABELS, "unclear"]
    assert row.split()[:4] == ["1", "0:00.0", "0:01.9", str(FRAMES)]


def test_a_report_names_its_source_without_folders_and_secrets(make_video):
    assert title_of(str(make_video())) == "video.mp4"
    assert title_of("rtsp://user:secret@camera/live?key=1") == "rtsp://camera/live?..."
    assert [title_of("0"), title_of("-")] == ["Camera 0", "Standard input"]


def test_an_interrupt_keeps_the_report(make_video, tmp_path):
    pipeline = Interrupted()
    watch_source(
        str(make_video()), None, tmp_path / "a.csv", lambda: pipeline, DetectOptions(), True, 0.35,
        report=tmp_path / "a.html",
    )  # fmt: skip
    assert "7 frames, 1 face." in (tmp_path / "a.html").read_text()


def test_the_annotated_video_shows_ids():
    image = np.zeros((200, 300, 3), np.uint8)
    face = Face(Detection((20.0, 60.0, 120.0, 160.0), 0.9), emotion((0.1, 0.6, 0.1, 0.1, 0.1)))
    drawn = [
        annotate_image(image, ImageFaces(300, 200, (replace(face, track_id=track),))).tobytes()
        for track in (None, 3, 4)
    ]
    assert len(set(drawn)) == 3


def test_rows_go_to_standard_output_by_default(make_video, capsys):
    run(make_video(frames=2))
    assert [json.loads(line)["frame"] for line in capsys.readouterr().out.splitlines()] == [0, 1]


def test_an_interrupt_keeps_what_was_written(make_video, tmp_path):
    summary = run(make_video(), Interrupted(), tmp_path / "out.mp4", tmp_path / "out.csv")
    assert summary.startswith("stopped: 7 frames")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 7
    assert len(list(open_source(str(tmp_path / "out.mp4")))) == 7


@pytest.mark.parametrize(
    ("annotate", "out", "message"),
    [
        (None, "rows.txt", "csv or .jsonl"),
        ("video.avi", None, "written as .mp4"),
        (None, "there.csv", "exists already"),
        ("video.mp4", None, "exists already"),
        (None, "nowhere/rows.csv", "no folder"),
    ],
)
def test_bad_outputs_are_refused_before_the_networks_are_loaded(make_video, tmp_path, annotate, out, message):
    (tmp_path / "there.csv").touch()
    video = make_video()
    before = video.read_bytes()
    with pytest.raises(InvalidRequest, match=message):
        watch_source(
            str(video),
            annotate and tmp_path / annotate,
            out and tmp_path / out,
            lambda: pytest.fail("loaded"),
            DetectOptions(),
            True,
            0.35,
        )
    assert video.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "with_pictures", "message"),
    [("report.pdf", False, "written as .html"), ("there.html", True, "exists already"), (None, True, "--report")],
)
def test_bad_reports_are_refused_before_the_networks_are_loaded(make_video, tmp_path, name, with_pictures, message):
    (tmp_path / "there.html").touch()
    with pytest.raises(InvalidRequest, match=message):
        watch_source(
            str(make_video()), None, None, lambda: pytest.fail("loaded"), DetectOptions(), True, 0.35,
            report=name and tmp_path / name, with_pictures=with_pictures,
        )  # fmt: skip


class Live:
    """A live source that sends a frame, runs ahead when it is told to, and ends when it is told to."""

    live, duration_s, damaged, notices = True, None, 0, ()

    def __init__(self, error=None):
        self.error = error
        self.run_ahead, self.far_ahead, self.end = threading.Event(), threading.Event(), threading.Event()

    def __iter__(self):
        yield self.frame(0)
        assert self.run_ahead.wait(30)
        for index in range(1, 50):
            yield self.frame(index)
        self.far_ahead.set()
        assert self.end.wait(30)
        if self.error is not None:
            raise self.error
        yield self.frame(50)

    @staticmethod
    def frame(index):
        return TimedImage(np.zeros((8, 8, 3), np.uint8), index, datetime.now(UTC))

    def close(self):
        pass


def test_of_a_live_source_the_newest_frame_is_taken():
    source = Live()
    frames = newest_frames(source)
    assert next(frames).time_s == 0
    source.run_ahead.set()
    assert source.far_ahead.wait(30)
    assert next(frames).time_s == 49
    source.end.set()
    assert [frame.time_s for frame in frames] == [50]


def test_errors_of_a_live_source_come_through():
    source = Live(OSError("unplugged"))
    frames = newest_frames(source)
    source.run_ahead.set()
    source.end.set()
    with pytest.raises(OSError, match="unplugged"):
        list(frames)
    assert not [thread for thread in threading.enumerate() if thread.name == "camera"]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_what_else_is_asked_stands_in_every_row(make_video, tmp_path, name):
    pipeline, options = FakePipeline({"gender": ("female", "male")}), DetectOptions(attributes=("gender",))
    watch_source(str(make_video()), None, tmp_path / name, lambda: pipeline, options, True, 0.35)
    text = (tmp_path / name).read_text()
    if name.endswith(".csv"):
        rows = list(csv.DictReader(text.splitlines()))
        assert list(rows[0])[-4:] == ["gender", "gender_confidence", "gender_female", "gender_male"]
        assert all(row["gender"] == "male" for row in rows if float(row["gender_female"]) < 0.5)
        assert all(float(row["gender_female"]) == pytest.approx(float(row["angry"])) for row in rows)
    else:
        faces = [json.loads(line) for line in text.splitlines()]
        assert all(face["gender"]["probabilities"]["female"] == face["probabilities"]["angry"] for face in faces)
