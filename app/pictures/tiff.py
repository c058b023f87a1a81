"""A TIFF's oddities: reduced copies before the picture, codings that are not read, samples in the other byte order."""

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile

from app.errors import BadPayload, UnsupportedMedia

TIFF = (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"MM\0+", b"II+\0")
"""What Pillow takes for one, in a wrong order of bytes, too."""

ORDERS = {b"II": "<", b"MM": ">"}
CLASSIC, BIG = 42, 43
NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Types of values: bytes, whole numbers of 2, 4 and 8 bytes, and places of directories."""

KIND, OLD_KIND, COMPRESSION, PARTS = 254, 255, 259, 330
"""Tags: NewSubfileType, SubfileType, Compression, SubIFDs."""
REDUCED, ONE_OF_SEVERAL, OLD_REDUCED = 1, 2, 2

FEW = frozenset({256, 257, 258, 259, 262, 266, 274, 277, 278, 282, 283, 284, 296, 320, 322, 323, 338, 339})
"""Tags that are read and have a few values: sizes, bits, codings, orientation, resolutions, palette, samples."""
MANY = frozenset({273, 279, 324, 325})
"""StripOffsets, StripByteCounts, TileOffsets, TileByteCounts."""
MOST_OF_FEW, MOST_OF_MANY = 1024, 100_000
"""Values of one tag: Pillow makes an object of each, whatever a file claims; a palette has 768."""

MOST_PAGES = 16
"""So many are looked through for the full picture; raw photos have up to six."""

WEBP = 50001
CODINGS = {WEBP: "WebP", 34712: "JPEG 2000", 50002: "JPEG XL", 52546: "JPEG XL"}

UNREAD = "The TIFF's layout is not read, or it is damaged: save it with 8 bits a sample and LZW, or as PNG."
NO_FULL_PICTURE = (
    "The file's full picture is raw or coded in a way that is not read, and beside it stands only a reduced copy: "
    "export the photo as JPEG or PNG."
)
NATIVE = {
    "F;32F": "F;32NF", "F;32BF": "F;32NF", "I;16S": "I;16NS", "I;16BS": "I;16NS", "I;32S": "I;32NS", "I;32BS": "I;32NS"
}  # fmt: skip
"""Pillow's names for samples in a file's order of bytes, and in this machine's."""


@dataclass(frozen=True)
class _Layout:
    """How directories are written: TIFF 6.0, section 2, and BigTIFF."""

    order: str
    big: bool

    @property
    def place(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    @property
    def first(self) -> int:
        return 8 if self.big else 4

    @property
    def count(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "H"))


@dataclass(frozen=True)
class _Page:
    reduced: bool
    full: bool
    compression: int
    parts: tuple[int, ...]
    next: int


def full_page(payload: bytes) -> bytes:
    """Return a TIFF that begins with its full picture: raw photos and scans may have a reduced copy before it.

    Args:
        payload: A TIFF, possibly damaged: what cannot be followed is returned as it is.

    Raises:
        UnsupportedMedia: If all that is there are reduced copies, or the picture is compressed in a way not read.
        BadPayload: If a tag has more values than any writer gives it.

    References:
        TIFF 6.0, section 8 (NewSubfileType); Adobe, TIFF Technical Note 1 (SubIFDs).
    """
    try:
        layout = _layout(payload)
        if layout is None:
            return payload
        [start] = layout.place.unpack_from(payload, layout.first)
        page, chosen = _page(payload, layout, start), start
        if page.reduced:
            chosen, page = _full(payload, layout, page)
    except struct.error:
        return payload
    if page.compression not in COMPRESSION_INFO or page.compression == WEBP:
        name = CODINGS.get(page.compression, f"number {page.compression}")
        raise UnsupportedMedia(f"The TIFF's compression, {name}, is not read: save it with LZW or Deflate, or as PNG.")
    if chosen == start:
        return payload
    place = layout.place.pack(chosen)
    return payload[: layout.first] + place + payload[layout.first + len(place) :]


def prepare(picture: Pillow.Image) -> None:
    """Have an opened TIFF decoded right, before its pixels are.

    libtiff hands samples over in this machine's order of bytes; Pillow knows that of whole numbers without sign alone.

    Raises:
        UnsupportedMedia: If it is of a layout that Pillow reads wrongly.
    """
    if not isinstance(picture, TiffImageFile):
        return
    if picture.mode in ("LA", "La") and picture.tag_v2.get(284) == 2:  # PlanarConfiguration
        raise UnsupportedMedia("Gray with transparency in separate planes is not read: save the TIFF interleaved.")
    picture.tile = [
        tile._replace(args=(NATIVE.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        for tile in picture.tile
        if isinstance(tile.args, tuple)
    ]


def _full(payload: bytes, layout: _Layout, first: _Page) -> tuple[int, _Page]:
    """Return where the first full picture stands, and its page."""
    found = next((each for each in _others(payload, layout, first) if each[1].full), None)
    if found is None:
        raise UnsupportedMedia(NO_FULL_PICTURE)
    return found


def _others(payload: bytes, layout: _Layout, first: _Page) -> Iterator[tuple[int, _Page]]:
    """Yield the pages within the first one, then those behind it, up to a damaged one."""
    with suppress(struct.error):
        for place in first.parts:
            yield place, _page(payload, layout, place)
        following = first.next
        for _ in range(MOST_PAGES):
            if not following:
                return
            page = _page(payload, layout, following)
            yield following, page
            following = page.next


def _layout(payload: bytes) -> _Layout | None:
    order = ORDERS.get(payload[:2])
    if order is None:
        return None
    [version] = struct.unpack_from(f"{order}H", payload, 2)
    return _Layout(order, version == BIG) if version in (CLASSIC, BIG) else None


def _page(payload: bytes, layout: _Layout, start: int) -> _Page:
    """Read of a directory what is needed here; raises struct.error, and BadPayload as `full_page`."""
    [count] = layout.count.unpack_from(payload, start)
    width = layout.place.size
    entry = struct.Struct(f"{layout.order}HH{width}s{width}s")
    found: dict[int, tuple[int, ...]] = {}
    end = start + layout.count.size + count * entry.size
    if end > len(payload):
        raise struct.error
    for at in range(start + layout.count.size, end, entry.size):
        tag, kind, many, value = entry.unpack_from(payload, at)
        if layout.place.unpack(many)[0] > _most_values(tag):
            raise BadPayload(f"The TIFF's tag {tag} has more values than any writer gives it: save it anew.")
        if tag in (KIND, OLD_KIND, COMPRESSION, PARTS) and kind in NUMBERS:
            values = min(layout.place.unpack(many)[0], MOST_PAGES)
            numbers = struct.Struct(f"{layout.order}{values}{NUMBERS[kind]}")
            source, place = (value, 0) if numbers.size <= width else (payload, layout.place.unpack(value)[0])
            found[tag] = numbers.unpack_from(source, place)
    following = layout.place.unpack_from(payload, end)[0] if end + width <= len(payload) else 0
    kind, old = (found.get(tag) or (0,) for tag in (KIND, OLD_KIND))
    reduced = bool(kind[0] & REDUCED) or (KIND not in found and old[0] == OLD_REDUCED)
    return _Page(
        reduced=reduced,
        full=not reduced and not kind[0] & ~ONE_OF_SEVERAL,
        compression=(found.get(COMPRESSION) or (1,))[0],
        parts=found.get(PARTS, ()),
        next=following,
    )


def _most_values(tag: int) -> float:
    if tag in FEW:
        return MOST_OF_FEW
    return MOST_OF_MANY if tag in MANY else math.inf
