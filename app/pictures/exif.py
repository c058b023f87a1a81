"""EXIF, bounded before Pillow reads it: Pillow makes an object of each value of a tag, however many a file claims."""

import struct
from collections.abc import Iterator

from PIL import Image as Pillow

from app.errors import BadPayload
from app.pictures.jpeg_markers import exif_segments

MAX_EXIF_BYTES = 65_536
"""Of a JPEG one segment, which cameras do not exceed: CIPA DC-008, section 4.7.1."""

HEAD = b"Exif\0\0"
ORDERS = {b"II*\0": "<", b"MM\0*": ">"}

MOST_IN_AVIF = 64
"""By chance coded pixels hold such four bytes once in 2 GB."""

READ = frozenset({0x0112, 0x011A, 0x011B, 0x0128})
"""Tags that are looked at, here or by Pillow itself: orientation, resolutions and their unit; each has one value."""

RAW_PROFILE = "Raw profile type exif"
"""A PNG's older form: hexadecimal, twice as long."""


def hide_from_pillow(payload: bytes) -> bytes:
    """Return a JPEG without the EXIF that Pillow would take long over; it looks at some of it as soon as it opens one.

    Args:
        payload: A JPEG, possibly damaged.
    """
    segments = exif_segments(payload)
    if len(segments) == 0 or (len(segments) == 1 and is_plain(payload[slice(*segments[0])])):
        return payload
    hidden = bytearray(payload)
    for start, _ in segments:
        hidden[start : start + len(HEAD)] = bytes(len(HEAD))
    return bytes(hidden)


def hide_in_avif(payload: bytes) -> bytes:
    """Do the same for an AVIF, whose boxes say where its EXIF is: here its beginning is looked for.

    Args:
        payload: An AVIF, possibly damaged.

    Raises:
        BadPayload: If what begins like EXIF appears more often than by chance.
    """
    hidden: bytearray | None = None
    for count, (head, begin) in enumerate(_heads(payload), 1):
        if count > MOST_IN_AVIF:
            raise BadPayload(f"The AVIF holds more than {MOST_IN_AVIF} pieces of EXIF.")
        if not _has_single_values(payload[begin : begin + MAX_EXIF_BYTES]):
            hidden = hidden or bytearray(payload)
            start = begin + struct.unpack_from(f"{ORDERS[head]}I", payload, begin + len(head))[0]
            hidden[start : start + 2] = bytes(2)  # a directory of no tags: libavif refuses a broken head
    return payload if hidden is None else bytes(hidden)


def _heads(payload: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield where EXIF seems to begin, and how; a regular expression takes 0.1 s for 20 MB, and this 0.01."""
    for head in ORDERS:
        begin = payload.find(head)
        while begin >= 0:
            yield head, begin
            begin = payload.find(head, begin + 1)


def forget_large(picture: Pillow.Image) -> None:
    """Drop what an opened picture of another format carries, if it is too large or not plain."""
    if not is_plain(picture.info.get("exif") or b""):
        del picture.info["exif"]
    if len(picture.info.get(RAW_PROFILE) or "") > 2 * MAX_EXIF_BYTES:
        del picture.info[RAW_PROFILE]


def is_plain(exif: bytes) -> bool:
    """Whether EXIF is of a size that cameras write, and has at most one value in each tag that is read.

    Args:
        exif: With or without its head; what is damaged counts as plain, since Pillow gives up on it at once.
    """
    body = exif.removeprefix(HEAD)
    if not body:
        return True
    return len(body) <= MAX_EXIF_BYTES and body[:4] in ORDERS and _has_single_values(body)


def _has_single_values(body: bytes) -> bool:
    """Whether each tag that is read has at most one value; `body` begins as one of `ORDERS`."""
    order = ORDERS[body[:4]]
    try:
        [start] = struct.unpack_from(f"{order}I", body, 4)
        [count] = struct.unpack_from(f"{order}H", body, start)
        entries = (struct.unpack_from(f"{order}HHI", body, start + 2 + 12 * index) for index in range(count))
        return all(values <= 1 for tag, _, values in entries if tag in READ)
    except struct.error:
        return True
