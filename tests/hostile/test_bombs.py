"""Small files that unpack to a lot: refused from the header, before the memory is taken."""

import io
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image as Pillow

from app.errors import BadPayload, PayloadTooLarge, UnsupportedMedia
from app.vision.image import decode_image
from tests.conftest import encode, gradient

MAX_PIXELS = 1_000_000
MAX_MEMORY_BYTES = 30_000_000
SIDE = 12_000


def flat(fmt, **options):
    """A file of one colour: 144 million pixels in a few kilobytes."""
    return encode(Pillow.new("1" if fmt in ("PNG", "TIFF", "BMP") else "L", (SIDE, SIDE)), fmt, **options)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def text_bomb():
    """A tiny picture with 50 megabytes of compressed text."""
    text = chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(50_000_000), 9))
    payload = encode(gradient())
    return payload[:33] + text + payload[33:]


def enlarge_header(payload, old, new):
    assert payload.count(old) >= 1
    return payload.replace(old, new)


def gif_bomb():
    payload = encode(gradient(), "GIF")
    return payload[:6] + struct.pack("<HH", 65535, 65535) + payload[10:]


def webp_bomb():
    """The largest size that the format can announce: 16383 x 16383, in a lossless header."""
    payload = bytearray(encode(gradient(), "WEBP", lossless=True))
    at = payload.index(b"VP8L") + 9
    payload[at : at + 4] = struct.pack("<I", (16382 | 16382 << 14))
    return bytes(payload)


def bmp_bomb():
    payload = bytearray(encode(gradient(), "BMP"))
    payload[18:26] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    return bytes(payload)


def avif_bomb():
    """The size stands in the `ispe` box."""
    payload = bytearray(encode(gradient(), "AVIF"))
    at = payload.index(b"ispe") + 8
    payload[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    return bytes(payload)


BOMBS = {
    "PNG, 144 Mpx": lambda: flat("PNG", optimize=True),
    "PNG, largest size": png_bomb,
    "JPEG, 144 Mpx": lambda: flat("JPEG", quality=1),
    "GIF, largest size": gif_bomb,
    "WebP, largest size": webp_bomb,
    "BMP, largest size": bmp_bomb,
    "TIFF, 144 Mpx": lambda: flat("TIFF", compression="group4"),
    "AVIF, 3600 Mpx": avif_bomb,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_unpack(name):
    payload = BOMBS[name]()
    assert len(payload) < 2_500_000
    tracemalloc.start()
    try:
        with pytest.raises((PayloadTooLarge, BadPayload, UnsupportedMedia)):
            decode_image(payload, MAX_PIXELS)
        assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_compressed_text_is_not_unpacked():
    payload = text_bomb()
    tracemalloc.start()
    try:
        with pytest.raises(BadPayload):
            decode_image(payload, MAX_PIXELS)
        assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_only_the_first_frame_of_an_animation_is_decoded():
    frames = [Pillow.new("L", (900, 900), shade) for shade in range(20)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    tracemalloc.start()
    try:
        assert decode_image(buffer.getvalue(), MAX_PIXELS).shape == (900, 900, 3)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
