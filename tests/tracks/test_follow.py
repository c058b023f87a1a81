"""Smoothing alone, then tracking and smoothing together."""

import numpy as np
import pytest

from app.config import Settings
from app.faces.types import Detection, Face, ImageFaces
from app.manifest import EMOTION
from app.tracks.follow import LiveFaces
from app.tracks.smoothing import ProbabilitySmoother
from tests.support.pipeline import emotion

TIME_CONSTANT_S = Settings.model_fields["smoothing_s"].default
HAPPY = (0.03, 0.80, 0.04, 0.03, 0.10)
NEUTRAL = (0.03, 0.10, 0.04, 0.03, 0.80)
UNSURE = (0.05, 0.55, 0.05, 0.05, 0.30)


def noisy(probabilities, count, random, deviation=0.8):
    """Add Gaussian noise to the logits: at 15 frames a second UNSURE then changes its label 6 times a second."""
    logits = np.log(probabilities) + random.normal(0, deviation, (count, 5))
    raw = np.exp(logits)
    return [tuple(row) for row in (raw / raw.sum(axis=1, keepdims=True)).tolist()]


def smooth(series, fps, time_constant_s=TIME_CONSTANT_S):
    smoother = ProbabilitySmoother(time_constant_s, forget_after_s=1.5)
    return [smoother.smooth(1, each, index / fps) for index, each in enumerate(series)]


def labels(series):
    return np.array(series).argmax(axis=1)


def flips(series):
    return int((np.diff(labels(series)) != 0).sum())


@pytest.mark.parametrize("fps", [15, 30])
def test_smoothing_removes_most_label_flips_of_noise(fps):
    series = noisy(UNSURE, fps * 60, np.random.default_rng(0))
    before, after = flips(series), flips(smooth(series, fps))
    assert before > 200
    assert after <= 0.2 * before


@pytest.mark.parametrize("fps", [5, 15, 30])
def test_a_true_change_is_followed_within_half_a_second(fps):
    random, delays = np.random.default_rng(1), []
    for _ in range(100):
        series = noisy(HAPPY, 2 * fps, random) + noisy(NEUTRAL, 2 * fps, random)
        changed = labels(smooth(series, fps))[2 * fps :] == 4
        delays.append(int(changed.argmax()) / fps)
    assert np.percentile(delays, 95) <= 0.5


def test_the_result_does_not_depend_on_the_frame_rate():
    """One second after a change the same share is covered, however many frames came, and however irregularly."""
    expected = np.array(NEUTRAL) + np.exp(-1 / TIME_CONSTANT_S) * (np.array(HAPPY) - np.array(NEUTRAL))
    irregular = np.sort(np.random.default_rng(2).uniform(0, 1, 20)).tolist()
    for times in ([1.0], [0.5, 1.0], [index / 60 for index in range(1, 61)], [*irregular, 1.0]):
        smoother = ProbabilitySmoother(TIME_CONSTANT_S, forget_after_s=1.5)
        smoother.smooth(1, HAPPY, 0.0)
        smoothed = [smoother.smooth(1, NEUTRAL, at_s) for at_s in times]
        np.testing.assert_allclose(smoothed[-1], expected, atol=1e-12)
        assert sum(smoothed[-1]) == pytest.approx(1)


def test_a_face_unseen_for_long_begins_anew():
    smoother = ProbabilitySmoother(TIME_CONSTANT_S, forget_after_s=1.5)
    smoother.smooth(1, HAPPY, 0.0)
    smoother.forget_unseen(1.4)
    assert smoother.smooth(1, NEUTRAL, 1.4) != NEUTRAL
    smoother.forget_unseen(3.0)
    assert smoother.smooth(1, NEUTRAL, 3.0) == NEUTRAL


def frame(*faces):
    made = tuple(Face(Detection((x, 50.0, x + 100, 150.0), 0.9), emotion(probabilities)) for x, probabilities in faces)
    return ImageFaces(640, 480, made)


def test_each_face_is_smoothed_by_itself_in_any_order():
    live = LiveFaces(tracking=True, smoothing_s=0.5)
    left, right = live.follow(frame((50.0, HAPPY), (400.0, NEUTRAL)), 10.0).faces
    assert (left.track_id, right.track_id) == (1, 2)
    assert left.answers == emotion(HAPPY, HAPPY)
    right, left = live.follow(frame((400.0, NEUTRAL), (50.0, UNSURE)), 10.1).faces
    assert (left.track_id, right.track_id) == (1, 2)
    assert left.answers[EMOTION].raw_probabilities == UNSURE
    share = 1 - np.exp(-0.1 / 0.5)
    np.testing.assert_allclose(
        left.answers[EMOTION].probabilities, (1 - share) * np.array(HAPPY) + share * np.array(UNSURE)
    )
    np.testing.assert_allclose(right.answers[EMOTION].probabilities, NEUTRAL)


@pytest.mark.parametrize("smoothing_s", [0.0, 0.5])
def test_without_tracking_nothing_is_changed(smoothing_s):
    live = LiveFaces(tracking=False, smoothing_s=smoothing_s)
    live.follow(frame((50.0, HAPPY)), 0.0)
    assert live.follow(frame((50.0, NEUTRAL)), 0.1) == frame((50.0, NEUTRAL))


def test_without_smoothing_faces_only_get_their_ids():
    live = LiveFaces(tracking=True, smoothing_s=0.0)
    live.follow(frame((50.0, HAPPY)), 0.0)
    [face] = live.follow(frame((50.0, NEUTRAL)), 0.1).faces
    assert (face.track_id, face.answers) == (1, emotion(NEUTRAL))


@pytest.mark.parametrize("sides", [(1280, 960), (960, 640), (1280, 480), (640, 1280)])
def test_frames_may_change_their_size_without_faces_changing_places(sides):
    """A client sends smaller frames when answers take long: two still faces keep their own ids and probabilities."""
    live = LiveFaces(tracking=True, smoothing_s=0.5)

    def still(side_px):
        boxes = [(0.10, 0.30, 0.24, 0.46), (0.28, 0.30, 0.42, 0.46)]
        faces = zip(boxes, (HAPPY, NEUTRAL), strict=True)
        made = (Face(Detection(tuple(side_px * at for at in box), 0.9), emotion(each)) for box, each in faces)
        return ImageFaces(side_px, side_px * 9 // 16, tuple(made))

    for index, side_px in enumerate([sides[0]] * 5 + [sides[1]] * 5):
        found = still(side_px)
        followed = live.follow(found, index / 10)
        assert [face.track_id for face in followed.faces] == [1, 2]
        assert [face.detection for face in followed.faces] == [face.detection for face in found.faces]
        np.testing.assert_allclose([face.answers[EMOTION].probabilities for face in followed.faces], [HAPPY, NEUTRAL])
