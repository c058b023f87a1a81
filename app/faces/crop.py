"""From a face box to the square gray picture that a classifier was trained on; one function for serving and training.

Shape letters: N faces, S samples along a side of the crop, L pixels along a side of the region, T pixels of the crop.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from app.faces.types import Box
from app.manifest import INPUT_SIZE_PX, CropRule
from app.pictures.types import Image

Crops = npt.NDArray[np.float32]
"""Gray, float32, 0..255, shape (N, 1, 48, 48)."""

MAX_OVERSAMPLING = 8
"""Samples a side for each output pixel at most: beyond 384 px they are spread, no longer adjacent."""

WHOLE_PICTURE = CropRule(margin=0.0, shift_y=0.0)
"""For faces that arrive already cropped."""


def crop_square(xyxy: Box, rule: CropRule) -> tuple[float, float, float]:
    """Return the square of a box as centre x, centre y and side, in float pixels of the original image."""
    left, top, right, bottom = xyxy
    side = (1 + rule.margin) * max(right - left, bottom - top)
    return (left + right) / 2, (top + bottom) / 2 + rule.shift_y * side, side


def crop_faces(image: Image, boxes: Sequence[Box], rule: CropRule) -> Crops:
    """Cut the squares of several boxes out of one image, with sub-pixel accuracy and without aliasing.

    Every output pixel is the mean of up to 8 x 8 bilinear samples spread over its area. The image's border repeats
    beyond its edge.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        boxes: xyxy in float pixels of the image.
        rule: Maps box to square.

    Returns:
        See `Crops`.
    """
    crops = np.empty((len(boxes), 1, INPUT_SIZE_PX, INPUT_SIZE_PX), dtype=np.float32)
    for crop, box in zip(crops, boxes, strict=True):
        crop[0] = _crop(image, *crop_square(box, rule))
    return crops


def whole_picture(image: Image) -> Crops:
    """Turn an already cropped face into a classifier's input; a 48 x 48 gray picture is used as is."""
    height, width = image.shape[:2]
    if (height, width) == (INPUT_SIZE_PX, INPUT_SIZE_PX):
        return _gray(image).astype(np.float32)[None, None]
    return crop_faces(image, [(0.0, 0.0, float(width), float(height))], WHOLE_PICTURE)


def _crop(image: Image, centre_x: float, centre_y: float, side: float) -> npt.NDArray[np.float32]:
    """Sample along both axes, one after the other: the samples lie on a grid, so that two products give their means."""
    columns, across_TL = _axis(centre_x, side, image.shape[1])
    rows, down_TL = _axis(centre_y, side, image.shape[0])
    region = image[rows, columns] if isinstance(rows, slice) else image[rows[:, None], columns]
    cropped: npt.NDArray[np.float32] = down_TL @ _gray(region).astype(np.float32) @ across_TL.T
    return cropped


def _axis(centre: float, side: float, length: int) -> tuple[slice | npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return which pixels along one axis the samples lie between, and each pixel's share in each output pixel.

    A sample lies between two pixels' centres and takes from both; beyond the edge it takes the last pixel. Of a face
    thousands of pixels a side only the pixels beside a sample are read.

    Args:
        centre: Of the square, in pixels of the image.
        side: Of the square, in pixels.
        length: Of the image, in pixels.

    Returns:
        The pixels, and their shares, shape (48, pixels); rows sum to 1.
    """
    oversampling = min(MAX_OVERSAMPLING, max(1, round(side / INPUT_SIZE_PX)))
    steps_S = _steps(oversampling)
    place_S = np.clip(np.float32(centre) + steps_S * np.float32(side) - np.float32(0.5), 0, length - 1)
    first_S = np.floor(place_S).astype(np.int64)
    second_S = np.minimum(first_S + 1, length - 1)
    share_S = place_S - first_S
    pixels: slice | npt.NDArray[np.int64]
    if side > 2 * len(steps_S):
        pixels, among = np.unique(np.concatenate([first_S, second_S]), return_inverse=True)
        first_S, second_S, count = among[: len(steps_S)], among[len(steps_S) :], len(pixels)
    else:
        pixels = slice(int(first_S[0]), int(second_S[-1]) + 1)
        first_S, second_S, count = first_S - pixels.start, second_S - pixels.start, pixels.stop - pixels.start
    shares_TL = np.zeros((INPUT_SIZE_PX, count), dtype=np.float32)
    into_S = np.arange(len(steps_S)) // oversampling
    np.add.at(shares_TL, (into_S, first_S), (1 - share_S) / oversampling)
    np.add.at(shares_TL, (into_S, second_S), share_S / oversampling)
    return pixels, shares_TL


@lru_cache(maxsize=MAX_OVERSAMPLING)
def _steps(oversampling: int) -> npt.NDArray[np.float32]:
    """Return sample positions along a side of the square: -0.5..0.5, from its centre, in sides."""
    samples = INPUT_SIZE_PX * oversampling
    return (np.arange(samples, dtype=np.float32) + np.float32(0.5)) / np.float32(samples) - np.float32(0.5)


def _gray(image: Image) -> npt.NDArray[np.uint8]:
    """Map RGB (H, W, 3) to gray (H, W) with the weights of ITU-R BT.601, which made most gray face sets."""
    gray: npt.NDArray[np.uint8] = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return gray
