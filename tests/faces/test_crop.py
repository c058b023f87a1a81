import tracemalloc

import numpy as np
import pytest
import torch

from app.faces.crop import crop_faces, crop_square, whole_picture
from app.manifest import CropRule
from app.runtimes.torch.graphs import ClassifyGraph
from app.runtimes.torch.my_model import normalize_faces
from tests.support.pictures import gradient

PLAIN = CropRule(margin=0.0, shift_y=0.0)


def gray(values):
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def test_square_of_a_box():
    assert crop_square((10, 20, 50, 100), PLAIN) == (30, 60, 80)
    assert crop_square((10, 20, 50, 100), CropRule(margin=0.5, shift_y=-0.1)) == (30, 60 - 12, 120)


def test_48_px_box_is_copied_exactly():
    image = gray(np.random.default_rng(0).integers(0, 256, (100, 120)))
    crop = crop_faces(image, [(30, 20, 78, 68)], PLAIN)
    np.testing.assert_allclose(crop[0, 0], image[20:68, 30:78, 0], atol=0.01)


def test_shrinking_averages_instead_of_skipping():
    checkerboard = gray(np.indices((480, 480)).sum(axis=0) % 2 * 255)
    crop = crop_faces(checkerboard, [(0, 0, 480, 480)], PLAIN)
    assert np.abs(crop - 127.5).max() < 2


def test_sub_pixel_shift_moves_the_crop():
    ramp = gray(np.tile(np.arange(200), (200, 1)))
    first = crop_faces(ramp, [(50, 50, 98, 98)], PLAIN)
    second = crop_faces(ramp, [(50.25, 50, 98.25, 98)], PLAIN)
    np.testing.assert_allclose((second - first), 0.25, atol=0.01)


def test_border_repeats_beyond_the_edge():
    image = gray(np.full((60, 60), 200))
    crop = crop_faces(image, [(-30, -30, 30, 30)], CropRule(margin=1.0, shift_y=0.0))
    assert np.allclose(crop, 200, atol=1e-4)


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (59, 59, 60, 60), (0, 0, 60, 60), (10.2, 10.4, 10.9, 11.1)])
def test_extreme_boxes_give_finite_crops(box):
    crop = crop_faces(gradient(60, 60), [box], CropRule(margin=0.3, shift_y=0.05))
    assert crop.shape == (1, 1, 48, 48)
    assert np.isfinite(crop).all()
    assert 0 <= crop.min() <= crop.max() <= 255.001


@pytest.mark.parametrize("box", [(100, 150, 1300, 1350), (-700.3, 200.7, 1100.2, 1900), (-5000, -5000, 6000, 6000)])
def test_large_faces_are_the_mean_of_samples_spread_over_them(box):
    """Against a plain bilinear reading of 384 x 384 places; the last box is far larger than the picture."""
    image = gray(np.random.default_rng(2).integers(0, 256, (1500, 1400)))
    x, y, side = crop_square(box, PLAIN)
    steps = ((np.arange(384) + 0.5) / 384 - 0.5) * side
    columns, rows = (x + steps - 0.5).clip(0, 1399), (y + steps - 0.5).clip(0, 1499)
    left, top = columns.astype(int), rows.astype(int)
    right, bottom = (left + 1).clip(max=1399), (top + 1).clip(max=1499)
    values, across, down = image[..., 0].astype(float), columns - left, (rows - top)[:, None]
    upper = values[top][:, left] * (1 - across) + values[top][:, right] * across
    lower = values[bottom][:, left] * (1 - across) + values[bottom][:, right] * across
    expected = (upper * (1 - down) + lower * down).reshape(48, 8, 48, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(crop_faces(image, [box], PLAIN)[0, 0], expected, atol=0.05)


def test_a_face_of_twelve_megapixels_is_not_copied_whole():
    image = np.zeros((3500, 3500, 3), np.uint8)
    tracemalloc.start()
    try:
        crop_faces(image, [(0, 0, 3500, 3500)], PLAIN)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1)])
def test_a_line_is_a_picture_too(shape):
    crop = whole_picture(np.full((*shape, 3), 77, np.uint8))
    assert np.abs(crop - 77).max() < 0.01


def test_no_boxes():
    assert crop_faces(gradient(), [], PLAIN).shape == (0, 1, 48, 48)


def test_48_px_gray_picture_is_used_as_it_is():
    image = gray(np.random.default_rng(1).integers(0, 256, (48, 48)))
    assert np.array_equal(whole_picture(image)[0, 0], image[..., 0])


def test_gray_is_bt601():
    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = 255
    assert whole_picture(red)[0, 0, 0, 0] == round(0.299 * 255)


def test_training_and_serving_prepare_the_same_input():
    """A FER2013 picture reaches My_model bit for bit as in training, also through the service's path."""
    picture = np.random.default_rng(2).integers(0, 256, (48, 48)).astype(np.uint8)
    seen = []

    def remember(faces_BCHW):
        seen.append(faces_BCHW)
        return faces_BCHW.mean(dim=(2, 3)).expand(-1, 5)

    class Remember(torch.nn.Module):
        def forward(self, faces_BCHW):
            return remember(faces_BCHW)

    graph = ClassifyGraph(Remember())
    graph(torch.from_numpy(whole_picture(gray(picture))))
    assert torch.equal(seen[0], normalize_faces(torch.from_numpy(picture)[None, None]))
