"""What the served network's answer rests on, on a real smile."""

import numpy as np
import pytest

from app.config import Settings
from app.faces.explain import explanation_of, face_crop, masked_copies
from app.faces.types import DetectOptions
from app.main import load_pipeline
from app.manifest import EMOTION
from app.pictures.open import decode_image
from tests.support.photos import photo_path

pytestmark = pytest.mark.slow

MOUTH = (slice(30, 44), slice(8, 40))
"""Of the astronaut's crop, read off by eye."""


@pytest.fixture(scope="module", params=["fp32", "int8"])
def pipeline(request):
    return load_pipeline(Settings(device="cpu", precision=request.param))


@pytest.fixture(scope="module")
def smile(pipeline):
    """The crop of a smiling face."""
    image = decode_image(photo_path("astronaut").read_bytes(), 50_000_000)
    [found] = pipeline.detect([image], [DetectOptions()])
    [face] = found.faces
    assert face.answers[EMOTION].best[0] == "happy"
    return face_crop(image, face.detection, pipeline.manifest.emotion.crop)


def drops_of(pipeline, crop):
    copies = [crop, *masked_copies(crop)]
    rows = pipeline.classify(copies, [None] * len(copies), [()] * len(copies))
    whole, *masked = [row[EMOTION] for row in rows]
    return np.array(explanation_of(whole, masked, "happy").drops)


def test_the_map_points_at_the_mouth_of_a_smile(pipeline, smile):
    drops = drops_of(pipeline, smile)
    row, column = np.unravel_index(drops.argmax(), drops.shape)
    assert row >= 2  # the mask's rows from 20 on, of 48
    assert 1 <= column <= 2
    assert drops[2:, 1:3].sum() > 0 > drops[:2].sum()


def test_the_map_changes_when_the_mouth_is_covered(pipeline, smile):
    covered = smile.copy()
    covered[MOUTH] = round(float(smile.mean()))
    drops = drops_of(pipeline, covered)
    row, _ = np.unravel_index(drops.argmax(), drops.shape)
    assert row < 2  # now it rests on what is left: eyes and cheeks
    assert drops.max() > 2 * drops_of(pipeline, smile).max()
