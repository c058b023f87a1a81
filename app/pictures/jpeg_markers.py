"""Counts a JPEG's scans and segments: a few kilobytes can repeat them until decoding takes minutes."""

import re
from collections.abc import Iterator

from app.errors import BadPayload

MAX_SCANS = 100
"""Cameras write about ten in a progressive JPEG."""

MAX_SEGMENTS = 500
"""Pillow joins EXIF segments one by one, in quadratic time; depth maps and large profiles take some hundred."""

MAX_JUNK_BYTES = 65_536
"""Between the segments before the first scan, where Pillow searches byte by byte."""

START = b"\xff\xd8"
MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""What is not one of the bytes FF 00 and FF D0 .. FF D7 of the coded pixels: ITU-T T.81, section B.1.1.3. Without
`+` at the FF, which may repeat: the search of it would take quadratic time on a run of FF."""

SCAN, END, APP1 = 0xDA, 0xD9, 0xE1
EXIF = b"Exif\0\0"
WITHOUT_LENGTH = (0x01, 0xD8)
SEGMENT_HEAD_BYTES = 4


def count_scans(payload: bytes) -> int:
    """Return how many scans a JPEG has.

    Args:
        payload: A JPEG, possibly damaged.

    Raises:
        BadPayload: If it has more scans or segments than any camera writes.
    """
    scans, junk, end = 0, 0, len(START)
    for count, (marker, start, next_end) in enumerate(segments(payload), 1):
        if not scans:
            junk += start - SEGMENT_HEAD_BYTES - end
        scans, end = scans + (marker == SCAN), next_end
        if scans > MAX_SCANS:
            raise BadPayload(f"The JPEG has more than {MAX_SCANS} scans.")
        if count > MAX_SEGMENTS:
            raise BadPayload(f"The JPEG has more than {MAX_SEGMENTS} segments.")
    if junk + (0 if scans else len(payload) - end) > MAX_JUNK_BYTES:
        raise BadPayload("The JPEG has too many bytes between its segments.")
    return scans


def exif_segments(payload: bytes) -> list[tuple[int, int]]:
    """Return where a JPEG's EXIF begins and ends, with its head: before the first scan, as readers look for it.

    Args:
        payload: A JPEG, possibly damaged.
    """
    found = []
    for marker, start, end in segments(payload):
        if marker == SCAN:
            break
        if marker == APP1 and payload.startswith(EXIF, start):
            found.append((start, end))
    return found


def jpeg_markers(payload: bytes) -> Iterator[int]:
    """Yield a JPEG's markers; see `segments`."""
    return (marker for marker, _, _ in segments(payload))


def segments(payload: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield a JPEG's markers up to its end, without appended videos (phones) and thumbnails in segments.

    Args:
        payload: A JPEG, possibly damaged.

    Yields:
        The marker, and where its segment's content begins and ends.
    """
    place = len(START)
    while found := MARKER.search(payload, place):
        marker, place = found[1][0], found.end()
        if marker == END:
            return
        length = 0 if marker in WITHOUT_LENGTH else int.from_bytes(payload[place : place + 2], "big")
        yield marker, place + 2, place + length
        place += length
