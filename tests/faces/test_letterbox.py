import numpy as np
import pytest

from app.faces.letterbox import PADDING_VALUE, letterbox


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (640, 640), (33, 1000), (1, 1), (4000, 3000)])
def test_boxes_come_back(width, height):
    canvas, transform = letterbox(np.zeros((height, width, 3), np.uint8), 640)
    assert max(canvas.shape[:2]) == 640
    assert all(side % 32 == 0 for side in canvas.shape[:2])
    corners = np.array([[0, 0, width, height]], np.float32)
    scale = np.array([transform.scale_x, transform.scale_y] * 2)
    pad = np.array([transform.pad_x, transform.pad_y] * 2)
    on_canvas = (corners * scale + pad).astype(np.float32)
    assert on_canvas.min() >= 0
    assert (on_canvas[0, 2:] <= [canvas.shape[1], canvas.shape[0]]).all()
    np.testing.assert_allclose(transform.to_original(on_canvas), corners, atol=0.01 * max(width, height) / 640 + 0.01)


def test_padding_is_centred_gray():
    canvas, transform = letterbox(np.zeros((700, 1280, 3), np.uint8), 640)
    assert canvas.shape == (352, 640, 3)
    assert transform.pad_y == 1
    assert (canvas[0] == PADDING_VALUE).all()
    assert (canvas[1] == 0).all()


def test_size_must_fit_the_stride():
    with pytest.raises(ValueError, match="multiple of 32"):
        letterbox(np.zeros((10, 10, 3), np.uint8), 600)
