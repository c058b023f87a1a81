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
FROM_THE_RIGHT, FROM_BELOW = (2, 3, 7, 8), (3, 4, 6, 7)
"""Orientations whose stored columns run from right to left of the upright rows or columns, and rows from below."""


class Upright:
    """A decoded picture, turned upright as its parts are taken: a turned copy of all of it would double the memory.

    Args:
        picture: Loaded.
    """

    def __init__(self, picture: Pillow.Image) -> None:
        self._picture = picture
        self._orientation = orientation(picture)
        self._convert: list[Callable[[Pillow.Image], Pillow.Image]] = []
        self._stored = (0, 0, *picture.size)
        if is_deep(picture):
            parts = (picture.crop(band) for band in bands(self._stored))
            self._convert.append(Depth.of(picture).to_8_bit(parts))
        elif picture.info.get(SWAPPED):
            self._convert.append(_swapped)
        elif picture.has_transparency_data and not _is_empty_bmp(picture):
            self._convert.append(_on_white)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = self._picture.size
        return (height, width) if self._orientation in QUARTER_TURNS else (width, height)

    def rgb(self, part: Rectangle | None = None) -> Image:
        """Return a part of the picture, or all of it, as RGB: uint8, shape (H, W, 3)."""
        part = (0, 0, *self.size) if part is None else part
        left, top, right, bottom = part
        image = np.empty((bottom - top, right - left, 3), dtype=np.uint8)
        for band in bands(part):
            rows = self._rows(band)
            for convert in self._convert:
                rows = convert(rows)
            image[band[1] - top : band[3] - top] = np.asarray(rows if rows.mode == "RGB" else rows.convert("RGB"))
        return image

    def _rows(self, band: Rectangle) -> Pillow.Image:
        stored = as_stored(band, self._picture.size, self._orientation)
        rows = self._picture if stored == self._stored else self._picture.crop(stored)  # which copies
        turn = TURNS.get(self._orientation)
        return rows if turn is None else rows.transpose(turn)


def as_stored(part: Rectangle, size: tuple[int, int], turned: int) -> Rectangle:
    """Return where a part of the upright picture lies in the picture as it is stored.

    Args:
        part: Left, top, right and bottom in the upright picture.
        size: Width and height as stored.
        turned: The EXIF orientation.
    """
    left, top, right, bottom = part
    width, height = size
    if turned in QUARTER_TURNS:
        left, top, right, bottom = top, left, bottom, right
    if turned in FROM_THE_RIGHT:
        left, right = width - right, width - left
    if turned in FROM_BELOW:
        top, bottom = height - bottom, height - top
    return left, top, right, bottom


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
