"""From a face box to the square gray picture that My_model was trained on; one function for serving and evaluation.

Shape letters: N faces, S side of the crop.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.pictures.types import Image
from app.weights import INPUT_SIZE_PX, CropRule

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G and B in gray: ITU-R BT.601, as Pillow's convert("L"), which made most gray face sets."""

MAX_OVERSAMPLING = 8
"""Samples a side for each output pixel at most: beyond 384 px they are spread, no longer adjacent."""

WHOLE_PICTURE = CropRule(margin=0.0, shift_y=0.0)
"""For faces that arrive already cropped."""


def crop_square(xyxy: tuple[float, float, float, float], rule: CropRule) -> tuple[float, float, float]:
    """Return the square of a box as centre x, centre y and side, in float pixels of the original image."""
    left, top, right, bottom = xyxy
    side = (1 + rule.margin) * max(right - left, bottom - top)
    return (left + right) / 2, (top + bottom) / 2 + rule.shift_y * side, side


def crop_faces(
    image: Image, boxes: Sequence[tuple[float, float, float, float]], rule: CropRule, device: torch.device
) -> Tensor:
    """Cut the squares of several boxes out of one image, with sub-pixel accuracy and without aliasing.

    Every output pixel is the mean of up to 8 x 8 bilinear samples spread over its area. The image's
    border repeats beyond its edge.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        boxes: xyxy in float pixels of the image.
        rule: Maps box to square.
        device: Where to compute.

    Returns:
        Gray, float32, 0..255, shape (N, 1, 48, 48).
    """
    if not boxes:
        return torch.zeros(0, 1, INPUT_SIZE_PX, INPUT_SIZE_PX, device=device)
    return torch.cat([_crop(image, *crop_square(box, rule), device) for box in boxes])


def whole_picture(image: Image, device: torch.device) -> Tensor:
    """Turn an already cropped face into My_model's input; a 48 x 48 gray picture is used as is.

    Returns:
        Gray, float32, 0..255, shape (1, 1, 48, 48).
    """
    height, width = image.shape[:2]
    if (height, width) == (INPUT_SIZE_PX, INPUT_SIZE_PX):
        return _to_gray(image, device)
    return crop_faces(image, [(0.0, 0.0, float(width), float(height))], WHOLE_PICTURE, device)


def _crop(image: Image, centre_x: float, centre_y: float, side: float, device: torch.device) -> Tensor:
    oversampling = min(MAX_OVERSAMPLING, max(1, round(side / INPUT_SIZE_PX)))
    samples = INPUT_SIZE_PX * oversampling
    step_side = _steps(samples, device) * side
    if side > 2 * samples:
        columns, x = _beside(centre_x + step_side, image.shape[1])
        rows, y = _beside(centre_y + step_side, image.shape[0])
        region = image[rows[:, None], columns]
    else:
        region, offset_x, offset_y = _region(image, centre_x, centre_y, side)
        x, y = centre_x - offset_x + step_side, centre_y - offset_y + step_side
    gray_BCHW = _to_gray(region, device)
    height, width = region.shape[:2]
    grid = torch.empty(1, samples, samples, 2, device=device)
    grid[..., 0] = x * 2 / width - 1
    grid[..., 1] = (y * 2 / height - 1)[:, None]
    sampled = F.grid_sample(gray_BCHW, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return sampled if oversampling == 1 else F.avg_pool2d(sampled, oversampling)


@lru_cache(maxsize=2 * MAX_OVERSAMPLING)
def _steps(samples: int, device: torch.device) -> Tensor:
    """Return sample positions along a side of the square: -0.5..0.5, from its centre, in sides."""
    return (torch.arange(samples, device=device, dtype=torch.float32) + 0.5) / samples - 0.5


def _beside(place_S: Tensor, length: int) -> tuple[np.ndarray, Tensor]:
    """Return the pixels on both sides of each position, and the positions if only these pixels are kept.

    A face thousands of pixels a side then costs no more than one of 768.

    Args:
        place_S: Positions along one side of the image, in pixels, shape (S,).
        length: Length of that side.

    Returns:
        Pixel indices, shape (2 * S,), and positions among these alone, shape (S,).
    """
    inside_S = (place_S - 0.5).clamp(0, length - 1)  # from one pixel's centre to the last one's
    first_S = inside_S.floor()
    pairs_S2 = torch.stack([first_S, (first_S + 1).clamp(max=length - 1)], dim=1)
    among_S = 2 * torch.arange(len(first_S), device=place_S.device) + inside_S - first_S + 0.5
    return pairs_S2.flatten().long().cpu().numpy(), among_S


def _region(image: Image, centre_x: float, centre_y: float, side: float) -> tuple[Image, int, int]:
    """Return the part of the image that the square touches, with one pixel around it, and its offset."""
    height, width = image.shape[:2]
    left, right = (min(max(math.floor(centre_x + half), -1), width) for half in (-side / 2, side / 2))
    top, bottom = (min(max(math.floor(centre_y + half), -1), height) for half in (-side / 2, side / 2))
    left, top = max(0, min(left - 1, width - 1)), max(0, min(top - 1, height - 1))
    return image[top : max(bottom + 2, top + 1), left : max(right + 2, left + 1)], left, top


def _to_gray(image: Image, device: torch.device) -> Tensor:
    """Map RGB (H, W, 3) to gray float (1, 1, H, W), rounded to whole values as an 8-bit gray picture would be."""
    rgb_HWC = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    gray_HW = (rgb_HWC.float() @ _luma(device)).round()
    return gray_HW[None, None]


@lru_cache(maxsize=2)
def _luma(device: torch.device) -> Tensor:
    return torch.tensor(LUMA, device=device)
