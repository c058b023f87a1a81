"""Films that give no frame, only some, or whose annotated copy fails."""

import itertools

import pytest

from app.errors import VideoUnavailable
from app.faces.types import DetectOptions
from app.report.tracks import Tracks
from app.tracks.follow import LiveFaces
from app.watch.address import open_source
from app.watch.command import watch_source
from app.watch.rows import RowWriter
from app.watch.run import Progress, watch
from tests.support.pipeline import FakePipeline
from tests.watch.frames import FRAMES


def run(video, out):
    return watch_source(str(video), None, out, FakePipeline, DetectOptions(), True, 0.35)


def zeroed(path, packets):
    """Overwrite these pictures of an MJPEG AVI."""
    payload = bytearray(path.read_bytes())
    starts = [place for place in range(len(payload)) if payload.startswith(b"\xff\xd8", place)]
    assert len(starts) == FRAMES
    for start, following in itertools.pairwise([*starts[packets], payload.index(b"idx1")]):
        payload[start : following - 16] = bytes(following - 16 - start)
    path.write_bytes(payload)
    return path


def test_a_film_of_zeros_is_a_failure_that_says_why(encode_video, tmp_path):
    film = zeroed(encode_video("zeros.avi", "mjpeg", "yuvj420p"), slice(None))
    with pytest.raises(VideoUnavailable, match=r"No frame could be decoded: 20 of 20 packets \(mjpeg\) failed"):
        run(film, tmp_path / "rows.csv")


def test_a_film_that_is_read_in_part_says_how_much(make_video, encode_video, tmp_path):
    damaged = zeroed(encode_video("damaged.avi", "mjpeg", "yuvj420p"), slice(5, 20))
    summary = run(damaged, tmp_path / "rows.csv")
    assert "15 damaged frames left out" in summary
    assert summary.endswith("; the picture ends at 0.4 of 2.0 s")
    assert "ends at" not in run(make_video(), tmp_path / "whole.csv")


def test_rows_go_on_where_the_annotated_film_fails(make_video, tmp_path):
    class Full:
        """A disk with room for three frames."""

        written = 0

        def write(self, picture, time_s):
            self.written += 1
            if self.written > 3:
                raise VideoUnavailable("The annotated video cannot be written: No space left on device.")

    video, progress = Full(), Progress()
    with (tmp_path / "rows.jsonl").open("w") as file:
        rows, live = RowWriter(file, as_csv=False), LiveFaces(True, 0.35)
        source = open_source(str(make_video()))
        watch(FakePipeline(), source, live, DetectOptions(), rows, Tracks(), video, progress, lambda: None)
    assert (progress.frames, video.written) == (FRAMES, 4)
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == FRAMES
    assert "No space left" in progress.video_error
