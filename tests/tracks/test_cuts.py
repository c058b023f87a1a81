"""Shot cuts: films of photos, and what a camera and light do within a shot."""

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from app.faces.types import Detection, Face, ImageFaces
from app.pictures.types import Picture
from app.tracks.cuts import CutDetector, small_gray
from app.tracks.follow import LiveFaces
from tests.support.photos import photo_path
from tests.support.pipeline import emotion
from tests.support.processor_time import within

WIDTH, HEIGHT = 640, 360
PEOPLE = ("zidane", "bus", "grace_hopper", "astronaut")
PHOTOS = (*PEOPLE, "china", "chelsea", "coffee", "rocket")
EVEN = (0.2,) * 5


def still(name, size=(WIDTH, HEIGHT), mirrored=False):
    with Pillow.open(photo_path(name)) as photo:
        fitted = ImageOps.fit(photo.convert("RGB"), size)
    return np.asarray(ImageOps.mirror(fitted) if mirrored else fitted)


def one_face(left=200.0):
    face = Face(Detection((left, 100.0, left + 100, 200.0), 0.9), emotion(EVEN))
    return ImageFaces(WIDTH, HEIGHT, (face,), {})


def cuts_in(frames, found=None):
    """Return the places of the frames that begin a shot; without faces no box helps."""
    detector, none = CutDetector(), ImageFaces(WIDTH, HEIGHT, (), {})
    places = []
    for place, each in enumerate(frames):
        detector.compare(small_gray(each))
        if detector.is_cut(found or none):
            places.append(place)
    return places


def view(photo, left, top, width, height):
    """What a camera sees of a larger photo."""
    part = Pillow.fromarray(photo).resize(
        (WIDTH, HEIGHT), Pillow.Resampling.BILINEAR, (left, top, left + width, top + height)
    )
    return np.asarray(part)


def test_no_id_of_a_film_of_ten_stills_is_in_two_shots():
    """The face stands at the same place in all of them, so boxes alone would follow it through the film."""
    shots = [still(name, mirrored=mirrored) for mirrored in (False, True) for name in PHOTOS[:5]]
    noise = np.random.default_rng(0)
    live, ids = LiveFaces(tracking=True, smoothing_s=0.35), []
    for number, shot in enumerate(shots):
        for frame in range(8):
            grainy = (shot + noise.normal(0, 6, shot.shape)).clip(0, 255).astype(np.uint8)
            live.plan(Picture.in_full(grainy), (8 * number + frame) / 25)
            followed = live.follow(one_face(), (8 * number + frame) / 25)
            ids.append((number, followed.faces[0].track_id))
    assert len(set(ids)) == len({track for _, track in ids}) == len(shots)


def test_smoothing_begins_anew_at_a_cut():
    live = LiveFaces(tracking=True, smoothing_s=10.0)
    live.plan(Picture.in_full(still("zidane")), 0.0)
    live.follow(one_face(), 0.0)
    other = ImageFaces(WIDTH, HEIGHT, (Face(one_face().faces[0].detection, emotion((1.0, 0, 0, 0, 0))),), {})
    live.plan(Picture.in_full(still("bus")), 0.04)
    [face] = live.follow(other, 0.04).faces
    assert next(iter(face.answers.values())).probabilities == (1.0, 0, 0, 0, 0)


@pytest.mark.parametrize("name", PHOTOS)
def test_what_happens_within_a_shot_is_no_cut(name):
    large, same = still(name, (2 * WIDTH, 2 * HEIGHT)), still(name)
    pan = [view(large, left, 100, WIDTH, HEIGHT) for left in range(0, WIDTH, 80)]
    zoom = [view(large, 16 * each, 9 * each, 2 * WIDTH - 32 * each, 2 * HEIGHT - 18 * each) for each in range(20)]
    bright = (same.astype(np.int16) * 2 + 60).clip(0, 255).astype(np.uint8)
    white = np.full_like(same, 255)
    flashes = [same, same, bright, same, same, white, white, same, same, bright, bright, same]
    fade = [(same * share).astype(np.uint8) for share in np.linspace(1, 0.05, 40)]
    for happening in (pan, pan[::-1], zoom, zoom[::-1], flashes, fade, fade[::-1]):
        assert cuts_in(happening) == []


def test_a_cut_behind_black_frames_is_one():
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert cuts_in([still("zidane"), black, black, still("bus")]) == [3]


def test_moderate_changes_are_no_cut_where_the_faces_go_on():
    near, far = still("zidane"), view(still("zidane"), 36, 20, WIDTH - 72, HEIGHT - 40)
    assert cuts_in([near, near, far], one_face()) == []
    assert cuts_in([near, near, far]) == [2]


@pytest.mark.parametrize("size", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3), (36, 64, 3)])
def test_pictures_of_any_shape_have_a_small_one(size):
    assert small_gray(np.full(size, 90, np.uint8)).shape == (36, 64)


def test_a_strip_costs_no_more_than_a_frame():
    strip = np.zeros((89, 500_000, 3), np.uint8)
    with within(0.1):
        small_gray(strip)
