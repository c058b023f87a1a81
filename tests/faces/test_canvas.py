"""The small canvas of a stream's frame: windows around faces, and boxes mapped back."""

import numpy as np
import pytest

from app.faces.canvas import FACE_PX, GAP_PX, LAYOUTS, MOST_WINDOWS, pack, unpack
from app.faces.letterbox import PADDING_VALUE

SIZE = (720, 1280)


def frame(faces):
    """A gray frame with a bright rectangle for each face."""
    image = np.full((*SIZE, 3), 60, np.uint8)
    for left, top, right, bottom in faces:
        image[top:bottom, left:right] = 200
    return image


def apart(count, side=60):
    return [(100 + 120 * (n % 9), 80 + 130 * (n // 9), 100 + 120 * (n % 9) + side, 150 + 130 * (n // 9)) for n in
            range(count)]  # fmt: skip


def bright(canvas, place):
    """What a perfect detector would find in a window."""
    left, top, right, bottom = place
    rows, columns = np.nonzero(canvas[top:bottom, left:right, 0] > 130)
    return [left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1]


@pytest.mark.parametrize("count", range(1, MOST_WINDOWS + 1))
def test_boxes_are_mapped_back_from_canvases_of_few_sizes(count):
    faces = apart(count)
    sheet = pack(frame(faces), faces, 640)
    assert sheet.canvas.shape[1::-1] in [(wide, high) for _, _, wide, high in LAYOUTS]
    found = np.array([bright(sheet.canvas, copy.place) for copy in sheet.copies], np.float32)
    seen = unpack(sheet, (found, np.linspace(0.9, 0.5, count, dtype=np.float32)), SIZE, 0.5)
    np.testing.assert_allclose([each.xyxy for each in seen], faces, atol=3)
    assert [each.score for each in seen] == sorted((each.score for each in seen), reverse=True)


@pytest.mark.parametrize("side", [20, 60, 300, 700])
def test_faces_are_no_larger_than_in_the_whole_search_and_not_above_the_bound(side):
    face = (400, 10, 400 + side, 10 + side)
    sheet = pack(frame([face]), [face], 640)
    [copy] = sheet.copies
    scale = (copy.place[2] - copy.place[0]) / (copy.source[2] - copy.source[0])
    assert scale <= 640 / 1280 + 0.01
    assert side * scale <= FACE_PX + 1
    assert copy.place[2] <= sheet.canvas.shape[1] - GAP_PX + 1


def test_around_the_windows_is_gray():
    face = (600, 300, 660, 360)
    sheet = pack(frame([face]), [face], 640)
    [copy] = sheet.copies
    outside = np.ones(sheet.canvas.shape[:2], bool)
    outside[copy.place[1] : copy.place[3], copy.place[0] : copy.place[2]] = False
    assert (sheet.canvas[outside] == PADDING_VALUE).all()
    assert outside.any()


def test_a_box_that_the_windows_end_cuts_is_left_out_unless_the_picture_ends_there():
    inside, corner = (600, 300, 660, 360), (0, 0, 60, 60)
    for face, kept in ((inside, 0), (corner, 1)):
        sheet = pack(frame([face]), [face], 640)
        [copy] = sheet.copies
        left, top = copy.place[:2]
        cut = np.array([[left, top, left + 30, top + 30]], np.float32)
        assert len(unpack(sheet, (cut, np.array([0.9], np.float32)), SIZE, 0.5)) == kept


def test_a_face_that_two_windows_show_is_found_once():
    faces = [(400, 300, 460, 370), (450, 300, 510, 370)]
    sheet = pack(frame(faces), faces, 640)
    first, second = (bright(sheet.canvas, copy.place) for copy in sheet.copies)
    boxes = np.array([first, second], np.float32)
    assert len(unpack(sheet, (boxes, np.array([0.8, 0.9], np.float32)), SIZE, 0.5)) == 1


@pytest.mark.parametrize(
    "face", [(-40, -30, 10, 20), (1270, 700, 1400, 900), (2000, 2000, 2050, 2050), (5, 5, 5.2, 5.1)]
)
def test_a_face_expected_at_or_beyond_the_border_has_a_window(face):
    [copy] = pack(frame([]), [face], 640).copies
    left, top, right, bottom = copy.source
    assert 0 <= left < right <= 1280
    assert 0 <= top < bottom <= 720
