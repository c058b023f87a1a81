import json
import math

import pytest

from benchmarks.http_client import Answer
from benchmarks.right_answers import distance, faces_of, judge


def body(*faces):
    boxes = [{"x": x, "y": 10.0, "width": 50.0, "height": 60.0} for x, _ in faces]
    probabilities = [{"happy": happy, "sad": 1 - happy} for _, happy in faces]
    both = zip(boxes, probabilities, strict=True)
    return json.dumps({"faces": [{"box": box, "probabilities": each} for box, each in both]}).encode()


def answer(client, payload, status=200):
    return Answer(client, 0.0, 1.0, status, payload)


def test_faces_are_compared_from_left_to_right_whatever_their_order():
    assert distance(faces_of(body((5.0, 0.2), (300.0, 0.9))), faces_of(body((300.5, 0.9), (5.0, 0.19)))) == (
        0.5,
        pytest.approx(0.01),
    )


def test_another_number_of_faces_is_infinitely_far():
    assert distance(faces_of(body((5.0, 0.2))), []) == (math.inf, math.inf)


def test_close_answers_are_right_and_the_largest_distances_are_kept():
    lone = [faces_of(body((5.0, 0.2))), faces_of(body((90.0, 0.7)))]

    judged = judge(lone, [answer(0, body((5.9, 0.2))), answer(1, body((90.0, 0.715)))], "bf16")

    assert (judged.requests, judged.wrong) == (2, 0)
    assert (judged.box_px, judged.probability) == (pytest.approx(0.9), pytest.approx(0.015))


@pytest.mark.parametrize(
    "wrong",
    [
        answer(0, body((90.0, 0.2))),  # another picture's box
        answer(0, body((5.0, 0.9))),  # another face's emotion
        answer(0, body((5.0, 0.2), (300.0, 0.9))),
        answer(0, body()),
        answer(0, b'{"code": "overloaded"}', status=503),
    ],
)
def test_anything_else_is_wrong(wrong):
    assert judge([faces_of(body((5.0, 0.2)))], [answer(0, body((5.0, 0.2))), wrong], "bf16").wrong == 1


def test_float32_is_held_to_less():
    lone, near = [faces_of(body((5.0, 0.2)))], [answer(0, body((5.0, 0.205)))]

    assert judge(lone, near, "bf16").wrong == 0
    assert judge(lone, near, "fp32").wrong == 1
