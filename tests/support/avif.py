"""Builds AVIF files box by box, so that they can say one thing and hold another."""

import struct

REDUCED = ((0, 3), (1, 1), (1, 1), (8, 5))
"""The start of a still picture's sequence header: (value, number of bits), AV1 specification, section 5.5."""


def box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind, content, version=0):
    return box(kind, bytes([version, 0, 0, 0]) + content)


def frame(*fields):
    """A temporal delimiter and a sequence header of these fields."""
    bits = "".join(f"{value:0{count}b}" for value, count in fields) + "1"
    length = -(-len(bits) // 8)
    return bytes([0x12, 0, 0x0A, length]) + int(bits.ljust(8 * length, "0"), 2).to_bytes(length, "big")


def still(width, height):
    """A frame of a still picture."""
    return frame(*REDUCED, (15, 4), (15, 4), (width - 1, 16), (height - 1, 16))


def grid(width, height):
    """The item of a picture that is put together from one tile."""
    return struct.pack(">BBBBHH", 0, 0, 0, 0, width, height)


def avif(*items, extra_locations=(0, b""), location_sizes=0x44):
    """Put items together; each is (kind, bytes, announced size). The first is the picture."""
    types = b"".join(
        full_box(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", 2)
        for number, (kind, _, _) in enumerate(items, 1)
    )
    sizes = b"".join(full_box(b"ispe", struct.pack(">II", *size)) for _, _, size in items)
    owners = b"".join(struct.pack(">HBB", number, 1, number) for number in range(1, len(items) + 1))
    properties = box(b"ipco", sizes) + full_box(b"ipma", struct.pack(">I", len(items)) + owners)
    count, more = extra_locations

    def meta(place):
        locations = b""
        for number, (_, data, _) in enumerate(items, 1):
            locations += struct.pack(">HHH", number, 0, 1)
            locations += struct.pack(">II", place, len(data)) if location_sizes else b""
            place += len(data)
        table = bytes([location_sizes, 0]) + struct.pack(">H", len(items) + count)
        return full_box(
            b"meta",
            full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iinf", struct.pack(">H", len(items)) + types)
            + full_box(b"iloc", table + locations + more)
            + box(b"iprp", properties),
        )

    start = box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")
    return start + meta(len(start) + len(meta(0)) + 8) + box(b"mdat", b"".join(data for _, data, _ in items))
