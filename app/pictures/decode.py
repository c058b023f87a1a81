"""Decodes a picture in this process."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image as Pillow

from app.pictures.cost import decode_weight
from app.pictures.cut_off import check_rows
from app.pictures.deep_colour import brighten, fewer_bits, take_lower_bytes
from app.pictures.header import check_size, opened
from app.pictures.types import Image, Rectangle
from app.pictures.upright import QUARTER_TURNS, Upright, orientation

Admit = Callable[[int], None]

COMMON: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
RARE: tuple[str, ...] = ("TIFF", "AVIF", "HEIF")
FORMATS = COMMON + RARE
"""What is read, by content; names and media types are not trusted. Other parsers of Pillow stay unreachable."""

REDUCTIONS = (4, 2)
"""Fractions of its size, 1/4 and 1/2, at which a JPEG is decoded for little more than its entropy code."""


@dataclass(frozen=True)
class Wanted:
    """What to make of a picture.

    Attributes:
        max_pixels: Largest width x height to decode, by the header and before any reduction.
        long_side_px: As in `app.pictures.open.decode_picture`.
        parts: Parts of the upright picture to keep; None: all of it.
    """

    max_pixels: int
    long_side_px: int | None = None
    parts: tuple[Rectangle, ...] | None = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """What came of it.

    Attributes:
        images: The picture, or the parts wanted.
        width: Width of the upright original in pixels.
        height: Height of the upright original in pixels.
        truncated: Whether a part is missing, and gray: see `app.pictures.cut_off`.
    """

    images: list[Image]
    width: int
    height: int
    truncated: bool = False


def decode(payload: bytes, wanted: Wanted, formats: tuple[str, ...], admit: Admit | None = None) -> Decoded:
    """Decode a picture; for an animation, its first frame.

    Args:
        payload: The whole file.
        wanted: What to make of it.
        formats: Pillow's names of those that are read.
        admit: As in `app.pictures.open.decode_picture`.

    Raises:
        BadPayload: If the payload is truncated or damaged.
        UnsupportedMedia: If it is in none of the formats.
        PayloadTooLarge: If its header announces more pixels than allowed.
    """
    with opened(payload, wanted.max_pixels, formats) as found:
        picture = found.picture
        original = picture.size
        if wanted.long_side_px is not None:
            _reduce(picture, wanted.long_side_px)
        reduced = picture.size != original
        if admit is not None:
            admit(decode_weight(picture, original[0] * original[1] if found.scans > 1 else 0))
        white = fewer_bits(picture)
        picture.load()
        if white is not None:
            with opened(payload, wanted.max_pixels, formats) as twin:
                take_lower_bytes(twin.picture)
                twin.picture.load()
                brighten(picture, twin.picture, white)
        check_size(picture.size, wanted.max_pixels)  # a library may find another one as it decodes
        if found.cut_off:
            check_rows(picture, original[1])
        if reduced and orientation(picture) in QUARTER_TURNS:
            original = original[::-1]
        upright = Upright(picture)
        if wanted.parts is not None:
            return Decoded([upright.rgb(part) for part in wanted.parts], *upright.size, found.cut_off)
        return Decoded([upright.rgb()], *(original if reduced else upright.size), found.cut_off)


def reduction(size: tuple[int, int], long_side_px: int) -> int:
    """Return a picture's reduction: the largest of 4, 2 and 1 that leaves its longer side long enough.

    Args:
        size: Width and height in pixels.
        long_side_px: Fewest pixels of the reduced picture's longer side.

    Returns:
        Original pixels per reduced one, along a side.
    """
    return next((each for each in REDUCTIONS if max(size) >= each * long_side_px), 1)


def _reduce(picture: Pillow.Image, long_side_px: int) -> None:
    """Have a JPEG decoded with smaller cosine transforms if it is large enough.

    References:
        libjpeg's `scale_denom`; Pillow's `draft`, which leaves other formats as they are (but HEIF: its thumbnails).
    """
    factor = reduction(picture.size, long_side_px)
    if factor > 1 and picture.format in ("JPEG", "MPO"):
        picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))
