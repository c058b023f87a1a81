"""What My_model loses on faces as a service gets them: badly framed, blurred, compressed, dark, small.

Each distortion is applied to the splits' original pictures; the network and the labels stay the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from app.faces.crop import WHOLE_PICTURE, crop_faces
from app.manifest import INPUT_SIZE_PX
from training.emotion.data import EmotionSplit
from training.emotion.evaluate import join_all
from training.emotion.predict import predict_logits
from training.jpeg import compress

Gray = npt.NDArray[np.uint8]
Distortion = Callable[[Gray, np.random.Generator], Gray]
CPU = torch.device("cpu")


def jitter_box(picture: Gray, generator: np.random.Generator, share: float) -> Gray:
    """Frame the face wrongly: the box's centre and side are off by up to a share of the side, uniformly drawn."""
    shift_x, shift_y, growth = generator.uniform(-share, share, 3) * INPUT_SIZE_PX
    half = (INPUT_SIZE_PX + growth) / 2
    centre_x, centre_y = INPUT_SIZE_PX / 2 + shift_x, INPUT_SIZE_PX / 2 + shift_y
    box = (centre_x - half, centre_y - half, centre_x + half, centre_y + half)
    crop = crop_faces(np.repeat(picture[:, :, None], 3, axis=2), [box], WHOLE_PICTURE)
    framed: Gray = crop[0, 0].round().astype(np.uint8)
    return framed


def blur(picture: Gray, _: np.random.Generator, sigma_px: float) -> Gray:
    """Blur with a Gaussian."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), dtype=np.uint8)


def relight(picture: Gray, _: np.random.Generator, factor: float) -> Gray:
    """Multiply all values and clip to 0..255."""
    return (picture * factor).round().clip(0, 255).astype(np.uint8)


def shrink(picture: Gray, _: np.random.Generator, side_px: int) -> Gray:
    """Keep only a smaller picture's detail."""
    small = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, picture.shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


DISTORTIONS: dict[str, Distortion] = {
    "box jitter of 5 %": partial(jitter_box, share=0.05),
    "box jitter of 10 %": partial(jitter_box, share=0.10),
    "blur, sigma 1 px": partial(blur, sigma_px=1.0),
    "JPEG quality 30": lambda picture, _: compress(picture, quality=30),
    "30 % darker": partial(relight, factor=0.7),
    "30 % brighter": partial(relight, factor=1.3),
    "24 px": partial(shrink, side_px=24),
}


def measure_robustness(
    model: nn.Module, splits: Mapping[str, EmotionSplit], device: torch.device
) -> dict[str, dict[str, float]]:
    """Return the accuracy, 0..1, under each distortion, with the same draws for every model.

    Args:
        model: On `device`.
        splits: Pictures by split name.
        device: Where to compute, in float32.

    Returns:
        Split name -> distortion -> accuracy; for several splits, also for all together, named like `A+B`.
    """
    together, whole = join_all(splits)
    lengths = [len(split) for split in splits.values()]
    accuracies: dict[str, dict[str, float]] = {}
    for distortion, distort in DISTORTIONS.items():
        generator = np.random.default_rng(0)
        pictures = np.stack([distort(picture, generator) for picture in whole.images_BCHW[:, 0].numpy()])
        distorted = replace(whole, images_BCHW=torch.from_numpy(pictures)[:, None])
        hits_N = (predict_logits(model, distorted, device, bf16=False).argmax(1) == whole.targets_B).double()
        parts = {**dict(zip(splits, hits_N.split(lengths), strict=True)), together: hits_N}
        for name, part_N in parts.items():
            accuracies.setdefault(name, {})[distortion] = float(part_N.mean())
    return accuracies
