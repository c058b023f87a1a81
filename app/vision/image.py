"""From the bytes of a picture file to an upright RGB image, with the size checked before any pixel is decoded."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, ImageOps, UnidentifiedImageError
from PIL import Image as Pillow

from app.errors import BadPayload, MienError, PayloadTooLarge, UnsupportedMedia
from app.vision.avif_frames import unpacked_pixels
from app.vision.tiff_tiles import tile_pixels
from app.vision.types import Image, Picture, Rectangle

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
"""What is read, by content; names and media types are not trusted. Other parsers of Pillow stay unreachable."""

AVIF_STARTS = tuple(b"ftyp" + brand for brand in (b"avif", b"avis", b"mif1", b"msf1"))
"""From byte 4; the brands that Pillow takes for AVIF."""

Pillow.MAX_IMAGE_PIXELS = None  # `max_pixels` below takes the place of Pillow's own, process-wide limit.


MAX_JPEG_SCANS = 100
"""A progressive JPEG of a few kilobytes can repeat its scans until decoding takes minutes; cameras write about ten."""

MAX_JPEG_SEGMENTS = 500
"""Pillow joins EXIF segments one by one, in quadratic time; depth maps and large profiles take some hundred."""

JPEG_START = b"\xff\xd8"
JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""What is not one of the bytes FF 00 and FF D0 .. FF D7 of the coded pixels: ITU-T T.81, section B.1.1.3. Without
`+` at the FF, which may repeat: the search of it would take quadratic time on a run of FF."""

JPEG_SCAN, JPEG_END = 0xDA, 0xD9
JPEG_WITHOUT_LENGTH = (0x01, 0xD8)

REDUCTIONS = (4, 2)
"""Fractions of its size, 1/4 and 1/2, at which a JPEG is decoded for little more than its entropy code."""

QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


def decode_image(payload: bytes, max_pixels: int) -> Image:
    """Decode a picture in full: the pixels of `decode_picture`."""
    return decode_picture(payload, max_pixels).image


def decode_picture(
    payload: bytes,
    max_pixels: int,
    admit: Callable[[int], None] | None = None,
    long_side_px: int | None = None,
) -> Picture:
    """Decode a picture; of an animation its first frame.

    EXIF orientation is applied, 16-bit values are scaled to 8, CMYK and palettes become RGB, and transparent parts
    are laid on white.

    Args:
        payload: The whole file: JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF.
        max_pixels: Largest width x height that is decoded, by the header and before any reduction.
        admit: Called with the number of pixels that will be decoded, once the header is checked and before the
            first of them; what it raises ends the decoding.
        long_side_px: A JPEG is decoded at the least of 1/4, 1/2 and its full size whose longer side has at least so
            many pixels; None: in full. Other formats are always decoded in full.

    Returns:
        The pixels, and the size of the upright original.

    Raises:
        BadPayload: If the payload is empty, truncated or damaged.
        UnsupportedMedia: If it is none of the formats.
        PayloadTooLarge: If its header announces more pixels than allowed.
    """
    with _opened(payload, max_pixels) as (picture, unpacked):
        original = picture.size
        if long_side_px is not None:
            _reduce(picture, long_side_px)
        reduced = picture.size != original
        _load(picture, unpacked, admit)
        if reduced and picture.getexif().get(ExifTags.Base.Orientation) in QUARTER_TURNS:
            original = original[::-1]
        image = np.array(_upright_rgb(picture), dtype=np.uint8)
        return Picture(image, *(original if reduced else image.shape[1::-1]))


def decode_parts(
    payload: bytes,
    max_pixels: int,
    parts: Sequence[Rectangle],
    admit: Callable[[int], None] | None = None,
) -> list[Image]:
    """Decode a picture in full, but keep only some parts of it; that takes half the time of keeping all.

    Args:
        payload: As in `decode_picture`.
        max_pixels: As in `decode_picture`.
        parts: Left, top, right and bottom in whole pixels of the upright picture, inside it.
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
        admit(max(picture.width * picture.height, unpacked))
    picture.load()


@contextmanager
def _opened(payload: bytes, max_pixels: int) -> Iterator[tuple[Pillow.Image, int]]:
    """Open a picture, of which the header alone is read, and translate what its decoding raises.

    Yields:
        The picture, and how many pixels its tiles or frames unpack to, where that may differ from its own; else 0.
    """
    if not payload:
        raise BadPayload("The file is empty.")
    try:
        if payload.startswith(JPEG_START):
            _check_markers(payload)
        unpacked = unpacked_pixels(payload) if payload[4:12] in AVIF_STARTS else 0
        _check_unpacked(unpacked, max_pixels)  # before Pillow lets libavif look at it
        with Pillow.open(io.BytesIO(payload), formats=FORMATS) as picture:
            _check_size(picture.size, max_pixels)
            if picture.format == "TIFF":
                unpacked = tile_pixels(payload)
                _check_unpacked(unpacked, max_pixels)
            yield picture, unpacked
    except UnidentifiedImageError as error:
        raise UnsupportedMedia(f"This is not a picture in one of these formats: {', '.join(FORMATS)}.") from error
    except MienError:
        raise
    except Exception as error:  # Pillow's parsers raise many types on damaged files; all of them mean this.
        raise BadPayload("The picture is truncated or damaged.") from error


def _check_markers(payload: bytes) -> None:
    scans = 0
    for count, marker in enumerate(jpeg_markers(payload), 1):
        scans += marker == JPEG_SCAN
        if scans > MAX_JPEG_SCANS:
            raise BadPayload(f"The JPEG has more than {MAX_JPEG_SCANS} scans.")
        if count > MAX_JPEG_SEGMENTS:
            raise BadPayload(f"The JPEG has more than {MAX_JPEG_SEGMENTS} segments.")


def jpeg_markers(payload: bytes) -> Iterator[int]:
    """Yield the markers of a JPEG up to its end; phones append videos, thumbnails hide in segments: neither counts.

    Args:
        payload: A JPEG, possibly damaged.
    """
    place = len(JPEG_START)
    while found := JPEG_MARKER.search(payload, place):
        marker, place = found[1][0], found.end()
        if marker == JPEG_END:
            return
        yield marker
        if marker not in JPEG_WITHOUT_LENGTH:
            place += int.from_bytes(payload[place : place + 2], "big")


def reduction(size: tuple[int, int], long_side_px: int) -> int:
    """Say by how much a picture may be reduced: the largest of 4, 2 and 1 that leaves its longer side long enough.

    Args:
        size: Width and height in pixels.
        long_side_px: Least pixels of the reduced picture's longer side.

    Returns:
        Original pixels for each reduced one, a side.
    """
    return next((each for each in REDUCTIONS if max(size) >= each * long_side_px), 1)


def _reduce(picture: Pillow.Image, long_side_px: int) -> None:
    """Let a JPEG be decoded by smaller cosine transforms, where it is large enough.

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


def _check_unpacked(pixels: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise PayloadTooLarge(f"The file unpacks to {pixels:,} pixels; at most {max_pixels:,} are read.")


def _upright_rgb(picture: Pillow.Image) -> Pillow.Image:
    """Make a loaded picture upright RGB, without a copy that is not needed: of 12 megapixels each takes about 30 ms."""
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bit(picture)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Pillow.new("RGBA", layer.size, "white")
        picture = Pillow.alpha_composite(white, layer)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _to_8_bit(picture: Pillow.Image) -> Pillow.Image:
    """Scale 16-bit integers (modes I;16 and I) and floats (mode F, 0..1 or 0..255) to 8-bit gray."""
    values = np.asarray(picture).astype(np.float32)
    if picture.mode == "F":
        scaled = values * 255.0 if values.max() <= 1.0 else values
    else:
        scaled = values / 257.0 if values.max() > 255 or picture.mode.startswith("I;16") else values
    return Pillow.fromarray(np.nan_to_num(scaled).clip(0, 255).round().astype(np.uint8))
