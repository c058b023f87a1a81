import itertools
import struct
import wave

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from app.errors import VideoUnavailable
from app.watch.address import open_source
from app.watch.video import VideoWriter
from tests.watch.frames import FPS, FRAMES, level


def numbers(frames):
    """Read the number of each frame off its gray."""
    return [round((float(frame.image.mean()) - level(0)) / (level(1) - level(0))) for frame in frames]


def test_a_file_gives_every_frame_with_its_time(make_video):
    source = open_source(str(make_video()))
    frames = list(source)
    assert numbers(frames) == list(range(FRAMES))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(FRAMES) / FPS, atol=0.002)
    assert {frame.image.shape for frame in frames} == {(96, 128, 3)}
    assert {frame.taken_at for frame in frames} == {None}
    assert not source.live
    assert source.duration_s == pytest.approx(FRAMES / FPS, abs=0.15)
    assert source.damaged == 0


def test_times_go_forward_where_an_avi_has_them_in_the_order_of_decoding(encode_video):
    frames = list(open_source(str(encode_video("reordered.avi", "libx264", bf="2"))))
    assert numbers(frames) == list(range(FRAMES))
    times = [frame.time_s for frame in frames]
    assert times[0] == 0
    assert min(np.diff(times)) > 0.05
    np.testing.assert_allclose(times, np.arange(FRAMES) / FPS, atol=0.11)


def test_without_time_stamps_the_frame_rate_gives_the_times(encode_video):
    """A bare H.264 stream, as a Raspberry Pi writes it: the file has no times, but the encoder noted its rate."""
    frames = list(open_source(str(encode_video("bare.h264", "libx264", bf="2"))))
    assert numbers(frames) == list(range(FRAMES))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(FRAMES) / FPS)


@pytest.mark.parametrize(
    ("matrix", "dark"),
    [
        ((1, 0, 0, 1), np.s_[:, :32]),
        ((0, 1, -1, 0), np.s_[:32]),
        ((-1, 0, 0, -1), np.s_[:, -32:]),
        ((0, -1, 1, 0), np.s_[-32:]),
    ],
    ids=["as it is", "90", "180", "270"],
)
def test_a_turned_phone_gives_upright_frames(tmp_path, matrix, dark):
    """The left of the stored picture is dark; the file's matrix (a, b, c, d) puts x, y at ax + cy, bx + dy."""
    stored = np.full((96, 128, 3), 200, np.uint8)
    stored[:, :32] = 20
    with VideoWriter(tmp_path / "phone.mp4") as video:
        video.write(Pillow.fromarray(stored), 0)
    payload = bytearray((tmp_path / "phone.mp4").read_bytes())
    a, b, c, d = (each << 16 for each in matrix)
    struct.pack_into(">9i", payload, payload.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (tmp_path / "phone.mp4").write_bytes(payload)
    [frame] = open_source(str(tmp_path / "phone.mp4"))
    assert frame.image.shape == ((128, 96, 3) if matrix[0] == 0 else (96, 128, 3))
    assert frame.image[dark].mean() == pytest.approx(20, abs=3)
    assert frame.image.mean() == pytest.approx(155, abs=3)


def test_odd_sides_are_cut_to_even_ones(make_video):
    [frame] = open_source(str(make_video(frames=1, size=(65, 33))))
    assert frame.image.shape == (32, 64, 3)


def test_the_odd_column_is_cut_off_and_not_squeezed_in(tmp_path):
    pixels = np.zeros((32, 65, 3), np.uint8)
    pixels[:, 64] = 255
    with VideoWriter(tmp_path / "odd.mp4") as video:
        video.write(Pillow.fromarray(pixels), 0.0)
    [frame] = open_source(str(tmp_path / "odd.mp4"))
    assert frame.image.shape == (32, 64, 3)
    assert frame.image.max() < 16


def test_reading_goes_on_after_damage(encode_video):
    """Every frame is a key frame here, so that one damaged packet costs one frame."""
    path = encode_video("damaged.avi", "mjpeg", "yuvj420p")
    payload = path.read_bytes()
    starts = [place for place in range(len(payload)) if payload.startswith(b"\xff\xd8", place)]
    assert len(starts) == FRAMES
    broken = bytearray(payload)
    for start, following in itertools.pairwise(starts[8:12]):
        size = following - start - 16  # the next chunk's head stays
        broken[start : start + size] = bytes(size)
    path.write_bytes(broken)
    source = open_source(str(path))
    assert numbers(source) == [number for number in range(FRAMES) if number not in (8, 9, 10)]
    assert source.damaged == 3


def test_a_video_that_breaks_off_gives_what_is_there(make_video, tmp_path):
    whole = make_video().read_bytes()
    with av.open(str(make_video("copy.mp4"))) as read, av.open(str(tmp_path / "cut.mkv"), "w") as write:
        copy = write.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(read.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                write.mux(packet)
    payload = (tmp_path / "cut.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(payload[: len(payload) // 2])
    assert len(whole) > 1000
    seen = numbers(open_source(str(tmp_path / "cut.mkv")))
    assert 3 <= len(seen) < FRAMES
    assert seen == list(range(len(seen)))


def sound(path):
    with wave.open(str(path), "w") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))


def playlist(path):
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("missing.mp4", lambda _: None, "No file"),
        ("text.mp4", lambda path: path.write_text("no video"), "cannot be opened as a video"),
        ("sound.wav", sound, "no video in it"),
        ("list.m3u8", playlist, "cannot be opened as a video"),
    ],
)
def test_what_is_no_video_is_said_clearly(tmp_path, name, make, message):
    make(tmp_path / name)
    with pytest.raises(VideoUnavailable, match=message):
        open_source(str(tmp_path / name))


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1:9/video.mp4", "concat:a.mp4|b.mp4", "rtsp://127.0.0.1:9/x", "97", "9" * 20]
)
def test_what_cannot_be_reached_is_said_clearly(text):
    with pytest.raises(VideoUnavailable):
        open_source(text)


@pytest.mark.parametrize("address", ["rtsp://admin:s3cret@127.0.0.1:9/x", "RTSPS://admin:s3c/ret@127.0.0.1:9/x"])
def test_the_cameras_password_is_not_told(address):
    with pytest.raises(VideoUnavailable, match=r"//127\.0\.0\.1:9/x' cannot be opened") as told:
        open_source(address)
    assert "admin" not in str(told.value)
    assert "ret" not in str(told.value)


def test_a_title_in_latin_1_is_no_reason_to_refuse_a_video(encode_video):
    path = encode_video("old.avi", "mpeg4")
    with av.open(str(path)) as source, av.open(str(path.with_name("titled.avi")), "w") as target:
        target.metadata["title"] = "Noël"
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    titled = path.with_name("titled.avi")
    utf8, latin1 = "Noël\0".encode(), "Noëll\0".encode("latin-1")
    assert utf8 in titled.read_bytes()
    titled.write_bytes(titled.read_bytes().replace(utf8, latin1))
    assert len(list(open_source(str(titled)))) == FRAMES


def test_a_picture_that_no_encoder_takes_is_said_clearly(tmp_path):
    with (
        pytest.raises(VideoUnavailable, match="annotated video cannot be written"),
        VideoWriter(tmp_path / "a.mp4") as video,
    ):
        video.write(Pillow.new("RGB", (17_000, 16)), 0.0)
