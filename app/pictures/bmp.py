"""BMPs of 16 bits a pixel with 4 bits a colour: Pillow decodes such pixels, but opens no BMP of them."""

import struct
from dataclasses import dataclass

from PIL.ImageFile import ImageFile

BMP = b"BM"
BIT_FIELDS, BITS = 3, 16

HEAD = struct.Struct("<HI")
HEAD_AT, MASKS_AT = 28, 54
"""Where the bits a pixel and the compression stand, and the masks of red, green and blue; of all versions."""
MASKS = struct.Struct("<III")
FOUR_BITS, KNOWN = (0xF00, 0xF0, 0xF), (0xF800, 0x7E0, 0x1F)

AS_FOUR_BITS = "RGB;4B"
"""Pillow's name of the layout; it takes red from the lowest bits."""
SWAPPED = "red_and_blue_swapped"
"""Where `prepare` says in an opened picture's `info` that red and blue are to be exchanged."""


@dataclass(frozen=True)
class Shown:
    """A BMP as Pillow may see it, and whether its colours have 4 bits although its header now says another layout."""

    payload: bytes
    four_bits: bool


def shown(payload: bytes) -> Shown:
    """Return a file as Pillow opens it: 4 bits a colour are announced as 5, 6 and 5, which `prepare` takes back.

    Args:
        payload: Any file, possibly damaged.

    References:
        Microsoft, BITMAPINFOHEADER and BITMAPV4HEADER.
    """
    end = MASKS_AT + MASKS.size
    if (
        not payload.startswith(BMP)
        or len(payload) < end
        or HEAD.unpack_from(payload, HEAD_AT) != (BITS, BIT_FIELDS)
        or MASKS.unpack_from(payload, MASKS_AT) != FOUR_BITS
    ):
        return Shown(payload, False)
    return Shown(payload[:MASKS_AT] + MASKS.pack(*KNOWN) + payload[end:], True)


def prepare(picture: ImageFile) -> None:
    """Have a picture that `shown` has announced otherwise decoded as it is; its fourth bits are ignored, as of 5551."""
    picture.tile = [
        tile._replace(args=(AS_FOUR_BITS, *tile.args[1:])) for tile in picture.tile if isinstance(tile.args, tuple)
    ]
    picture.info[SWAPPED] = True
