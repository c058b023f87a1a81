"""Values of 16 and 32 bits and floats become 8-bit gray."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.TiffImagePlugin import TiffImageFile

WHITE_IS_ZERO, UNSIGNED = 0, 1
"""TIFF 6.0, sections 8 and 19: values of the tags PhotometricInterpretation and SampleFormat."""
MAX_SAMPLE_VALUE, SAMPLE_FORMAT = 281, 339

MOST_IN_A_BYTE, MOST_IN_TWO, TWELVE_BITS = 255, 65_535, 4095

SIGNIFICANT_BITS = "significant_bits"
"""Where `app.pictures.decode` leaves in an opened picture's `info` what a PNG's sBIT says."""


def is_deep(picture: Pillow.Image) -> bool:
    """Whether a picture has one channel of more than 8 bits."""
    return picture.mode.startswith(("I", "F"))


@dataclass(frozen=True)
class Depth:
    """What a file says of the values of a picture with one deep channel.

    Attributes:
        mode: Pillow's: I;16 and the like, I or F.
        negative: Whether white is 0; Pillow inverts those of 1 and 8 bits itself.
        unsigned: Whether whole numbers of 32 bits are without sign; Pillow hands all over with one.
        white: The largest value that the picture's source could give, if the file says it: cameras of 10 or 12 bits.
        clear: The value that is transparent, if any.
    """

    mode: str
    negative: bool = False
    unsigned: bool = False
    white: int | None = None
    clear: int | None = None

    @classmethod
    def of(cls, picture: Pillow.Image) -> "Depth":
        """Read it from an opened picture."""
        clear = picture.info.get("transparency")
        clear = clear if isinstance(clear, int) else None
        if not isinstance(picture, TiffImageFile):
            return cls(picture.mode, white=white_of(picture), clear=clear)
        tags = picture.tag_v2
        sample_format = tags.get(SAMPLE_FORMAT, (UNSIGNED,))
        return cls(
            picture.mode,
            negative=tags.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO,
            unsigned=picture.mode == "I" and tuple(sample_format) == (UNSIGNED,),
            white=white_of(picture),
            clear=clear,
        )

    def to_8_bit(self, bands: Iterator[Pillow.Image]) -> Callable[[Pillow.Image], Pillow.Image]:
        """Return what scales any part of a picture to 8-bit gray: integers of 16 and 32 bits, and floats.

        Floats are from 0 to 1 or from 0 to 255; a few above 1, as sharpening leaves them, count as white. Transparent
        values of 16 bits become white.

        Args:
            bands: All of the picture, decoded, in parts: the scale depends on its largest value.
        """
        times, by = self._scale(max(_largest(self._values(band)) for band in bands))

        def scale(part: Pillow.Image) -> Pillow.Image:
            values = self._values(part)
            gray = values.astype(np.float32) * np.float32(times) / np.float32(by)
            scaled = np.nan_to_num(gray, copy=False).clip(0, 255).round().astype(np.uint8)
            if self.negative:
                np.subtract(255, scaled, out=scaled)
            if self.clear is not None:
                scaled[values == self.clear] = 255
            return Pillow.fromarray(scaled)

        return scale

    def _values(self, part: Pillow.Image) -> np.ndarray:
        values = np.asarray(part)
        return values.view(np.uint32) if self.unsigned else values

    def _scale(self, largest: float) -> tuple[float, float]:
        """Return what to multiply and what to divide by."""
        if self.mode == "F":
            return (255.0 if largest <= 2 else 1.0), 1.0
        if largest > MOST_IN_TWO:
            return 1.0, 2.0 ** (24 if self.unsigned else 23)
        if self.white is not None and max(largest, MOST_IN_A_BYTE) <= self.white < MOST_IN_TWO:
            return 255.0, float(self.white)
        return 1.0, 257.0 if largest > MOST_IN_A_BYTE or self.mode.startswith("I;16") else 1.0


def white_of(picture: Pillow.Image) -> int | None:
    """Return the largest value that a picture's source could give, if the file says it.

    References:
        TIFF 6.0, section 8 (BitsPerSample, MaxSampleValue).
    """
    if not isinstance(picture, TiffImageFile):
        significant = picture.info.get(SIGNIFICANT_BITS)
        return None if significant is None else 2**significant - 1
    [bits, *_] = picture.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))
    largest = picture.tag_v2.get(MAX_SAMPLE_VALUE)
    largest = largest[0] if isinstance(largest, tuple) and largest else largest
    if isinstance(largest, int):
        return largest
    return TWELVE_BITS if bits == 12 else None


def _largest(values: np.ndarray) -> float:
    return float(values.max(initial=0, where=np.isfinite(values)))
