"""From a decoded picture to upright RGB, some rows at a time: no step holds Python's lock for long."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.TiffImagePlugin import TiffImageFile

from app.pictures.bmp import SWAPPED
from app.pictures.depth import Depth, is_deep
from app.pictures.exif import RAW_PROFILE
from app.pictures.types import Image, Rectangle

BAND_PIXELS = 1_000_000
"""So many pixels at a time; laying them on white takes some 10 ms."""

TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright: CIPA DC-008, section 4.6.4 A."""
QUARTER_TURNS = (5, 6, 7, 8)
"""Orientations that exchange width and height."""


class Upright:
    """A decoded picture, turned upright.

    Args:
        picture: Loaded; its pixels may be let go of.
    """

    def __init__(self, picture: Pillow.Image) -> None:
        depth, is_empty_bmp = Depth.of(picture), _is_empty_bmp(picture)
        turn = TURNS.get(orientation(picture))
        if turn is not None:
            turned = picture.transpose(turn)
            picture.close()  # its pixels are needed no more, but its caller still holds it
            picture = turned
        self._picture = picture
        self._convert: list[Callable[[Pillow.Image], Pillow.Image]] = []
        whole = (0, 0, *picture.size)
        if is_deep(picture):
            parts = (picture.crop(band) for band in bands(whole))
            self._convert.append(depth.to_8_bit(parts))
        elif picture.info.get(SWAPPED):
            self._convert.append(_swapped)
        elif picture.has_transparency_data and not is_empty_bmp:
            self._convert.append(_on_white)
        self._whole = whole

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._picture.size

    def rgb(self, part: Rectangle | None = None) -> Image:
        """Return a part of the picture, or all of it, as RGB: uint8, shape (H, W, 3)."""
        part = self._whole if part is None else part
        left, top, right, bottom = part
        image = np.empty((bottom - top, right - left, 3), dtype=np.uint8)
        for band in bands(part):
            rows = self._picture if band == self._whole else self._picture.crop(band)  # which copies
            for convert in self._convert:
                rows = convert(rows)
            image[band[1] - top : band[3] - top] = np.asarray(rows if rows.mode == "RGB" else rows.convert("RGB"))
        return image


def orientation(picture: Pillow.Image) -> int:
    """Return the EXIF orientation, 1..8; 1 (upright) if the EXIF data cannot be read.

    One that stands only in XMP does not count, as in browsers: docs/decisions/0039.
    """
    try:
        if isinstance(picture, TiffImageFile):
            return int(picture.tag_v2.get(ExifTags.Base.Orientation, 1))
        data = picture.info.get("exif")
        if not data and RAW_PROFILE in picture.info:
            data = bytes.fromhex("".join(picture.info[RAW_PROFILE].split("\n")[3:]))
        tags = Pillow.Exif()
        tags.load(data or b"")
        return int(tags.get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - the parser of EXIF raises many types; the pixels are sound all the same
        return 1


def _is_empty_bmp(picture: Pillow.Image) -> bool:
    """Whether a BMP is transparent everywhere: then its writer left these bits empty, and readers take it as opaque."""
    if picture.format != "BMP" or picture.mode != "RGBA":
        return False
    parts = (picture.crop(band) for band in bands((0, 0, *picture.size)))
    return all(not np.asarray(part)[..., 3].any() for part in parts)


def bands(part: Rectangle) -> Iterator[Rectangle]:
    """Yield a part's rows, some at a time."""
    left, top, right, bottom = part
    rows = max(1, BAND_PIXELS // max(1, right - left))
    for first in range(top, bottom, rows):
        yield left, first, right, min(bottom, first + rows)


def _swapped(part: Pillow.Image) -> Pillow.Image:
    red, green, blue = part.split()
    return Pillow.merge("RGB", (blue, green, red))


def _on_white(part: Pillow.Image) -> Pillow.Image:
    layer = part.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", layer.size, "white"), layer)
