"""Small files that unpack to a lot: refused from the header, before the memory is taken."""

import functools
import io
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image as Pillow

from app.errors import BadPayload
from app.pictures.open import decode_image
from tests.support.avif import avif, grid, still
from tests.support.pictures import encode, gradient

MAX_PIXELS = 1_000_000
MAX_MEMORY_BYTES = 30_000_000
SIDE = 12_000
DECODE = f"""
import sys
from app.errors import MienError
from app.pictures.open import decode_image

def most_memory():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])

payload = sys.stdin.buffer.read()
before = most_memory()
try:
    outcome = decode_image(payload, {MAX_PIXELS}).shape
except MienError as error:
    outcome = error.code
print(most_memory() - before, outcome)
"""


def decode(payload):
    """Decode in a process of its own, and return how much more memory it took at most, in bytes, and what came of it.

    Pillow and its libraries take their memory without Python, so tracemalloc would see nothing of it.
    """
    done = subprocess.run([sys.executable, "-c", DECODE], input=payload, capture_output=True, check=True, timeout=30)
    taken, outcome = done.stdout.decode().split(maxsplit=1)
    return int(taken), outcome.strip()


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


def gif_frame_bomb():
    """A first frame of 65535 x 65535 that is to be cleared afterwards: Pillow makes the cleared one as it opens."""
    head = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0, 0, 0)
    control = b"!\xf9\x04\x08\0\0\0\0"
    return head + control + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x08\x01\0\0;"


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


def avif_that_announces(side, payload):
    """The size stands in the `ispe` box."""
    changed = bytearray(payload)
    at = changed.index(b"ispe") + 8
    changed[at : at + 8] = struct.pack(">II", side, side)
    return bytes(changed)


def avif_bomb():
    return avif_that_announces(60_000, encode(gradient(), "AVIF"))


def avif_frame_bomb():
    """A frame of 36 megapixels that says it is a picture of 16 x 16."""
    return avif_that_announces(16, encode(Pillow.new("L", (6000, 6000)), "AVIF", speed=10))


def avif_grid_bomb():
    """A picture of 16 x 16 that is put together to 6000 x 6000, out of one tile of 64 x 64."""
    return avif((b"grid", grid(6000, 6000), (16, 16)), (b"av01", still(64, 64), (64, 64)))


def avif_scaled_bomb():
    """A frame of 64 x 64 that is to be enlarged to 6000 x 6000."""
    return avif((b"av01", still(64, 64), (6000, 6000)))


def avif_long_tables():
    """Items that libavif would look for one by one, for minutes."""
    return avif((b"av01", still(64, 64), (64, 64)), extra_locations=(65_000, bytes(6 * 65_000)))


def avif_free_parts():
    """65,535 parts of an item that take no byte in the file and gigabytes in libavif's memory."""
    part = (b"av01", still(64, 64), (64, 64))
    return avif(part, extra_locations=(200, struct.pack(">HHH", 7, 0, 65_535) * 200), location_sizes=0)


def avif_overlap():
    """A thousand items that are all of the file."""
    place = struct.pack(">HHHII", 7, 0, 1, 0, 1_000_000)
    return avif((b"av01", still(64, 64), (64, 64)), extra_locations=(1000, place * 1000)) + bytes(1_000_000)


def jpeg_segments():
    """EXIF in pieces, which Pillow would join in quadratic time."""
    payload = encode(gradient(), "JPEG")
    return payload[:2] + (b"\xff\xe1\x00\x12Exif\0\0" + bytes(10)) * 100_000 + payload[2:]


def tiff_file(tags, before, order):
    """A TIFF of these bytes and, after them, these tags: (number, type, count, value)."""
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value))
        for tag, kind, count, value in tags
    )
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(before))
    return start + before + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def tiff(tile, data, order="<", before=b""):
    """A gray picture of 16 x 16 pixels, deflated, with these tags (number, type, value) for the sides of its tile."""
    place = 8 + len(before)
    tags = [(256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1),
            *tile, (324, 4, place), (325, 4, len(data))]  # fmt: skip
    return tiff_file([(tag, kind, 1, value) for tag, kind, value in tags], before + data, order)


TILE_SIDE = 8192


@functools.cache
def tile_data():
    return zlib.compress(bytes(TILE_SIDE**2), 9)


def tiff_tile_bomb(order="<"):
    """One tile of 8192 x 8192."""
    return tiff([(322, 4, TILE_SIDE), (323, 4, TILE_SIDE)], tile_data(), order)


def tiff_two_widths():
    """The same, but the last width of the tile is harmless."""
    return tiff([(322, 4, TILE_SIDE), (322, 4, 16), (323, 4, TILE_SIDE)], tile_data())


def tiff_far_tile():
    """The tile's sides are 64-bit numbers elsewhere in the file, which libtiff reads although this is no BigTIFF."""
    return tiff([(322, 16, 8), (323, 16, 8)], tile_data(), before=struct.pack("<Q", TILE_SIDE))


def tiff_of_strips(order="<", kind=4):
    """A column of 200,000 pixels, each a strip of its own, uncompressed: Pillow would make an object for each."""
    count = 200_000
    numbers = struct.pack(f"{order}{'I' if kind == 4 else 'B'}", 8) * count
    tags = [(256, 4, 1, 1), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, kind, count, 8),
            (277, 3, 1, 1), (278, 4, 1, 1), (279, kind, count, 8)]  # fmt: skip
    return tiff_file(tags, numbers, order)


BOMBS = {
    "PNG, 144 Mpx": lambda: flat("PNG", optimize=True),
    "PNG, largest size": png_bomb,
    "JPEG, 144 Mpx": lambda: flat("JPEG", quality=1),
    "GIF, largest size": gif_bomb,
    "GIF, a frame of the largest size, to be cleared": gif_frame_bomb,
    "WebP, largest size": webp_bomb,
    "BMP, largest size": bmp_bomb,
    "TIFF, 144 Mpx": lambda: flat("TIFF", compression="group4"),
    "TIFF, a tile of 67 Mpx": tiff_tile_bomb,
    "TIFF, big-endian": lambda: tiff_tile_bomb(">"),
    "TIFF, two widths": tiff_two_widths,
    "TIFF, 200,000 strips": tiff_of_strips,
    "TIFF, 200,000 strips, big-endian": lambda: tiff_of_strips(">"),
    "TIFF, 200,000 strips, as bytes": lambda: tiff_of_strips(kind=1),
    "TIFF, 200,000 strips, as signed bytes": lambda: tiff_of_strips(kind=6),
    "AVIF, 3600 Mpx": avif_bomb,
    "AVIF, a frame of 36 Mpx": avif_frame_bomb,
    "AVIF, a grid of 36 Mpx": avif_grid_bomb,
    "AVIF, enlarged to 36 Mpx": avif_scaled_bomb,
    "AVIF, long tables": avif_long_tables,
    "AVIF, parts without bytes": avif_free_parts,
    "AVIF, items all over the file": avif_overlap,
    "JPEG, 100,000 segments": jpeg_segments,
    "TIFF, sides elsewhere": tiff_far_tile,
}


HARMLESS = {*(name for name in BOMBS if "200,000 strips" in name), "AVIF, a frame of 36 Mpx"}
"""Within what a worker may take for a picture of their size: read, and no loss."""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_unpack(name):
    payload = BOMBS[name]()
    assert len(payload) < 2_500_000
    taken, outcome = decode(payload)
    assert outcome in ("payload_too_large", "bad_payload", "unsupported_media") or name in HARMLESS
    assert taken < MAX_MEMORY_BYTES


def test_endless_segments_are_refused_for_what_they_are():
    with pytest.raises(BadPayload, match="segments"):
        decode_image(jpeg_segments(), MAX_PIXELS)


def test_compressed_text_is_not_unpacked():
    taken, outcome = decode(text_bomb())
    assert outcome == "(48, 64, 3)"
    assert taken < MAX_MEMORY_BYTES


def test_only_the_first_frame_of_an_animation_is_decoded():
    frames = [Pillow.new("L", (900, 900), shade) for shade in range(20)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    taken, outcome = decode(buffer.getvalue())
    assert outcome == "(900, 900, 3)"
    assert taken < 15_000_000  # 2.4 MB a frame in RGB


def test_the_memory_of_decoders_is_seen():
    """Were this not so, the bounds above would say nothing."""
    taken, outcome = decode(encode(Pillow.new("RGB", (1000, 1000)), "PNG"))
    assert outcome == "(1000, 1000, 3)"
    assert taken > 3_000_000
