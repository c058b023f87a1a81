"""The files of the attacks by pictures: small or broken up, and dear to whoever opens them without care."""

import io
import struct
import zlib
from collections.abc import Iterable

import pillow_heif
from PIL import Image as Pillow

MOST_BYTES = 19_500_000
"""Of a file: a little less than MIEN_MAX_IMAGE_BYTES."""

WIDTH, HEIGHT = 16_383, 3_051
"""Just under 50 megapixels, and as wide as a WebP can be."""

ORIENTATION, RATIONAL, LONG = 0x0112, 5, 4
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
PIXEL_BYTES = {0: 1, 2: 3, 6: 4}
"""Of a PNG with 8 bits a channel, by its colour type: gray, RGB, RGBA (PNG, third edition, section 11.2.1)."""


def exif_of_many(kind: int, size_bytes: int = MOST_BYTES) -> bytes:
    """Return EXIF whose orientation has as many values as fit: fractions of two numbers, or numbers.

    References:
        TIFF 6.0, section 2: a directory of one entry.
    """
    count = size_bytes // (8 if kind == RATIONAL else 4)
    entry = struct.pack("<HHIII", ORIENTATION, kind, count, 26, 0)
    values = struct.pack("<II", 1, 3) if kind == RATIONAL else struct.pack("<I", 1)
    return b"II*\0\x08\0\0\0\x01\0" + entry[:12] + bytes(4) + values * count


def with_exif(file_format: str, exif: bytes) -> bytes:
    """Return a picture of a few pixels with this EXIF: a PNG or WebP, or an AVIF, whose writer would read it."""
    buffer, another = io.BytesIO(), exif
    if file_format == "AVIF":
        another = exif.replace(struct.pack("<H", ORIENTATION), struct.pack("<H", ORIENTATION + 1), 1)
    Pillow.new("RGB", (64, 64)).save(buffer, file_format, exif=another)
    return buffer.getvalue().replace(another[:64], exif[:64], 1)


def tiff_of_many(kind: int) -> bytes:
    """Return a TIFF of one gray pixel whose orientation has as many values as fit."""
    count = MOST_BYTES // (8 if kind == RATIONAL else 4)
    entries = [(256, LONG, 1, 1), (257, LONG, 1, 1), (258, LONG, 1, 8), (262, LONG, 1, 1), (273, LONG, 1, 8)]
    entries += [(ORIENTATION, kind, count, 200), (278, LONG, 1, 1), (279, LONG, 1, 1)]
    directory = b"".join(struct.pack("<HHII", *each) for each in sorted(entries))
    head = b"II*\0\x0c\0\0\0" + bytes(4) + struct.pack("<H", len(entries)) + directory + bytes(4)
    return head.ljust(200, b"\0") + (struct.pack("<II", 1, 3) if kind == RATIONAL else struct.pack("<I", 1)) * count


def jpeg_of_exif_segments() -> bytes:
    """Return a JPEG of 300 segments of EXIF, all as long as they can be."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (64, 64)).save(buffer, "JPEG")
    body = b"Exif\0\0" + exif_of_many(RATIONAL, 65_400)
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return buffer.getvalue()[:2] + segment * (MOST_BYTES // len(segment)) + buffer.getvalue()[2:]


def gif_of_crumbs(label: int) -> bytes:
    """Return a GIF of one pixel behind millions of extensions of a byte each.

    Args:
        label: 0xFE for comments, or one that no reader knows (GIF89a, sections 23 and 24).
    """
    head = b"GIF89a\x01\0\x01\0\x80\0\0" + bytes(3) + b"\xff" * 3
    crumb = bytes((0x21, label, 1, 0x61, 0))
    return head + crumb * (MOST_BYTES // len(crumb)) + b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b"


def png_of_crumbs() -> bytes:
    """Return a PNG of one pixel behind 1.6 million chunks of no bytes."""
    crumb = _chunk(b"teSt", b"")
    rest = _chunk(b"IDAT", zlib.compress(b"\0\0")) + _chunk(b"IEND", b"")
    return PNG_HEAD + _header(1, 1, 0) + crumb * (MOST_BYTES // len(crumb)) + rest


def jpeg_of_crumbs() -> bytes:
    """Return a JPEG behind 4 million comments of no bytes."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (64, 64)).save(buffer, "JPEG")
    return buffer.getvalue()[:2] + b"\xff\xfe\0\x02" * (MOST_BYTES // 4) + buffer.getvalue()[2:]


def webp_of_crumbs() -> bytes:
    """Return a WebP behind 2.4 million chunks that no reader knows, of no bytes."""
    buffer = io.BytesIO()
    Pillow.new("RGB", (64, 64)).save(buffer, "WEBP")
    extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + bytes((63, 0, 0, 63, 0, 0))
    body = b"WEBP" + extended + (b"teSt" + bytes(4)) * (MOST_BYTES // 8) + buffer.getvalue()[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def large_png(width: int, height: int, colour_type: int) -> bytes:
    """Return a PNG of one colour, made some rows at a time: gray (0), RGB (2) or half transparent (6)."""
    pressing = zlib.compressobj(1)
    row = b"\0" + b"\x80" * (width * PIXEL_BYTES[colour_type])
    at_once = max(1, 1_000_000 // len(row))
    whole, left = divmod(height, at_once)
    data = b"".join(pressing.compress(row * rows) for rows in (*[at_once] * whole, left)) + pressing.flush()
    return PNG_HEAD + _header(width, height, colour_type) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def large(file_format: str, mode: str, size: tuple[int, int] = (WIDTH, HEIGHT), **options: object) -> bytes:
    """Return a picture of one colour, of 50 megapixels unless told otherwise."""
    buffer = io.BytesIO()
    Pillow.new(mode, size).save(buffer, file_format, **options)
    return buffer.getvalue()


def large_heic() -> bytes:
    """Return a HEIC of one colour and 50 megapixels."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Pillow.new("RGB", (WIDTH, HEIGHT))).save(buffer, quality=10)
    return buffer.getvalue()


def form_of(files: Iterable[bytes], boundary: str = "attack") -> bytes:
    """Return the body of a form with these files in the field `files`."""
    disposition = b'Content-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    parts = (b"--%s\r\n%s%s\r\n" % (boundary.encode(), disposition, each) for each in files)
    return b"".join(parts) + b"--%s--\r\n" % boundary.encode()


def _header(width: int, height: int, colour_type: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
