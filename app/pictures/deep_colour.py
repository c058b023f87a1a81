"""Colours of 16 bits whose source gave fewer, such as a camera's 12: Pillow keeps the upper 8 bits, which are dark.

Such a picture is decoded twice, the second time for its lower 8 bits.
"""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from app.pictures.depth import MOST_IN_A_BYTE, MOST_IN_TWO, white_of
from app.pictures.types import Rectangle
from app.pictures.upright import bands

OTHER_BYTES = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
"""Orders of bytes in Pillow's names of layouts: read in the other order, a picture has its lower bytes."""
COLOURS = ("RGB", "RGBA")
PLANES, SEPARATE = 284, 2
"""TIFF 6.0, section 8: PlanarConfiguration. Pillow chooses the layout of separate planes by itself."""


def fewer_bits(picture: ImageFile) -> int | None:
    """Return the largest value that the source of a picture with colours of 16 bits could give; None if it is usual.

    Args:
        picture: Opened.
    """
    if _in_other_order(picture) is None:
        return None
    white = white_of(picture)
    return white if white is not None and MOST_IN_A_BYTE < white < MOST_IN_TWO else None


def take_lower_bytes(picture: ImageFile) -> None:
    """Have an opened picture of which `fewer_bits` is known decoded to the lower 8 of its 16 bits."""
    picture.tile = _in_other_order(picture) or picture.tile


def brighten(picture: Pillow.Image, lower: Pillow.Image, white: int) -> None:
    """Scale a picture's values so that `white` becomes 255, unless some are larger: then all 16 bits are used.

    Args:
        picture: The upper bytes, decoded; changed.
        lower: The lower bytes, decoded.
        white: As `fewer_bits` gives it.
    """

    def values(band: Rectangle) -> npt.NDArray[np.uint16]:
        both = np.asarray(picture.crop(band)).astype(np.uint16)
        both <<= 8
        both |= np.asarray(lower.crop(band))
        return both

    whole = (0, 0, *picture.size)
    if any(values(band)[..., :3].max() > white for band in bands(whole)):
        return
    for band in bands(whole):
        scaled = (values(band) * np.float32(MOST_IN_A_BYTE / white)).round().clip(0, MOST_IN_A_BYTE)
        picture.paste(Pillow.fromarray(scaled.astype(np.uint8)), band)


def _in_other_order(picture: ImageFile) -> list[Any] | None:
    """Return a picture's tiles with the lower bytes in the place of the upper; None if it has no such colours."""
    if picture.mode not in COLOURS or (isinstance(picture, TiffImageFile) and picture.tag_v2.get(PLANES) == SEPARATE):
        return None
    tiles = []
    for tile in picture.tile:
        args = (tile.args,) if isinstance(tile.args, str) else tile.args or ("",)
        mode, _, order = str(args[0]).partition(";")
        if mode != picture.mode or order not in OTHER_BYTES:
            return None
        other = f"{mode};{OTHER_BYTES[order]}"
        tiles.append(tile._replace(args=other if isinstance(tile.args, str) else (other, *args[1:])))
    return tiles or None
