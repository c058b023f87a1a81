"""How many pixels an AVIF makes its decoder unpack, from its boxes and headers alone.

The size that an AVIF announces need not be that of the AV1 frames in it, nor of a picture assembled from several: the
decoder allocates memory for all of them. It also searches the item tables so often that long ones would take it
minutes. So this module runs first, and refuses what it cannot verify.
"""

from collections import defaultdict
from collections.abc import Iterator

from app.errors import BadPayload, UnsupportedMedia
from app.pictures.av1_header import frame_size, sequence_headers

MAX_SHARED = 4
"""How often, on average, a byte may belong to an item: equal tiles share theirs."""
MAX_PIECES = 10_000
"""Boxes and parts of items together; an encoder writes some dozens."""
TABLES, MAX_TABLE_BYTES = (b"iinf", b"iloc", b"iref", b"ipma"), 64_000
"""Enough for a thousand tiles."""
DAMAGED = "The AVIF is truncated or damaged."
Size = tuple[int, int]


def unpacked_pixels(payload: bytes) -> int:
    """Return the most pixels that all frames of an AVIF, and the pictures assembled from them, can have.

    Args:
        payload: An AVIF.

    Raises:
        UnsupportedMedia: If it is an animation, whose frames are stored elsewhere, or has no AV1 picture.
        BadPayload: If it has more pieces than any encoder writes, or frames of a different size than announced.
        ValueError: If it is damaged.

    References:
        ISO/IEC 14496-12, sections 4.2 (boxes), 8.11.3 (`iloc`), 8.11.6 (`iinf`), 8.11.14 (`ipma`); ISO/IEC 23008-12,
        6.6.2.3 (`grid`).
    """
    pieces, pixels = iter(range(MAX_PIECES)), 0
    try:
        for kind, start, end in _boxes(payload, 0, len(payload), pieces):
            if kind == b"moov":
                raise UnsupportedMedia("Animated AVIF is not read: send a still picture.")
            if kind == b"meta":
                pixels += _Items(payload, start + 4, end, pieces).pixels()
    except _OutOfBox:
        if not pixels:  # what follows the picture is nobody's matter
            raise
    if not pixels:
        raise UnsupportedMedia("The file has no AV1 picture in it; HEIC is not read.")
    return pixels


class _OutOfBox(ValueError):
    """A box is larger than its container."""


class _Items:
    """The items of a `meta` box.

    Args:
        payload: The file.
        start: Where the boxes inside begin.
        end: Where they end.
        pieces: How many pieces may still be read.
    """

    def __init__(self, payload: bytes, start: int, end: int, pieces: Iterator[int]) -> None:
        self._payload, self._pieces = payload, pieces
        self._types: dict[int, set[bytes]] = defaultdict(set)
        self._sizes: dict[int, set[Size]] = defaultdict(set)
        self._places: list[tuple[int, bool, list[tuple[int, int]]]] = []
        self._inside = b""
        for kind, first, last in _boxes(payload, start, end, pieces):
            if kind == b"iinf":
                self._read_types(first, last)
            elif kind == b"iprp":
                self._read_sizes(first, last)
            elif kind == b"iloc":
                self._places += _locations(_Bytes(payload[first:last]), pieces)
            elif kind == b"idat":
                self._inside += payload[first:last]

    def pixels(self) -> int:
        """Return the most pixels of all frames and grids together."""
        pixels, left = 0, MAX_SHARED * len(self._payload)
        for item, in_idat, extents in self._places:
            source = self._inside if in_idat else self._payload
            left -= sum(length for _, length in extents)
            if left < 0:
                raise BadPayload("The AVIF's items overlap.")
            data = b"".join(source[at : at + length] for at, length in extents)
            if b"av01" in self._types[item]:
                pixels += self._frame_pixels(data, self._sizes[item])
            if b"grid" in self._types[item]:
                pixels += _grid_pixels(data)
        return pixels

    def _frame_pixels(self, data: bytes, announced: set[Size]) -> int:
        most = 0
        for header in sequence_headers(data):
            size, pixels = frame_size(header)
            if announced != {size}:
                raise BadPayload("The AVIF's frames are not of the size that it announces.")
            most = max(most, pixels)
        return most

    def _read_types(self, start: int, end: int) -> None:
        start += 6 if self._payload[start : start + 1] == b"\0" else 8  # version, number of entries
        for _, first, last in _boxes(self._payload, start, end, self._pieces):
            read = _Bytes(self._payload[first:last])
            wide = read.number(4) >> 24 > 2
            item = read.number(4 if wide else 2)
            read.number(2)
            self._types[item].add(read.number(4).to_bytes(4, "big"))

    def _read_sizes(self, start: int, end: int) -> None:
        children = list(_boxes(self._payload, start, end, self._pieces))
        sizes: dict[int, Size] = {}
        for _, first, last in (child for child in children if child[0] == b"ipco"):
            for index, (kind, inside, _) in enumerate(_boxes(self._payload, first, last, self._pieces), 1):
                if kind == b"ispe":
                    read = _Bytes(self._payload[inside + 4 : inside + 12])
                    sizes[index] = read.number(4), read.number(4)
        for _, first, last in (child for child in children if child[0] == b"ipma"):
            for item, index in _associations(_Bytes(self._payload[first:last])):
                if index in sizes:
                    self._sizes[item].add(sizes[index])


def _boxes(payload: bytes, start: int, end: int, pieces: Iterator[int]) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's kind and the start and end of its content."""
    while start + 8 <= end:
        _count(pieces)
        size, kind, header = int.from_bytes(payload[start : start + 4], "big"), payload[start + 4 : start + 8], 8
        if size == 1:
            size, header = int.from_bytes(payload[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise _OutOfBox(DAMAGED)
        if kind in TABLES and size > MAX_TABLE_BYTES:
            raise BadPayload("The AVIF has too many items.")
        yield kind, start + header, start + size
        start += size


def _locations(read: "_Bytes", pieces: Iterator[int]) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
    """Yield each item's number, whether it is in the `idat` box, and (offset, length) of its parts."""
    version = read.number(4) >> 24
    sizes = read.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(read.number(4 if version == 2 else 2)):
        item = read.number(4 if version == 2 else 2)
        method = read.number(2) & 15 if version else 0
        read.number(2)
        base, extents = read.number(base_size), []
        for _ in range(read.number(2)):
            _count(pieces)
            read.number(index_size if version else 0)
            extents.append((base + read.number(offset_size), read.number(length_size)))
        yield item, method == 1, extents


def _associations(read: "_Bytes") -> Iterator[tuple[int, int]]:
    """Yield an item's number and the 1-based index of each of its properties."""
    version = read.number(1)
    wide = read.number(3) & 1
    for _ in range(read.number(4)):
        item = read.number(4 if version else 2)
        for _ in range(read.number(1)):
            yield item, read.number(2) & 0x7FFF if wide else read.number(1) & 0x7F


def _grid_pixels(item: bytes) -> int:
    """Return the pixels of a picture assembled from tiles."""
    read = _Bytes(item)
    side_bytes = 4 if read.number(2) & 1 else 2
    read.number(2)  # rows and columns
    return read.number(side_bytes) * read.number(side_bytes)


def _count(pieces: Iterator[int]) -> None:
    if next(pieces, None) is None:
        raise BadPayload(f"The AVIF has more than {MAX_PIECES:,} pieces.")


class _Bytes:
    """Reads big-endian numbers of a given byte width."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, size: int) -> int:
        """Return the next number.

        Raises:
            ValueError: If the data end first.
        """
        self._at += size
        if self._at > len(self._data):
            raise ValueError(DAMAGED)
        return int.from_bytes(self._data[self._at - size : self._at], "big")
