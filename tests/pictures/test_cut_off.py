"""JPEGs without their end: what is there is read, if it is enough, and the answer says so."""

import base64

import numpy as np
import pytest
from PIL import Image as Pillow

from app.errors import BadPayload, UnsupportedMedia
from app.faces.annotate import annotate_image
from app.faces.types import ImageFaces
from app.pictures.open import decode_parts, decode_picture
from tests.support.pictures import encode, gradient

LIMIT = 1_000_000
WAYS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "without subsampling": {"subsampling": 0},
}
SCAN = b"\xff\xda"


def noise(height=256):
    """Rows that take the same number of bytes each, and none of them gray."""
    values = np.random.default_rng(0).integers(0, 256, (height // 8, 16, 3)).astype(np.uint8)
    return values.repeat(8, axis=0).repeat(8, axis=1)


def jpeg(way, image=None):
    return encode(noise() if image is None else image, "JPEG", quality=90, **WAYS[way])


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_only_the_end_marker_is_missing(way, cut):
    whole = jpeg(way)
    found, sound = decode_picture(whole[:-cut], LIMIT), decode_picture(whole, LIMIT)
    assert (found.truncated, sound.truncated) == (True, False)
    assert np.array_equal(found.image, sound.image)


@pytest.mark.parametrize("long_side_px", [None, 64])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "progressive"])
def test_three_quarters_are_read_and_the_rest_is_gray(way, long_side_px):
    whole = jpeg(way)
    found = decode_picture(whole[: len(whole) * 3 // 4], LIMIT, long_side_px=long_side_px)
    sound = decode_picture(whole, LIMIT, long_side_px=long_side_px).image
    half = len(sound) // 2
    assert found.truncated
    assert found.image.shape == sound.shape
    assert np.array_equal(found.image[:half], sound[:half])
    assert (found.image[-len(sound) // 16 :] == 128).all()


@pytest.mark.parametrize("long_side_px", [None, 64])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "progressive"])
def test_a_third_is_refused(way, long_side_px):
    whole = jpeg(way)
    with pytest.raises(BadPayload, match="less than half"):
        decode_picture(whole[: len(whole) // 3], LIMIT, long_side_px=long_side_px)


def test_a_progressive_one_is_read_from_its_first_scan_on():
    whole = jpeg("progressive", gradient(256, 256))
    first, second = whole.index(SCAN), whole.index(SCAN, whole.index(SCAN) + 2)
    coarse = decode_picture(whole[:second], LIMIT)
    assert coarse.truncated
    assert np.abs(coarse.image.astype(int) - decode_picture(whole, LIMIT).image).mean() < 5
    with pytest.raises(BadPayload, match="less than half"):
        decode_picture(whole[: first + (second - first) // 3], LIMIT)


@pytest.mark.parametrize("kept", range(1, 40))
def test_a_cut_within_the_head_of_a_later_scan(kept):
    """Tables and scans that are not all there are left out."""
    whole = jpeg("progressive")
    second = whole.index(b"\xff\xc4", whole.index(SCAN))
    assert decode_picture(whole[: second + kept], LIMIT).truncated


def test_parts_of_one_that_was_cut_off():
    payload = jpeg("baseline")[:-2]
    [part] = decode_parts(payload, LIMIT, [(8, 16, 40, 60)])
    assert np.array_equal(part, decode_picture(payload, LIMIT).image[16:60, 8:40])


def test_gray_and_cmyk_ones_are_measured_too():
    for mode in ("L", "CMYK"):
        whole = encode(Pillow.fromarray(noise()).convert(mode), "JPEG", quality=90)
        assert decode_picture(whole[: len(whole) * 3 // 4], LIMIT).truncated
        with pytest.raises(BadPayload, match="less than half"):
            decode_picture(whole[: len(whole) // 3], LIMIT)


def test_one_of_gray_is_read_although_it_looks_like_nothing():
    assert not decode_picture(jpeg("baseline", np.full((64, 64, 3), 128, np.uint8)), LIMIT).truncated


def test_the_answer_says_so_and_says_nothing_of_others(client):
    whole = encode(gradient(640, 480), "JPEG", quality=90)
    sound, cut = (client.post("/detect", content=each).json() for each in (whole, whole[:-2]))
    assert cut["image"] == {"width": 640, "height": 480, "truncated": True}
    assert sound["image"] == {"width": 640, "height": 480}
    batch = client.post("/detect/batch", files=[("files", whole), ("files", whole[:-2])]).json()["results"]
    assert [each["image"].get("truncated") for each in batch] == [None, True]


@pytest.mark.parametrize("explain", [False, True])
def test_what_is_said_of_a_face_says_so_too(client, explain):
    whole = encode(gradient(64, 48), "JPEG", quality=90)
    files = [("files", whole), ("files", whole[:-2])]
    sound, cut = client.post(f"/classify?explain={explain}", files=files).json()["results"]
    assert cut["truncated"]
    assert "truncated" not in sound


def test_it_stands_on_drawn_pictures():
    image = noise()
    sound, cut = (np.asarray(annotate_image(image, ImageFaces(256, 256, (), {}, each))) for each in (False, True))
    assert np.array_equal(sound, image)
    assert np.array_equal(cut[:200], image[:200])
    assert not np.array_equal(cut[-24:], image[-24:])


ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAx"
    "NDQ0Hyc5PTgyPC4zNDL/yQALCAAQABABAREA/8wABgAQEAX/2gAIAQEAAD8A0qSBgP/Z"
)
"""16 x 16 pixels of one gray, by libjpeg-turbo's jpegtran."""


def test_arithmetic_coding_is_read():
    assert (decode_picture(ARITHMETIC, LIMIT).image == 200).all()


@pytest.mark.parametrize(("marker", "name"), [(0xC5, "hierarchical"), (0xCB, "lossless, arithmetic")])
def test_a_coding_that_is_not_read_is_named(marker, name):
    payload = bytearray(jpeg("baseline"))
    payload[payload.index(b"\xff\xc0") + 1] = marker
    with pytest.raises(UnsupportedMedia, match=name):
        decode_picture(bytes(payload), LIMIT)


def test_twelve_bits_are_refused_as_unsupported():
    payload = bytearray(jpeg("baseline"))
    payload[payload.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedMedia, match="12 bits a colour"):
        decode_picture(bytes(payload), LIMIT)
