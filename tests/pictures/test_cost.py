"""What admission weighs pictures by."""

import pytest
from PIL import Image as Pillow

from app.pictures.cost import BY_MODE, PIXEL_BYTES, decode_cost
from app.pictures.open import decode_parts, decode_picture
from tests.support.pictures import encode, gradient


def weight_bytes(payload, **options):
    weights = []
    decode_picture(payload, 10**6, weights.append, **options)
    [weight] = weights
    return weight * PIXEL_BYTES


def test_a_picture_weighs_what_its_format_takes():
    by_format = [
        weight_bytes(encode(Pillow.new(mode, (100, 100)), fmt)) / 100**2
        for mode, fmt in (("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("RGBA", "WEBP"))
    ]
    assert by_format == sorted(by_format)
    assert [round(each) for each in by_format] == [10, 15, 20, 28]


def test_a_reduced_picture_weighs_less():
    large = encode(gradient(640, 480), "JPEG")
    assert weight_bytes(large, long_side_px=160) < weight_bytes(large) / 10


def test_rows_weigh_something():
    assert weight_bytes(encode(Pillow.new("L", (1, 1000)), "PNG")) >= 27 * 1000
    assert weight_bytes(encode(Pillow.new("L", (1000, 1)), "PNG")) < 12 * 1000


def test_parts_weigh_the_whole_picture():
    weights = []
    decode_parts(encode(gradient(64, 48)), 10**6, [(0, 0, 2, 2)], weights.append)
    assert weights[0] * PIXEL_BYTES == weight_bytes(encode(gradient(64, 48)))


@pytest.mark.parametrize("mode", [*BY_MODE, "I;16B", "RGBA", "LA", "PA", "one of tomorrow"])
def test_every_mode_has_a_cost(mode):
    plain, transparent = decode_cost("PNG", mode, False), decode_cost("PNG", mode, True)
    assert PIXEL_BYTES < plain <= transparent
    assert decode_cost("WEBP", mode, False) > plain
