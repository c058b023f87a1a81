"""Real films for the benchmark of cameras: which frames are taken, and who is in them."""

import av
import numpy as np
import pytest

from app.faces.types import Detection, Face, ImageFaces
from benchmarks.cameras.clips import clip_shots, with_people


@pytest.fixture
def film(tmp_path):
    """One second at 25 frames a second, each lighter than the one before."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(25):
            gray = np.full((48, 64, 3), 8 * index + 20, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(gray, "rgb24")))
        file.mux(stream.encode(None))
    return path


def test_no_more_frames_a_second_are_taken_than_asked_and_no_longer(film):
    shots = clip_shots(film, fps=10, seconds=0.5)
    assert [shot.at_s for shot in shots] == pytest.approx([0.0, 0.12, 0.24, 0.36, 0.48])
    assert [float(shot.image.mean()) for shot in shots] == pytest.approx([20 + 24 * n for n in range(5)], abs=4)
    assert len(clip_shots(film, fps=25, seconds=10)) == 25


def test_those_whom_whole_search_followed_are_its_people(film):
    shots = clip_shots(film, fps=10, seconds=0.1)
    face = Face(Detection((1.0, 2.0, 3.0, 4.0), 0.9), {}, track_id=7)
    [named] = with_people(shots, [ImageFaces(64, 48, (face,))])
    assert named.people == {"track 7": (1.0, 2.0, 3.0, 4.0)}
    assert named.image is shots[0].image
