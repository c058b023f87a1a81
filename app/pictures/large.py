"""Tells pictures that take long to decode from the usual ones, by their first bytes."""

import struct
from itertools import islice

from app.pictures.announced import announced_size
from app.pictures.bmp import BMP
from app.pictures.crumbs import PNG, without_crumbs
from app.pictures.jpeg_markers import FRAMES, MAX_SEGMENTS, SCAN, START, segments

PNG_HEADER, PNG_HEADER_END = b"IHDR", 24

USUAL_PIXELS = 2_100_000
"""Full HD. A WebP of that size holds Python's lock for 30 ms; 50 megapixels take a processor half a second."""

USUAL_JPEG_PIXELS = 17_000_000
"""A phone's photo; JPEGs are cheaper, since they are decoded at a fraction of their size."""


def is_large(payload: bytes) -> bool:
    """Whether decoding a picture takes much longer than is usual.

    Args:
        payload: A JPEG, PNG, WebP, BMP or GIF, possibly damaged.

    Raises:
        BadPayload: If it consists of countless parts.
    """
    if payload.startswith(START):
        width, height = _jpeg_size(payload)
        return width * height > USUAL_JPEG_PIXELS
    if payload.startswith(PNG):
        if len(payload) >= PNG_HEADER_END and payload[12:16] != PNG_HEADER:  # readers pass over what stands before it
            return True
        width, height = _two_numbers(">II", payload, 16)
    elif payload.startswith(BMP):
        width, height = _two_numbers("<ii", payload, 18)  # in the head of all versions but the oldest, of OS/2
    else:
        width, height = announced_size(without_crumbs(payload)) or (0, 0)
    return abs(width * height) > USUAL_PIXELS


def _jpeg_size(payload: bytes) -> tuple[int, int]:
    """References: ITU-T T.81, section B.2.2 (frame header)."""
    for marker, start, _ in islice(segments(payload), MAX_SEGMENTS):
        if marker == SCAN:
            break
        if marker in FRAMES:
            height, width = _two_numbers(">HH", payload, start + 1)
            return width, height
    return 0, 0


def _two_numbers(form: str, payload: bytes, at: int) -> tuple[int, int]:
    """Read two numbers; what lies behind the end counts as zeros."""
    first, second = struct.unpack(form, payload[at : at + struct.calcsize(form)].ljust(struct.calcsize(form), b"\0"))
    return first, second
