"""Very long pictures: overlapping windows along the longer side, searched larger than the whole picture was."""

import cv2
import numpy as np

from app.faces.copies import Copy, Sheet
from app.faces.find import Found
from app.faces.letterbox import PADDING_VALUE
from app.faces.types import Detection
from app.pictures.types import Image

LONG_RATIO = 3.0
"""From this ratio of the sides on, the whole picture on one canvas has a third of its height or less."""

OVERLAP = 0.5
"""Of two windows, as a share of the shorter side. A larger face is large enough for the whole picture's look."""

EDGE_PX = 2.0
"""A box this near to the end of a window is cut there; the next window has the face whole."""


def is_long(image: Image) -> bool:
    """Whether a picture is searched in windows."""
    height, width = image.shape[:2]
    return bool(max(height, width) > LONG_RATIO * min(height, width))


def windows(image: Image, side_px: int, most_px: int, stride: int = 32) -> list[Sheet]:
    """Cut a long picture into windows of `side_px` on the canvas, as large as the bound on their area allows.

    Args:
        image: RGB, uint8, shape (H, W, 3), longer than wide or the other way round.
        side_px: Length of a window on its canvas.
        most_px: Most canvas pixels of all windows together.
        stride: The network's coarsest stride in pixels.

    Returns:
        The windows in order; none if the picture is so long that they would show no more than the whole did.
    """
    upright = image.shape[0] > image.shape[1]
    short, long = sorted(image.shape[:2])
    starts, across = _plan(short, long, side_px, most_px, stride)
    sheets = []
    for start in starts:
        length = min(long - start, int(side_px * short / across))
        wide = min(side_px, round(length * across / short))
        place, source = (0, 0, wide, across), (start, 0, start + length, short)
        if upright:
            place, source = (0, 0, across, wide), (0, start, short, start + length)
        part = image[source[1] : source[3], source[0] : source[2]]
        canvas = np.full((side_px, across, 3) if upright else (across, side_px, 3), PADDING_VALUE, dtype=np.uint8)
        canvas[: place[3], : place[2]] = cv2.resize(part, place[2:], interpolation=cv2.INTER_LINEAR)
        sheets.append(Sheet(canvas, (Copy(place, source, 0),)))
    return sheets


def whole_faces(sheet: Sheet, found: Found, size: tuple[int, ...]) -> list[Detection]:
    """Return the faces of a window without those that its ends cut."""
    xyxy_N4, scores_N = found
    [copy] = sheet.copies
    axis = 1 if size[0] > size[1] else 0
    first, last = copy.source[axis] == 0, copy.source[axis + 2] == size[1 - axis]
    kept = (xyxy_N4[:, axis] > EDGE_PX) | first
    kept &= (xyxy_N4[:, axis + 2] < copy.place[axis + 2] - EDGE_PX) | last
    return copy.detections((xyxy_N4[kept], scores_N[kept]), size)


def _plan(short: int, long: int, side_px: int, most_px: int, stride: int) -> tuple[list[int], int]:
    """Return where windows start in pixels of the picture, and their shorter side on the canvas."""
    whole = side_px * short / long
    for across in range(-(-min(short, side_px // 2) // stride) * stride, stride - 1, -stride):
        length = side_px * short / across
        count = 1 + max(0, int(np.ceil((long - length) / (length - OVERLAP * short))))
        if across > whole and count * side_px * across <= most_px:
            last = max(0.0, long - length)
            return [round(each) for each in np.linspace(0, last, count)], across
    return [], stride
