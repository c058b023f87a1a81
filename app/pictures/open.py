"""From the bytes of a picture file to an upright RGB image: common formats here, rare ones in a worker process."""

from collections.abc import Sequence

from app.errors import BadPayload, UnsupportedMedia
from app.pictures import jpeg_markers
from app.pictures.announced import announced_size
from app.pictures.bmp import BMP
from app.pictures.crumbs import GIF, PNG, is_webp, without_crumbs
from app.pictures.decode import Admit, Decoded, Wanted, decode
from app.pictures.tiff import TIFF
from app.pictures.types import Image, Picture, Rectangle
from app.pictures.workers import Workers

COMMON: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
RARE: tuple[str, ...] = ("TIFF", "AVIF", "HEIF")
FORMATS = COMMON + RARE
"""What is read, by content; names and media types are not trusted. Other parsers of Pillow stay unreachable."""

LARGEST_WEBP_HERE = 2_000_000
"""Pixels; larger ones go to a worker, since Pillow copies all of a WebP's pixels in one step, holding Python's lock."""


def decode_image(payload: bytes, max_pixels: int, workers: Workers | None = None) -> Image:
    """Decode a picture at full size: the pixels of `decode_picture`."""
    return decode_picture(payload, max_pixels, workers=workers).image


def decode_picture(
    payload: bytes,
    max_pixels: int,
    admit: Admit | None = None,
    long_side_px: int | None = None,
    workers: Workers | None = None,
) -> Picture:
    """Decode a picture; for an animation, its first frame.

    EXIF orientation is applied, 16-bit values are scaled to 8, CMYK and palettes become RGB, and transparent parts
    are laid on white. A JPEG that was cut off is read if at least half of its rows are there.

    Args:
        payload: The whole file, in one of `FORMATS`.
        max_pixels: Largest width x height to decode, by the header and before any reduction.
        admit: Called with what decoding will take (`app.pictures.cost.decode_weight`), after the header is checked
            and before decoding starts; a `MienError` from it ends the decoding.
        long_side_px: A JPEG is decoded at the smallest of 1/4, 1/2 and full size whose longer side has at least this
            many pixels; None: full size. Other formats are always decoded at full size.
        workers: Where rare formats are decoded; None: in a process for this picture alone, which takes 0.2 s to start.

    Returns:
        The pixels, and the size of the upright original.

    Raises:
        BadPayload: If the payload is empty, truncated or damaged.
        UnsupportedMedia: If it is none of these formats.
        PayloadTooLarge: If its header announces more pixels than allowed, or decoding takes more than that explains.
    """
    decoded = _decode(payload, Wanted(max_pixels, long_side_px), admit, workers)
    return Picture(decoded.images[0], decoded.width, decoded.height, decoded.truncated)


def decode_parts(
    payload: bytes,
    max_pixels: int,
    parts: Sequence[Rectangle],
    admit: Admit | None = None,
    workers: Workers | None = None,
) -> list[Image]:
    """Decode a picture at full size, but keep only parts of it; that takes half the time of keeping all.

    Args:
        payload: As in `decode_picture`.
        max_pixels: As in `decode_picture`.
        parts: Left, top, right and bottom in whole pixels of the upright picture, within it.
        admit: As in `decode_picture`.
        workers: As in `decode_picture`.

    Returns:
        The parts, RGB, uint8.

    Raises:
        MienError: As `decode_picture`.
    """
    return _decode(payload, Wanted(max_pixels, parts=tuple(parts)), admit, workers).images


def _decode(payload: bytes, wanted: Wanted, admit: Admit | None, workers: Workers | None) -> Decoded:
    if not payload:
        raise BadPayload("The file is empty.")
    if _is_common(payload):
        return decode(payload, wanted, COMMON, admit)
    if not (is_webp(payload) or payload.startswith(TIFF) or payload[4:8] == b"ftyp"):
        raise UnsupportedMedia(f"This is not a picture in one of these formats: {', '.join(FORMATS)}.")
    if workers is not None:
        return workers.decode(payload, wanted, admit)
    with Workers() as alone:
        return alone.decode(payload, wanted, admit)


def _is_common(payload: bytes) -> bool:
    if is_webp(payload):
        width, height = announced_size(without_crumbs(payload)) or (0, 0)
        return width * height <= LARGEST_WEBP_HERE
    return payload.startswith((jpeg_markers.START, PNG, *GIF, BMP))
