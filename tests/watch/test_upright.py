"""Pixels that are not square, and HDR."""

from fractions import Fraction

import av
import numpy as np
import pytest

from app.errors import InvalidRequest
from app.watch.address import open_source
from app.watch.upright import NO_TONE_MAPPING, Uprighter, parse_aspect, square_size

PQ, HLG = 16, 18
HLG_PAPER_WHITE = 0.75
"""Signal of 203 cd/m2: ITU-R BT.2408, table 1."""


def hdr_frame(transfer, level, size=(64, 48)):
    """Return a gray frame of 10 bits; `level` is its signal, 0..1."""
    frame = av.VideoFrame(*size, "yuv420p10le")
    for plane, value in zip(frame.planes, (64 + 876 * level, 512, 512), strict=True):
        plane.update(np.full(plane.buffer_size // 2, round(value), "<u2").tobytes())
    frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = transfer, 9, 9, 1
    return frame


def half_dark(size=(64, 64)):
    pixels = np.full((size[1], size[0], 3), 200, np.uint8)
    pixels[:, : size[0] // 2] = 20
    return av.VideoFrame.from_ndarray(pixels, "rgb24")


@pytest.fixture
def wide_film(tmp_path):
    """Three frames of 72 x 64 pixels, each 16:9 wide."""
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 72, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9)
        for _ in range(3):
            file.mux(stream.encode(half_dark((72, 64)).reformat(format="yuv420p")))
        file.mux(stream.encode(None))
    return path


def test_wide_pixels_widen_the_picture(wide_film):
    images = [frame.image for frame in open_source(str(wide_film))]
    assert [image.shape for image in images] == [(64, 128, 3)] * 3
    assert images[0][:, :56].mean() == pytest.approx(20, abs=4)
    assert images[0][:, 72:].mean() == pytest.approx(200, abs=4)


def test_the_users_ratio_goes_before_the_files(wide_film):
    assert {frame.image.shape for frame in open_source(str(wide_film), aspect=Fraction(2))} == {(64, 144, 3)}


@pytest.mark.parametrize(
    ("aspect", "size"), [("1", (72, 64)), ("4:3", (96, 64)), ("8/9", (72, 72)), ("1:2", (72, 128))]
)
def test_no_pixel_is_lost(aspect, size):
    assert square_size(72, 64, parse_aspect(aspect)) == size


@pytest.mark.parametrize("text", ["", "wide", "0:1", "1:0", "-2:1", "5:1", "1:5", "2:1:1"])
def test_what_is_no_ratio_is_said(text):
    with pytest.raises(InvalidRequest, match="is no pixel aspect"):
        parse_aspect(text)


def test_a_file_with_an_absurd_ratio_is_read_as_square_and_it_is_said():
    notices = []
    assert Uprighter(Fraction(1000), notices.append).image(half_dark()).shape == (64, 64, 3)
    [notice] = notices
    assert "1000:1" in notice


def test_paper_white_of_hlg_is_white():
    """Without tone mapping it is a gray of 191."""
    notices = []
    image = Uprighter(None, notices.append).image(hdr_frame(HLG, HLG_PAPER_WHITE))
    assert image.shape == (48, 64, 3)
    assert image.mean() == pytest.approx(255, abs=4)
    assert notices == []


def test_pq_is_mapped_in_files(tmp_path):
    with av.open(str(tmp_path / "hdr.mp4"), "w") as file:
        stream = file.add_stream("libx265", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.options = {"x265-params": "log-level=none:bframes=0"}  # of one frame, its times would be chance
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = PQ, 9, 9, 1
        file.mux(stream.encode(hdr_frame(PQ, 0.508)))  # 100 cd/m2
        file.mux(stream.encode(None))
    [frame] = open_source(str(tmp_path / "hdr.mp4"))
    assert frame.image.mean() == pytest.approx(255 * (100 / 203) ** (1 / 2.4), abs=4)


def test_where_the_filter_fails_it_is_said_once_and_the_frames_come():
    class Stubborn:
        """A frame that refuses to be filtered."""

        width, height, rotation, colorspace, color_range, color_trc = 64, 48, 0, 9, 1, PQ

        class format:
            name = "no such format"

        def to_ndarray(self, **_):
            return np.zeros((48, 64, 3), np.uint8)

    notices = []
    uprighter = Uprighter(None, notices.append)
    assert [uprighter.image(Stubborn()).shape for _ in range(2)] == [(48, 64, 3)] * 2
    assert notices == [NO_TONE_MAPPING]
