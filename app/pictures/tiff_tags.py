"""Checks what a TIFF's tags would make its readers do, before they do it.

A picture of few pixels may be one tile of many, which libtiff unpacks whole; Pillow also makes an object for each
strip, which may be a single pixel.
"""

import struct
from collections.abc import Iterator

from app.errors import PayloadTooLarge, UnsupportedMedia

STARTS = (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"MM\0+", b"II+\0")
"""What Pillow takes for a TIFF, in a wrong order of bytes, too."""
BIG, BIG_OF_MOTOROLA = b"II+\0", b"MM\0+"
"""BigTIFF; Pillow looks for the tags of the latter in another place than libtiff."""
TILE_WIDTH, TILE_LENGTH = 322, 323
"""Tags of TIFF 6.0, section 15."""
PIECES = frozenset({273, 279, 324, 325})
"""Where strips and tiles begin, and how long they are: TIFF 6.0, sections 3 and 15."""
TRANSFER_FUNCTION, FIRST_PRIVATE = 301, 32_768
"""The one tag of the standard that may rightly have more values, and the first of those that nobody reads here."""
CODES = {1: "B", 6: "B", 3: "H", 8: "H", 4: "I", 9: "I"}
"""How a value of each type is read that libtiff takes for a size; the values of others lie elsewhere in the file."""
BIG_CODES = {**CODES, 16: "Q", 17: "Q"}
BYTES = frozenset({1, 2, 6, 7})
"""Types whose values are bytes: texts, profiles, previews, which nobody takes apart."""
SINGLE = frozenset({274, 282, 283, 296})
"""Orientation, resolutions and their unit: one value each, TIFF 6.0, section 8."""
MAX_TAGS = 4096
"""libtiff's own bound."""
MAX_VALUES = 65_536
"""Of one tag: so many strips or tiles. Pillow takes 0.4 s and 22 MB for them."""


def tile_pixels(payload: bytes) -> int:
    """Return width x height of a TIFF's tiles; 0 if it has none.

    If a tag appears twice, the largest value counts: not all readers take the same one.

    Args:
        payload: A TIFF or BigTIFF, possibly damaged.

    Raises:
        PayloadTooLarge: If a tag that is read has more values than any writer needs.
        UnsupportedMedia: If it is a BigTIFF in big-endian (Motorola) byte order.
        ValueError: If there are more tags than libtiff reads.
        KeyError: If a size has a type that does not fit in the tag.
        struct.error: If it ends too early.
    """
    if payload.startswith(BIG_OF_MOTOROLA):
        raise UnsupportedMedia("A BigTIFF in Motorola's order of bytes is not read: save it as a plain TIFF.")
    order, big = "<" if payload[:2] == b"II" else ">", payload.startswith(BIG)
    largest = {TILE_WIDTH: 0, TILE_LENGTH: 0}
    for entry in _entries(payload, order, big):
        tag, kind, values = struct.unpack_from(f"{order}HH{'Q' if big else 'I'}", payload, entry)
        if values > (1 if tag in SINGLE else MAX_VALUES) and _is_taken_apart(tag, kind):
            raise PayloadTooLarge(
                f"The TIFF has {values:,} strips, tiles or values of one tag: at most {MAX_VALUES:,}."
            )
        if tag in largest:
            code = (BIG_CODES if big else CODES)[kind]
            [value] = struct.unpack_from(order + code, payload, entry + (12 if big else 8))
            largest[tag] = max(largest[tag], value)
    return largest[TILE_WIDTH] * largest[TILE_LENGTH]


def _is_taken_apart(tag: int, kind: int) -> bool:
    """Whether Pillow makes an object for each value of a tag."""
    return tag in PIECES or (kind not in BYTES and tag < FIRST_PRIVATE and tag != TRANSFER_FUNCTION)


def _entries(payload: bytes, order: str, big: bool) -> Iterator[int]:
    """Yield the offset of each tag of the first picture."""
    [start] = struct.unpack_from(f"{order}{'Q' if big else 'I'}", payload, 8 if big else 4)
    [count] = struct.unpack_from(f"{order}{'Q' if big else 'H'}", payload, start)
    if count > MAX_TAGS:
        raise ValueError(f"A TIFF with more than {MAX_TAGS:,} tags.")
    first, step = (start + 8, 20) if big else (start + 2, 12)
    yield from range(first, min(first + count * step, len(payload) - step + 1), step)
