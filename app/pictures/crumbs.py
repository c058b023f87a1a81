"""Refuses files in countless small parts: Pillow spends microseconds and some hundred bytes on each, however small.

A PNG's texts are left out besides: compressed ones unpack to a thousand times their size, and nobody reads them.
"""

from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Literal, NamedTuple

from app.errors import BadPayload

MAX_PARTS = 20_000
"""A PNG of 20 MB in parts of 1 kB, a GIF with 5 MB of metadata before its first frame: more than encoders write."""

PNG, GIF, RIFF, WEBP = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a"), b"RIFF", b"WEBP"
PNG_BITS, PNG_PIXELS = b"sBIT", b"IDAT"
PNG_TEXTS, PNG_END = frozenset({b"tEXt", b"zTXt", b"iTXt"}), b"IEND"
PNG_EXIF = b"Raw profile type exif\0"
"""An older form of EXIF in a PNG, as a text."""
GIF_IMAGE, GIF_EXTENSION = b",", b"!"
GIF_ENDS = (GIF_IMAGE, b";")


class Part(NamedTuple):
    """A part of a file: its kind, and where it begins and ends."""

    kind: bytes
    start: int
    end: int


def without_crumbs(payload: bytes) -> bytes:
    """Return a picture as Pillow may see it: a PNG without texts, any other file as it is.

    Args:
        payload: Any file, possibly damaged: where its structure breaks, counting ends, as Pillow's reading does.

    Raises:
        BadPayload: If a PNG, GIF or WebP has more parts than any encoder writes.
    """
    if payload.startswith(PNG):
        return _without_texts(payload)
    if payload.startswith(GIF):
        _counted(gif_parts(payload), "GIF")
    elif is_webp(payload):
        _counted(webp_chunks(payload), "WebP")
    return payload


def is_webp(payload: bytes) -> bool:
    """Whether a payload begins as a WebP."""
    return payload.startswith(RIFF) and payload[8:12] == WEBP


def _counted(parts: Iterator[Part], name: str) -> list[Part]:
    found = list(islice(parts, MAX_PARTS + 1))
    if len(found) > MAX_PARTS:
        raise BadPayload(f"The {name} consists of more than {MAX_PARTS:,} parts: save it anew.")
    return found


def _without_texts(payload: bytes) -> bytes:
    """References: PNG specification (third edition), sections 5.3 (chunks) and 11.3.3 (texts)."""
    kept, begin, exif = [], 0, False
    for part in _counted(_png_chunks(payload), "PNG"):
        if part.kind not in PNG_TEXTS:
            continue
        if not exif and payload.startswith(PNG_EXIF, part.start + 8):
            exif = True
            continue
        kept.append(payload[begin : part.start])
        begin = part.end
    return b"".join((*kept, payload[begin:])) if kept else payload


def _png_chunks(payload: bytes) -> Iterator[Part]:
    start = len(PNG)
    while start + 12 <= len(payload):
        part = Part(payload[start + 4 : start + 8], start, start + 12 + _number(payload, start, 4, "big"))
        yield part
        if part.kind == PNG_END:
            return
        start = part.end


def png_significant_bits(payload: bytes) -> int | None:
    """Return how many bits of a PNG's first channel its source had, by the chunk sBIT; None where it says nothing.

    References: PNG specification (third edition), section 11.3.2.7.
    """
    if not payload.startswith(PNG):
        return None
    before_pixels = takewhile(lambda part: part.kind != PNG_PIXELS, islice(_png_chunks(payload), MAX_PARTS))
    found = next((part for part in before_pixels if part.kind == PNG_BITS), None)
    return payload[found.start + 8] if found and found.end <= len(payload) and found.end - found.start > 12 else None


def webp_chunks(payload: bytes) -> Iterator[Part]:
    """Yield the chunks of a WebP: RFC 9649, section 2.3."""
    start = 12
    while start + 8 <= len(payload):
        size = _number(payload, start + 4, 4, "little")
        yield Part(payload[start : start + 4], start, start + 8 + size)
        start += 8 + size + size % 2


def gif_parts(payload: bytes) -> Iterator[Part]:
    """Yield the extensions of a GIF and their blocks up to its first frame, and that; Pillow reads no further.

    References:
        GIF89a specification, sections 15 (blocks), 18 (screen), 20 (frame), 23 to 26 (extensions).
    """
    palette = payload[10] if len(payload) > 10 else 0
    start = 13 + (3 << (palette & 7) + 1 if palette & 128 else 0)
    while start < len(payload):
        kind = payload[start : start + 1]
        yield Part(kind, start, start + 1)
        if kind in GIF_ENDS:
            return
        if kind != GIF_EXTENSION:  # Pillow, too, looks for the next one byte by byte.
            start += 1
            continue
        start += 2
        while start < len(payload) and payload[start]:
            yield Part(b"", start, start + 1 + payload[start])
            start += 1 + payload[start]
        start += 1


def _number(payload: bytes, start: int, size: int, order: Literal["big", "little"]) -> int:
    return int.from_bytes(payload[start : start + size], order)
