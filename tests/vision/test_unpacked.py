"""What files unpack to where that is not their own size; the bombs among them are in tests/hostile."""

import struct

import pytest
from PIL import Image as Pillow

from app.errors import BadPayload, MienError, UnsupportedMedia
from app.vision.avif_frames import MAX_PIECES, frame_pixels
from app.vision.image import decode_image, decode_picture
from app.vision.tiff_tiles import tile_pixels
from tests.conftest import encode, gradient


def test_an_avif_has_a_frame_of_its_size_and_one_for_transparency():
    assert frame_pixels(encode(gradient(64, 48), "AVIF")) == [64 * 48]
    assert frame_pixels(encode(Pillow.new("RGBA", (61, 45), (9, 9, 9, 128)), "AVIF")) == [61 * 45] * 2


def test_both_frames_are_admitted():
    admitted = []
    decode_picture(encode(Pillow.new("RGBA", (61, 45), (9, 9, 9, 128)), "AVIF"), 10_000, admitted.append)
    assert admitted == [2 * 61 * 45]


def test_an_animated_avif_is_refused():
    others = [Pillow.fromarray(gradient(64, 48, seed=1))]
    with pytest.raises(UnsupportedMedia, match="Animated"):
        decode_image(encode(gradient(64, 48), "AVIF", save_all=True, append_images=others), 10_000)


@pytest.mark.parametrize("boxes", [MAX_PIECES - 50, MAX_PIECES])
def test_an_avif_in_too_many_pieces_is_refused(boxes):
    payload = encode(gradient(64, 48), "AVIF") + boxes * (b"\0\0\0\x08free")
    if boxes == MAX_PIECES:
        with pytest.raises(BadPayload, match="pieces"):
            frame_pixels(payload)
    else:
        assert frame_pixels(payload) == [64 * 48]


def test_every_cut_avif_is_an_ordinary_error():
    payload = encode(gradient(64, 48), "AVIF")
    for length in range(len(payload)):
        with pytest.raises(MienError):
            frame_pixels(payload[:length])


REDUCED = ((0, 3), (1, 1), (1, 1), (8, 5))
BARE = ((0, 3), (0, 2), (0, 1), (0, 1), (0, 5), (0, 12), (4, 5))
"""No timing, one operating point of a low level."""
TIMED = (
    (0, 3), (0, 2), (1, 1), (7, 32), (7, 32), (1, 1), (0, 3), (1, 1), (5, 3),  # ticks, their number as a code
    (1, 1), (9, 5), (7, 32), (0, 10), (1, 1), (0, 5), (0, 12), (8, 5), (1, 1),  # decoder model, one point, its tier
    (1, 1), (0, 21), (1, 1), (0, 4),  # its delays
)  # fmt: skip
SIZE = ((11, 4), (9, 4), (3999, 12), (999, 10))
"""4000 x 1000 in 12 and 10 bits."""


def avif(*fields):
    """The smallest file with a sequence header; fields are (value, number of bits), AV1 specification, section 5.5."""
    bits = "".join(f"{value:0{count}b}" for value, count in fields) + "1"
    header = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    item = bytes([0x12, 0, 0x0A, len(header)]) + header
    location = bytes([0, 0, 0, 0, 0x44, 0]) + struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(item))
    start = 8 + 4 + 8 + len(location) + 8  # of the item: meta, its version, iloc, mdat
    location = location[:-8] + struct.pack(">II", start, len(item))
    return box(b"meta", bytes(4) + box(b"iloc", location)) + box(b"mdat", item)


def box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def test_a_still_picture_says_its_size():
    assert frame_pixels(avif(*REDUCED, *SIZE)) == [4000 * 1000]


@pytest.mark.parametrize("before", [BARE, TIMED], ids=["bare", "timed"])
def test_where_a_frame_may_have_a_size_of_its_own_the_bits_bound_it(before):
    assert frame_pixels(avif(*before, *SIZE)) == [2**22]


def test_damage_is_an_ordinary_error():
    with pytest.raises(BadPayload):
        frame_pixels(avif(*REDUCED, (11, 4)))
    with pytest.raises(BadPayload):
        frame_pixels(avif((0, 3), (0, 2), (1, 1), (7, 32), (7, 32), (1, 1), (0, 64), (0, 64)))
    with pytest.raises(BadPayload):
        frame_pixels(b"\0\0\0\x10meta")


def test_tiles_count_where_they_are_larger_than_the_picture():
    assert tile_pixels(encode(gradient(64, 48), "TIFF")) == 0
    assert decode_image(encode(gradient(64, 48), "TIFF"), 64 * 48).shape == (48, 64, 3)
