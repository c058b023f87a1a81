"""A JPEG that was cut off is read if at least half of its rows are there."""

import numpy as np
from PIL import Image as Pillow

from app.errors import BadPayload

LEAST_SHARE = 0.5
BLOCK_PX = 8
"""Rows of a block of a JPEG: rows that its neighbours only tint do not count as there."""

MISSING = (127, 128)
"""What a decoder gives for blocks that are missing: the middle of the range, or its inverse."""

BAND_ROWS = 64


def check_rows(picture: Pillow.Image, original_height: int) -> None:
    """Refuse a JPEG of which less than half is there. Rows of a first scan that is complete all count.

    Args:
        picture: Decoded, possibly at a fraction of its size, not yet turned upright.
        original_height: Its height at full size.

    Raises:
        BadPayload: If more rows are missing.
    """
    height = picture.height
    rows = _last_row(picture)
    if rows < height:
        rows -= rows % max(1, BLOCK_PX * height // original_height)
    if rows < LEAST_SHARE * height:
        raise BadPayload("The JPEG is cut off: less than half of its rows are there.")


def _last_row(picture: Pillow.Image) -> int:
    """Return how many rows there are up to the last one that is not all gray."""
    for bottom in range(picture.height, 0, -BAND_ROWS):
        top = max(0, bottom - BAND_ROWS)
        band = np.asarray(picture.crop((0, top, picture.width, bottom))).reshape(bottom - top, -1)
        there = np.flatnonzero(((band < MISSING[0]) | (band > MISSING[1])).any(axis=1))
        if there.size:
            return top + int(there[-1]) + 1
    return 0
