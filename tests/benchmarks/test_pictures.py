import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.pictures import SIZES, crowd, different, photo, photo_bytes, sized


def opened(payload):
    return Image.open(io.BytesIO(payload))


def test_the_photo_is_720p():
    assert photo().size == opened(photo_bytes()).size == (1280, 720)


@pytest.mark.parametrize("name", ["VGA", "1080p"])
def test_a_size_is_a_jpeg_of_that_size_with_the_entropy_of_a_camera(name):
    payload = sized(*SIZES[name])

    width, height = SIZES[name]
    assert (opened(payload).format, opened(payload).size) == ("JPEG", (width, height))
    assert len(payload) * 8 > width * height  # more than a bit a pixel


def test_a_crowd_differs_from_the_background_in_as_many_tiles_as_it_has_faces():
    empty, crowded = (np.asarray(crowd(faces)).astype(int) for faces in (0, 20))

    changed = np.abs(crowded - empty).reshape(9, 80, 16, 80, 3).max(axis=(1, 3, 4)) > 0
    assert changed.sum() == 20


def test_a_crowd_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at most 144"):
        crowd(145)


def test_different_pictures_differ_and_repeat():
    pictures = different(64)

    assert len(set(pictures)) == 64
    assert pictures == different(64)
    assert {opened(each).size for each in pictures} == {(1280, 720), (720, 960)}
    with pytest.raises(ValueError, match="At most 64"):
        different(65)
