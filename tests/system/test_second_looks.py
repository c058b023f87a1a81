"""Turned photos and close-ups with the weights that travel with the project."""

import numpy as np
import pytest

from app.config import Settings
from app.faces.types import DetectOptions
from app.main import load_pipeline
from app.manifest import EMOTION
from app.pictures.open import decode_image
from tests.support.photos import photo_path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(Settings(device="cpu"))


@pytest.fixture(scope="module")
def astronaut():
    return decode_image(photo_path("astronaut").read_bytes(), 50_000_000)


def faces_of(pipeline, image, **options):
    return pipeline.detect([np.ascontiguousarray(image)], [DetectOptions(**options)])[0].faces


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photo_has_the_same_face_with_the_same_label(pipeline, astronaut, quarters):
    [upright] = faces_of(pipeline, astronaut)
    [face] = faces_of(pipeline, np.rot90(astronaut, -quarters))
    assert face.detection.rotation_deg == 90 * quarters
    assert face.answers[EMOTION].best[0] == upright.answers[EMOTION].best[0]
    assert face.crop_px == pytest.approx(upright.crop_px, rel=0.05)
    assert upright.detection.rotation_deg == 0


def test_the_option_and_the_setting_switch_it_off(pipeline, astronaut):
    sideways = np.rot90(astronaut)
    assert [each.detection.rotation_deg for each in faces_of(pipeline, sideways, second_looks=False)] in ([], [0])
    without = load_pipeline(Settings(device="cpu", second_looks=False))
    assert faces_of(without, sideways) == faces_of(pipeline, sideways, second_looks=False)


@pytest.mark.parametrize("top", [50, 4300, 8200])
def test_a_small_face_in_a_very_long_picture(pipeline, astronaut, top):
    """It is 120 pixels high; of the whole picture on one canvas it gets 8."""
    image = np.full((9000, 1080, 3), 255, np.uint8)
    image[top : top + 512, 300:812] = astronaut
    [face] = faces_of(pipeline, image)
    [alone] = faces_of(pipeline, astronaut)
    assert face.detection.xyxy == pytest.approx(np.add(alone.detection.xyxy, (300, top, 300, top)), abs=25)
    assert faces_of(pipeline, image, second_looks=False) == ()
