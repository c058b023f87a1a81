"""Finds the hard cuts of a film: there all faces are new, however well their boxes fit."""

from collections import deque
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt

from app.faces.overlap import as_boxes, overlaps
from app.faces.types import ImageFaces
from app.pictures.types import Image

Gray = npt.NDArray[np.uint8]

SMALL_WIDTH_PX, SMALL_HEIGHT_PX = 64, 36
"""Frames are compared at this size: what moves within a shot is hardly seen there."""

SAMPLES = 2.5
"""So many pixels a side are averaged for one of the small picture; the others are skipped."""

MARGIN_X_PX, MARGIN_Y_PX = 12, 7
"""How far the picture may have moved between two frames: a fifth of its side. A faster pan looks like a cut."""

LEAST_CONTRAST = 3.0
"""With a lower standard deviation, in gray levels, nothing is there to be compared: black, or all white."""

DIFFERENT, VERY_DIFFERENT = 0.3, 0.4
"""1 minus the correlation. On nine photos pans by 16 % of the width and flashes stay below 0.3, cuts between those with
people above 0.4."""

STANDS_OUT = 3.0
"""A cut differs so many times more than usual of late: shaking and fast zooms are many small changes in a row."""

REMEMBERED = 12
SAME_PLACE = 0.3
"""Least overlap (IoU) of the boxes of a face that goes on."""


def small_gray(image: Image) -> Gray:
    """Return a small gray copy of a picture.

    Args:
        image: RGB, uint8, shape (H, W, 3).
    """
    height, width = image.shape[:2]
    down = max(1, int(height / SMALL_HEIGHT_PX / SAMPLES))
    across = max(1, int(width / SMALL_WIDTH_PX / SAMPLES))
    gray = cv2.cvtColor(np.ascontiguousarray(image[::down, ::across]), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, (SMALL_WIDTH_PX, SMALL_HEIGHT_PX), interpolation=cv2.INTER_AREA), np.uint8)


class CutDetector:
    """Tells whether a frame begins a new shot.

    Two frames are compared by correlation, wherever the middle of one fits best into the other. So neither light nor a
    moving camera matters, as long as it moves less than `MARGIN_X_PX` and `MARGIN_Y_PX`.

    References:
        Lewis 1995, "Fast Normalized Cross-Correlation" (Vision Interface). Boreczky and Rowe 1996, "Comparison of video
        shot boundary detection techniques": a difference is judged beside those around it.
    """

    def __init__(self) -> None:
        self._before: Gray | None = None
        self._boxes = as_boxes([])
        self._usual: deque[float] = deque(maxlen=REMEMBERED)
        self._next: Gray | None = None
        self._difference: float | None = None

    def compare(self, small: Gray) -> bool:
        """Look at the next frame before its faces are known.

        Args:
            small: From `small_gray`.

        Returns:
            Whether it may begin a new shot.
        """
        is_empty = small.std() < LEAST_CONTRAST
        self._next = None if is_empty else small
        self._difference = None if is_empty or self._before is None else _difference(self._before, small)
        return self._difference is not None and self._difference > self._limit()

    def is_cut(self, found: ImageFaces) -> bool:
        """Take the frame that was compared last.

        Args:
            found: The faces in it.
        """
        if self._next is None:
            return False
        self._before, self._next = self._next, None
        boxes_before, self._boxes = self._boxes, _boxes(found)
        difference = self._difference
        if difference is None:
            return False
        cut = difference > self._limit()
        cut = cut and not (difference < VERY_DIFFERENT and _go_on(boxes_before, self._boxes))
        if cut:
            self._usual.clear()
        else:
            self._usual.append(difference)
        return cut

    def _limit(self) -> float:
        return max(DIFFERENT, STANDS_OUT * (median(self._usual) if self._usual else 0.0))


def _difference(one: Gray, other: Gray) -> float:
    """Return 1 minus the best correlation of the middle of either with a part of the other; 0 if both are empty."""
    best = 1.0
    for middle, whole in ((one, other), (other, one)):
        cropped = middle[MARGIN_Y_PX:-MARGIN_Y_PX, MARGIN_X_PX:-MARGIN_X_PX]
        if cropped.std() >= LEAST_CONTRAST:
            fit = float(cv2.matchTemplate(whole, cropped, cv2.TM_CCOEFF_NORMED).max())
            best = fit if best == 1.0 else max(best, fit)
    return 1 - best


def _boxes(found: ImageFaces) -> npt.NDArray[np.float64]:
    """Return left, top, right and bottom (N, 4) in shares of the picture's sides."""
    size = np.array([found.width, found.height] * 2, np.float64)
    return as_boxes([face.detection.xyxy for face in found.faces]) / size


def _go_on(before: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> bool:
    """Whether at least half of the faces are where one was before; without any face nothing goes on."""
    if not len(before) or not len(now):
        return False
    return bool((overlaps(before, now).max(axis=0) >= SAME_PLACE).mean() >= 0.5)
