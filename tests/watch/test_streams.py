"""Which stream of a file is followed, what its clock is, and files without a film."""

from types import SimpleNamespace

import av
import pytest
from av.stream import Disposition
from PIL import Image as Pillow

from app.errors import VideoUnavailable
from app.watch.address import open_source
from app.watch.streams import choose_stream
from tests.watch.films import write_film

SMALL, LARGE = ("libx264", (32, 32), 60, 0.0), ("libx264", (64, 64), 120, 0.0)
COVER = ("mjpeg", (96, 96), 200, 0.0, "cover")


def side(source):
    return {frame.image.shape[0] for frame in source}


def stream(index, disposition, side_px=64):
    context = SimpleNamespace(width=side_px, height=side_px)
    return SimpleNamespace(index=index, disposition=disposition, codec_context=context)


def holding(*videos):
    return SimpleNamespace(streams=SimpleNamespace(video=videos), format=SimpleNamespace(name="matroska,webm"))


@pytest.mark.parametrize(
    ("videos", "chosen"),
    [
        ([stream(0, Disposition.attached_pic, 500), stream(1, Disposition(0))], 1),
        ([stream(0, Disposition.attached_pic | Disposition.timed_thumbnails, 500), stream(2, Disposition(0))], 2),
        ([stream(0, Disposition(0), 500), stream(1, Disposition.default)], 1),
        ([stream(0, Disposition.default, 32), stream(1, Disposition.default)], 1),
        ([stream(0, Disposition.default), stream(1, Disposition.default)], 0),
        ([SimpleNamespace(index=0, disposition=Disposition.default, codec_context=None), stream(1, Disposition(0))], 1),
    ],
    ids=["cover first", "thumbnails first", "default last", "small first", "equal", "unreadable first"],
)
def test_the_film_is_followed(videos, chosen):
    assert choose_stream(holding(*videos), None).index == chosen


def test_a_second_smaller_stream_before_the_default_one_is_not_followed(tmp_path):
    path = write_film(tmp_path / "two.mkv", [SMALL, (*LARGE, "default")])
    assert side(open_source(str(path))) == {64}
    assert side(open_source(str(path), number=0)) == {32}


def test_a_stream_that_is_not_there_is_said_with_those_that_are(tmp_path):
    path = write_film(tmp_path / "two.mkv", [SMALL, LARGE])
    with pytest.raises(VideoUnavailable, match=r"Stream 7 is no video; the video streams of this source: 0, 1\."):
        open_source(str(path), number=7)


def test_a_cover_alone_is_no_film(tmp_path):
    path = write_film(tmp_path / "cover.mp4", [COVER])
    with pytest.raises(VideoUnavailable, match="only a cover picture"):
        open_source(str(path))


def test_a_picture_is_no_film(tmp_path):
    with av.open(str(tmp_path / "picture.png"), "w", format="image2") as file:
        made = file.add_stream("png")
        made.width, made.height, made.pix_fmt = 16, 16, "rgb24"
        file.mux(made.encode(av.VideoFrame(16, 16, "rgb24")))
    with pytest.raises(VideoUnavailable, match="single picture and no video: use mien detect"):
        open_source(str(tmp_path / "picture.png"))


def test_an_animated_webp_is_told_what_to_do(tmp_path):
    first, *others = (Pillow.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue"))
    first.save(tmp_path / "film.webp", save_all=True, append_images=others)
    with pytest.raises(VideoUnavailable, match="convert them to GIF or MP4"):
        open_source(str(tmp_path / "film.webp"))


def test_a_coding_that_is_not_read_is_said():
    unknown = SimpleNamespace(index=0, disposition=Disposition.default, codec_context=None)
    with pytest.raises(VideoUnavailable, match="coding of video stream 0 is not read"):
        choose_stream(holding(unknown), None)


def test_a_picture_that_starts_late_keeps_the_files_time_and_it_is_said_once(tmp_path):
    late = ("libx264", (64, 64), 120, 2.02, "default")
    source = open_source(str(write_film(tmp_path / "late.mkv", [SMALL, late])))
    assert [frame.time_s for frame in source] == pytest.approx([2.02 + index / 10 for index in range(10)])
    assert source.notices == ["The picture starts 2.02 s after the file's other streams: no row before."]


def test_a_clock_that_starts_anywhere_is_counted_from_its_start(tmp_path):
    source = open_source(str(write_film(tmp_path / "part.mkv", [("libx264", (64, 64), 120, 600.0)])))
    assert [frame.time_s for frame in source] == pytest.approx([index / 10 for index in range(10)])
    assert source.notices == ["The file's clock starts at 600.00 s; time_s counts from there."]
