"""How large the frames inside an AVIF may be.

The size that an AVIF announces is that of the picture; its decoder takes the memory for the AV1 frames that it finds,
and scales them.
"""

from collections.abc import Iterator

from app.errors import BadPayload, UnsupportedMedia

SEQUENCE_HEADER = 1
"""Type of the OBU that bounds a frame's size: AV1 bitstream specification, section 6.2.2."""
LONGEST_HEADER_BYTES = 512
"""Of a sequence header up to the size, with 32 operating points, at most 400 are needed."""
LONGEST_CODE = 32
"""Zeros at the start of a number of variable length from which on decoders disagree."""
MAX_PIECES = 10_000
"""Boxes of an AVIF and OBUs of its items together; an encoder writes some dozens."""
DAMAGED = "The AVIF is truncated or damaged."


def frame_pixels(payload: bytes) -> list[int]:
    """Return the most pixels that each AV1 frame of an AVIF can have: of picture, tiles, transparency, thumbnail.

    Args:
        payload: An AVIF.

    Raises:
        UnsupportedMedia: If it is an animation, whose frames lie elsewhere.
        BadPayload: If it is damaged, or in more pieces than any encoder writes.

    References:
        ISO/IEC 14496-12, sections 4.2 (boxes) and 8.11.3 (`iloc`); AV1 bitstream specification, sections 5.3 and 5.5.
    """
    pieces, frames = iter(range(MAX_PIECES)), []
    for kind, start, end in _boxes(payload, 0, len(payload), pieces):
        if kind == b"moov":
            raise UnsupportedMedia("Animated AVIF is not read: send a still picture.")
        if kind == b"meta":
            for item in _items(payload, start + 4, end, pieces):
                frames += [_largest_frame(header) for header in _sequence_headers(item, pieces)]
    if not frames:
        raise BadPayload("The AVIF has no picture.")
    return frames


def _boxes(payload: bytes, start: int, end: int, pieces: Iterator[int]) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box."""
    while start + 8 <= end:
        _count(pieces)
        size, kind, header = int.from_bytes(payload[start : start + 4], "big"), payload[start + 4 : start + 8], 8
        if size == 1:
            size, header = int.from_bytes(payload[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise BadPayload(DAMAGED)
        yield kind, start + header, start + size
        start += size


def _items(payload: bytes, start: int, end: int, pieces: Iterator[int]) -> Iterator[bytes]:
    """Yield the bytes of each item of a `meta` box."""
    children = list(_boxes(payload, start, end, pieces))
    inside = b"".join(payload[first:last] for kind, first, last in children if kind == b"idat")
    left = len(payload)
    for _, first, last in (child for child in children if child[0] == b"iloc"):
        for in_idat, extents in _locations(payload[first:last]):
            source = inside if in_idat else payload
            parts = [source[at : at + length] if length else source[at:] for at, length in extents]
            left -= sum(map(len, parts))
            if left < 0:
                raise BadPayload("The AVIF's items overlap.")
            yield b"".join(parts)


def _locations(iloc: bytes) -> Iterator[tuple[bool, list[tuple[int, int]]]]:
    """Yield of each item whether it lies in the `idat` box, and (offset, length) of its parts; length 0: the rest."""
    read = _Bytes(iloc)
    version = read.number(1)
    read.number(3)
    sizes = read.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(read.number(4 if version == 2 else 2)):
        read.number(4 if version == 2 else 2)
        method = read.number(2) & 15 if version else 0
        read.number(2)
        base, extents = read.number(base_size), []
        for _ in range(read.number(2)):
            read.number(index_size if version else 0)
            extents.append((base + read.number(offset_size), read.number(length_size)))
        yield method == 1, extents


def _sequence_headers(item: bytes, pieces: Iterator[int]) -> Iterator[bytes]:
    """Yield the content of the sequence headers in a run of OBUs; what is no such run has none."""
    at = 0
    while at < len(item):
        _count(pieces)
        header = item[at]  # whose highest bit should be 0, but decoders do not look at it
        at += 2 if header & 4 else 1  # an extension
        size = len(item) - at
        if header & 2:
            size, at = _leb128(item, at)
        if header >> 3 & 15 == SEQUENCE_HEADER:
            yield item[at : at + min(size, LONGEST_HEADER_BYTES)]
        at += size


def _largest_frame(sequence_header: bytes) -> int:
    """Return the most pixels of the frames after a sequence header.

    In one of a still picture that is the size itself; elsewhere a frame may have its own, in so many bits.
    """
    read = _Bits(sequence_header)
    read.number(4)  # profile, still picture
    if reduced := read.number(1):
        read.number(5)
    else:
        _skip_to_size(read)
    width_bits, height_bits = read.number(4) + 1, read.number(4) + 1
    width, height = read.number(width_bits) + 1, read.number(height_bits) + 1
    return width * height if reduced else 1 << (width_bits + height_bits)


def _skip_to_size(read: "_Bits") -> None:
    """Skip timing and operating points: AV1 bitstream specification, section 5.5.1."""
    delay_bits = 0
    if read.number(1):  # timing
        read.number(64)
        if read.number(1):
            zeros = 0
            while not read.number(1):
                zeros += 1
            if zeros >= LONGEST_CODE:
                raise BadPayload(DAMAGED)
            read.number(zeros)
        if read.number(1):  # decoder model
            delay_bits = read.number(5) + 1
            read.number(42)
    display_delay = read.number(1)
    for _ in range(read.number(5) + 1):
        read.number(12)
        if read.number(5) > 7:
            read.number(1)
        if delay_bits and read.number(1):
            read.number(2 * delay_bits + 1)
        if display_delay and read.number(1):
            read.number(4)


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of up to 8 bytes, lowest 7 bits first, and where it ends."""
    value = 0
    for place in range(8):
        if at >= len(data):
            break
        byte, at = data[at], at + 1
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at
    raise BadPayload(DAMAGED)


def _count(pieces: Iterator[int]) -> None:
    if next(pieces, None) is None:
        raise BadPayload(f"The AVIF has more than {MAX_PIECES:,} pieces.")


class _Bytes:
    """Reads big-endian numbers of whole bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, size: int) -> int:
        """Return the next number.

        Raises:
            BadPayload: If the data end before.
        """
        self._at += size
        if self._at > len(self._data):
            raise BadPayload(DAMAGED)
        return int.from_bytes(self._data[self._at - size : self._at], "big")


class _Bits:
    """Reads numbers of bits, highest first."""

    def __init__(self, data: bytes) -> None:
        self._left = 8 * len(data)
        self._value = int.from_bytes(data, "big")

    def number(self, bits: int) -> int:
        """Return the next number.

        Raises:
            BadPayload: If the data end before.
        """
        self._left -= bits
        if self._left < 0:
            raise BadPayload(DAMAGED)
        return self._value >> self._left & ((1 << bits) - 1)
