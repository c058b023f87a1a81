"""Guided search with a detector that finds bright rectangles: what is kept, what is searched, and what is lost."""

from dataclasses import replace

import numpy as np
import pytest

from app.faces.guided import STILL, GuidedSearch, differs
from app.faces.search import FaceSearch
from app.faces.types import Detection, DetectOptions, Guide, Known
from tests.support.bright import MANIFEST, Bright
from tests.support.pipeline import emotion

ANSWERS = emotion((0.1, 0.6, 0.1, 0.1, 0.1))


def frame(*faces):
    image = np.full((720, 1280, 3), 60, np.uint8)
    for left, top, right, bottom in faces:
        image[top:bottom, left:right] = 220
        image[top + 10 : top + 30, left + 10 : left + 30] = 180
    return image


def known_in(image, *faces, fresh=True, expected=None):
    guided = GuidedSearch(Bright(), MANIFEST.emotion.crop)
    made = []
    for face in faces:
        detection = Detection(tuple(map(float, face)), 0.9)
        crop = guided.crop(image, detection)
        made.append(Known(detection, expected or detection.xyxy, ANSWERS, crop, crop, fresh))
    return Guide(whole=False, known=tuple(made))


def search(image, guide):
    detector = Bright()
    [found] = GuidedSearch(detector, MANIFEST.emotion.crop)([image], [guide], [0.4])
    return found, detector.canvases


HERE, THERE = (300, 200, 400, 310), (800, 300, 880, 390)


def test_faces_that_hardly_change_keep_their_boxes_without_a_search():
    image = frame(HERE, THERE)
    guide = known_in(image, HERE, THERE)
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    found, canvases = search((image + noise).clip(0, 255).astype(np.uint8), guide)
    assert found == [each.detection for each in guide.known]
    assert canvases == []


def test_a_face_that_moves_is_searched_for_and_the_others_keep_their_boxes():
    moved = (330, 185, 430, 295)
    found, canvases = search(frame(moved, THERE), known_in(frame(HERE, THERE), HERE, THERE))
    assert [canvas.shape for canvas in canvases] == [(160, 160, 3)]
    assert found[0].xyxy == tuple(map(float, THERE))
    np.testing.assert_allclose(found[1].xyxy, moved, atol=3)


def test_a_face_that_moves_a_little_takes_its_box_along_without_a_search():
    found, canvases = search(frame((309, 193, 409, 303), THERE), known_in(frame(HERE, THERE), HERE, THERE))
    assert canvases == []
    assert [each.searched for each in found] == [False, False]
    np.testing.assert_allclose(found[0].xyxy, (309, 193, 409, 303), atol=0.5)


def test_a_face_that_looks_otherwise_is_searched_for_where_it_was():
    image = frame(HERE)
    image[240:300, 330:390] = 160
    found, canvases = search(image, known_in(frame(HERE), HERE))
    assert len(canvases) == 1
    assert found[0].searched


def test_a_known_face_that_is_gone_asks_for_a_search_of_the_whole():
    assert search(frame(THERE), known_in(frame(HERE, THERE), HERE, THERE))[0] is None


def test_two_known_faces_of_which_one_hides_the_other_ask_for_a_search_of_the_whole():
    near = (340, 230, 440, 340)
    assert search(frame((316, 205, 416, 315)), known_in(frame(HERE, near), HERE, near))[0] is None


def test_more_moving_faces_than_a_canvas_holds_ask_for_a_search_of_the_whole():
    before = [(40 + 110 * n, 100, 100 + 110 * n, 170) for n in range(10)]
    now = [(x + 16, y + 12, right + 16, bottom + 12) for x, y, right, bottom in before]
    found, canvases = search(frame(*now), known_in(frame(*before), *before))
    assert found is None
    assert canvases == []


def test_a_face_that_lies_is_not_searched_upright():
    guide = known_in(frame(HERE), HERE)
    [known] = guide.known
    lying = replace(guide, known=(replace(known, detection=replace(known.detection, rotation_deg=90)),))
    found, canvases = search(frame((340, 220, 440, 330)), lying)
    assert (found, canvases) == ([], [])


@pytest.mark.parametrize(
    ("fresh", "shift", "kept"), [(True, 0, True), (False, 0, False), (True, 2, True), (True, 20, False)]
)
def test_answers_are_kept_while_fresh_and_while_the_face_hardly_changes(fresh, shift, kept):
    guide = known_in(frame(HERE), HERE, fresh=fresh)
    image = np.roll(frame(HERE), shift, axis=1)
    kept_box = replace(guide.known[0].detection, searched=False)
    trace, answers = GuidedSearch(Bright(), MANIFEST.emotion.crop).trace(image, kept_box, guide, 0.4)
    assert answers == (ANSWERS if kept else {})
    assert trace.classified is not kept
    assert not trace.searched


@pytest.mark.parametrize(("least", "score", "sure"), [(0.4, 0.5, False), (0.4, 0.9, True), (0.8, 0.85, False)])
def test_a_face_is_sure_whose_score_is_far_above_the_least(least, score, sure):
    image = frame(HERE)
    found = Detection(tuple(map(float, HERE)), score)
    trace, _ = GuidedSearch(Bright(), MANIFEST.emotion.crop).trace(image, found, Guide(whole=True), least)
    assert trace.sure is sure


def test_noise_is_no_change_and_two_hundredths_of_a_side_are():
    face = np.kron(np.random.default_rng(1).uniform(40, 220, (12, 12)), np.ones((4, 4))).astype(np.float32)
    noise = np.random.default_rng(2).normal(0, 1.5, face.shape).astype(np.float32)
    assert differs(face + noise, face) < STILL
    assert differs(np.roll(face, 1, axis=1), face) > STILL


def test_the_pictures_of_a_batch_are_searched_as_each_asks():
    """A lost face falls back to the whole picture; a picture without a guide is searched as ever."""
    detector = Bright()
    search_all = FaceSearch(detector, GuidedSearch(detector, MANIFEST.emotion.crop), 0.4, second_looks=False)
    still, gone = frame(HERE), frame(THERE)
    options = [
        DetectOptions(guide=known_in(still, HERE)),
        DetectOptions(guide=known_in(still, HERE)),
        DetectOptions(),
        DetectOptions(guide=Guide(whole=True)),
    ]
    found, guided = search_all([still, gone, still, still], options)
    assert guided == [True, False, False, False]
    for faces, place in zip(found, (HERE, THERE, HERE, HERE), strict=True):
        np.testing.assert_allclose([each.xyxy for each in faces], [place], atol=4)
    assert found[2] == found[3] == detector([still], [0.4])[0]
