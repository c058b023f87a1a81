"""Where a known face has moved to, by its looks alone: a search in gray pixels that needs no network."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from app.faces.crop import crop_square
from app.faces.types import Box, Crop, Detection
from app.manifest import INPUT_SIZE_PX, CropRule
from app.pictures.types import Image

REACH_PX = 8
"""How far it is searched for in each direction, in pixels of its crop: a sixth of its side."""

Floats = npt.NDArray[np.float32]


def moved(image: Image, detection: Detection, expected: Box, crop: Crop, rule: CropRule) -> Detection | None:
    """Return a face where it looks most as it did, its size unchanged; None beside the picture's border.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        detection: As it was last seen.
        expected: Where it is expected now, xyxy.
        crop: How it looked when it was last searched for.
        rule: How it was cropped.

    References:
        Lewis 1995, "Fast Normalized Cross-Correlation", for the search; the parabola through the three best values of
        each axis gives fractions of a pixel (Tian and Huhns 1986, "Algorithms for Subpixel Registration").
    """
    x, y, side = crop_square(expected, rule)
    wide = INPUT_SIZE_PX + 2 * REACH_PX
    half = side / 2 * wide / INPUT_SIZE_PX
    left, top, right, bottom = (round(each) for each in (x - half, y - half, x + half, y + half))
    if left < 0 or top < 0 or right > image.shape[1] or bottom > image.shape[0]:
        return None
    gray = cv2.cvtColor(np.ascontiguousarray(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    around = cv2.resize(gray, (wide, wide), interpolation=cv2.INTER_AREA).astype(np.float32)
    fits: Floats = np.asarray(cv2.matchTemplate(around, crop, cv2.TM_CCOEFF_NORMED), np.float32)
    row, column = divmod(int(fits.argmax()), fits.shape[1])
    if not (0 < row < fits.shape[0] - 1 and 0 < column < fits.shape[1] - 1):
        return None  # the best place may be further than it reaches
    scale_x, scale_y = (right - left) / wide, (bottom - top) / wide
    middle_x = left + (column + _peak(fits[row, column - 1 : column + 2]) + INPUT_SIZE_PX / 2) * scale_x
    middle_y = top + (row + _peak(fits[row - 1 : row + 2, column]) + INPUT_SIZE_PX / 2) * scale_y
    from_x, from_y, _ = crop_square(detection.xyxy, rule)
    x0, y0, x1, y1 = detection.xyxy
    across, down = middle_x - from_x, middle_y - from_y
    return replace(detection, xyxy=(x0 + across, y0 + down, x1 + across, y1 + down), searched=False)


def _peak(three: Floats) -> float:
    """Return where the parabola through three values has its peak, from the middle one, -0.5..0.5."""
    before, best, after = three.tolist()
    bend = before - 2 * best + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
