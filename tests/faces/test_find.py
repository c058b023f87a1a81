import copy

import numpy as np
import pytest
import torch

from app.faces.find import FaceDetector, decode_boxes
from app.runtimes.choose import TorchRuntime
from app.runtimes.torch.yolov8 import build_yolov8n
from tests.conftest import gradient, make_manifest

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def detector():
    """Random weights, with a threshold of zero: many boxes, no meaning, but the arithmetic is all there."""
    torch.manual_seed(0)
    return FaceDetector(build_yolov8n(1).state_dict(), make_manifest().detector, TorchRuntime(CPU, bf16=False))


def test_decoding_equals_ultralytics_head():
    """Our decoder against ultralytics' own inference path on the same network and picture."""
    torch.manual_seed(0)
    network = build_yolov8n(1).eval()
    x = torch.rand(1, 3, 96, 160)
    with torch.no_grad():
        expected, raw = network(x)
    shapes = [tuple(feature.shape[-2:]) for feature in raw["feats"]]
    anchors = torch.arange(expected.shape[-1])
    xyxy = decode_boxes(raw["boxes"][0].T, anchors, shapes)
    centre, size = expected[0, :2].T, expected[0, 2:4].T
    torch.testing.assert_close(xyxy, torch.cat([centre - size / 2, centre + size / 2], dim=1), atol=1e-3, rtol=1e-4)


def test_one_answer_an_image_in_order(detector):
    images = [gradient(64, 48, 1), gradient(200, 100, 2), gradient(48, 64, 3), gradient(64, 48, 4)]
    together = detector(images, [0.0] * 4)
    assert len(together) == 4
    for image, found in zip(images, together, strict=True):
        [alone] = detector([image], [0.0])
        # Convolutions of another batch size round differently: the same boxes, not the same bits.
        assert len(alone) == pytest.approx(len(found), abs=max(3, 0.05 * len(alone)))
        np.testing.assert_allclose(alone[0].score, found[0].score, atol=1e-4)
        height, width = image.shape[:2]
        for detection in found:
            left, top, right, bottom = detection.xyxy
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height


def test_threshold_is_each_pictures_own(detector):
    image = gradient()
    found = detector([image, image], [0.0, 1.0])
    assert len(found[0]) > 0
    assert found[1] == []


def test_scores_fall(detector):
    scores = [each.score for each in detector([gradient()], [0.0])[0]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("which", ["boxes", "scores"])
def test_what_is_no_number_is_an_error_and_not_an_empty_picture(detector, which):
    def broken(canvas_BHWC):
        boxes, scores = detector.network(canvas_BHWC)
        (boxes if which == "boxes" else scores).fill_(float("nan"))
        return boxes, scores

    broken_detector = copy.copy(detector)
    broken_detector.network = broken
    with pytest.raises(FloatingPointError):
        broken_detector([gradient()], [0.0])


def test_a_picture_has_at_most_the_surest_300(detector):
    """Of a picture with a small box of its own in each of 1,600 cells; the other one in its batch keeps what it has."""
    logits_BKA = torch.full((2, 1, 8400), -20.0)
    logits_BKA[0, 0, : 80 * 20] = torch.linspace(-2, 2, 80 * 20)
    logits_BKA[1, 0, 0] = 3.0
    distances_BCA = torch.zeros(2, 64, 8400)
    distances_BCA[:, 0::16] = 12.0  # mostly no distance at all,
    distances_BCA[:, 1::16] = 11.0  # and sometimes one cell
    crowded = copy.copy(detector)
    crowded.network = lambda _: (distances_BCA, logits_BKA)
    canvas = np.zeros((640, 640, 3), dtype=np.uint8)
    found = crowded([canvas, canvas], [0.1, 0.1])
    assert [len(each) for each in found] == [300, 1]
    scores = [each.score for each in found[0]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(float(torch.tensor(2.0).sigmoid()), abs=1e-4)
