"""One small canvas for a frame of a stream: windows around the faces that are known, side by side."""

from collections.abc import Sequence

import numpy as np

from app.faces.copies import Sheet, lay, resized
from app.faces.find import Found
from app.faces.letterbox import PADDING_VALUE
from app.faces.nms import suppress
from app.faces.types import Box, Detection
from app.pictures.types import Image

FACE_PX = 64
"""Longer side of a face on the canvas at most: with fewer pixels boxes move, with more a search costs more."""

AROUND = 0.75
"""Of the picture to each side of the face, in face sides: what the detector needs to see, and room to move."""

GAP_PX = 8
"""Gray between two windows."""

EDGE_PX = 2.0
"""A box this near to the end of a window is cut there, unless the picture ends there, too."""

LAYOUTS = ((1, 1, 160, 160), (2, 2, 320, 160), (4, 2, 320, 320), (9, 3, 320, 320))
"""Most windows, columns, width and height: few canvases, because the runtime keeps code for each."""

MOST_WINDOWS = LAYOUTS[-1][0]


def pack(image: Image, faces: Sequence[Box], side_px: int) -> Sheet:
    """Lay a window around each face onto one canvas, as large as in a search of the whole picture or smaller.

    Args:
        image: RGB, uint8, shape (H, W, 3).
        faces: Where they are expected, xyxy; 1 to `MOST_WINDOWS`.
        side_px: Longer side of the whole picture's canvas.

    Returns:
        A sheet with one copy for each face, in order.
    """
    _, columns, wide, high = next(each for each in LAYOUTS if len(faces) <= each[0])
    cell_px = wide // columns
    canvas = np.full((high, wide, 3), PADDING_VALUE, dtype=np.uint8)
    largest = side_px / max(image.shape[:2])
    copies = []
    for index, face in enumerate(faces):
        left, top, right, bottom = source = _around(face, image)
        room = (cell_px - GAP_PX) / max(right - left, bottom - top)
        scale = min(largest, room, FACE_PX / max(face[2] - face[0], face[3] - face[1]))
        row, column = divmod(index, columns)
        part = resized(image[top:bottom, left:right], scale)
        copies.append(lay(canvas, part, column * cell_px, row * cell_px, source, 0))
    return Sheet(canvas, tuple(copies))


def unpack(sheet: Sheet, found: Found, size: tuple[int, ...], iou_threshold: float) -> list[Detection]:
    """Return the faces in all windows, without those that a window's end cuts; of doubles the surest.

    Args:
        sheet: From `pack`.
        found: What the detector says of its canvas.
        size: Height and width of the picture.
        iou_threshold: As in `app.faces.nms.suppress`.
    """
    xyxy_N4, scores_N = found
    seen: list[Detection] = []
    for copy in sheet.copies:
        whole_N = np.ones(len(scores_N), dtype=np.bool_)
        for axis in (0, 1):
            first, last = copy.source[axis] == 0, copy.source[axis + 2] == size[1 - axis]
            whole_N &= (xyxy_N4[:, axis] > copy.place[axis] + EDGE_PX) | first
            whole_N &= (xyxy_N4[:, axis + 2] < copy.place[axis + 2] - EDGE_PX) | last
        seen += copy.detections((xyxy_N4[whole_N], scores_N[whole_N]), size)
    boxes = np.array([each.xyxy for each in seen], dtype=np.float32).reshape(-1, 4)
    scores = np.array([each.score for each in seen], dtype=np.float32)
    return [seen[each] for each in suppress(boxes, scores, iou_threshold, len(seen)).tolist()]


def _around(face: Box, image: Image) -> tuple[int, int, int, int]:
    """Return the part of the image around a face, in whole pixels: at least one, inside the image."""
    height, width = image.shape[:2]
    left, top, right, bottom = face
    half = (0.5 + AROUND) * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    x0, y0 = (int(min(max(0, at - half), side - 1)) for at, side in ((x, width), (y, height)))
    return x0, y0, max(x0 + 1, min(width, round(x + half))), max(y0 + 1, min(height, round(y + half)))
