"""Canvases for second looks: copies of a picture or of a part of it, turned, reduced, on gray.

Shape letters: N boxes.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from app.faces.find import Found
from app.faces.letterbox import PADDING_VALUE, letterbox
from app.faces.turn import QUARTER_DEG, clockwise
from app.faces.types import Detection
from app.pictures.types import Image, Rectangle

QUARTERS = range(4)

PIXELS_TO_ONE = 4
"""Along a side, so many pixels of the picture at least make one of a copy. Of large pictures not every pixel is read:
averaging all 50 million would hold up everyone for a second."""


@dataclass(frozen=True)
class Copy:
    """Where a copy lies on a canvas, and the way back to the picture.

    Attributes:
        place: In pixels of the canvas, after the turn.
        source: What it shows, in pixels of the picture.
        quarters: Quarter turns counter-clockwise that were applied to it.
    """

    place: Rectangle
    source: Rectangle
    quarters: int

    def detections(self, found: Found, size: tuple[int, ...]) -> list[Detection]:
        """Return the faces whose centre lies on this copy, highest score first.

        Args:
            found: What the detector says of the whole canvas.
            size: Height and width of the picture; boxes are clipped to it.
        """
        left, top, right, bottom = self.place
        xyxy_N4, scores_N = found
        x_N, y_N = (xyxy_N4[:, 0] + xyxy_N4[:, 2]) / 2, (xyxy_N4[:, 1] + xyxy_N4[:, 3]) / 2
        mine = (x_N >= left) & (x_N < right) & (y_N >= top) & (y_N < bottom)
        moved = (xyxy_N4[mine] - np.array([left, top, left, top], dtype=np.float32)).T
        turned = clockwise(tuple(moved), right - left, bottom - top, self.quarters)
        wide, high = (right - left, bottom - top)[:: -1 if self.quarters % 2 else 1]
        x0, y0, x1, y1 = self.source
        scale = np.array([(x1 - x0) / wide, (y1 - y0) / high] * 2)
        boxes = (np.stack(turned, axis=1) * scale + [x0, y0, x0, y0]).clip(0, [size[1], size[0]] * 2)
        return [
            Detection((a, b, c, d), score, self.quarters * QUARTER_DEG)
            for (a, b, c, d), score in zip(boxes.tolist(), scores_N[mine].tolist(), strict=True)
            if c > a and d > b
        ]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A canvas with copies.

    Attributes:
        canvas: RGB, uint8; its sides are multiples of 32.
        copies: What lies on it.
    """

    canvas: Image
    copies: tuple[Copy, ...]

    def detections(self, found: Found, size: tuple[int, ...]) -> list[list[Detection]]:
        """Return the faces on each copy; see `Copy.detections`."""
        return [copy.detections(found, size) for copy in self.copies]


def wheel(image: Image, source: Rectangle, side_px: int, gap: float) -> Sheet:
    """Lay all four quarter turns of a part around the middle of a square, like the sails of a windmill.

    Whatever its shape, four copies of w x h pixels need a square of w + h pixels.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        source: The part, inside the image.
        side_px: Side of the square; a multiple of 32.
        gap: Gray around each copy, as a share of the side.

    Returns:
        A sheet with the copy at each quarter turn, in order.
    """
    left, top, right, bottom = source
    gap_px = round(gap * side_px)
    scale = (side_px - 3 * gap_px) / (right - left + bottom - top)
    reduced = resized(image[top:bottom, left:right], scale)
    high, wide = reduced.shape[:2]
    far = side_px - gap_px
    corners = ((gap_px, gap_px), (far - high, gap_px), (far - wide, far - high), (gap_px, far - wide))
    canvas = np.full((side_px, side_px, 3), PADDING_VALUE, dtype=np.uint8)
    copies = [lay(canvas, reduced, x, y, source, each) for each, (x, y) in zip(QUARTERS, corners, strict=True)]
    return Sheet(canvas, tuple(copies))


def bordered(image: Image, side_px: int, border: float, quarters: int) -> Sheet:
    """Lay the whole image, turned, in the middle of a square with a gray border.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        side_px: Side of the square; a multiple of 32.
        border: On each side of the longer side, as a share of the square's.
        quarters: Quarter turns counter-clockwise.
    """
    height, width = image.shape[:2]
    reduced = resized(image, side_px * (1 - 2 * border) / max(height, width))
    high, wide = reduced.shape[:2][:: -1 if quarters % 2 else 1]
    canvas = np.full((side_px, side_px, 3), PADDING_VALUE, dtype=np.uint8)
    x, y = (side_px - wide) // 2, (side_px - high) // 2
    return Sheet(canvas, (lay(canvas, reduced, x, y, (0, 0, width, height), quarters),))


def turned(image: Image, side_px: int, quarters: int) -> Sheet:
    """Lay the whole image as the first look does, and turn it."""
    height, width = image.shape[:2]
    canvas, box = letterbox(image, side_px)
    high, wide = canvas.shape[:2]
    place = (box.pad_x, box.pad_y, box.pad_x + round(width * box.scale_x), box.pad_y + round(height * box.scale_y))
    left, top, right, bottom = clockwise(place, wide, high, -quarters % 4)
    copy = Copy((left, top, right, bottom), (0, 0, width, height), quarters)
    return Sheet(np.ascontiguousarray(np.rot90(canvas, quarters)), (copy,))


def lay(canvas: Image, reduced: Image, x: int, y: int, source: Rectangle, quarters: int) -> Copy:
    """Turn a reduced part of a picture and write it onto a canvas with its upper left corner at (x, y)."""
    pixels = np.rot90(reduced, quarters)
    right, bottom = x + pixels.shape[1], y + pixels.shape[0]
    canvas[y:bottom, x:right] = pixels
    return Copy((x, y, right, bottom), source, quarters)


def resized(image: Image, scale: float) -> Image:
    """Return the image at so many times its sides, of at least one pixel each."""
    height, width = image.shape[:2]
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    how = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    step = max(1, int(1 / (scale * PIXELS_TO_ONE)))
    read = np.ascontiguousarray(image[::step, ::step])
    smaller: Image = cv2.resize(read, size, interpolation=how).reshape(size[1], size[0], 3)
    return smaller
