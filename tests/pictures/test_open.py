import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from app.errors import BadPayload, PayloadTooLarge, UnsupportedMedia
from app.pictures.header import MAX_SIDE_PX
from app.pictures.open import decode_image, decode_parts
from tests.support.pictures import encode, gradient

LIMIT = 1_000_000


@pytest.mark.parametrize("fmt", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_are_exact(fmt):
    image = gradient()
    assert np.array_equal(decode_image(encode(image, fmt), LIMIT), image)


@pytest.mark.parametrize("fmt", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_are_close(fmt):
    image = gradient()
    decoded = decode_image(encode(image, fmt, quality=95), LIMIT)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - image).mean() < 3


@pytest.mark.parametrize("size", [(40, 20), (1300, 900)], ids=["in one piece", "in bands"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation, size):
    upright = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    payload = encode(np.ascontiguousarray(stored), "PNG", exif=exif, compress_level=0)
    assert np.array_equal(decode_image(payload, 2 * LIMIT), upright)
    [part] = decode_parts(payload, 2 * LIMIT, [(3, 5, 30, 18)])
    assert np.array_equal(part, upright[5:18, 3:30])


@pytest.mark.parametrize("fmt", ["GIF", "WEBP"])
def test_first_frame_of_an_animation(fmt):
    first, second = Pillow.new("RGB", (20, 10), "red"), Pillow.new("RGB", (20, 10), "blue")
    options = {"lossless": True} if fmt == "WEBP" else {}
    payload = encode(first, fmt, save_all=True, append_images=[second], **options)
    assert decode_image(payload, LIMIT)[5, 5].tolist() == [255, 0, 0]


def test_sixteen_bit_gray_is_scaled():
    values = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)
    decoded = decode_image(encode(Pillow.fromarray(values)), LIMIT)
    assert np.abs(decoded[..., 0].astype(float) - values / 257).max() <= 1
    assert np.array_equal(decoded[..., 0], decoded[..., 2])


def test_float_tiff_of_0_to_1_is_scaled():
    values = np.linspace(0, 1, 20 * 10, dtype=np.float32).reshape(10, 20)
    decoded = decode_image(encode(Pillow.fromarray(values), "TIFF"), LIMIT)
    assert np.abs(decoded[..., 0] - values * 255).max() <= 1


def test_floats_a_little_above_1_are_white():
    values = np.linspace(0, 1.02, 20 * 10, dtype=np.float32).reshape(10, 20)  # as sharpening leaves them
    decoded = decode_image(encode(Pillow.fromarray(values), "TIFF"), LIMIT)
    assert np.abs(decoded[..., 0] - (values * 255).clip(0, 255)).max() <= 1


def test_whole_numbers_of_32_bits_are_scaled():
    values = np.linspace(0, 2**31 - 1, 20 * 10).reshape(10, 20).astype(np.int32)
    decoded = decode_image(encode(Pillow.fromarray(values), "TIFF"), LIMIT)
    assert np.abs(decoded[..., 0] - values / 2**23).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_whose_white_is_zero_is_no_negative(dtype):
    values = (np.arange(200) * (np.iinfo(dtype).max // 200)).astype(dtype).reshape(10, 20)
    picture = Pillow.fromarray(values)
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF")
    payload, tag = bytearray(buffer.getvalue()), struct.pack("<HHI", 262, 3, 1)
    payload[payload.index(tag) + 8] = 0
    decoded = decode_image(bytes(payload), LIMIT)[..., 0]
    assert np.abs(255 - decoded.astype(float) - values / np.iinfo(dtype).max * 255).max() <= 1


def test_a_transparent_value_of_16_bits_is_white():
    values = np.full((8, 8), 500, np.uint16)
    values[4:] = 30_000
    decoded = decode_image(encode(Pillow.fromarray(values), "PNG", transparency=500), LIMIT)
    assert decoded[0, 0].tolist() == [255, 255, 255]
    assert decoded[7, 7].tolist() == [117, 117, 117]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_does_not_change_the_scale(odd):
    values = np.full((10, 20), 0.5, dtype=np.float32)
    values[3, 4] = odd
    decoded = decode_image(encode(Pillow.fromarray(values), "TIFF"), LIMIT)
    assert np.median(decoded) in (127, 128)


def test_cmyk_jpeg_becomes_rgb():
    payload = encode(Pillow.new("RGB", (32, 32), (200, 30, 30)).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decode_image(payload, LIMIT)[16, 16].astype(int) - [200, 30, 30]).max() < 12


def test_palette_and_one_bit_pictures():
    assert decode_image(encode(Pillow.new("RGB", (8, 8), (0, 255, 0)).quantize(4)), LIMIT)[0, 0].tolist() == [0, 255, 0]
    assert decode_image(encode(Pillow.new("1", (8, 8), 1)), LIMIT)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_white(mode):
    picture = Pillow.new(mode, (8, 8), (10, 20, 30, 0) if mode == "RGBA" else (10, 0))
    assert decode_image(encode(picture), LIMIT)[0, 0].tolist() == [255, 255, 255]


def test_one_pixel():
    assert decode_image(encode(np.full((1, 1, 3), 7, np.uint8)), LIMIT).shape == (1, 1, 3)


def test_empty():
    with pytest.raises(BadPayload, match="empty"):
        decode_image(b"", LIMIT)


@pytest.mark.parametrize("payload", [b"no picture at all", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_other_media(payload):
    with pytest.raises(UnsupportedMedia, match="JPEG"):
        decode_image(payload, LIMIT)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated(fmt):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    payload = encode(noise, fmt)
    with pytest.raises((BadPayload, UnsupportedMedia)):
        decode_image(payload[: len(payload) // 4], LIMIT)


def test_jpeg_with_endless_scans_is_refused():
    payload = encode(gradient(), "JPEG", progressive=True)
    decode_image(payload, LIMIT)
    last_scan = payload[payload.rindex(b"\xff\xda") : -2]
    with pytest.raises(BadPayload, match="scans"):
        decode_image(payload[:-2] + last_scan * 100 + b"\xff\xd9", LIMIT)


def test_many_scans_of_a_large_picture_are_refused():
    """Empty scans take a large picture seconds, and next to no bytes."""
    payload = encode(np.zeros((4000, 5000, 3), dtype=np.uint8), "JPEG", progressive=True)
    decode_image(payload, 20_000_000)
    last_scan = payload[payload.rindex(b"\xff\xda") : -2]
    with pytest.raises(PayloadTooLarge, match="scans"):
        decode_image(payload[:-2] + last_scan * 60 + b"\xff\xd9", 20_000_000)


def bmp_in_run_lengths(width, height):
    """One colour: in each row, as many pairs (count, colour) as it takes, and an end of line."""
    row = b"".join(bytes([min(255, width - x), 1]) for x in range(0, width, 255)) + b"\0\0"
    pixels = row * height + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(pixels), 0, 0, 2, 0)
    palette = bytes([0, 0, 0, 0, 9, 8, 7, 0])
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + palette + pixels


def test_a_small_bmp_in_run_lengths_is_read_and_a_large_one_refused():
    assert (decode_image(bmp_in_run_lengths(300, 20), LIMIT) == [7, 8, 9]).all()
    with pytest.raises(PayloadTooLarge, match="run-length"):
        decode_image(bmp_in_run_lengths(2000, 1000), 50_000_000)


def odd_exif(orientation):
    """An orientation beside a tag whose value Pillow could not write again: a signed number where it knows unsigned."""
    tags = struct.pack("<HHIi", 0x0100, 9, 1, -5) + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)


@pytest.mark.parametrize("exif", [odd_exif(6), b"Exif\0\0no TIFF at all"], ids=["odd", "damaged"])
def test_odd_exif_data_cost_no_picture(exif):
    image = decode_image(encode(gradient(64, 48), "JPEG", exif=exif), LIMIT)
    assert image.shape == ((64, 48, 3) if b"II" in exif else (48, 64, 3))


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_what_lies_behind_a_jpeg_or_in_its_segments_does_not_count_as_scans(options):
    """Phones append a video to a photo, and write a preview, a JPEG of its own, into its header."""
    scans = b"\xff\xda" * 500
    behind = encode(gradient(), "JPEG", **options) + np.random.default_rng(0).bytes(10_000_000) + scans
    inside = encode(gradient(), "JPEG", comment=scans, **options)
    for payload in (behind, inside):
        np.testing.assert_allclose(decode_image(payload, 10_000).astype(int), gradient(), atol=12)


@pytest.mark.parametrize("size", [(50_000, 50_000), (1, MAX_SIDE_PX + 1), (MAX_SIDE_PX + 1, 1)])
def test_huge_header_is_refused_before_decoding(size):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    payload = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(PayloadTooLarge, match=f"{size[0]} x {size[1]}"):
        decode_image(payload, 50_000_000)


def test_pillow_is_not_patched_by_ultralytics():
    import app.runtimes.torch.ultralytics_door  # noqa: F401 - for its side effects

    assert Pillow.open.__module__ == "PIL.Image"
    with pytest.raises(BadPayload):
        decode_image(b"\x00\x00\x00\x18ftypheic", LIMIT)


@pytest.mark.parametrize("brands", [b"isom\0\0\2\0isomiso2avc1mp41", b"qt  \0\0\2\0qt  ", b"M4V \0\0\0\0"])
def test_a_film_is_told_what_reads_it(brands):
    film = struct.pack(">I4s", 8 + len(brands), b"ftyp") + brands + struct.pack(">I4s", 1_000, b"mdat") + bytes(992)
    with pytest.raises(UnsupportedMedia, match="mien watch reads films"):
        decode_image(film, LIMIT)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_a_picture_that_was_cut_off_is_damaged_and_of_no_other_kind(fmt, kept):
    payload = encode(gradient(48, 40), fmt)
    with pytest.raises(BadPayload):
        decode_image(payload[: int(len(payload) * min(kept, 0.3 if fmt == "JPEG" else 1))], LIMIT)


def test_a_tiff_whose_layout_is_not_read_is_told_what_to_do():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((9, 8, 3), np.float64), photometric="rgb")
    with pytest.raises(UnsupportedMedia, match=r"layout is not read.*save it with 8 bits"):
        decode_image(buffer.getvalue(), LIMIT)
