"""Counts a JPEG's scans and segments: a few kilobytes can repeat them until decoding takes minutes."""

import re
from collections.abc import Iterator

from app.errors import BadPayload

MAX_SCANS = 100
"""Cameras write about ten in a progressive JPEG."""

MAX_SEGMENTS = 500
"""Pillow joins EXIF segments one by one, in quadratic time; depth maps and large profiles take some hundred."""

START = b"\xff\xd8"
MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""What is not one of the bytes FF 00 and FF D0 .. FF D7 of the coded pixels: ITU-T T.81, section B.1.1.3. Without
`+` at the FF, which may repeat: the search of it would take quadratic time on a run of FF."""

SCAN, END = 0xDA, 0xD9
WITHOUT_LENGTH = (0x01, 0xD8)


def count_scans(payload: bytes) -> int:
    """Return how many scans a JPEG has.

    Args:
        payload: A JPEG, possibly damaged.

    Raises:
        BadPayload: If it has more scans or segments than any camera writes.
    """
    scans = 0
    for count, marker in enumerate(jpeg_markers(payload), 1):
        scans += marker == SCAN
        if scans > MAX_SCANS:
            raise BadPayload(f"The JPEG has more than {MAX_SCANS} scans.")
        if count > MAX_SEGMENTS:
            raise BadPayload(f"The JPEG has more than {MAX_SEGMENTS} segments.")
    return scans


def jpeg_markers(payload: bytes) -> Iterator[int]:
    """Yield a JPEG's markers up to its end, without appended videos (phones) and thumbnails in segments.

    Args:
        payload: A JPEG, possibly damaged.
    """
    place = len(START)
    while found := MARKER.search(payload, place):
        marker, place = found[1][0], found.end()
        if marker == END:
            return
        yield marker
        if marker not in WITHOUT_LENGTH:
            place += int.from_bytes(payload[place : place + 2], "big")
