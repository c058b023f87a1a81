"""How large the tiles of a TIFF are: a picture of few pixels may be one tile of many, which libtiff unpacks whole."""

import struct

TILE_WIDTH, TILE_LENGTH = 322, 323
"""Tags of TIFF 6.0, section 15."""
CODES = {1: "B", 6: "B", 3: "H", 8: "H", 4: "I", 9: "I"}
"""How a value of each type is read that libtiff takes for a size; the values of others lie elsewhere in the file."""
MAX_TAGS = 4096
"""libtiff's own bound."""
BIG_CODES = {**CODES, 16: "Q", 17: "Q"}


def tile_pixels(payload: bytes) -> int:
    """Return width x height of a TIFF's tiles; 0 if it has none.

    Of a tag that is there twice the largest value counts: not all readers take the same one.

    Args:
        payload: A TIFF or BigTIFF whose header was found sound.

    Raises:
        KeyError: If a size is of a type that has no place for it in the tag.
        ValueError: If there are more tags than libtiff reads.
    """
    order = "<" if payload[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", payload, 2)[0] == 43
    [start] = struct.unpack_from(f"{order}{'Q' if big else 'I'}", payload, 8 if big else 4)
    [count] = struct.unpack_from(f"{order}{'Q' if big else 'H'}", payload, start)
    if count > MAX_TAGS:
        raise ValueError(f"A TIFF with more than {MAX_TAGS:,} tags.")
    first, step, value_at = (start + 8, 20, 12) if big else (start + 2, 12, 8)
    largest = {TILE_WIDTH: 0, TILE_LENGTH: 0}
    for entry in range(first, min(first + count * step, len(payload) - step + 1), step):
        tag, kind = struct.unpack_from(f"{order}HH", payload, entry)
        if tag in largest:
            code = (BIG_CODES if big else CODES)[kind]
            [value] = struct.unpack_from(order + code, payload, entry + value_at)
            largest[tag] = max(largest[tag], value)
    return largest[TILE_WIDTH] * largest[TILE_LENGTH]
