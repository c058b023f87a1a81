"""Files in countless small parts, each of which Pillow would take time and memory for."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from app.errors import BadPayload, PayloadTooLarge
from app.pictures.announced import announced_size
from app.pictures.crumbs import MAX_PARTS, without_crumbs
from app.pictures.jpeg_markers import MAX_JUNK_BYTES
from app.pictures.open import decode_image
from tests.support.pictures import encode, gradient
from tests.support.processor_time import within

LIMIT = 1_000_000
QUICK_S = 0.5
MANY = 400_000


def gif(parts):
    """A GIF with these bytes before its first frame."""
    payload = encode(gradient(), "GIF")
    start = 13 + (3 << (payload[10] & 7) + 1)
    return payload[:start] + parts + payload[start:]


def png(parts):
    payload = encode(gradient())
    return payload[:33] + parts + payload[33:]


def webp(parts):
    payload = encode(gradient(), "WEBP", exif=Pillow.Exif().tobytes()) + parts
    return payload[:4] + struct.pack("<I", len(payload) - 8) + payload[8:]


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


CRUMBS = {
    "GIF, comments of one byte": lambda: gif(b"!\xfe\x01a\0" * MANY),
    "GIF, one comment in blocks of one byte": lambda: gif(b"!\xfe" + b"\x01a" * MANY + b"\0"),
    "GIF, unknown extensions": lambda: gif(b"!\x07\0" * MANY),
    "GIF, bytes that mean nothing": lambda: gif(bytes(MANY)),
    "PNG, empty chunks": lambda: png(chunk(b"teST") * MANY),
    "PNG, empty pixels": lambda: png(chunk(b"IDAT") * MANY),
    "WebP, empty chunks": lambda: webp((b"teST" + bytes(4)) * MANY),
    "JPEG, fill bytes": lambda: b"\xff\xd8" + b"\xff" * MANY + encode(gradient(), "JPEG")[2:],
    "JPEG, fill bytes and no end of them": lambda: b"\xff\xd8" + b"\xff" * MANY,
    "JPEG, restart markers": lambda: b"\xff\xd8" + b"\xff\xd0" * MANY + encode(gradient(), "JPEG")[2:],
}


@pytest.mark.parametrize("name", CRUMBS)
def test_crumbs_are_refused_at_once(name):
    payload = CRUMBS[name]()
    with within(QUICK_S), pytest.raises(BadPayload, match=r"parts|between"):
        decode_image(payload, LIMIT)


@pytest.mark.parametrize(
    ("make", "part"),
    [(gif, b"!\xfe\x01a\0"), (png, chunk(b"teST")), (webp, b"teST" + bytes(4))],
    ids=["GIF", "PNG", "WebP"],
)
def test_as_many_parts_as_encoders_write_are_read(make, part):
    assert decode_image(make(part * (MAX_PARTS // 3)), LIMIT).shape == gradient().shape


def test_a_little_between_the_segments_of_a_jpeg_is_no_matter():
    plain = encode(gradient(), "JPEG")
    padded = plain[:2] + b"\xff" * (MAX_JUNK_BYTES - 10) + plain[2:]
    np.testing.assert_array_equal(decode_image(padded, LIMIT), decode_image(plain, LIMIT))


def test_texts_of_a_png_are_left_out_but_for_its_orientation():
    texts = PngInfo()
    for number in range(50):
        texts.add_text(f"note {number}", "x" * 900_000, zip=True)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    texts.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes())}\n{exif.tobytes().hex()}", zip=True)
    payload = encode(gradient(), "PNG", pnginfo=texts)
    kept = without_crumbs(payload)
    assert kept.count(b"zTXt") == 1
    assert b"note" not in kept
    np.testing.assert_array_equal(decode_image(payload, LIMIT), np.rot90(gradient(), -1))


def test_a_plain_file_is_not_copied():
    for fmt in ("PNG", "GIF", "WEBP", "JPEG"):
        payload = encode(gradient(), fmt)
        assert without_crumbs(payload) is payload


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*"}])
def test_the_size_of_a_webp(options):
    payload = encode(gradient(61, 45), "WEBP", **options)
    assert announced_size(payload) == (61, 45)
    assert announced_size(payload[:20]) != (61, 45)


def test_a_frame_beyond_a_gifs_screen_counts():
    payload = encode(gradient(61, 45), "GIF")
    smaller = payload[:6] + struct.pack("<HH", 9, 9) + payload[10:]
    assert announced_size(payload) == announced_size(smaller) == (61, 45)
    with pytest.raises(PayloadTooLarge):
        decode_image(smaller, 61 * 45 - 1)
