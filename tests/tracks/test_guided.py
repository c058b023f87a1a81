"""When a frame is searched as a whole: one stream of small gray pictures, without any network."""

import numpy as np
import pytest

from app.faces.canvas import MOST_WINDOWS
from app.tracks.guided import CHANGE_WAIT_S, REST_TIMES, SearchPlan, has_changed

SIZE = (720, 1280)
FACE = (0.4, 0.3, 0.5, 0.5)
NOISE = np.random.default_rng(0)
ROOM = NOISE.integers(40, 160, (36, 64)).astype(np.uint8)


def grainy(small, deviation=1.0):
    return (small + NOISE.normal(0, deviation, small.shape)).clip(0, 255).astype(np.uint8)


def with_patch(left, top, side=3, by=40):
    small = ROOM.copy()
    small[top : top + side, left : left + side] += by
    return small


SLIGHT = with_patch(50, 10, side=2, by=12)


def begun(every_s=0.5, phase=0.0, at_s=100.0):
    plan = SearchPlan(every_s, phase)
    assert plan.why_whole(ROOM, SIZE, at_s, [], False, False) == "begin"
    plan.searched(ROOM, SIZE, at_s)
    return plan


def why(plan, small=ROOM, at_s=100.1, faces=(), size=SIZE, may_be_cut=False, unsure=False):
    return plan.why_whole(grainy(small), size, at_s, faces, may_be_cut, unsure)


def test_a_still_room_is_not_searched_again_before_the_time():
    plan = begun(at_s=100.0)
    assert [why(plan, at_s=100.0 + each / 25) for each in range(1, 6)] == [None] * 5
    assert [why(plan, at_s=100.0 + each / 10) for each in range(5, 10)] == [None] * 5
    assert why(plan, at_s=100.0 + 0.5 * REST_TIMES) == "time"


def test_once_something_small_has_changed_the_search_comes_in_time():
    plan = begun(at_s=100.0)
    assert why(plan, SLIGHT, at_s=100.4) is None
    assert why(plan, SLIGHT, at_s=100.5) == "time"
    assert why(plan, SLIGHT, at_s=100.5, faces=[(0.75, 0.2, 0.9, 0.5)]) == "time", "also where a known face is"


def test_searches_keep_to_the_grid_of_the_phase_and_are_never_further_apart():
    """At 25 frames a second for a minute, whatever the phase."""
    for phase in (0.0, 0.3, 0.77):
        plan, whole = begun(phase=phase, at_s=7.0), [7.0]
        for frame in range(1, 1500):
            at_s = 7.0 + frame / 25
            if why(plan, SLIGHT, at_s=at_s):
                plan.searched(ROOM, SIZE, at_s)
                whole.append(at_s)
        assert np.diff(whole).max() <= 0.5 + 1 / 25 + 1e-6
        offsets = (np.array(whole[3:]) - phase * 0.5) % 0.5
        assert (np.minimum(offsets, 0.5 - offsets) <= 0.04 + 1e-6).all()


@pytest.mark.parametrize(
    ("happening", "reason"),
    [
        ({"may_be_cut": True}, "cut"),
        ({"size": (480, 640)}, "size"),
        ({"at_s": 99.0}, "begin"),
        ({"faces": [FACE] * (MOST_WINDOWS + 1)}, "crowd"),
        ({"small": with_patch(50, 10), "at_s": 100.01}, "change"),
        ({"at_s": 100.0}, None),
        ({"at_s": 100.6}, None),
        ({"at_s": 5000.0}, "time"),
    ],
)
def test_what_brings_a_search_of_the_whole(happening, reason):
    assert why(begun(), **happening) == reason


def test_where_much_changes_only_some_of_the_changes_bring_a_search():
    plan = begun(every_s=5.0, at_s=100.0)
    reasons = []
    for frame in range(1, 8):
        at_s, small = 100.0 + frame / 8, with_patch(4 * frame, 10)
        reasons.append(why(plan, small, at_s=at_s))
        if reasons[-1]:
            plan.searched(small, SIZE, at_s)
    assert 2 / 8 < CHANGE_WAIT_S < 3 / 8
    assert reasons == ["change", None, None, "change", None, None, "change"]


def test_while_faces_come_and_go_that_are_hardly_found_all_is_searched_unless_the_picture_is_at_rest():
    plan = begun(at_s=100.0)
    for frame in range(1, 10):
        assert why(plan, SLIGHT, at_s=100.0 + frame / 10, unsure=True) == "unsure"
        plan.searched(ROOM, SIZE, 100.0 + frame / 10)
    assert why(plan, SLIGHT, at_s=101.0) is None
    assert why(plan, at_s=101.0, unsure=True) is None


def test_after_going_back_the_clock_goes_on_from_there():
    plan = begun(at_s=100.0)
    assert why(plan, at_s=3.0) == "begin"
    plan.searched(ROOM, SIZE, 3.0)
    assert why(plan, at_s=3.1) is None
    assert why(plan, SLIGHT, at_s=3.5) == "time"


def test_a_reset_begins_anew():
    plan = begun()
    plan.forget()
    assert why(plan) == "begin"


def test_light_and_noise_are_no_change():
    for light in (-30, 10, 40):
        assert not has_changed(ROOM, grainy((ROOM.astype(int) + light).clip(0, 255).astype(np.uint8), 2.0), ())


def test_what_moves_with_a_known_face_is_no_change():
    """The face is at columns 25 to 32 and rows 10 to 18: its hair, and its shoulders down to the picture's end."""
    for left, top in ((27, 12), (24, 8), (22, 25), (35, 30)):
        assert has_changed(ROOM, with_patch(left, top), ())
        assert not has_changed(ROOM, with_patch(left, top), [FACE])
    for left, top in ((5, 5), (55, 30), (28, 0)):
        assert has_changed(ROOM, with_patch(left, top), [FACE])


@pytest.mark.parametrize("face", [(-0.5, -0.5, 0.1, 0.1), (0.9, 0.9, 1.5, 1.5), (0.5, 0.5, 0.5, 0.5), (2, 2, 3, 3)])
def test_faces_beyond_the_border_cover_what_they_can(face):
    has_changed(ROOM, ROOM, [face])
