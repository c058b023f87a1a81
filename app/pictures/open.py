"""From the bytes of a picture file to an upright RGB image, with the size checked before any pixel is decoded."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow
from PIL.TiffImagePlugin import TiffImageFile

from app.errors import BadPayload, MienError, PayloadTooLarge, UnsupportedMedia
from app.pictures import exif, jpeg_markers, tiff_tags
from app.pictures.avif_frames import unpacked_pixels
from app.pictures.cost import decode_weight
from app.pictures.types import Image, Picture, Rectangle

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
"""What is read, by content; names and media types are not trusted. Other parsers of Pillow stay unreachable."""

AVIF_STARTS = tuple(b"ftyp" + brand for brand in (b"avif", b"avis", b"mif1", b"msf1"))
"""From byte 4; the brands that Pillow takes for AVIF."""

Pillow.MAX_IMAGE_PIXELS = None  # `max_pixels` below takes the place of Pillow's own, process-wide limit.


MAX_SCANNED_PIXELS, LEAST_SCANS = 1_000_000_000, 20
"""Width x height x scans of a JPEG: a scan takes about 1 ns a pixel, whatever little is in it. Cameras write about ten
scans, so that some are allowed at any size."""

MAX_RUN_LENGTH_PIXELS = 1_000_000
"""Of a run-length-encoded BMP, which Pillow unpacks in Python: 0.15 s."""

WHITE_IS_ZERO = 0
"""TIFF 6.0, section 8: a value of the tag PhotometricInterpretation."""

BAND_PIXELS = 1_000_000
"""So many values at a time become 8-bit ones."""

REDUCTIONS = (4, 2)
"""Fractions of its size, 1/4 and 1/2, at which a JPEG is decoded for little more than its entropy code."""

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


def decode_image(payload: bytes, max_pixels: int) -> Image:
    """Decode a picture at full size: the pixels of `decode_picture`."""
    return decode_picture(payload, max_pixels).image


def decode_picture(
    payload: bytes,
    max_pixels: int,
    admit: Callable[[int], None] | None = None,
    long_side_px: int | None = None,
) -> Picture:
    """Decode a picture; for an animation, its first frame.

    EXIF orientation is applied, 16-bit values are scaled to 8, CMYK and palettes become RGB, and transparent parts
    are laid on white.

    Args:
        payload: The whole file: JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF.
        max_pixels: Largest width x height to decode, by the header and before any reduction.
        admit: Called with what decoding will take (`app.pictures.cost.decode_weight`), after the header is checked
            and before decoding starts; a `MienError` from it ends the decoding.
        long_side_px: A JPEG is decoded at the smallest of 1/4, 1/2 and full size whose longer side has at least this
            many pixels; None: full size. Other formats are always decoded at full size.

    Returns:
        The pixels, and the size of the upright original.

    Raises:
        BadPayload: If the payload is empty, truncated or damaged.
        UnsupportedMedia: If it is none of these formats.
        PayloadTooLarge: If its header announces more pixels than allowed.
    """
    with _opened(payload, max_pixels) as (picture, unpacked):
        original = picture.size
        if long_side_px is not None:
            _reduce(picture, long_side_px)
        reduced = picture.size != original
        _load(picture, unpacked, admit)
        if reduced and _orientation(picture) in QUARTER_TURNS:
            original = original[::-1]
        image = np.array(_upright_rgb(picture), dtype=np.uint8)
        return Picture(image, *(original if reduced else image.shape[1::-1]))


def decode_parts(
    payload: bytes,
    max_pixels: int,
    parts: Sequence[Rectangle],
    admit: Callable[[int], None] | None = None,
) -> list[Image]:
    """Decode a picture at full size, but keep only parts of it; that takes half the time of keeping all.

    Args:
        payload: As in `decode_picture`.
        max_pixels: As in `decode_picture`.
        parts: Left, top, right and bottom in whole pixels of the upright picture, within it.
        admit: As in `decode_picture`.

    Returns:
        The parts, RGB, uint8.

    Raises:
        MienError: As `decode_picture`.
    """
    with _opened(payload, max_pixels) as (picture, unpacked):
        _load(picture, unpacked, admit)
        upright = _upright_rgb(picture)
        return [np.array(upright.crop(part), dtype=np.uint8) for part in parts]


def _load(picture: Pillow.Image, unpacked: int, admit: Callable[[int], None] | None) -> None:
    """Decode the pixels, once there is room for them."""
    if admit is not None:
        admit(decode_weight(picture, unpacked))
    picture.load()


@contextmanager
def _opened(payload: bytes, max_pixels: int) -> Iterator[tuple[Pillow.Image, int]]:
    """Open a picture, reading only its header, and translate what decoding it raises.

    Yields:
        The picture, and how many pixels its tiles or frames unpack to if that may differ from its own; else 0.
    """
    if not payload:
        raise BadPayload("The file is empty.")
    try:
        scans = 1
        if payload.startswith(jpeg_markers.START):
            scans = jpeg_markers.count_scans(payload)
            payload = exif.hide_from_pillow(payload)
        elif payload[4:12] in AVIF_STARTS:
            payload = exif.hide_in_avif(payload)
        unpacked = _unpacked_pixels(payload)
        _check_unpacked(unpacked, max_pixels)  # before Pillow, libavif or libtiff look at it
        with Pillow.open(io.BytesIO(payload), formats=FORMATS) as picture:
            _check_size(picture.size, max_pixels)
            _check_effort(picture, scans)
            exif.forget_large(picture)
            yield picture, unpacked
    except UnidentifiedImageError as error:
        raise UnsupportedMedia(f"This is not a picture in one of these formats: {', '.join(FORMATS)}.") from error
    except MienError:
        raise
    except Exception as error:  # Pillow's parsers raise many types on damaged files; all of them mean this.
        raise BadPayload("The picture is truncated or damaged.") from error


def _unpacked_pixels(payload: bytes) -> int:
    """Return how many pixels the frames of an AVIF or the tiles of a TIFF unpack to; 0 for other formats."""
    if payload[4:12] in AVIF_STARTS:
        return unpacked_pixels(payload)
    return tiff_tags.tile_pixels(payload) if payload.startswith(tiff_tags.STARTS) else 0


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
        libjpeg's `scale_denom`; Pillow's `draft`, which leaves other formats as they are.
    """
    factor = reduction(picture.size, long_side_px)
    if factor > 1:
        picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadPayload("The picture has no pixels.")
    if width * height > max_pixels:
        raise PayloadTooLarge(f"The picture has {width} x {height} pixels; at most {max_pixels:,} are read.")


def _check_effort(picture: Pillow.Image, scans: int) -> None:
    """Refuse files that take the decoder seconds, however small they are."""
    pixels = picture.width * picture.height
    if scans > LEAST_SCANS and pixels * scans > MAX_SCANNED_PIXELS:
        raise PayloadTooLarge(f"The JPEG has {scans} scans of {pixels:,} pixels: save it with fewer, or smaller.")
    if any(tile[0] == "bmp_rle" for tile in getattr(picture, "tile", ())) and pixels > MAX_RUN_LENGTH_PIXELS:
        raise PayloadTooLarge(
            f"A run-length-encoded BMP is read up to {MAX_RUN_LENGTH_PIXELS:,} pixels: save it uncompressed or as PNG."
        )


def _check_unpacked(pixels: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise PayloadTooLarge(f"The file unpacks to {pixels:,} pixels; at most {max_pixels:,} are read.")


def _upright_rgb(picture: Pillow.Image) -> Pillow.Image:
    """Make a loaded picture upright RGB without needless copies: at 12 megapixels each takes about 30 ms."""
    is_negative = _is_16_bit_negative(picture)
    turn = TURNS.get(_orientation(picture))
    if turn is not None:
        turned = picture.transpose(turn)
        picture.close()  # its pixels are needed no more, but its caller still holds it
        picture = turned
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bit(picture, is_negative)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Pillow.new("RGBA", layer.size, "white")
        picture = Pillow.alpha_composite(white, layer)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _orientation(picture: Pillow.Image) -> int:
    """Return the EXIF orientation, 1..8; 1 (upright) if the EXIF data cannot be read."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - the parsers of EXIF and XMP raise many types; the pixels are sound all the same
        return 1


def _is_16_bit_negative(picture: Pillow.Image) -> bool:
    """Whether a TIFF says that white is 0; Pillow inverts those of 1 and 8 bits itself."""
    if not (isinstance(picture, TiffImageFile) and picture.mode.startswith("I;16")):
        return False
    return bool(picture.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == WHITE_IS_ZERO)


def _to_8_bit(picture: Pillow.Image, is_negative: bool) -> Pillow.Image:
    """Scale integers of 16 and 32 bits (modes I;16 and I) and floats (mode F, 0..1 or 0..255) to 8-bit gray.

    A few floats above 1, as sharpening leaves them, count as white. Transparent values of 16 bits become white. Some
    rows at a time: the whole picture as floats would take four times its bytes.
    """
    values = np.asarray(picture)
    largest = float(values.max(initial=0, where=np.isfinite(values)))
    times, by = 1.0, 1.0
    if picture.mode == "F":
        times = 255.0 if largest <= 2 else 1.0
    elif largest > 65_535:
        by = 2.0**23  # of 31 bits, as the mode is signed
    elif largest > 255 or picture.mode.startswith("I;16"):
        by = 257.0
    gray = np.empty(values.shape, dtype=np.uint8)
    rows = max(1, BAND_PIXELS // values.shape[1])
    for top in range(0, len(values), rows):
        band = values[top : top + rows].astype(np.float32) * np.float32(times) / np.float32(by)
        gray[top : top + rows] = np.nan_to_num(band, copy=False).clip(0, 255).round()
    if is_negative:
        np.subtract(255, gray, out=gray)
    if isinstance(clear := picture.info.get("transparency"), int):
        gray[values == clear] = 255
    return Pillow.fromarray(gray)
