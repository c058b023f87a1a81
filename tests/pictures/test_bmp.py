"""BMPs whose bits for transparency are empty are opaque, as other readers take them."""

import struct

import numpy as np
import pytest

from app.errors import UnsupportedMedia
from app.pictures.open import decode_image, decode_parts

LIMIT = 10_000
V3, V4, V5 = 56, 108, 124
MASKS_8888 = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def bmp(values, bits, masks, header_bytes=V5):
    """Return a BMP of bit fields: values of shape (H, W), masks of red, green, blue and transparency.

    Behind a header of 40 bytes stand the first three masks.
    """
    height, width = values.shape
    kind = {16: "<u2", 32: "<u4"}[bits]
    rows = [row.astype(kind).tobytes() for row in values[::-1]]
    data = b"".join(row + bytes(-len(row) % 4) for row in rows)
    head = struct.pack("<IiiHHIIiiII4I", header_bytes, width, height, 1, bits, 3, len(data), 0, 0, 0, 0, *masks)
    head = head[: max(header_bytes, 52)].ljust(header_bytes, b"\0")
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + data


@pytest.mark.parametrize("masks", [MASKS_8888, (*MASKS_8888[:3], 0), (0, 0, 0, 0)], ids=["empty", "none", "no masks"])
@pytest.mark.parametrize("header_bytes", [V3, V4, V5])
def test_empty_transparency_is_opaque(header_bytes, masks):
    payload = bmp(np.full((5, 7), 0x00112233), 32, masks, header_bytes)
    assert (decode_image(payload, LIMIT) == [0x11, 0x22, 0x33]).all()
    [part] = decode_parts(payload, LIMIT, [(1, 1, 3, 3)])
    assert (part == [0x11, 0x22, 0x33]).all()


@pytest.mark.parametrize("header_bytes", [V3, V4, V5])
def test_real_transparency_stays(header_bytes):
    values = np.full((5, 7), 0x00112233)
    values[4, 6] = 0xFF112233
    image = decode_image(bmp(values, 32, MASKS_8888, header_bytes), LIMIT)
    assert image[4, 6].tolist() == [0x11, 0x22, 0x33]
    assert image[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("transparency", [0x8000, 0])
def test_15_bits_with_an_empty_one_are_opaque(transparency):
    payload = bmp(np.full((5, 7), 0x001F), 16, (0x7C00, 0x3E0, 0x1F, transparency))
    assert (decode_image(payload, LIMIT) == [0, 0, 255]).all()


@pytest.mark.parametrize("transparency", [0xF000, 0])
@pytest.mark.parametrize("header_bytes", [40, V3, V4, V5])
def test_four_bits_a_colour(header_bytes, transparency):
    values = np.arange(4096).reshape(64, 64)
    payload = bmp(values, 16, (0xF00, 0xF0, 0xF, transparency), header_bytes)
    wanted = np.stack([values >> 8, values >> 4 & 15, values & 15], axis=2) * 17
    assert np.array_equal(decode_image(payload, LIMIT), wanted)
    [part] = decode_parts(payload, LIMIT, [(1, 1, 30, 9)])
    assert np.array_equal(part, wanted[1:9, 1:30])


def test_other_layouts_are_refused_by_name():
    with pytest.raises(UnsupportedMedia, match="24 bits a pixel"):
        decode_image(bmp(np.full((5, 7), 0x0FFF), 16, (0xE000, 0x1F00, 0xFF, 0)), LIMIT)
