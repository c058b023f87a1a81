"""Values of 16 and 32 bits and floats become 8-bit gray."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.TiffImagePlugin import TiffImageFile

WHITE_IS_ZERO = 0
"""TIFF 6.0, section 8: a value of the tag PhotometricInterpretation."""


def is_deep(picture: Pillow.Image) -> bool:
    """Whether a picture has one channel of more than 8 bits."""
    return picture.mode.startswith(("I", "F"))


def is_16_bit_negative(picture: Pillow.Image) -> bool:
    """Whether a TIFF says that white is 0; Pillow inverts those of 1 and 8 bits itself."""
    if not (isinstance(picture, TiffImageFile) and picture.mode.startswith("I;16")):
        return False
    return bool(picture.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO)


def to_8_bit(
    picture: Pillow.Image, bands: Iterator[Pillow.Image], is_negative: bool
) -> Callable[[Pillow.Image], Pillow.Image]:
    """Return what scales any part of a picture to 8-bit gray: integers of 16 and 32 bits, and floats.

    Floats are from 0 to 1 or from 0 to 255; a few above 1, as sharpening leaves them, count as white. Transparent
    values of 16 bits become white.

    Args:
        picture: Decoded, of mode I;16, I or F.
        bands: All of it, in parts: the scale depends on its largest value.
        is_negative: Whether white is 0.
    """
    times, by = _scale(picture.mode, max(_largest(np.asarray(band)) for band in bands))
    clear = picture.info.get("transparency")

    def scale(part: Pillow.Image) -> Pillow.Image:
        values = np.asarray(part)
        gray = values.astype(np.float32) * np.float32(times) / np.float32(by)
        scaled = np.nan_to_num(gray, copy=False).clip(0, 255).round().astype(np.uint8)
        if is_negative:
            np.subtract(255, scaled, out=scaled)
        if isinstance(clear, int):
            scaled[values == clear] = 255
        return Pillow.fromarray(scaled)

    return scale


def _largest(values: np.ndarray) -> float:
    return float(values.max(initial=0, where=np.isfinite(values)))


def _scale(mode: str, largest: float) -> tuple[float, float]:
    """Return what to multiply and what to divide by."""
    if mode == "F":
        return (255.0 if largest <= 2 else 1.0), 1.0
    if largest > 65_535:
        return 1.0, 2.0**23  # of 31 bits, as the mode is signed
    return 1.0, 257.0 if largest > 255 or mode.startswith("I;16") else 1.0
