"""Second looks with a detector that sees arrows: bright squares whose red half says which way is up."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from app.faces.copies import bordered, turned, wheel
from app.faces.second_looks import COST, SecondLooks
from app.faces.turn import clockwise, set_upright, upright_box
from app.faces.types import Detection
from app.faces.windows import is_long, whole_faces, windows
from tests.support.manifest import make_manifest
from tests.support.processor_time import within

RED, BLUE, DARK = (255, 0, 0), (0, 0, 255), (20, 20, 20)
SIDE_PX = 640


class ArrowDetector:
    """Finds squares whose upper half is red and whose lower half is blue, on any canvas.

    Args:
        score: Of an upright square on any canvas; a turned one has less.
        least_px: Smaller ones are not seen.
    """

    def __init__(self, score=0.9, turned_score=0.0, least_px=6):
        self.card = make_manifest().detector
        self.score, self.turned_score, self.least_px = score, turned_score, least_px
        self.canvases = []

    def search(self, canvases, thresholds):
        self.canvases += canvases
        return [self._see(canvas, least) for canvas, least in zip(canvases, thresholds, strict=True)]

    def _see(self, canvas, least):
        red, blue = (canvas[..., each].astype(int) - canvas[..., 2 - each] > 120 for each in (0, 2))
        boxes, scores = [], []
        for left, top, right, bottom in squares(red):
            height, width = bottom - top, right - left
            below = blue[bottom + 2 : bottom + height - 2, left + 2 : right - 2]
            upright = below.size > 0 and below.mean() > 0.8 and width > height
            score = self.score if upright else self.turned_score
            if width >= self.least_px and score >= least:
                boxes.append((left, top, right, bottom + height) if upright else (left, top, right, bottom))
                scores.append(score)
        order = np.argsort(-np.array(scores), kind="stable") if scores else np.zeros(0, int)
        return np.array(boxes, np.float32).reshape(-1, 4)[order], np.array(scores, np.float32)[order]


def squares(mask):
    """Return the boxes of the connected parts of a mask."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:].tolist() if area > 8]


def picture(width, height, box):
    """Return a dark picture with one arrow."""
    image = np.full((height, width, 3), DARK, np.uint8)
    left, top, right, bottom = box
    image[top : (top + bottom) // 2, left:right] = RED
    image[(top + bottom) // 2 : bottom, left:right] = BLUE
    return image


BOX = (300, 120, 400, 220)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_face_is_found_in_pixels_of_the_picture_as_it_is(quarters):
    image = np.ascontiguousarray(np.rot90(picture(640, 480, BOX), -quarters))
    [[face]] = SecondLooks(ArrowDetector())([image], [[]])
    assert face.rotation_deg == 90 * quarters
    np.testing.assert_allclose(face.xyxy, clockwise(BOX, 640, 480, quarters), atol=2)
    left, top, right, bottom = (round(each) for each in upright_box(face, image.shape[1], image.shape[0]))
    upright = set_upright(image, face)[top:bottom, left:right]
    assert upright[: len(upright) // 2 - 3, 5:-5].mean(axis=(0, 1)).argmax() == 0, "red is above"


def test_a_sure_face_costs_nothing_and_stays():
    detector, first = ArrowDetector(), [Detection((1.0, 2.0, 30.0, 40.0), 0.85)]
    assert SecondLooks(detector)([picture(640, 480, BOX)], [first]) == [first]
    assert detector.canvases == []


@pytest.mark.parametrize("side_px", [64, 320])
def test_a_detector_with_a_small_input_looks_less_or_not_at_all(side_px):
    detector = ArrowDetector()
    detector.card = detector.card.model_copy(update={"input_size_px": side_px})
    assert SecondLooks(detector)([picture(800, 300, (-9, -9, 0, 0))], [[]]) == [[]]


@pytest.mark.parametrize("turned_score", [0.7, 0.87])
def test_an_upright_picture_keeps_its_answer(turned_score):
    """Also where a turned copy shows the face nearly as well as the upright one."""
    first = [Detection((300.0, 120.0, 400.0, 220.0), 0.7)]
    detector = ArrowDetector(0.85, turned_score)
    assert SecondLooks(detector)([picture(640, 480, BOX)], [first]) == [first]
    assert detector.canvases


def test_where_nothing_was_found_a_turn_may_win_by_less():
    image = np.ascontiguousarray(np.rot90(picture(640, 480, BOX), 2))
    [[face]] = SecondLooks(ArrowDetector(0.85, 0.82))([image], [[]])
    assert face.rotation_deg == 180
    [[as_it_is]] = SecondLooks(ArrowDetector(0.85, 0.84))([image], [[]])
    assert as_it_is.rotation_deg == 0


def test_one_faint_face_on_a_turned_copy_that_nothing_else_shows_is_not_searched_for_in_full():
    """A picture without faces, in which the wheel shows what looks like one, would cost 3.5 times its first look."""
    small, twice = np.rot90(picture(640, 480, (300, 200, 330, 230)), 1), picture(640, 480, (300, 200, 330, 230))
    twice[300:330, 100:130] = twice[200:230, 300:330]
    for image, score, found in ((small, 0.74, 0), (small, 0.76, 1), (np.rot90(twice, 1), 0.74, 2)):
        detector = ArrowDetector(score, least_px=10)  # on the copy with wide borders it has 4 pixels
        [faces] = SecondLooks(detector)([np.ascontiguousarray(image)], [[]])
        assert [face.rotation_deg for face in faces] == [270] * found
        assert len(detector.canvases) == (3 if found else 2)


def test_a_faint_face_that_the_copy_with_wide_borders_shows_is_searched_for():
    image = np.ascontiguousarray(np.rot90(picture(640, 480, BOX), 1))
    [[face]] = SecondLooks(ArrowDetector(0.7))([image], [[]])
    assert face.rotation_deg == 270


def test_a_turn_that_is_no_better_in_full_loses():
    image = np.ascontiguousarray(np.rot90(picture(640, 480, BOX), 2))
    first = [Detection((240.0, 260.0, 340.0, 360.0), 0.75)]
    assert SecondLooks(ArrowDetector(0.74, 0.5))([image], [first]) == [first]


def test_a_face_that_fills_the_picture_is_found_on_a_border():
    [[face]] = SecondLooks(ArrowDetector())([picture(300, 300, (0, 0, 300, 300))], [[]])
    assert face.rotation_deg == 0
    np.testing.assert_allclose(face.xyxy, (0, 0, 300, 300), atol=4)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1000, 1000), (1920, 1080), (3000, 1010), (50, 40)])
def test_what_a_picture_without_faces_costs(size):
    detector = ArrowDetector()
    SecondLooks(detector)([np.full((size[1], size[0], 3), DARK, np.uint8)], [[]])
    wide, high = (-(-round(each * SIDE_PX / max(size)) // 32) * 32 for each in size)
    again = sum(canvas.shape[0] * canvas.shape[1] for canvas in detector.canvases)
    assert 0 < wide * high + again <= COST * wide * high


@pytest.mark.parametrize("size", [(9000, 1080), (1080, 9000), (4000, 1300), (20_000, 600), (50_000, 100)])
def test_what_a_long_picture_costs(size):
    detector = ArrowDetector()
    SecondLooks(detector)([np.full((size[1], size[0], 3), DARK, np.uint8)], [[]])
    again = sum(canvas.shape[0] * canvas.shape[1] for canvas in detector.canvases)
    assert again <= COST * SIDE_PX * SIDE_PX * 3 / 4


@pytest.mark.parametrize("along", [100, 2500, 4400, 6111, 8790])
@pytest.mark.parametrize("upright", [False, True])
def test_a_small_face_in_a_long_picture_is_found_once(along, upright):
    """190 px of 9,000 are 13 of the detector's 640; a window shows 33."""
    box = (along, 500, along + 190, 690)
    image = picture(9000, 1080, box)
    if upright:
        box = (500, along, 690, along + 190)
        image = picture(1080, 9000, box)
    [[face]] = SecondLooks(ArrowDetector(least_px=20))([image], [[]])
    np.testing.assert_allclose(face.xyxy, box, atol=12)


@pytest.mark.parametrize("size", [(50_000_000, 1), (1, 50_000_000), (3051, 16_383), (16_383, 3051)])
def test_the_largest_pictures_are_not_read_pixel_by_pixel(size):
    """That took 1 to 9 s, in which nobody else's picture was searched."""
    image = np.zeros((*size, 3), np.uint8)
    with within(0.5):
        SecondLooks(ArrowDetector())([image], [[]])


def test_a_turned_face_is_found_in_a_large_picture():
    large = tuple(6 * each for each in BOX)
    image = np.ascontiguousarray(np.rot90(picture(6 * 640, 6 * 480, large), -1))
    [[face]] = SecondLooks(ArrowDetector())([image], [[]])
    np.testing.assert_allclose(face.xyxy, clockwise(large, 6 * 640, 6 * 480, 1), atol=12)


def test_windows_overlap_and_leave_out_what_their_ends_cut():
    image = np.zeros((1080, 9000, 3), np.uint8)
    assert is_long(image)
    parts = [sheet.copies[0].source for sheet in windows(image, SIDE_PX, 400_000)]
    assert (parts[0][0], parts[-1][2]) == (0, 9000)
    assert all(one[2] - two[0] >= 0.49 * 1080 for one, two in pairwise(parts))
    second = windows(image, SIDE_PX, 400_000)[1]
    found = (np.array([[0, 20, 40, 60], [100, 20, 140, 60]], np.float32), np.array([0.9, 0.8], np.float32))
    [kept] = whole_faces(second, found, image.shape)
    assert kept.score == pytest.approx(0.8)


@pytest.mark.parametrize("size", [(640, 480), (333, 777), (5, 3000), (1, 1)])
def test_copies_on_a_wheel_do_not_overlap_and_lead_back(size):
    width, height = size
    sheet = wheel(np.full((height, width, 3), 255, np.uint8), (0, 0, width, height), 256, 0.05)
    covered = np.zeros((256, 256), int)
    for copy in sheet.copies:
        left, top, right, bottom = copy.place
        covered[top:bottom, left:right] += 1
        [face] = copy.detections((np.array([copy.place], np.float32), np.ones(1, np.float32)), (height, width))
        np.testing.assert_allclose(face.xyxy, (0, 0, width, height), atol=1e-3)
    assert covered.max() == 1
    assert (covered == 0).any()


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("make", [lambda i, q: turned(i, 640, q), lambda i, q: bordered(i, 320, 0.15, q)])
def test_a_box_on_a_turned_copy_leads_back(make, quarters):
    image = picture(640, 480, BOX)
    sheet = make(image, quarters)
    upright = np.rot90(sheet.canvas, -quarters)
    [(left, top, right, bottom)] = squares(upright[..., 0].astype(int) - upright[..., 2] > 120)
    height, width = upright.shape[:2]
    box = np.array([clockwise((left, top, right, 2 * bottom - top), width, height, -quarters % 4)], np.float32)
    [[face]] = sheet.detections((box, np.ones(1, np.float32)), image.shape)
    np.testing.assert_allclose(face.xyxy, BOX, atol=4)
