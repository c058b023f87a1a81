"""Large JPEGs at a fraction of their size: what is decoded, and the way between their pixels and the original's."""

import numpy as np
import pytest
from PIL import Image as Pillow

from app.errors import BadPayload, PayloadTooLarge
from app.faces.crop import crop_faces
from app.faces.reduced import (
    frame_long_side_px,
    in_original_pixels,
    least_long_side_px,
    options_in,
    part_around,
    short_of_detail,
)
from app.faces.turn import clockwise, set_upright
from app.faces.types import Detection, DetectOptions, Face, ImageFaces
from app.manifest import CropRule
from app.pictures.cost import COLOUR, PIXEL_BYTES
from app.pictures.decode import reduction
from app.pictures.open import decode_image, decode_parts, decode_picture
from app.pictures.types import Picture
from tests.support.manifest import make_manifest
from tests.support.pictures import encode, gradient
from tests.support.pipeline import emotion

LIMIT = 1_000_000
EVEN = {"quality": 95, "subsampling": 0}


def jpeg(image, **options):
    return encode(image, "JPEG", **EVEN, **options)


def block_means(image, side):
    height, width = image.shape[:2]
    return image.reshape(height // side, side, width // side, side, 3).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), 1),
        ((3839, 2160), 1),
        ((3840, 2160), 2),
        ((2160, 3840), 2),
        ((4000, 3000), 2),
        ((7679, 5000), 2),
        ((7680, 1), 4),
        ((100_000, 500), 4),
        ((1, 1), 1),
    ],
)
def test_reduction_leaves_the_longer_side_long_enough(size, expected):
    assert reduction(size, 1920) == expected


def test_served_pictures_stay_at_three_sides_of_the_detectors_input():
    assert least_long_side_px(make_manifest()) == 3 * 640


@pytest.mark.parametrize(
    ("size", "crops", "expected"),
    [
        ((1280, 720), (), 640),
        ((720, 1280), (), 640),
        ((1280, 720), (200.0, 96.0), 640),
        ((1280, 720), (200.0, 95.0), 647),
        ((3840, 2160), (96.0,), 1920),
        ((3840, 2160), (20.0,), 1920),
        ((3840, 1280), (), 640),
        ((3841, 1280), (), 1920),
    ],
)
def test_a_frame_keeps_what_the_detector_and_the_crop_of_its_smallest_face_need(size, crops, expected):
    faces = tuple(Face(Detection((0.0, 0.0, each, each), 0.9), emotion((0.2,) * 5), crop_px=each) for each in crops)
    assert frame_long_side_px(ImageFaces(*size, faces), make_manifest()) == expected


@pytest.mark.parametrize("side", [2, 4])
def test_a_reduced_jpeg_is_the_mean_of_its_pixels(side):
    image = gradient(320, 240)
    picture = decode_picture(jpeg(image), LIMIT, long_side_px=320 // side)
    assert (picture.width, picture.height, picture.reduced) == (320, 240, True)
    assert picture.image.shape == (240 // side, 320 // side, 3)
    assert np.abs(picture.image - block_means(image, side)).mean() < 2


@pytest.mark.parametrize("long_side_px", [None, 161, 320, 1000])
def test_a_jpeg_that_is_not_large_enough_stays_whole(long_side_px):
    payload = jpeg(gradient(320, 240))
    picture = decode_picture(payload, LIMIT, long_side_px=long_side_px)
    assert not picture.reduced
    assert np.array_equal(picture.image, decode_image(payload, LIMIT))


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_other_formats_stay_whole(fmt):
    picture = decode_picture(encode(gradient(64, 48), fmt), LIMIT, long_side_px=16)
    assert (picture.image.shape, picture.width, picture.height) == ((48, 64, 3), 64, 48)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_jpeg_is_upright_and_so_is_its_original_size(orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    payload = jpeg(gradient(320, 240), exif=exif.tobytes())
    whole = decode_image(payload, LIMIT)
    picture = decode_picture(payload, LIMIT, long_side_px=160)
    assert (picture.height, picture.width) == whole.shape[:2]
    assert np.abs(picture.image - block_means(whole, 2)).mean() < 2


@pytest.mark.parametrize("width", range(61, 65))
def test_sides_that_are_no_multiple_are_rounded_up(width):
    picture = decode_picture(jpeg(gradient(width, 47)), LIMIT, long_side_px=15)
    assert (picture.image.shape, picture.width, picture.height) == ((12, 16, 3), width, 47)


def test_a_jpeg_of_one_column():
    picture = decode_picture(jpeg(gradient(1, 4000)), LIMIT, long_side_px=1000)
    assert (picture.width, picture.height) == (1, 4000)
    assert picture.image.shape[1] == 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_gray_and_cmyk_are_reduced_too(mode):
    payload = encode(Pillow.fromarray(gradient(320, 240)).convert(mode), "JPEG", quality=95)
    picture = decode_picture(payload, LIMIT, long_side_px=160)
    assert picture.image.shape == (120, 160, 3)
    assert np.abs(picture.image - block_means(decode_image(payload, LIMIT), 2)).mean() < 2


def test_of_several_pictures_in_one_jpeg_the_first_counts():
    first, second = Pillow.fromarray(gradient(320, 240)), Pillow.new("RGB", (320, 240))
    payload = encode(first, "MPO", save_all=True, append_images=[second], **EVEN)
    assert payload.startswith(b"\xff\xd8")
    assert (
        np.abs(decode_picture(payload, LIMIT, long_side_px=160).image - block_means(gradient(320, 240), 2)).mean() < 2
    )


def test_only_what_is_decoded_asks_for_room():
    asked = []
    decode_picture(jpeg(gradient(321, 240)), LIMIT, asked.append, long_side_px=160)
    decode_picture(jpeg(gradient(321, 240)), LIMIT, asked.append)
    assert asked == pytest.approx([161 * 120 * COLOUR / PIXEL_BYTES, 321 * 240 * COLOUR / PIXEL_BYTES], rel=0.02)


def test_the_limit_is_of_the_original():
    with pytest.raises(PayloadTooLarge, match="320 x 240"):
        decode_picture(jpeg(gradient(320, 240)), 320 * 240 - 1, long_side_px=80)


def test_a_jpeg_of_which_less_than_half_came_is_refused_and_one_without_its_end_is_read():
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    payload = jpeg(noise)
    decode_picture(payload, LIMIT, long_side_px=80)
    with pytest.raises(BadPayload):
        decode_picture(payload[: int(len(payload) * 0.3)], LIMIT, long_side_px=80)
    assert decode_picture(payload[: int(len(payload) * 0.9)], LIMIT, long_side_px=80).truncated


def found_in(width, height, *boxes):
    faces = tuple(Face(Detection(box, 0.9), emotion((0.2,) * 5)) for box in boxes)
    return ImageFaces(width, height, faces, {"detect": 1.0})


def test_boxes_and_size_are_told_in_original_pixels():
    picture = Picture(np.zeros((50, 100, 3), np.uint8), 400, 199)
    found = in_original_pixels(found_in(100, 50, (0.0, 0.0, 100.0, 50.0), (10.0, 20.0, 30.0, 25.0)), picture)
    assert (found.width, found.height, found.timings_ms) == (400, 199, {"detect": 1.0})
    assert found.faces[0].detection.xyxy == (0.0, 0.0, 400.0, 199.0)
    assert found.faces[1].detection.xyxy == pytest.approx((40.0, 79.6, 120.0, 99.5))
    assert found.faces[1].answers == emotion((0.2,) * 5)


def test_the_smallest_face_is_asked_for_in_original_pixels():
    options = options_in(Picture(np.zeros((50, 100, 3), np.uint8), 400, 200), DetectOptions(3, 80.0, 0.5))
    assert options == DetectOptions(3, 20.0, 0.5)


@pytest.mark.parametrize(("longer_side", "small"), [(39.9, [1]), (40.1, []), (500.0, [])])
def test_detail_is_a_pixel_of_the_crop_for_each_of_the_networks(longer_side, small):
    """The crop of the test manifest is 1.2 times the longer side, and My_model sees 48 pixels."""
    card, picture = make_manifest().emotion, Picture(np.zeros((500, 1000, 3), np.uint8), 2000, 1000)
    boxes = (0.0, 0.0, 200.0, 200.0), (5.0, 5.0, 5.0 + longer_side, 15.0), (0.0, 0.0, 60.0, 50.0)
    assert short_of_detail(found_in(1000, 500, *boxes), picture, {card.crop}) == small


def test_a_picture_in_full_has_no_more_detail_to_give():
    picture = Picture(np.zeros((500, 1000, 3), np.uint8), 1000, 500)
    assert short_of_detail(found_in(1000, 500, (0.0, 0.0, 9.0, 9.0)), picture, {make_manifest().emotion.crop}) == []


@pytest.mark.parametrize("shift_y", [-0.5, 0.0, 0.13, 0.5])
def test_a_crop_of_the_part_is_the_crop_of_the_whole(shift_y):
    """Within the rounding of float32 coordinates; at the edges too, where the border repeats."""
    random = np.random.default_rng(0)
    whole = random.integers(0, 256, (300, 400, 3)).astype(np.uint8)
    rule = make_manifest().emotion.crop.model_copy(update={"shift_y": shift_y})
    rules = {rule, CropRule(margin=0.7, shift_y=0.1)}
    corners = [
        (0.0, 0.0, 30.0, 40.0),
        (370.5, 260.25, 400.0, 300.0),
        (0.0, 290.0, 5.0, 300.0),
        (399.0, 0.0, 400.0, 90.0),
    ]
    inside = [(x, y, x + side, y + 1.2 * side) for x, y, side in random.uniform(20.0, 120.0, (20, 3)).tolist()]
    for box in corners + inside:
        (left, top, right, bottom), moved = part_around(Detection(box, 0.9), found_in(400, 300), rules)
        assert 0 <= left < right <= 400
        assert 0 <= top < bottom <= 300
        part = whole[top:bottom, left:right]
        for each in rules:
            crops = [crop_faces(image, [xyxy], each) for image, xyxy in ((part, moved), (whole, box))]
            np.testing.assert_allclose(*crops, atol=0.02)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_face_is_cropped_upright_from_its_part(quarters):
    """The part is cut from the picture as it is, and then set upright: the same crop as from the upright picture."""
    upright = gradient(400, 300)
    rules = {CropRule(margin=0.2, shift_y=0.1)}
    box = (200.0, 100.0, 240.0, 160.0)
    [expected] = crop_faces(upright, [box], *rules)
    image = np.ascontiguousarray(np.rot90(upright, -quarters))
    face = Detection(clockwise(box, 400, 300, quarters), 0.9, 90 * quarters)
    (left, top, right, bottom), moved = part_around(face, found_in(image.shape[1], image.shape[0]), rules)
    part = set_upright(image[top:bottom, left:right], face)
    np.testing.assert_allclose(crop_faces(part, [moved], *rules)[0], expected, atol=0.02)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_parts_are_those_of_the_upright_picture(fmt, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    payload = encode(gradient(64, 48), fmt, exif=exif.tobytes())
    whole, asked = decode_image(payload, LIMIT), []
    first, second = decode_parts(payload, LIMIT, [(0, 0, 10, 20), (7, 5, 40, 48)], asked.append)
    assert np.array_equal(first, whole[:20, :10])
    assert np.array_equal(second, whole[5:48, 7:40])
    assert asked == pytest.approx([64 * 48 * COLOUR / PIXEL_BYTES], rel=0.05)


def test_parts_of_a_damaged_picture_are_refused():
    with pytest.raises(BadPayload):
        decode_parts(jpeg(gradient(320, 240))[:2000], LIMIT, [(0, 0, 10, 10)])
