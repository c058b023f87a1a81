"""What a file announces before it is opened.

Of a GIF or a WebP that is its size, for which Pillow takes memory as soon as it opens one; of a file in boxes, whether
it is a picture.
"""

import struct

from app.pictures.crumbs import GIF, GIF_IMAGE, gif_parts, is_webp

Size = tuple[int, int]

PICTURE_BRANDS = frozenset(
    {b"avif", b"avis", b"mif1", b"mif2", b"msf1", b"heic", b"heix", b"heim", b"heis"}
) | frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"miaf"})
"""Kinds of files in boxes that hold pictures: ISO/IEC 23008-12, annexes B and E; AV1 Image File Format, section 6."""
MOST_BRANDS_BYTES = 256


def announced_size(payload: bytes) -> Size | None:
    """Return the width and height of a GIF or WebP, or None for other formats and damaged files.

    Args:
        payload: Any file of few parts, as `app.pictures.crumbs` leaves them.
    """
    try:
        if payload.startswith(GIF):
            return _gif_size(payload)
        return _webp_size(payload) if is_webp(payload) else None
    except struct.error:
        return None


def _gif_size(payload: bytes) -> Size:
    """Return the size of the screen, or of the first frame where that reaches beyond it."""
    width, height = struct.unpack_from("<HH", payload, 6)
    for part in gif_parts(payload):
        if part.kind == GIF_IMAGE:
            left, top, frame_width, frame_height = struct.unpack_from("<HHHH", payload, part.end)
            return max(width, left + frame_width), max(height, top + frame_height)
    return width, height


def _webp_size(payload: bytes) -> Size | None:
    """References: RFC 9649, sections 2.5 to 2.7 and 3.4; RFC 6386, section 9.1."""
    kind = payload[12:16]
    if kind == b"VP8X":
        read = int.from_bytes(payload[24:30].ljust(6, b"\0"), "little")
        return (read & 0xFFFFFF) + 1, (read >> 24) + 1
    if kind == b"VP8L":
        [read] = struct.unpack_from("<I", payload, 21)
        return (read & 0x3FFF) + 1, (read >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", payload, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def is_film(payload: bytes) -> bool:
    """Whether a file in boxes, as MP4, MOV, AVIF and HEIC are, names no kind of picture among its brands.

    Args:
        payload: A file whose first box is `ftyp`.
    """
    end = min(int.from_bytes(payload[:4]), MOST_BRANDS_BYTES)
    return PICTURE_BRANDS.isdisjoint(payload[at : at + 4] for at in (8, *range(16, end, 4)))
