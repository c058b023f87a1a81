"""EXIF that would cost seconds: one tag of hundreds of thousands of fractions, in every format that carries it."""

import re
import struct
import time
import timeit

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from app.errors import BadPayload
from app.pictures.exif import MAX_EXIF_BYTES, hide_in_avif, is_plain
from app.pictures.open import decode_image
from tests.support.pictures import encode, gradient
from tests.support.processor_time import within

LIMIT = 1_000_000
RATIONAL, SHORT = 5, 3
FRACTIONS = 400_000
"""Pillow takes 8 microseconds for each."""

QUICK_S = 1.0


def exif_of(tag=ExifTags.Base.Orientation, kind=RATIONAL, values=1, size=0):
    """Return EXIF with one tag whose values stand behind its directory."""
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1)
    return b"Exif\0\0" + head + struct.pack("<HHII", tag, kind, values, 26) + bytes(4) + bytes([1, 0, 0, 0] * 2) * size


def jpeg_with(exif):
    """Return a JPEG with EXIF in as many segments as it takes, as Pillow joins them."""
    plain, body, parts = encode(gradient(), "JPEG"), exif[6:], []
    for start in range(0, len(body), 65_000):
        part = b"Exif\0\0" + body[start : start + 65_000]
        parts.append(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part)
    return plain[:2] + b"".join(parts) + plain[2:]


def test_what_is_plain():
    small = Pillow.Exif()
    small[ExifTags.Base.Orientation] = 6
    small[ExifTags.Base.Make] = "a camera"
    assert is_plain(small.tobytes())
    assert is_plain(b"")
    assert is_plain(b"Exif\0\0II*\0")  # cut off: Pillow gives up at once
    assert not is_plain(exif_of(values=2))
    assert not is_plain(exif_of(tag=ExifTags.Base.ResolutionUnit, values=9))
    assert is_plain(exif_of(tag=ExifTags.Base.Copyright, values=1000))  # which nobody looks at
    assert not is_plain(exif_of() + bytes(MAX_EXIF_BYTES))
    assert not is_plain(b"II+\0" + bytes(40))  # BigTIFF's form is none of EXIF's


@pytest.mark.parametrize("tag", [ExifTags.Base.Orientation, ExifTags.Base.XResolution, ExifTags.Base.ResolutionUnit])
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_tag_of_countless_values_costs_nothing(fmt, tag):
    exif = exif_of(tag=tag, values=FRACTIONS, size=FRACTIONS)
    if fmt == "JPEG":
        payload = jpeg_with(exif)
    elif fmt == "AVIF":  # where Pillow itself would look at the tag as it writes
        harmless = exif_of(tag=ExifTags.Base.Copyright, values=FRACTIONS, size=FRACTIONS)
        payload = encode(gradient(), fmt, exif=harmless)
        assert payload.count(harmless[14:24]) == 1
        payload = payload.replace(harmless[14:24], exif[14:24])
    else:
        payload = encode(gradient(), fmt, exif=exif)
    assert len(payload) > FRACTIONS
    with within(QUICK_S):
        image = decode_image(payload, LIMIT)
    assert image.shape == gradient().shape


def test_a_large_avif_is_looked_through_twice_as_fast_as_by_a_regular_expression():
    payload, heads = np.random.default_rng(0).bytes(5_000_000), re.compile(rb"II\*\0|MM\0\*")
    plainly_s, by_expression_s = (
        min(timeit.repeat(lambda: look(payload), timer=time.thread_time, number=1, repeat=5))  # noqa: B023 - called at once
        for look in (hide_in_avif, heads.findall)
    )
    assert plainly_s < by_expression_s / 2


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_orientation_of_cameras_is_heeded(fmt):
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.XResolution] = 72.0
    turned = decode_image(encode(gradient(), fmt, exif=exif.tobytes()), LIMIT)
    assert turned.shape == gradient().transpose(1, 0, 2).shape


def test_several_orientations_turn_nothing():
    payload = jpeg_with(exif_of(kind=SHORT, values=3, size=8))
    assert decode_image(payload, LIMIT).shape == gradient().shape


def test_a_large_preview_is_no_reason_to_refuse_a_jpeg():
    """Whose EXIF stands in several segments: it is passed over, orientation and all."""
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 1
    payload = jpeg_with(exif.tobytes() + bytes(200_000))
    np.testing.assert_array_equal(decode_image(payload, LIMIT), decode_image(encode(gradient(), "JPEG"), LIMIT))


def tiff_with(tag, values):
    """Return a TIFF with so many fractions for one tag, which takes the place of another."""
    payload = bytearray(encode(gradient(), "TIFF"))
    [start] = struct.unpack_from("<I", payload, 4)
    [count] = struct.unpack_from("<H", payload, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        [found] = struct.unpack_from("<H", payload, entry)
        if found == ExifTags.Base.PlanarConfiguration:
            struct.pack_into("<HHII", payload, entry, tag, RATIONAL, values, 8)
    return bytes(payload) + bytes([1, 0, 0, 0] * 2) * values


def test_a_tiff_with_many_orientations_costs_no_picture():
    image = decode_image(tiff_with(ExifTags.Base.Orientation, 5), LIMIT)
    np.testing.assert_array_equal(image, gradient())


@pytest.mark.parametrize("tag", [ExifTags.Base.Orientation, ExifTags.Base.XResolution, ExifTags.Base.StripOffsets])
def test_a_tiffs_tag_of_countless_values_is_refused(tag):
    with pytest.raises(BadPayload, match="more values"):
        decode_image(tiff_with(tag, FRACTIONS), LIMIT)


def test_a_tiffs_tag_that_nobody_reads_may_have_any_number_of_values():
    image = decode_image(tiff_with(50_839, FRACTIONS), LIMIT)
    np.testing.assert_array_equal(image, gradient())


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_an_orientation_in_xmp_alone_turns_nothing(fmt):
    """As in browsers, so that boxes stand right on the page."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    if fmt == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options = {"pnginfo": texts}
    else:
        options = {"tiffinfo": {700: xmp}} if fmt == "TIFF" else {"xmp": xmp}
    payload = encode(gradient(), fmt, **options)
    assert xmp in payload
    assert decode_image(payload, LIMIT).shape == gradient().shape
