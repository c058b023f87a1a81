"""Counts a JPEG's scans and segments: a few kilobytes can repeat them until decoding takes minutes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import BadPayload, UnsupportedMedia

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
UNREAD_FRAMES = dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical") | {0xCB: "lossless, arithmetic"}
"""ITU-T T.81, table B.1: those that libjpeg-turbo does not know."""

FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA})
TWELVE_BITS = b"\x0c"

EXIF = b"Exif\0\0"
WITHOUT_LENGTH = (0x01, 0xD8)
SEGMENT_HEAD_BYTES = 4


@dataclass(frozen=True)
class Outline:
    """What a JPEG consists of.

    Attributes:
        scans: How many scans it has.
        cut_off: Whether it has scans, but no end.
        sound_bytes: How long it is without a segment that is not all there.
    """

    scans: int
    cut_off: bool
    sound_bytes: int


def outline(payload: bytes) -> Outline:
    """Return what a JPEG consists of.

    Args:
        payload: A JPEG, possibly damaged.

    Raises:
        BadPayload: If it has more scans or segments than any camera writes.
        UnsupportedMedia: If it is coded in a way that is not read.
    """
    scans, junk, end, last, sound = 0, 0, len(START), 0, len(payload)
    for count, (marker, start, next_end) in enumerate(segments(payload), 1):
        if not scans:
            junk += start - SEGMENT_HEAD_BYTES - end
            twelve = marker in FRAMES and payload[start : start + 1] == TWELVE_BITS
            if how := UNREAD_FRAMES.get(marker, "12 bits a colour" if twelve else ""):
                raise UnsupportedMedia(f"The JPEG is coded in a way that is not read ({how}).")
        scans, end, last = scans + (marker == SCAN), next_end, marker
        if max(start, end) > len(payload) and marker != END:
            sound = start - SEGMENT_HEAD_BYTES
        if scans > MAX_SCANS:
            raise BadPayload(f"The JPEG has more than {MAX_SCANS} scans.")
        if count > MAX_SEGMENTS:
            raise BadPayload(f"The JPEG has more than {MAX_SEGMENTS} segments.")
    if junk + (0 if scans else len(payload) - end) > MAX_JUNK_BYTES:
        raise BadPayload("The JPEG has too many bytes between its segments.")
    return Outline(scans, scans > 0 and last != END, sound)


def ended(payload: bytes, found: Outline) -> bytes:
    """Return a JPEG with an end, where it was cut off: its decoder then gives what is there, and gray for the rest.

    Args:
        payload: The JPEG.
        found: Its outline.
    """
    return payload[: found.sound_bytes] + bytes((0xFF, END)) if found.cut_off else payload


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
    """Yield a JPEG's markers, its end being the last, without appended videos (phones) and thumbnails in segments.

    Args:
        payload: A JPEG, possibly damaged.

    Yields:
        The marker, and where its segment's content begins and ends.
    """
    place = len(START)
    while found := MARKER.search(payload, place):
        marker, place = found[1][0], found.end()
        if marker == END:
            yield marker, place + 2, place
            return
        length = 0 if marker in WITHOUT_LENGTH else int.from_bytes(payload[place : place + 2], "big")
        yield marker, place + 2, place + length
        place += length
