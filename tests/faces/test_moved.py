"""Faces followed by their looks: a textured patch that is moved by parts of a pixel, on a textured ground."""

import cv2
import numpy as np
import pytest

from app.faces.crop import crop_faces
from app.faces.moved import moved
from app.faces.types import Detection
from app.manifest import CropRule

RULE = CropRule(margin=-0.03, shift_y=0.0)
BOX = (300.0, 200.0, 400.0, 320.0)


def scene(across, down):
    """Return a picture whose patch of 120 x 140 px is moved."""
    random = np.random.default_rng(0)
    ground = cv2.resize(random.integers(60, 120, (36, 64)).astype(np.uint8), (1280, 720), interpolation=cv2.INTER_CUBIC)
    patch = cv2.resize(random.integers(40, 220, (14, 12)).astype(np.uint8), (120, 140), interpolation=cv2.INTER_CUBIC)
    canvas = ground.astype(np.float32)
    turn = np.array([[1, 0, 290 + across], [0, 1, 190 + down]], np.float32)
    laid = cv2.warpAffine(patch, turn, (1280, 720), borderMode=cv2.BORDER_CONSTANT)
    mask = cv2.warpAffine(np.ones((140, 120), np.float32), turn, (1280, 720))
    gray = canvas * (1 - mask) + laid * mask
    return np.repeat(gray[:, :, None].astype(np.uint8), 3, axis=2)


def found(across, down, expected=BOX):
    crop = crop_faces(scene(0, 0), [BOX], RULE)[0, 0]
    return moved(scene(across, down), Detection(BOX, 0.8), expected, crop, RULE)


@pytest.mark.parametrize(("across", "down"), [(0, 0), (3, -2), (7.5, 4.25), (-11, 9), (-16.5, -15)])
def test_it_is_found_to_a_part_of_a_pixel(across, down):
    face = found(across, down)
    np.testing.assert_allclose(np.subtract(face.xyxy, BOX), [across, down] * 2, atol=0.6)
    assert (face.score, face.searched) == (0.8, False)


def test_it_is_looked_for_around_the_place_where_it_is_expected():
    face = found(60, 30, expected=(355.0, 233.0, 455.0, 353.0))
    np.testing.assert_allclose(np.subtract(face.xyxy, BOX), [60, 30] * 2, atol=0.6)


@pytest.mark.parametrize("expected", [(0.0, 200.0, 100.0, 320.0), (1190.0, 610.0, 1280.0, 720.0)])
def test_beside_the_border_it_is_left_to_the_detector(expected):
    assert found(0, 0, expected) is None
