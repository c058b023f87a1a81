import numpy as np
import pytest
import torch

from app.faces.find import FaceDetector, decode_boxes
from app.runtimes.torch.graphs import FindGraph
from app.runtimes.torch.runtime import TorchRuntime, best_anchors
from app.runtimes.torch.yolov8 import build_yolov8n
from tests.support.manifest import make_manifest
from tests.support.pictures import gradient

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def detector():
    """Random weights, with a threshold of zero: many boxes, no meaning, but the arithmetic is all there."""
    torch.manual_seed(0)
    network = TorchRuntime(CPU, bf16=False).run_module(FindGraph(build_yolov8n(1)), "find")
    return FaceDetector(network, make_manifest().detector)


def test_decoding_equals_ultralytics_head():
    """Our decoder against ultralytics' own inference path on the same network and picture."""
    torch.manual_seed(0)
    network = build_yolov8n(1).eval()
    x = torch.rand(1, 3, 96, 160)
    with torch.no_grad():
        expected, raw = network(x)
    shapes = [tuple(feature.shape[-2:]) for feature in raw["feats"]]
    xyxy = decode_boxes(raw["boxes"][0].T.numpy(), np.arange(expected.shape[-1]), shapes)
    centre, size = expected[0, :2].T.numpy(), expected[0, 2:4].T.numpy()
    theirs = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    np.testing.assert_allclose(xyxy, theirs, atol=1e-3, rtol=1e-4)


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


def answers(logits, distances):
    """Return a network that gives these for whatever it is shown, with all anchors."""
    anchors = np.broadcast_to(np.arange(logits.shape[2]), (len(logits), logits.shape[2]))
    return lambda _: (logits, distances, anchors)


def blank(count=1):
    """Return logits and distances of canvases without any face."""
    return np.full((count, 1, 8400), -20.0, np.float32), np.zeros((count, 64, 8400), np.float32)


CANVAS = np.zeros((640, 640, 3), dtype=np.uint8)


@pytest.mark.parametrize("which", ["boxes", "scores"])
def test_what_is_no_number_is_an_error_and_not_an_empty_picture(which):
    logits, distances = blank()
    logits[0, 0, 5] = 3.0
    (distances if which == "boxes" else logits)[..., 5] = np.nan
    with pytest.raises(FloatingPointError):
        FaceDetector(answers(logits, distances), make_manifest().detector)([CANVAS], [0.0])


def test_a_picture_has_at_most_the_surest_300():
    """Of a picture with a small box of its own in each of 1,600 cells; the other one in its batch keeps what it has."""
    logits_BKA, distances_BCA = blank(2)
    logits_BKA[0, 0, : 80 * 20] = np.linspace(-2, 2, 80 * 20)
    logits_BKA[1, 0, 0] = 3.0
    distances_BCA[:, 0::16] = 12.0  # mostly no distance at all,
    distances_BCA[:, 1::16] = 11.0  # and sometimes one cell
    found = FaceDetector(answers(logits_BKA, distances_BCA), make_manifest().detector)([CANVAS, CANVAS], [0.1, 0.1])
    assert [len(each) for each in found] == [300, 1]
    scores = [each.score for each in found[0]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-4)


def test_all_anchors_and_the_best_alone_give_the_same_faces(detector):
    """A GPU's runtime brings down only the best anchors, in another order."""
    logits_BKA, distances_BCA = (torch.randn(1, 1, 8400) * 3, torch.randn(1, 64, 8400))
    whole = answers(logits_BKA.numpy(), distances_BCA.numpy())
    best = tuple(each.numpy() for each in best_anchors(logits_BKA, distances_BCA))
    card = make_manifest().detector
    assert FaceDetector(whole, card)([CANVAS], [0.5]) == FaceDetector(lambda _: best, card)([CANVAS], [0.5])
