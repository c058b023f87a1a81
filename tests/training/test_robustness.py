from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.splits import make_split
from training.emotion.robustness import DISTORTIONS, blur, jitter_box, measure_robustness, relight, shrink
from training.jpeg import compress

CPU = torch.device("cpu")


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_a_distortion_keeps_the_form_and_changes_the_picture(name: str) -> None:
    before = noise()
    after = DISTORTIONS[name](before.copy(), np.random.default_rng(1))
    assert (after.shape, after.dtype) == ((48, 48), np.uint8)
    assert (after != before).any()


def test_no_jitter_is_the_picture_itself() -> None:
    np.testing.assert_array_equal(jitter_box(noise(), np.random.default_rng(0), 0.0), noise())


def test_jitter_moves_by_at_most_its_share() -> None:
    ramp = np.repeat(np.arange(48, dtype=np.uint8)[None, :] * 4, 48, axis=0)
    moved = jitter_box(ramp, np.random.default_rng(3), 0.1).astype(int) // 4 - np.arange(48)
    assert 0 < np.abs(moved[:, 10:38]).max() <= np.ceil(48 * 0.15)


def test_light_blur_compression_and_size_do_what_they_say() -> None:
    generator = np.random.default_rng(0)
    picture = noise()
    assert relight(np.full((48, 48), 200, np.uint8), generator, 1.3).max() == 255
    assert relight(np.full((48, 48), 100, np.uint8), generator, 0.7).max() == 70
    for smoothed in (blur(picture, generator, 1.0), shrink(picture, generator, 24), compress(picture, 1)):
        assert smoothed.std() < picture.std()


class BrightnessModel(nn.Module):
    """Answers by the mean gray value: knows the synthetic classes, and is led astray by light."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        gray_B = (x_BCHW.mean((1, 2, 3)) + 1) / 2 * 255
        centres_K = 15.0 + 50.0 * torch.arange(5)
        return -(gray_B[:, None] - centres_K).abs()


def test_accuracies_are_those_of_the_distorted_pictures() -> None:
    accuracies = measure_robustness(BrightnessModel(), {"a": make_split(50)}, CPU)
    assert set(accuracies) == {"a"}
    assert set(accuracies["a"]) == set(DISTORTIONS)
    assert accuracies["a"]["blur, sigma 1 px"] == accuracies["a"]["24 px"] == 1.0
    assert accuracies["a"]["30 % darker"] < 1.0


def test_several_splits_are_told_apart_and_together() -> None:
    dark, light = (
        replace(make_split(5), images_BCHW=torch.full((5, 1, 48, 48), value, dtype=torch.uint8)) for value in (0, 255)
    )
    splits = {"dark": dark, "light": light}
    for split, label in ((dark, 0), (light, 4)):
        split.targets_B.fill_(label)
    accuracies = measure_robustness(BrightnessModel(), splits, CPU)
    assert list(accuracies) == ["dark", "light", "dark+light"]
    darker = {name: accuracies[name]["30 % darker"] for name in accuracies}
    assert darker == {"dark": 1.0, "light": 0.0, "dark+light": 0.5}
