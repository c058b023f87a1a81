"""PNGs and TIFFs of 16 bits whose source had fewer are scaled by what the file says."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from app.pictures.open import decode_image, decode_parts
from tests.support.pictures import encode

LIMIT = 100_000
AFTER_HEADER = 8 + 25


def gray_png(most, sbit=b""):
    """Return values from 0 to `most`, and a PNG of them with a chunk sBIT of these bytes."""
    values = np.linspace(0, most, 30 * 40).round().astype(np.uint16).reshape(30, 40)
    return values, with_sbit(encode(Pillow.fromarray(values)), sbit)


def with_sbit(payload, sbit):
    """Put a chunk sBIT of these bytes into a PNG; none for none."""
    kind = b"sBIT" + sbit
    chunk = struct.pack(">I", len(sbit)) + kind + struct.pack(">I", zlib.crc32(kind))
    return payload[:AFTER_HEADER] + chunk * bool(sbit) + payload[AFTER_HEADER:]


def colours(most):
    """Return RGB values from 0 to `most`."""
    return np.random.default_rng(0).integers(0, most, (150, 20, 3), np.uint16, endpoint=True)


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


def is_scaled(image, values, most):
    return np.abs(image - values / most * 255).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 15])
def test_colours_of_a_png(bits):
    most = 2**bits - 1
    values = colours(most)
    payload = with_sbit(cv2.imencode(".png", values[..., ::-1])[1].tobytes(), bytes([bits] * 3))
    assert is_scaled(decode_image(payload, LIMIT), values, most)
    [part] = decode_parts(payload, LIMIT, [(3, 70, 12, 140)])
    assert is_scaled(part, values[70:140, 3:12], most)


@pytest.mark.parametrize("sbit", [b"", bytes([12] * 3), bytes([16] * 3), bytes([8] * 3)])
def test_colours_of_all_bits_are_not_scaled(sbit):
    values = colours(65_535)
    payload = with_sbit(cv2.imencode(".png", values[..., ::-1])[1].tobytes(), sbit)
    assert is_scaled(decode_image(payload, LIMIT), values, 65_535)


def test_transparent_colours_are_laid_on_white():
    values = np.concatenate([colours(4095), np.full((150, 20, 1), 4095, np.uint16)], axis=2)
    values[:75, :, 3] = 0
    payload = with_sbit(cv2.imencode(".png", values[..., [2, 1, 0, 3]])[1].tobytes(), bytes([12] * 4))
    image = decode_image(payload, LIMIT)
    assert (image[:75] == 255).all()
    assert is_scaled(image[75:], values[75:, :, :3], 4095)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colours_of_a_tiff(workers, byteorder, compression):
    file, values = io.BytesIO(), colours(4095)
    white = [(281, "H", 3, (4095,) * 3, True)]  # MaxSampleValue
    how = {"byteorder": byteorder, "compression": compression, "extratags": white, "metadata": None}
    tifffile.imwrite(file, values, photometric="rgb", **how)
    assert is_scaled(decode_image(file.getvalue(), LIMIT, workers), values, 4095)
