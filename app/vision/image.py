"""From the bytes of a picture file to an upright RGB image, with the size checked before any pixel is decoded."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from app.errors import BadPayload, MienError, PayloadTooLarge, UnsupportedMedia
from app.vision.types import Image

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
"""What is read, by content; names and media types are not trusted. Other parsers of Pillow stay unreachable."""

Pillow.MAX_IMAGE_PIXELS = None  # `max_pixels` below takes the place of Pillow's own, process-wide limit.


MAX_JPEG_SCANS = 100
"""A progressive JPEG of a few kilobytes can repeat its scans until decoding takes minutes; cameras write about ten."""

JPEG_START, JPEG_SCAN = b"\xff\xd8", b"\xff\xda"


def decode_image(payload: bytes, max_pixels: int, admit: Callable[[int], None] | None = None) -> Image:
    """Decode a picture; of an animation its first frame.

    EXIF orientation is applied, 16-bit values are scaled to 8, CMYK and palettes become RGB, and transparent parts
    are laid on white.

    Args:
        payload: The whole file: JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF.
        max_pixels: Largest width x height that is decoded.
        admit: Called with width x height once the header is checked and before a pixel is decoded; what it raises
            ends the decoding.

    Returns:
        RGB, uint8, shape (H, W, 3).

    Raises:
        BadPayload: If the payload is empty, truncated or damaged.
        UnsupportedMedia: If it is none of the formats.
        PayloadTooLarge: If its header announces more pixels than allowed.
    """
    if not payload:
        raise BadPayload("The file is empty.")
    if payload.startswith(JPEG_START) and payload.count(JPEG_SCAN) > MAX_JPEG_SCANS:
        raise BadPayload(f"The JPEG has more than {MAX_JPEG_SCANS} scans.")
    try:
        with Pillow.open(io.BytesIO(payload), formats=FORMATS) as picture:
            _check_size(picture.size, max_pixels)
            if admit is not None:
                admit(picture.width * picture.height)
            picture.load()
            return _to_rgb(picture)
    except UnidentifiedImageError as error:
        raise UnsupportedMedia(f"This is not a picture in one of these formats: {', '.join(FORMATS)}.") from error
    except MienError:
        raise
    except Exception as error:  # Pillow's parsers raise many types on damaged files; all of them mean this.
        raise BadPayload("The picture is truncated or damaged.") from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadPayload("The picture has no pixels.")
    if width * height > max_pixels:
        raise PayloadTooLarge(f"The picture has {width} x {height} pixels; at most {max_pixels:,} are read.")


def _to_rgb(picture: Pillow.Image) -> Image:
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith(("I", "F")):
        upright = _to_8_bit(upright)
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        white = Pillow.new("RGBA", layer.size, "white")
        upright = Pillow.alpha_composite(white, layer)
    return np.array(upright.convert("RGB"), dtype=np.uint8)


def _to_8_bit(picture: Pillow.Image) -> Pillow.Image:
    """Scale 16-bit integers (modes I;16 and I) and floats (mode F, 0..1 or 0..255) to 8-bit gray."""
    values = np.asarray(picture).astype(np.float32)
    if picture.mode == "F":
        scaled = values * 255.0 if values.max() <= 1.0 else values
    else:
        scaled = values / 257.0 if values.max() > 255 or picture.mode.startswith("I;16") else values
    return Pillow.fromarray(np.nan_to_num(scaled).clip(0, 255).round().astype(np.uint8))
