"""A stream's memory and the pipeline together: what a camera sends is found as if all of each frame were searched."""

import numpy as np
import pytest

from app.faces.types import DetectOptions
from app.manifest import EMOTION
from app.pictures.types import Picture
from app.serving.looks import FrameLooks
from app.tracks.follow import LiveFaces
from tests.support.bright import bright_pipeline

ROOM = np.random.default_rng(0).integers(40, 100, (9, 16)).astype(np.uint8)


def frame(*faces, width=1280, height=720):
    """A room, and faces given by left, top and side in pixels of a frame that is 1280 px wide."""
    room = np.kron(ROOM, np.ones((height // 9, width // 16), np.uint8))
    image = np.repeat(room[:, :, None], 3, axis=2)
    for x, y, side in ((round(each * width / 1280) for each in face) for face in faces):
        image[y : y + side, x : x + side] = 220
        image[y + side // 4 : y + side // 2, x + side // 4 : x + side // 2] = 190
    return image


class Camera:
    """Sends frames to a stream that searches every 0.5 s."""

    def __init__(self, search_every_s=0.5):
        self.pipeline, self.detector, self.classifier = bright_pipeline()
        self.live = LiveFaces(tracking=True, smoothing_s=0.35, search_every_s=search_every_s)
        self.looks = FrameLooks(self.live)

    def send(self, image, at_s):
        options = self.looks(Picture.in_full(image), DetectOptions(second_looks=False), at_s)
        [found] = self.pipeline.detect([image], [options])
        return self.live.follow(found, at_s)


def boxes(found):
    return [face.detection.xyxy for face in found.faces]


def ids(found):
    return [face.track_id for face in found.faces]


def test_faces_that_move_have_the_boxes_and_ids_of_whole_search():
    guided, whole = Camera(), Camera(search_every_s=0)
    searches = []
    for index in range(20):
        image = frame((200 + 9 * index, 200, 120), (800 - 5 * index, 300, 100))
        found, expected = guided.send(image, index / 10), whole.send(image, index / 10)
        np.testing.assert_allclose(boxes(found), boxes(expected), atol=6)
        assert ids(found) == ids(expected) == [1, 2]
        searches.append(found.search)
    assert searches.count("whole") <= 7, "four in time, and some for what changes around the faces"
    assert searches[:3] == ["whole", "guided", "guided"]


def test_a_frozen_camera_is_searched_in_time_alone_and_keeps_its_answers_for_a_fifth_of_a_second():
    camera, image = Camera(), frame((300, 200, 120))
    found = [camera.send(image, index / 16) for index in range(33)]
    assert [index for index, each in enumerate(found) if each.search == "whole"] == [0, 32]
    assert len(camera.detector.canvases) == 2
    assert camera.classifier.faces == 9, "kept for three frames of four"
    assert {tuple(ids(each)) for each in found} == {(1,)}


def test_smoothed_probabilities_advance_as_if_the_face_had_been_classified():
    guided, whole = Camera(), Camera(search_every_s=0)
    dark = frame((300, 200, 120))
    dark[200:320, 300:420] -= 60
    for index, image in enumerate([dark, *[frame((300, 200, 120))] * 12]):
        one, other = (each.send(image, index / 16).faces[0].answers[EMOTION] for each in (guided, whole))
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
    assert guided.classifier.faces < whole.classifier.faces


def test_an_empty_room_is_searched_in_time_alone():
    camera = Camera()
    searches = [camera.send(frame(), index / 8).search for index in range(33)]
    assert searches == ["whole", *[*["guided"] * 15, "whole"] * 2]


@pytest.mark.parametrize("before", [1, 4])
def test_who_comes_is_seen_at_once_where_nothing_else_had_changed(before):
    camera = Camera()
    for index in range(before):
        camera.send(frame(), index / 10)
    assert boxes(camera.send(frame((600, 300, 120)), before / 10)) == [(600.0, 300.0, 720.0, 420.0)]


def test_a_face_that_is_found_in_one_frame_and_not_in_the_next_is_found_as_by_whole_search():
    guided, whole = Camera(), Camera(search_every_s=0)
    for index in range(30):
        image = frame((300, 200, 120))
        image[200:320, 300:420] = 154 if index % 3 else 146  # about the least that is a face
        found, expected = guided.send(image, index / 10), whole.send(image, index / 10)
        assert boxes(found) == boxes(expected)
        assert len(found.faces) == (1 if index % 3 else 0)


def test_a_face_that_is_hardly_found_at_first_brings_no_more_searches_once_it_is_sure():
    camera, searches = Camera(), []
    for index in range(5):
        image = frame((300 + 8 * index, 200, 120)) if index else frame()
        if index == 1:
            image[200:320, 308:428] = 154
        searches.append(camera.send(image, index / 10).search)
    assert searches == ["whole", "whole", "whole", "guided", "guided"]


def test_a_face_that_is_hardly_found_is_looked_for_a_second_after_it_has_gone():
    camera = Camera()
    for index in range(20):
        image = frame((900 - 8 * index, 400, 120))
        if index in (1, 2):
            image[100:160, 200:260] = 154
        found = camera.send(image, index / 10)
        if 2 < index < 13:
            assert found.search == "whole", index
    assert found.search == "guided"


def test_faces_of_the_shot_before_leave_no_doubt_about_the_next():
    camera, found = Camera(), []
    for index in range(12):
        image = frame((300, 200, 120))
        image[200:320, 300:420] = 154  # about the least that is a face
        if index >= 6:
            image = 255 - frame()
            image[500:620, 600 + 6 * index : 720 + 6 * index] = 255
        found.append(camera.send(image, index / 10))
    assert [each.search for each in found[6:]].count("whole") <= 4


def test_a_face_of_a_low_score_that_stays_is_searched_as_others_are():
    camera, found = Camera(), []
    for index in range(30):
        image = frame()
        image[200:320, 300 + 3 * index : 420 + 3 * index] = 154
        found.append(camera.send(image, index / 10))
    assert [each.search for each in found[12:]].count("whole") <= 6
    assert {len(each.faces) for each in found} == {1}


def test_who_leaves_is_gone_in_the_same_frame():
    camera = Camera()
    camera.send(frame((300, 200, 120), (800, 200, 120)), 0.0)
    assert len(camera.send(frame((305, 200, 120), (805, 200, 120)), 0.1).faces) == 2
    found = camera.send(frame((310, 200, 120)), 0.2)
    assert (ids(found), found.search) == ([1], "whole")


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (960, 720), (360, 640)])
def test_frames_that_change_their_size_are_searched_whole_and_keep_their_faces(size):
    width, height = size
    camera = Camera()
    for index in range(3):
        camera.send(frame((300, 200, 120)), index / 10)
    sizes = [camera.send(frame((300, 200, 120), width=width - width % 16, height=height - height % 9), (3 + n) / 10)
             for n in range(2)]  # fmt: skip
    assert [each.search for each in sizes] == ["whole", "guided"]
    assert [len(each.faces) for each in sizes] == [1, 1]
    np.testing.assert_allclose(boxes(sizes[0]), boxes(sizes[1]), atol=3)


@pytest.mark.parametrize("times", [[0.0] * 6, [5.0, 4.0, 3.0, 2.0, 1.0, 0.0], [0.0, 0.1, 0.1, 0.1, 0.2, 0.2]])
def test_times_that_stand_still_go_back_or_repeat_lose_nobody(times):
    camera = Camera()
    for index, at_s in enumerate(times):
        x = 300 + 6 * index
        found = camera.send(frame((x, 200, 120)), at_s)
        np.testing.assert_allclose(boxes(found), [(x, 200, x + 120, 320)], atol=6)
        assert ids(found) == [1]
        assert index == 0 or times[index] >= times[index - 1] or found.search == "whole"


def test_a_frame_that_failed_leaves_no_trace():
    """It was planned and never followed: the next one is compared with the last that was."""
    camera = Camera()
    camera.send(frame((300, 200, 120)), 0.0)
    camera.live.plan(Picture.in_full(np.zeros((720, 1280, 3), np.uint8)), 0.1)
    found = camera.send(frame((306, 200, 120)), 0.2)
    assert (ids(found), found.search) == ([1], "guided")


def test_after_a_reset_all_is_new():
    camera = Camera()
    camera.send(frame((300, 200, 120)), 0.0)
    camera.live.forget()
    found = camera.send(frame((300, 200, 120)), 0.1)
    assert (ids(found), found.search) == ([2], "whole")
