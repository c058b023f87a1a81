import math
import time

import numpy as np
import pytest

from app.faces.types import Detection
from app.tracks.tracker import LOST_S, MOST_HIDDEN, FaceTracker
from tests.tracks.simulation import frame_ms


def face_at(x, y=360.0, side=150.0, score=0.8):
    return Detection((x - side / 2, y - side / 2, x + side / 2, y + side / 2), score)


def crossing(at_s):
    """Two faces that walk across a 1280 px wide picture in ten seconds; the nearer one hides the other."""
    near, far = face_at(200 + 88 * at_s, side=160), face_at(1080 - 88 * at_s, y=370, side=140)
    hidden = abs(near.xyxy[0] - far.xyxy[0]) < 60
    return {"near": near} if hidden else {"near": near, "far": far}


def entering(at_s):
    """The same two, of one size; the near one comes later, so that it is younger when it hides the far one."""
    near, far = face_at(200 + 88 * at_s), face_at(1080 - 88 * at_s, y=370)
    hidden = abs(near.xyxy[0] - far.xyxy[0]) < 60
    return {**({"near": near} if at_s >= 2.5 else {}), **({} if hidden else {"far": far})}


def irregular(seconds, fps, seed):
    gaps = np.random.default_rng(seed).exponential(1 / fps, int(3 * seconds * fps)).clip(0.2 / fps, 6 / fps)
    times = np.cumsum(gaps)
    return times[times < seconds].tolist()


def regular(seconds, fps):
    return [index / fps for index in range(seconds * fps)]


def ids_of(scene, times, seed=0):
    """Return every id that each face of the scene was given; boxes shake by 2 % of their side."""
    random, tracker, seen = np.random.default_rng(seed), FaceTracker(), {}
    for at_s in times:
        faces = scene(at_s)
        shaken = [
            Detection(tuple(np.array(face.xyxy) + random.normal(0, 3, 4)), random.uniform(0.4, 0.9))
            for face in faces.values()
        ]
        for name, track in zip(faces, tracker.track(shaken, at_s), strict=True):
            seen.setdefault(name, set()).add(track)
    return seen


def test_trackers_count_by_themselves():
    """One a stream: what others do must not change the ids of this one."""
    first = FaceTracker()
    assert first.track([face_at(200), face_at(600)], 0.0) == [1, 2]
    second = FaceTracker()
    assert second.track([face_at(200)], 0.0) == [1]
    assert first.track([face_at(200), face_at(600), face_at(1000)], 0.1) == [1, 2, 3]
    assert second.track([face_at(200), face_at(900)], 0.1) == [1, 2]


TIMES = {
    **{str(fps): regular(10, fps) for fps in (5, 15, 60)},
    **{f"irregular {fps}": irregular(10, fps, seed=fps) for fps in (8, 15, 30)},
}


@pytest.mark.parametrize("scene", [crossing, entering])
@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_crossing_faces_keep_their_ids(scene, times):
    for seed in range(2):
        seen = ids_of(scene, times, seed)
        assert sorted(map(sorted, seen.values())) == [[1], [2]]


def test_a_face_that_shrinks_behind_another_is_known_again():
    """As the detector shows it: the box of the far face is what can be seen of it, until it is too little."""

    def scene(at_s):
        near, far = face_at(180 + 92 * at_s, side=160), face_at(1100 - 92 * at_s, side=130)
        left, top, right, bottom = far.xyxy
        if near.xyxy[0] < left < near.xyxy[2]:
            left = near.xyxy[2]
        elif near.xyxy[0] < right < near.xyxy[2]:
            right = near.xyxy[0]
        visible = {"far": Detection((left, top, right, bottom), 0.8)} if right - left > 40 else {}
        return {"near": near, **visible}

    seen = ids_of(scene, regular(10, 15))
    assert [len(ids) for ids in seen.values()] == [1, 1]
    assert seen["near"] != seen["far"]


def test_a_new_face_elsewhere_is_not_taken_for_a_hidden_one():
    tracker = FaceTracker()
    assert [tracker.track([face_at(200)], at_s) for at_s in regular(1, 15)] == [[1]] * 15
    assert tracker.track([], 1.0) == []
    assert tracker.track([face_at(1000)], 1.3) == [2]
    assert tracker.track([face_at(1000), face_at(330)], 1.4) == [2, 1]


@pytest.mark.parametrize("fps", [5, 15, 60, 120, 240])
@pytest.mark.parametrize(("hidden_s", "ids"), [(LOST_S - 0.3, 1), (LOST_S + 0.5, 2)])
def test_short_occlusion_keeps_the_id_and_a_long_one_ends_it(fps, hidden_s, ids):
    def scene(at_s):
        return {} if 2 < at_s < 2 + hidden_s else {"walker": face_at(300 + 40 * at_s)}

    assert len(ids_of(scene, regular(6, fps))["walker"]) == ids


def test_at_few_frames_a_second_the_time_counts_too():
    tracker = FaceTracker()
    assert [tracker.track(faces, at_s) for at_s, faces in enumerate([[face_at(400)], [], [face_at(402)]])] == [
        [1],
        [],
        [2],
    ]


def test_a_pause_of_the_stream_keeps_a_still_face():
    tracker = FaceTracker()
    first = [tracker.track([face_at(400)], at_s)[0] for at_s in regular(2, 15)]
    assert tracker.track([face_at(402)], 60.0) == [first[0]] == list(set(first))


def test_every_face_has_an_id_from_its_first_frame_in_the_order_of_the_faces():
    tracker = FaceTracker()
    assert tracker.track([], 0.0) == []
    assert tracker.track([face_at(900)], 0.1) == [1]
    assert tracker.track([face_at(300, score=0.05), face_at(900)], 0.2) == [2, 1]
    assert tracker.track([face_at(900)], 0.3) == [1]
    assert tracker.track([face_at(900), face_at(300)], 0.4) == [1, 2]


def test_streams_do_not_share_ids():
    one, other = FaceTracker(), FaceTracker()
    assert [one.track([face_at(300)], 0.0), other.track([face_at(500)], 0.0)] == [[1], [1]]


def test_frames_of_the_same_instant_are_taken_in_turn():
    tracker = FaceTracker()
    assert [tracker.track([face_at(300)], math.pi) for _ in range(5)] == [[1]] * 5


def test_a_clock_that_runs_backwards_stands_still():
    """A client may send times that go back: ids stay, and from there time passes as before."""
    tracker = FaceTracker()
    times = [5.0, 5.1, 5.2, 1.0, 1.1, 1.2]
    assert [tracker.track([face_at(300 + 5 * n), face_at(900)], at_s) for n, at_s in enumerate(times)] == [[1, 2]] * 6
    assert tracker.track([face_at(330)], 1.3) == [1]
    assert tracker.track([face_at(330), face_at(900)], 1.4 + LOST_S) == [1, 3]


def test_of_the_hidden_faces_those_seen_last_are_remembered():
    """Streams may show ever new faces: what is remembered, and so what a frame costs, has a bound."""
    tracker = FaceTracker()
    assert tracker.track([face_at(-5000), face_at(-3000)], 0.0) == [1, 2]
    assert tracker.track([face_at(-3000)], 0.1) == [2]
    crowd = [face_at(1000 * column, 1000 * row) for row in range(10) for column in range(MOST_HIDDEN // 10)]
    assert tracker.track(crowd[1:], 0.2) == list(range(3, MOST_HIDDEN + 2))
    assert tracker.track([], 0.3) == []
    assert tracker.track([face_at(-5000), face_at(-3000), *crowd[1:]], 0.4) == [
        MOST_HIDDEN + 2,
        2,
        *range(3, MOST_HIDDEN + 2),
    ]


def test_ids_are_never_used_again():
    tracker, random = FaceTracker(), np.random.default_rng(0)
    given = []
    for index in range(50):
        faces = [face_at(x, y, side=20) for x, y in random.uniform(0, 100_000, (40, 2))]
        given += tracker.track(faces, index / 10)
    assert given == list(range(1, 2001))


@pytest.mark.parametrize("staying", [True, False])
def test_a_frame_of_300_faces_costs_milliseconds(staying):
    """About 2 and 6 ms of one core; ByteTrack took seconds once 300 faces a frame never came back."""
    assert frame_ms(300, staying) < 60


def test_300_faces_in_one_heap_cost_milliseconds():
    """The worst for the solver: each face may be each other's; about 10 ms."""
    tracker, random, taken = FaceTracker(), np.random.default_rng(0), []
    for index in range(8):
        faces = [face_at(x, y, side=100) for x, y in random.uniform(0, 60, (300, 2))]
        began = time.thread_time()
        tracker.track(faces, index / 10)
        taken.append(time.thread_time() - began)
    assert np.median(taken[1:]) < 0.1


def test_boxes_without_extent_or_numbers_harm_no_other_face():
    tracker = FaceTracker()
    odd = [Detection((4000.0, 10.0, 4000.0, 10.0), 0.5), Detection((math.nan,) * 4, 0.5)]
    first, second = tracker.track([face_at(300), *odd], 0.0), tracker.track([*odd, face_at(302)], 0.1)
    assert (first[0], second[2]) == (1, 1)
    assert len(set(second)) == 3
