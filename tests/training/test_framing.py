import pytest
import torch

from app.faces.crop import crop_square
from app.faces.types import Detection
from app.manifest import CropRule
from training.emotion.data import EmotionSplit
from training.emotion.framing import (
    UPSCALE_PX,
    accuracy_uncropped,
    accuracy_with,
    enlarge,
    measure,
    rules_to_compare,
    rules_to_search,
)
from training.errors import RunError


class FirstRowBrightness(torch.nn.Module):
    """Says class 1 where the top row is bright, else class 0: depends on the framing."""

    def forward(self, x_BCHW):
        bright = (x_BCHW[:, 0, 0].mean(dim=1) > 0).float()
        return torch.stack([0.5 - bright, bright - 0.5], dim=1)


@pytest.fixture
def split():
    """Two dark pictures, one with a bright frame of 8 pixels."""
    images = torch.zeros(2, 1, 48, 48, dtype=torch.uint8)
    images[1] = 255
    images[1, :, 8:-8, 8:-8] = 0
    return EmotionSplit(images, torch.tensor([0, 1]), torch.zeros(2, 5), torch.tensor([-1, -1]))


def test_rule_turns_the_detectors_box_into_the_pictures_own_frame():
    box = (60.0, 70.0, 196.0, 230.0)
    framing = measure([Detection(box, 0.9), None, Detection(box, 0.8)])
    assert (framing.pictures, framing.found) == (3, 2)
    exact = CropRule(margin=framing.margin, shift_y=framing.shift_y)
    centre_x, centre_y, side = crop_square(box, exact)
    assert (centre_x, centre_y, side) == pytest.approx((UPSCALE_PX / 2, UPSCALE_PX / 2, UPSCALE_PX))


def test_no_face_at_all():
    with pytest.raises(RunError, match="no face"):
        measure([None, None])


def test_accuracy_depends_on_the_margin(split):
    pictures = enlarge(split)
    assert pictures[0].shape == (UPSCALE_PX, UPSCALE_PX, 3)
    inner = (64.0, 64.0, 192.0, 192.0)
    boxes = [Detection(inner, 0.9), Detection(inner, 0.9)]
    model = FirstRowBrightness()
    assert accuracy_with(CropRule(margin=1.0, shift_y=0.0), model, pictures, boxes, split) == 1.0
    assert accuracy_with(CropRule(margin=0.0, shift_y=0.0), model, pictures, boxes, split) == 0.5
    assert accuracy_uncropped(model, boxes, split) == 1.0
    assert accuracy_uncropped(model, [None, boxes[1]], split) == 1.0


def test_compared_rules_surround_the_chosen_one():
    rules = rules_to_compare(CropRule(margin=0.3, shift_y=0.05))
    assert {round(rule.margin, 2) for rule in rules.values()} == {0.0, 0.2, 0.3, 0.4}


def test_the_search_surrounds_the_median():
    searched = rules_to_search(CropRule(margin=0.03, shift_y=0.0))
    assert [rule.margin for rule in searched] == [-0.12, -0.07, -0.02, 0.03, 0.08, 0.13, 0.18]
    shifted = rules_to_search(CropRule(margin=0.03, shift_y=-0.01))
    assert [(rule.margin, rule.shift_y) for rule in shifted[:2]] == [(-0.12, 0.0), (-0.12, -0.01)]
    assert len(shifted) == 2 * len(searched)
