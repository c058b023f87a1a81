"""Every layout of a TIFF that is read, compared with the pixels it was made of and with tifffile's reading of it."""

import io
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from app.errors import UnsupportedMedia
from app.pictures.open import decode_image
from tests.support.pictures import encode, gradient
from tests.support.tiff import CMYK, COMPRESSIONS, GRAY, RGB, WHITE_IS_ZERO, Layout, tiff

LIMIT = 100_000
WIDTH, HEIGHT = 34, 19
UNSPECIFIED, MULTIPLIED, TRANSPARENCY = 0, 1, 2


@dataclass(frozen=True)
class Kind:
    samples: int
    photometric: int
    extra: tuple[int, ...] = ()


KINDS = {
    "gray": Kind(1, GRAY),
    "white is zero": Kind(1, WHITE_IS_ZERO),
    "gray, transparency": Kind(2, GRAY, (TRANSPARENCY,)),
    "RGB": Kind(3, RGB),
    "RGBA": Kind(4, RGB, (TRANSPARENCY,)),
    "RGBA, multiplied": Kind(4, RGB, (MULTIPLIED,)),
    "RGB and one more": Kind(4, RGB, (UNSPECIFIED,)),
    "CMYK": Kind(4, CMYK),
}
TYPES = {"8": np.uint8, "16": np.uint16, "signed 16": np.int16, "32": np.uint32, "float": np.float32}
WHITE = {"8": 255, "16": 65_535, "signed 16": 65_535, "32": 2**32 - 1, "float": 1.0}
DEEP_GRAY = ("16", "signed 16", "32", "float")


def made(kind, depth):
    """Return pixels of shape (H, W, C): a different gradient in each channel, up to half of what signed ones reach."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    values = np.stack([(x * (3 + c) + y * (4 + 2 * c) + 40 * c) % 256 for c in range(kind.samples)], axis=-1) / 255
    if kind.extra == (MULTIPLIED,):
        values[..., :3] *= values[..., 3:]
    if depth == "signed 16":
        values *= 0.49
    scaled = values * WHITE[depth]
    return (scaled if depth == "float" else scaled.round()).astype(TYPES[depth])


def on_white(kind, pixels, depth):
    """Return what the pixels look like, in 8 bits."""
    values = pixels.astype(np.float64) / WHITE[depth]
    if kind.photometric == CMYK:
        return np.asarray(Pillow.fromarray((values * 255).round().astype(np.uint8), "CMYK").convert("RGB"))
    if kind.photometric == WHITE_IS_ZERO:
        values = 1 - values
    colour, rest = (values, None) if kind.samples in (1, 3) else (values[..., :-1], values[..., -1:])
    if kind.extra == (TRANSPARENCY,):
        colour = colour * rest + 1 - rest
    elif kind.extra == (MULTIPLIED,):
        colour = colour + 1 - rest
    return np.broadcast_to(255 * colour, (HEIGHT, WIDTH, 3))


def layouts(kind, depth):
    for separate, compression, order, cut, predictor in product(
        (False, True), COMPRESSIONS, "<>", ("strips", "one strip", "tiles"), (False, True)
    ):
        if (separate and kind.samples == 1) or (predictor and compression == "none"):
            continue
        yield Layout(order, separate, compression, cut, predictor)


def refused(name, depth, layout):
    """Whether docs/api.md says that it is not read."""
    if depth not in ("8", "16"):
        little_or_signed = layout.order == "<" or depth != "32"
        return not (name == "gray" and little_or_signed) and not (name == "white is zero" and depth == "float")
    if name == "gray, transparency":
        return depth == "16" or layout.separate
    return name == "white is zero" and depth == "16" and layout.order == ">"


@pytest.mark.parametrize(("name", "depth"), list(product(KINDS, TYPES)))
def test_every_layout_is_read_right_or_refused(name, depth, workers):
    kind = KINDS[name]
    pixels = made(kind, depth)
    wanted = on_white(kind, pixels, depth)
    for layout in layouts(kind, depth):
        payload = tiff(pixels, kind.photometric, layout, kind.extra)
        if refused(name, depth, layout):
            with pytest.raises(UnsupportedMedia):
                decode_image(payload, LIMIT, workers)
        else:
            off = np.abs(decode_image(payload, LIMIT, workers) - wanted).max()
            assert off <= 3, (layout, off)


@pytest.mark.parametrize(("name", "depth"), list(product(KINDS, TYPES)))
def test_tifffile_reads_the_same_files(name, depth):
    """The files of the other tests are what they are meant to be."""
    kind = KINDS[name]
    pixels = made(kind, depth)
    for layout in layouts(kind, depth):
        if layout.compression == "lzw" or (layout.predictor and depth == "float"):
            continue  # tifffile needs a further library for these
        found = tifffile.imread(io.BytesIO(tiff(pixels, kind.photometric, layout, kind.extra)))
        if layout.separate:
            found = np.moveaxis(found, 0, -1)
        assert np.array_equal(found.reshape(pixels.shape), pixels), layout


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("bits", [1, 2, 4, 12])
def test_packed_bits(bits, compression, order, workers):
    values = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1) * 7 % 2**bits).astype(np.uint16)
    payload = tiff(values, GRAY, Layout(order, compression=compression, bits=bits))
    if bits == 12 and order == ">":
        with pytest.raises(UnsupportedMedia):
            decode_image(payload, LIMIT, workers)
    else:
        assert np.abs(decode_image(payload, LIMIT, workers) - values / (2**bits - 1) * 255).max() <= 1


OF_PILLOW = {
    **dict.fromkeys(("RGB", "P", "LAB", "YCbCr"), (None, "tiff_lzw", "packbits", "zstd", "lzma")),
    "PA": (None, "tiff_lzw"),
    "1": (None, "group3", "group4", "tiff_ccitt"),
}


@pytest.mark.parametrize(("mode", "compression"), [(mode, each) for mode, all_ in OF_PILLOW.items() for each in all_])
def test_other_modes_and_compressions_are_as_pillow_wrote_them(mode, compression, workers):
    picture = Pillow.fromarray(gradient())
    picture = Pillow.merge("LAB", picture.split()) if mode == "LAB" else picture.convert(mode)
    wanted = np.asarray(picture.convert("RGB"), dtype=int)
    options = {"compression": compression} if compression else {}
    off = np.abs(decode_image(encode(picture, "TIFF", **options), LIMIT, workers) - wanted)
    assert off.max() <= (2 if mode == "YCbCr" else 0)


def test_a_jpeg_in_a_tiff(workers):
    payload = encode(gradient(), "TIFF", compression="jpeg", quality=95)
    assert np.abs(decode_image(payload, LIMIT, workers).astype(int) - gradient()).mean() < 3


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_the_largest_sample_value_is_white(bits, workers):
    values = np.linspace(0, 2**bits - 1, HEIGHT * WIDTH).round().astype(np.uint16).reshape(HEIGHT, WIDTH, 1)
    said = decode_image(tiff(values, GRAY, more={281: 2**bits - 1}), LIMIT, workers)
    assert np.abs(said - values / (2**bits - 1) * 255).max() <= 1
    unsaid = decode_image(tiff(values, GRAY), LIMIT, workers)
    assert np.abs(unsaid - values / 257).max() <= 1


def test_a_largest_sample_value_that_is_too_low_is_not_believed(workers):
    values = np.linspace(0, 65_535, HEIGHT * WIDTH).round().astype(np.uint16).reshape(HEIGHT, WIDTH, 1)
    assert np.abs(decode_image(tiff(values, GRAY, more={281: 4095}), LIMIT, workers) - values / 257).max() <= 1


FULL, SMALL = np.full((20, 30, 3), (10, 200, 90), np.uint8), np.full((5, 7, 3), 50, np.uint8)
REDUCED, MASK = 1, 4


def written(*pages, **options):
    """Return a TIFF of (pixels, NewSubfileType, further options) each."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, **options) as writer:
        for pixels, kind, more in pages:
            writer.write(pixels, **({"photometric": "rgb", "subfiletype": kind, "metadata": None} | more))
    return buffer.getvalue()


RAW_PHOTO = {"photometric": 32803, "extratags": [(33421, 3, 2, (2, 2)), (33422, 1, 4, (0, 1, 1, 2))]}
"""Of a colour filter array, as in DNG and NEF."""


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}], ids=["little", "big", "BigTIFF"])
@pytest.mark.parametrize(
    "pages",
    [
        [(SMALL, REDUCED, {}), (FULL, 0, {})],
        [(SMALL, REDUCED, {"subifds": 1}), (FULL, 0, {})],
        [(SMALL, REDUCED, {"subifds": 2}), (SMALL, REDUCED, {}), (FULL, 0, {"compression": "zlib"})],
        [(SMALL, REDUCED, {}), (SMALL[..., 0] > 9, MASK, {"photometric": "minisblack"}), (FULL, 2, {})],
        [(FULL, 0, {"subifds": 1}), (SMALL, REDUCED, {})],
        [(FULL, 0, {}), (SMALL, 0, {})],
    ],
    ids=["behind", "within", "after a preview", "after a mask", "first", "of two"],
)
def test_the_full_picture_is_taken_and_not_its_reduced_copy(pages, options, workers):
    assert np.array_equal(decode_image(written(*pages, **options), LIMIT, workers), FULL)


@pytest.mark.parametrize(
    "pages",
    [
        [(SMALL, REDUCED, {"subifds": 1}), (FULL[..., 0], 0, RAW_PHOTO)],
        [(SMALL, REDUCED, {})],
        [(SMALL, REDUCED, {"subifds": 1}), (SMALL, REDUCED, {})],
    ],
    ids=["raw", "alone", "two copies"],
)
def test_a_photo_of_which_only_a_reduced_copy_can_be_read_is_refused(pages, workers):
    with pytest.raises(UnsupportedMedia, match="full picture is raw or coded"):
        decode_image(written(*pages), LIMIT, workers)


def test_pages_in_a_circle_end(workers):
    payload = bytearray(written((SMALL, REDUCED, {})))
    start = int.from_bytes(payload[4:8], "little")
    count = int.from_bytes(payload[start : start + 2], "little")
    end = start + 2 + 12 * count
    payload[end : end + 4] = payload[4:8]
    with pytest.raises(UnsupportedMedia, match="full picture"):
        decode_image(bytes(payload), LIMIT, workers)


@pytest.mark.parametrize(("code", "name"), [(50001, "WebP"), (34712, "JPEG 2000"), (50002, "JPEG XL"), (9, "number 9")])
def test_a_compression_that_is_not_read_is_named(code, name, workers):
    payload = bytearray(tiff(made(KINDS["RGB"], "8"), RGB))
    at = payload.index(b"\x03\x01\x03\x00\x01\x00\x00\x00")
    payload[at + 8 : at + 10] = code.to_bytes(2, "little")
    with pytest.raises(UnsupportedMedia, match=name):
        decode_image(bytes(payload), LIMIT, workers)
