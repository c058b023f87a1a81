import cv2
import numpy as np
import pytest
import torch

from training.emotion.degrade import Compress, Soften, gaussian_blur, shrink


def noise(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 1, 48, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_each_picture_has_its_own_gaussian() -> None:
    x_BCHW, sigmas = noise(), torch.tensor([0.5, 1.0, 1.5])
    blurred = gaussian_blur(x_BCHW, sigmas)
    for picture, ours, sigma in zip(x_BCHW, blurred, sigmas, strict=True):
        theirs = cv2.GaussianBlur(picture[0].numpy(), (11, 11), float(sigma), borderType=cv2.BORDER_REPLICATE)
        np.testing.assert_allclose(ours[0].numpy(), theirs, atol=1e-4)


def test_a_smaller_picture_has_less_detail_and_the_same_mean() -> None:
    x_BCHW = noise()
    small = shrink(x_BCHW, 16)
    assert small.shape == x_BCHW.shape
    assert small.std() < 0.5 * x_BCHW.std()
    assert small.mean() == pytest.approx(float(x_BCHW.mean()), abs=0.02)


def test_shares_of_none_and_of_all() -> None:
    images_BCHW = (noise(8) * 127 + 128).to(torch.uint8)
    assert torch.equal(Compress(0.0)(images_BCHW), images_BCHW)
    compressed = Compress(1.0, quality=(15, 15))(images_BCHW)
    assert compressed.dtype == torch.uint8
    assert all((after != before).any() for after, before in zip(compressed, images_BCHW, strict=True))
    x_BCHW = noise(8)
    assert torch.equal(Soften(blur_probability=0.0, shrink_probability=0.0)(x_BCHW), x_BCHW)
    for all_soft in (Soften(1.0, shrink_probability=0.0), Soften(0.0, shrink_probability=1.0)):
        assert (all_soft(x_BCHW).flatten(1).std(1) < x_BCHW.flatten(1).std(1)).all()
