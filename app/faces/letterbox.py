"""Fit a picture into the detector's input and map boxes back."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.pictures.types import Image

PADDING_VALUE = 114
"""Gray of the padding, as in YOLOv8's training."""


@dataclass(frozen=True)
class Letterbox:
    """The transform from original pixels to the canvas: multiply by the scales, then add the pads.

    Attributes:
        scale_x: Canvas pixels per original pixel, horizontally.
        scale_y: The same vertically; it differs from scale_x only by the rounding to whole pixels.
        pad_x: Canvas pixels left of the picture.
        pad_y: Canvas pixels above the picture.
    """

    scale_x: float
    scale_y: float
    pad_x: int
    pad_y: int

    def to_original(self, xyxy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map boxes (N, 4) from canvas pixels to original pixels."""
        pad = np.array([self.pad_x, self.pad_y] * 2, dtype=np.float32)
        scale = np.array([self.scale_x, self.scale_y] * 2, dtype=np.float32)
        return (xyxy - pad) / scale


def fitted(height: int, width: int, size_px: int) -> tuple[int, int]:
    """Return width and height of a picture whose longer side is `size_px`."""
    scale = size_px / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def canvas_size(height: int, width: int, size_px: int, stride: int = 32) -> tuple[int, int]:
    """Return width and height of the canvas that `letterbox` makes for a picture."""
    wide, high = fitted(height, width, size_px)
    return -(-wide // stride) * stride, -(-high // stride) * stride


def letterbox(image: Image, size_px: int, stride: int = 32) -> tuple[Image, Letterbox]:
    """Resize keeping the aspect ratio so that the longer side is size_px, then pad the shorter to a stride multiple.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        size_px: Longer side of the canvas in pixels; a multiple of `stride`.
        stride: The network's coarsest stride in pixels.

    Returns:
        uint8 (h, w, 3) with max(h, w) == size_px and both multiples of the stride, and the transform.

    Raises:
        ValueError: If size_px is not a multiple of the stride.

    References:
        YOLOv8 preprocessing: bilinear resize, centred padding with 114, shortest canvas ("rect").
    """
    if size_px % stride:
        raise ValueError(f"size_px must be a multiple of {stride}, not {size_px}.")
    height, width = image.shape[:2]
    new_width, new_height = fitted(height, width, size_px)
    canvas_width, canvas_height = canvas_size(height, width, size_px, stride)
    pad_x, pad_y = (canvas_width - new_width) // 2, (canvas_height - new_height) // 2
    canvas = np.full((canvas_height, canvas_width, 3), PADDING_VALUE, dtype=np.uint8)
    resized = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    canvas[pad_y : pad_y + new_height, pad_x : pad_x + new_width] = resized
    return canvas, Letterbox(new_width / width, new_height / height, pad_x, pad_y)
