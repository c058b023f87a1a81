"""How much memory decoding a picture takes: what admission weighs it by."""

from PIL import Image as Pillow

PIXEL_BYTES = 3
"""A pixel of a decoded picture: RGB, uint8."""

GRAY, COLOUR, FOUR_CHANNELS, SIXTEEN_BITS, THIRTY_TWO_BITS, TRANSPARENT = 11, 10, 15, 16, 23, 20
"""Bytes a pixel at the peak of decoding, the result included; measured with pictures of 10 and 50 megapixels."""

BY_MODE = {
    "1": GRAY, "L": GRAY, "P": GRAY, "RGB": COLOUR, "CMYK": FOUR_CHANNELS, "YCbCr": FOUR_CHANNELS,
    "LAB": FOUR_CHANNELS, "HSV": FOUR_CHANNELS, "I": THIRTY_TWO_BITS, "F": THIRTY_TWO_BITS,
    "RGBA": TRANSPARENT, "RGBa": TRANSPARENT, "LA": TRANSPARENT, "La": TRANSPARENT, "PA": TRANSPARENT,
}  # fmt: skip

OF_FORMAT = {"WEBP": 8, "AVIF": 6, "HEIF": 12, "TIFF": 4}
"""Bytes a pixel that the format's own library holds beside Pillow's."""

COEFFICIENT_BYTES = 2
"""libjpeg's JCOEF: one for each pixel of each channel, where none is coded with fewer."""

ROW_BYTES = 16
"""What Pillow keeps for each row: most of the memory of a picture that is one pixel wide."""


def decode_cost(file_format: str, mode: str, transparency: bool) -> int:
    """Return how many bytes a pixel decoding takes at its peak, the RGB result included.

    Args:
        file_format: Pillow's name, such as `JPEG`.
        mode: Pillow's, such as `RGB`; one that is not known counts as the dearest.
        transparency: Whether parts of the picture may be transparent: laying it on white takes two more copies.
    """
    of_mode = SIXTEEN_BITS if mode.startswith("I;16") else BY_MODE.get(mode, THIRTY_TWO_BITS)
    if transparency:
        of_mode = max(of_mode, TRANSPARENT)
    return of_mode + OF_FORMAT.get(file_format, 0)


def decode_weight(picture: Pillow.Image, coded_pixels: int = 0) -> int:
    """Return what decoding a picture takes, in pixels of `PIXEL_BYTES`.

    Args:
        picture: Opened, not yet decoded, perhaps to be decoded at a fraction of its size.
        coded_pixels: Of a JPEG in several scans, width x height of the file: all is kept until the last scan.
    """
    cost_bytes = decode_cost(picture.format or "", picture.mode, picture.has_transparency_data)
    pixels = picture.width * picture.height
    taken_bytes = pixels * cost_bytes + picture.height * ROW_BYTES
    taken_bytes += coded_pixels * COEFFICIENT_BYTES * len(picture.getbands())
    return -(-taken_bytes // PIXEL_BYTES)
