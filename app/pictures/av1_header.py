"""The size of AV1 frames, from the sequence headers before them.

References:
    AV1 bitstream and decoding process specification, sections 5.3 (OBUs) and 5.5 (sequence header).
"""

from collections.abc import Iterator

SEQUENCE_HEADER = 1
"""Type of the OBU: section 6.2.2."""
LONGEST_HEADER_BYTES = 512
"""Of a sequence header up to the size, with 32 operating points, at most 400 are needed."""
LONGEST_CODE = 32
"""Zeros at the start of a number of variable length from which on decoders disagree."""
MAX_OBUS = 100
"""Of one frame; an encoder writes a few."""
DAMAGED = "An AV1 frame is truncated or damaged."


def sequence_headers(item: bytes) -> Iterator[bytes]:
    """Yield the content of the sequence headers in a run of OBUs.

    Raises:
        ValueError: If it is damaged or has more OBUs than any encoder writes.
    """
    at = 0
    for _ in range(MAX_OBUS):
        if at >= len(item):
            return
        header = item[at]  # whose highest bit should be 0, but decoders do not look at it
        at += 2 if header & 4 else 1  # an extension
        size = len(item) - at
        if header & 2:
            size, at = _leb128(item, at)
        if header >> 3 & 15 == SEQUENCE_HEADER:
            yield item[at : at + min(size, LONGEST_HEADER_BYTES)]
        at += size
    raise ValueError(f"An AV1 frame in more than {MAX_OBUS:,} pieces.")


def frame_size(sequence_header: bytes) -> tuple[tuple[int, int], int]:
    """Return the size in a sequence header, and the most pixels of a frame after it.

    For a still picture they agree; otherwise a frame may set its own size, in the same number of bits.

    Args:
        sequence_header: From `sequence_headers`.

    Returns:
        Width and height, and pixels.

    Raises:
        ValueError: If it is damaged.
    """
    read = _Bits(sequence_header)
    read.number(4)  # profile, still picture
    if reduced := read.number(1):
        read.number(5)
    else:
        _skip_to_size(read)
    width_bits, height_bits = read.number(4) + 1, read.number(4) + 1
    width, height = read.number(width_bits) + 1, read.number(height_bits) + 1
    return (width, height), width * height if reduced else 1 << (width_bits + height_bits)


def _skip_to_size(read: "_Bits") -> None:
    """Skip timing and operating points."""
    delay_bits = 0
    if read.number(1):  # timing
        read.number(64)
        if read.number(1):
            zeros = 0
            while not read.number(1):
                zeros += 1
            if zeros >= LONGEST_CODE:
                raise ValueError(DAMAGED)
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
    raise ValueError(DAMAGED)


class _Bits:
    """Reads numbers of a given bit width, highest bit first."""

    def __init__(self, data: bytes) -> None:
        self._left = 8 * len(data)
        self._value = int.from_bytes(data, "big")

    def number(self, bits: int) -> int:
        """Return the next number.

        Raises:
            ValueError: If the data end first.
        """
        self._left -= bits
        if self._left < 0:
            raise ValueError(DAMAGED)
        return self._value >> self._left & ((1 << bits) - 1)
