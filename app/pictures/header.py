"""Opens a picture: its header is checked before any pixel is decoded."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from PIL.ImageFile import ImageFile

from app.errors import BadPayload, MienError, PayloadTooLarge, UnsupportedMedia
from app.pictures import bmp, exif, jpeg_markers, tiff
from app.pictures.announced import announced_size, is_film
from app.pictures.crumbs import png_significant_bits, without_crumbs
from app.pictures.depth import SIGNIFICANT_BITS

Pillow.MAX_IMAGE_PIXELS = None  # `max_pixels` below takes the place of Pillow's own, process-wide limit.

MAX_SIDE_PX = 1_000_000
"""Of longer columns Pillow makes a row of each pixel, holding Python's lock: 0.4 s for 50 million."""

MAX_SCANNED_PIXELS, LEAST_SCANS = 1_000_000_000, 20
"""Width x height x scans of a JPEG: a scan takes about 1 ns a pixel, whatever little is in it. Cameras write about ten
scans, so that some are allowed at any size."""

MAX_RUN_LENGTH_PIXELS = 1_000_000
"""Of a run-length-encoded BMP, which Pillow unpacks in Python: 0.15 s."""

NOT_READ = "Unsupported BMP"
"""So begins what Pillow says of a sound BMP that it does not read."""

DAMAGED = "The picture is truncated or damaged."
FILM = "This is a film or another file of MP4's kind, and no picture: mien watch reads films."


@dataclass(frozen=True, eq=False)
class Opened:
    """A picture of which only the header was read.

    Attributes:
        picture: Pillow's.
        cut_off: Whether it is a JPEG without its end: what is missing is decoded as gray.
        scans: How many scans a JPEG has; 1 for other formats.
    """

    picture: ImageFile
    cut_off: bool
    scans: int


@dataclass(frozen=True)
class _Prepared:
    """A file as Pillow may see it; `unread` says what it means if Pillow does not know it, "" that it is damaged.

    `four_bits`: see `app.pictures.bmp`.
    """

    payload: bytes
    scans: int = 1
    cut_off: bool = False
    unread: str = ""
    four_bits: bool = False


@contextmanager
def opened(payload: bytes, max_pixels: int, formats: tuple[str, ...]) -> Iterator[Opened]:
    """Open a picture, reading only its header, and translate what decoding it raises.

    Args:
        payload: The whole file.
        max_pixels: Largest width x height.
        formats: Pillow's names of those that are read.

    Raises:
        MienError: BadPayload, UnsupportedMedia or PayloadTooLarge, as `app.pictures.decode.decode`.
    """
    unread = ""
    try:
        file = _prepared(payload)
        unread = file.unread
        if announced := announced_size(file.payload):
            check_size(announced, max_pixels)
        with Pillow.open(io.BytesIO(file.payload), formats=formats) as picture:
            check_size(picture.size, max_pixels)
            _check_effort(picture, file.scans)
            exif.forget_large(picture)
            picture.info.pop("xmp", None)  # where Pillow would look for a TIFF's orientation: docs/decisions/0039
            tiff.prepare(picture)
            if file.four_bits:
                bmp.prepare(picture)
            picture.info[SIGNIFICANT_BITS] = png_significant_bits(file.payload)
            yield Opened(picture, file.cut_off, file.scans)
    except UnidentifiedImageError as error:
        raise (UnsupportedMedia(unread) if unread else BadPayload(DAMAGED)) from error
    except MienError:
        raise
    except MemoryError as error:
        raise PayloadTooLarge("The picture takes more memory than its size explains.") from error
    except Exception as error:  # Pillow's parsers raise many types on damaged files; all of them mean this.
        if str(error).startswith(NOT_READ):
            raise UnsupportedMedia("The BMP is of a kind that is not read: save it with 24 bits a pixel.") from error
        raise BadPayload(DAMAGED) from error


def _prepared(payload: bytes) -> _Prepared:
    if payload.startswith(jpeg_markers.START):
        outline = jpeg_markers.outline(payload)
        ended = jpeg_markers.ended(payload, outline)
        return _Prepared(exif.hide_from_pillow(ended), outline.scans, outline.cut_off)
    if payload.startswith(tiff.TIFF):
        page = tiff.full_page(payload)
        return _Prepared(page, unread=tiff.UNREAD if page is payload else tiff.NO_FULL_PICTURE)
    if payload.startswith(bmp.BMP):
        known = bmp.shown(payload)
        return _Prepared(known.payload, four_bits=known.four_bits)
    if payload[4:8] == b"ftyp":
        unread = FILM if is_film(payload) else ""
        return _Prepared(exif.hide_in_avif(payload), unread=unread)
    return _Prepared(without_crumbs(payload))


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse a picture without pixels, with too many or too long; raises BadPayload or PayloadTooLarge."""
    width, height = size
    if width < 1 or height < 1:
        raise BadPayload("The picture has no pixels.")
    if max(size) > MAX_SIDE_PX:
        raise PayloadTooLarge(f"The picture has {width} x {height} pixels; at most {MAX_SIDE_PX:,} a side are read.")
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
