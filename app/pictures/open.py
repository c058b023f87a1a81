"""From the bytes of a picture file to an upright RGB image: usual ones here, rare and large ones in a worker."""

from collections.abc import Sequence
from typing import Protocol

from app.errors import BadPayload, UnsupportedMedia
from app.pictures import jpeg_markers
from app.pictures.bmp import BMP
from app.pictures.crumbs import GIF, PNG, is_webp
from app.pictures.decode import COMMON, FORMATS, Admit, Decoded, Wanted, decode
from app.pictures.large import is_large
from app.pictures.tiff import TIFF
from app.pictures.types import Image, Picture, Rectangle
from app.pictures.workers import AVAILABLE, Workers


class Elsewhere(Protocol):
    """Where rare and large pictures are decoded, such as `Workers`."""

    def decode(self, payload: bytes, wanted: Wanted, admit: Admit | None = None) -> Decoded:
        """Decode a picture; raises as `Workers.decode`."""


def decode_image(payload: bytes, max_pixels: int, workers: Workers | None = None) -> Image:
    """Decode a picture at full size: the pixels of `decode_picture`."""
    return decode_picture(payload, max_pixels, workers=workers).image


def decode_picture(
    payload: bytes,
    max_pixels: int,
    admit: Admit | None = None,
    long_side_px: int | None = None,
    workers: Elsewhere | None = None,
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
        workers: Where rare and large pictures are decoded; None: rare formats in a process for this picture alone,
            which takes 0.2 s to start.

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
    workers: Elsewhere | None = None,
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


def _decode(payload: bytes, wanted: Wanted, admit: Admit | None, workers: Elsewhere | None) -> Decoded:
    if not payload:
        raise BadPayload("The file is empty.")
    if payload.startswith((jpeg_markers.START, PNG, *GIF, BMP)) or is_webp(payload):
        if workers is None or not AVAILABLE or not is_large(payload):
            return decode(payload, wanted, COMMON, admit)
        return workers.decode(payload, wanted, admit)
    if not (payload.startswith(TIFF) or payload[4:8] == b"ftyp"):
        raise UnsupportedMedia(f"This is not a picture in one of these formats: {', '.join(FORMATS)}.")
    if workers is not None:
        return workers.decode(payload, wanted, admit)
    with Workers() as alone:
        return alone.decode(payload, wanted, admit)
