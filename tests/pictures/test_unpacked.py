"""What files unpack to where that is not their own size; the bombs among them are in tests/hostile."""

import struct

import pytest
from PIL import Image as Pillow

from app.errors import BadPayload, MienError, UnsupportedMedia
from app.pictures.avif_frames import MAX_PIECES, unpacked_pixels
from app.pictures.cost import PIXEL_BYTES, ROW_BYTES, UNPACKED_BYTES, decode_cost
from app.pictures.open import decode_image, decode_picture
from app.pictures.tiff_tags import tile_pixels
from tests.support.avif import REDUCED, avif, box, frame, grid, still
from tests.support.pictures import encode, gradient

TRANSPARENT = Pillow.new("RGBA", (61, 45), (9, 9, 9, 128))

BARE = ((0, 3), (0, 2), (0, 1), (0, 1), (0, 5), (0, 12), (4, 5))
"""No timing, one operating point of a low level."""
TIMED = (
    (0, 3), (0, 2), (1, 1), (7, 32), (7, 32), (1, 1), (0, 3), (1, 1), (5, 3),  # ticks, their number as a code
    (1, 1), (9, 5), (7, 32), (0, 10), (1, 1), (0, 5), (0, 12), (8, 5), (1, 1),  # decoder model, one point, its tier
    (1, 1), (0, 21), (1, 1), (0, 4),  # its delays
)  # fmt: skip
FIELDS, SIZE = ((11, 4), (9, 4), (3999, 12), (999, 10)), (4000, 1000)
"""The size in 12 and 10 bits."""


def test_an_avif_has_a_frame_of_its_size_and_one_for_transparency():
    assert unpacked_pixels(encode(gradient(64, 48), "AVIF")) == 64 * 48
    assert unpacked_pixels(encode(TRANSPARENT, "AVIF")) == 2 * 61 * 45


def test_all_frames_are_admitted():
    admitted = []
    decode_picture(encode(TRANSPARENT, "AVIF"), 10_000, admitted.append)
    cost_bytes = decode_cost("AVIF", "RGBA", True)
    assert admitted == [-(-(61 * 45 * (cost_bytes + UNPACKED_BYTES) + 45 * ROW_BYTES) // PIXEL_BYTES)]


def test_a_still_picture_says_its_size():
    assert unpacked_pixels(avif((b"av01", frame(*REDUCED, *FIELDS), SIZE))) == 4_000_000


@pytest.mark.parametrize("before", [BARE, TIMED], ids=["bare", "timed"])
def test_where_a_frame_may_have_a_size_of_its_own_the_bits_bound_it(before):
    assert unpacked_pixels(avif((b"av01", frame(*before, *FIELDS), SIZE))) == 2**22


def test_a_grid_counts_with_its_tiles_and_other_items_do_not():
    tiles = [(b"av01", still(64, 64), (64, 64))] * 2
    assert unpacked_pixels(avif((b"grid", grid(128, 64), (128, 64)), *tiles)) == 4 * 64 * 64
    assert unpacked_pixels(avif(*tiles, (b"mime", b'{"a": 1}\n' * 9, (9, 9)))) == 2 * 64 * 64


@pytest.mark.parametrize("announced", [(16, 16), (64, 65), (6000, 6000)])
def test_frames_of_another_size_than_announced_are_refused(announced):
    with pytest.raises(BadPayload, match="announces"):
        unpacked_pixels(avif((b"av01", still(64, 64), announced)))


def test_an_animated_avif_is_refused():
    others = [Pillow.fromarray(gradient(64, 48, seed=1))]
    with pytest.raises(UnsupportedMedia, match="Animated"):
        decode_image(encode(gradient(64, 48), "AVIF", save_all=True, append_images=others), 10_000)


def test_heic_in_a_neutral_box_is_no_avif():
    payload = avif((b"hvc1", b"\0" * 50, (64, 64))).replace(b"avif\0", b"mif1\0", 1)
    with pytest.raises(UnsupportedMedia):
        decode_image(payload, 10_000)


def test_what_follows_an_avif_does_not_matter():
    payload = encode(gradient(64, 48), "AVIF") + b"what a camera appended"
    assert decode_image(payload, 10_000).shape == (48, 64, 3)


@pytest.mark.parametrize("boxes", [MAX_PIECES - 50, MAX_PIECES])
def test_an_avif_in_too_many_pieces_is_refused(boxes):
    payload = encode(gradient(64, 48), "AVIF") + boxes * box(b"free", b"")
    if boxes == MAX_PIECES:
        with pytest.raises(BadPayload, match="pieces"):
            unpacked_pixels(payload)
    else:
        assert unpacked_pixels(payload) == 64 * 48


def test_every_cut_avif_is_an_ordinary_error():
    payload = encode(gradient(64, 48), "AVIF")
    for length in range(len(payload)):
        with pytest.raises(MienError):
            decode_image(payload[:length], 10_000)


@pytest.mark.parametrize(
    "fields", [(*REDUCED, (11, 4)), ((0, 3), (0, 2), (1, 1), (7, 32), (7, 32), (1, 1), (0, 64), (0, 64))]
)
def test_damaged_headers_are_an_ordinary_error(fields):
    with pytest.raises(BadPayload):
        decode_image(avif((b"av01", frame(*fields), (64, 64))), 10_000)


def test_a_tiff_without_tiles_unpacks_to_its_own_size():
    assert tile_pixels(encode(gradient(64, 48), "TIFF")) == 0
    assert decode_image(encode(gradient(64, 48), "TIFF"), 64 * 48).shape == (48, 64, 3)


@pytest.mark.parametrize(("tag", "kind"), [(301, 3), (33_723, 4), (270, 2), (700, 1)])
def test_long_tags_that_nobody_takes_apart_are_no_matter(tag, kind):
    """A transfer function of 16 bits, IPTC in the wrong type, a description, XMP."""
    entry = struct.pack("<HHII", tag, kind, 200_000, 8)
    assert tile_pixels(b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)) == 0


def test_a_bigtiff_in_motorolas_order_is_refused_as_such():
    with pytest.raises(UnsupportedMedia, match="BigTIFF"):
        decode_image(b"MM\0+" + bytes(60), 10_000)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_tiles_are_read_in_both_orders_and_types(order, kind):
    value = struct.pack(f"{order}{'HH' if kind == 3 else 'I'}", *([500, 0] if kind == 3 else [500]))
    tags = b"".join(struct.pack(f"{order}HHI", tag, kind, 1) + value for tag in (322, 323))
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 2)
    assert tile_pixels(start + tags + bytes(4)) == 250_000
