"""Gray PNGs of 16 bits whose source had fewer are scaled by what sBIT says."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from app.pictures.open import decode_image
from tests.support.pictures import encode

LIMIT = 100_000
AFTER_HEADER = 8 + 25


def gray_png(most, sbit=b""):
    """Return values from 0 to `most`, and a PNG of them with a chunk sBIT of these bytes."""
    values = np.linspace(0, most, 30 * 40).round().astype(np.uint16).reshape(30, 40)
    payload = encode(Pillow.fromarray(values))
    kind = b"sBIT" + sbit
    chunk = struct.pack(">I", len(sbit)) + kind + struct.pack(">I", zlib.crc32(kind))
    return values, payload[:AFTER_HEADER] + chunk * bool(sbit) + payload[AFTER_HEADER:]


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_the_largest_value_of_the_source_is_white(bits):
    values, payload = gray_png(2**bits - 1, bytes([bits]))
    assert np.abs(decode_image(payload, LIMIT)[..., 0] - values / (2**bits - 1) * 255).max() <= 1


@pytest.mark.parametrize("sbit", [b"", bytes([12]), bytes([16]), bytes([0]), bytes([200])])
def test_values_of_all_bits_are_not_scaled(sbit):
    """The standard wants values spread over all 16 bits, whatever the source had: then nothing is to do."""
    values, payload = gray_png(65_535, sbit)
    assert np.abs(decode_image(payload, LIMIT)[..., 0] - values / 257).max() <= 1


def test_without_it_dark_values_stay_dark():
    values, payload = gray_png(4095)
    assert np.abs(decode_image(payload, LIMIT)[..., 0] - values / 257).max() <= 1
