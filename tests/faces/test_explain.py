"""The occlusion map."""

import numpy as np
import pytest

from app.faces.crop import crop_faces
from app.faces.explain import (
    MASK_PX,
    OVERLAY_PX,
    PLACES,
    STEP_PX,
    draw_explanation,
    explanation_of,
    face_crop,
    masked_copies,
    square_of,
)
from app.faces.types import Answer, Detection
from app.manifest import CropRule
from app.runtimes.openvino import LARGEST_PART
from app.serving.limits import FACES_A_TURN
from tests.support.pictures import gradient

RULE = CropRule(margin=0.2, shift_y=0.1)
MOUTH = (slice(34, 40), slice(20, 28))


def crop_with_a_mouth():
    crop = np.full((48, 48, 3), 100, np.uint8)
    crop[MOUTH] = 255
    return crop


def by_the_mouth(crop):
    """Answer as a classifier that looks at nothing but the mouth."""
    happy = float(crop[MOUTH].mean()) / 255
    return Answer(("sad", "happy"), (1 - happy, happy))


def explained(label="happy"):
    crop = crop_with_a_mouth()
    return explanation_of(by_the_mouth(crop), [by_the_mouth(each) for each in masked_copies(crop)], label)


def test_every_pixel_is_masked():
    crop = crop_with_a_mouth()
    masked = masked_copies(crop)
    assert len(masked) == PLACES**2
    gray = round(float(crop.mean()))
    assert all((copy == gray).all(axis=2).sum() >= MASK_PX**2 for copy in masked)
    assert np.any([copy == gray for copy in masked], axis=0).all()


def test_the_map_points_at_what_the_answer_rests_on():
    drops = np.array(explained().drops)
    row, column = np.unravel_index(drops.argmax(), drops.shape)
    assert row * STEP_PX <= 34
    assert row * STEP_PX + MASK_PX >= 40
    assert column * STEP_PX <= 20
    assert column * STEP_PX + MASK_PX >= 28
    assert drops.max() > 0.5
    assert (drops[:2] == 0).all()
    assert np.array_equal(np.array(explained("sad").drops), -drops)


def test_a_face_takes_one_turn_of_the_networks():
    assert len(masked_copies(crop_with_a_mouth())) <= min(FACES_A_TURN, LARGEST_PART["classify"])


def test_the_drawn_map_is_coloured_there_alone():
    crop = crop_with_a_mouth()
    drawn = np.asarray(draw_explanation(crop, explained()))
    assert drawn.shape == (OVERLAY_PX, OVERLAY_PX, 3)
    scale = OVERLAY_PX // 48
    red, _, blue = drawn[37 * scale, 24 * scale].astype(int)
    assert red > blue + 50
    assert (drawn[: 10 * scale] == 100).all()


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_a_turned_face_is_explained_upright(rotation_deg):
    upright = gradient(120, 100)
    box = Detection((30.0, 20.0, 80.0, 80.0), 0.9)
    turned = np.rot90(upright, -rotation_deg // 90)
    left, top, right, bottom = {
        0: (30, 20, 80, 80), 90: (20, 30, 80, 80), 180: (40, 20, 90, 80), 270: (20, 40, 80, 90)
    }[rotation_deg]  # fmt: skip
    detection = Detection((float(left), float(top), float(right), float(bottom)), 0.9, rotation_deg)
    expected = face_crop(upright, box, RULE)
    assert np.array_equal(expected[..., 0], crop_faces(upright, [box.xyxy], RULE)[0, 0].round().astype(np.uint8))
    assert np.array_equal(face_crop(turned, detection, RULE), expected)
    x, y, side = square_of(detection, RULE)
    assert side == pytest.approx(72)
    down = {0: (0, 1), 90: (-1, 0), 180: (0, -1), 270: (1, 0)}[rotation_deg]
    centre = ((left + right) / 2 + down[0] * 7.2, (top + bottom) / 2 + down[1] * 7.2)
    assert (x + side / 2, y + side / 2) == pytest.approx(centre)
