"""Decodes a picture in this process: its header is checked before any pixel is decoded."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from app.errors import BadPayload, MienError, PayloadTooLarge, UnsupportedMedia
from app.pictures import exif, jpeg_markers, tiff
from app.pictures.announced import announced_size
from app.pictures.cost import decode_weight
from app.pictures.crumbs import without_crumbs
from app.pictures.types import Image, Rectangle
from app.pictures.upright import QUARTER_TURNS, Upright, orientation

Admit = Callable[[int], None]

Pillow.MAX_IMAGE_PIXELS = None  # `max_pixels` below takes the place of Pillow's own, process-wide limit.

MAX_SCANNED_PIXELS, LEAST_SCANS = 1_000_000_000, 20
"""Width x height x scans of a JPEG: a scan takes about 1 ns a pixel, whatever little is in it. Cameras write about ten
scans, so that some are allowed at any size."""

MAX_RUN_LENGTH_PIXELS = 1_000_000
"""Of a run-length-encoded BMP, which Pillow unpacks in Python: 0.15 s."""

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
    """

    images: list[Image]
    width: int
    height: int


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
    with _opened(payload, wanted.max_pixels, formats) as picture:
        original = picture.size
        if wanted.long_side_px is not None:
            _reduce(picture, wanted.long_side_px)
        reduced = picture.size != original
        if admit is not None:
            admit(decode_weight(picture))
        picture.load()
        _check_size(picture.size, wanted.max_pixels)  # a library may find another one as it decodes
        if reduced and orientation(picture) in QUARTER_TURNS:
            original = original[::-1]
        upright = Upright(picture)
        if wanted.parts is not None:
            return Decoded([upright.rgb(part) for part in wanted.parts], *upright.size)
        return Decoded([upright.rgb()], *(original if reduced else upright.size))


@contextmanager
def _opened(payload: bytes, max_pixels: int, formats: tuple[str, ...]) -> Iterator[Pillow.Image]:
    """Open a picture, reading only its header, and translate what decoding it raises."""
    unread = "The file begins as a picture, but is none that is read, or damaged."
    try:
        scans = 1
        if payload.startswith(jpeg_markers.START):
            scans = jpeg_markers.count_scans(payload)
            payload = exif.hide_from_pillow(payload)
        elif payload[4:8] == b"ftyp":
            payload = exif.hide_in_avif(payload)
        elif payload.startswith(tiff.TIFF):
            page = tiff.full_page(payload)
            payload, unread = page, unread if page is payload else tiff.NO_FULL_PICTURE
        payload = without_crumbs(payload)
        if announced := announced_size(payload):
            _check_size(announced, max_pixels)
        with Pillow.open(io.BytesIO(payload), formats=formats) as picture:
            _check_size(picture.size, max_pixels)
            _check_effort(picture, scans)
            exif.forget_large(picture)
            picture.info.pop("xmp", None)  # where Pillow would look for a TIFF's orientation: docs/decisions/0039
            tiff.prepare(picture)
            yield picture
    except UnidentifiedImageError as error:
        raise UnsupportedMedia(unread) from error
    except MienError:
        raise
    except MemoryError as error:
        raise PayloadTooLarge("The picture takes more memory than its size explains.") from error
    except Exception as error:  # Pillow's parsers raise many types on damaged files; all of them mean this.
        raise BadPayload("The picture is truncated or damaged.") from error


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
