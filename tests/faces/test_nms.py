import numpy as np
import pytest
import torch
from torchvision.ops import nms

from app.faces.nms import suppress

BOXES = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [0, 0, 10, 10.5]], dtype=np.float32)


def test_the_surest_of_boxes_on_one_face_stays():
    assert suppress(BOXES, np.array([0.5, 0.9, 0.3, 0.8], np.float32), 0.5, 300).tolist() == [1, 2]


def test_boxes_that_overlap_less_stay():
    assert suppress(BOXES, np.array([0.5, 0.9, 0.3, 0.8], np.float32), 0.9, 300).tolist() == [1, 3, 2]


def test_at_most_so_many():
    assert suppress(BOXES, np.array([0.5, 0.9, 0.3, 0.8], np.float32), 1.0, 2).tolist() == [1, 3]


def test_no_boxes():
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5, 300).tolist() == []


@pytest.mark.parametrize("seed", range(5))
def test_equals_torchvision(seed):
    random = np.random.default_rng(seed)
    corner, size = random.uniform(0, 300, (400, 2)), random.uniform(5, 80, (400, 2))
    boxes = np.concatenate([corner, corner + size], axis=1).astype(np.float32)
    scores = random.uniform(0, 1, 400).astype(np.float32)
    theirs = nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5)
    assert suppress(boxes, scores, 0.5, 1000).tolist() == theirs.tolist()
