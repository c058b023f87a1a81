"""Films of many containers, codecs and oddities: frames and times are those that FFmpeg's own ffprobe tells."""

import json
import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import pytest

from app.watch.address import open_source
from tests.watch.films import gray_frame, write_film
from tests.watch.frames import level

FFPROBE = shutil.which("ffprobe")
FPS, FRAMES = 25, 12
RATE, SAMPLES = 48_000, 1152
ENTRIES = (
    "format=start_time:stream=width,height,sample_aspect_ratio:stream_side_data=rotation:"
    "frame=best_effort_timestamp_time"
)
EVEN = tuple(range(0, 1000 * FRAMES // FPS, 1000 // FPS))
UNEVEN = (0, 40, 50, 200, 210, 400, 1200, 1233, 1266, 1300, 2000, 2040)
B_FRAMES = {"bf": "2"}
QUARTER, HALF, THREE_QUARTERS = (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)
"""Of a phone's matrix: a, b, c, d."""


LATE = tuple(2000 + each for each in EVEN)


@dataclass(frozen=True)
class Film:
    """A film to make; the ending of its name says the container."""

    name: str
    codec: str = "libx264"
    pixels: str = "yuv420p"
    times_ms: tuple[int, ...] = EVEN
    options: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (64, 64)
    aspect: Fraction | None = None
    turn: tuple[int, ...] | None = None
    sound: str | None = None
    sound_ms: int = 0


FILMS = [
    Film("plain.mp4"),
    Film("b-frames.mp4", options=B_FRAMES),
    Film("h265.mp4", "libx265", options={"x265-params": "log-level=none"}),
    Film("mpeg4.mp4", "mpeg4", options=B_FRAMES),
    Film("vp9.mp4", "libvpx-vp9"),
    Film("av1.mp4", "libsvtav1"),
    Film("uneven.mp4", times_ms=UNEVEN),
    Film("uneven-b.mp4", times_ms=UNEVEN, options=B_FRAMES),
    Film("late.mp4", times_ms=LATE, sound="aac"),
    Film("late-b.mp4", times_ms=LATE, options=B_FRAMES, sound="aac"),
    Film("sound-late.mp4", options=B_FRAMES, sound="aac", sound_ms=700),
    Film("quarter.mp4", size=(96, 64), turn=QUARTER),
    Film("half.mp4", size=(96, 64), turn=HALF),
    Film("wide.mp4", aspect=Fraction(2)),
    Film("wide-turned.mp4", aspect=Fraction(2), turn=QUARTER),
    Film("three.mov", size=(96, 64), turn=THREE_QUARTERS),
    Film("prores.mov", "prores_ks", "yuv422p10le"),
    Film("mjpeg.mov", "mjpeg", "yuvj420p"),
    Film("qtrle.mov", "qtrle", "rgb24"),
    Film("b-frames.mov", options=B_FRAMES),
    Film("high.mkv", aspect=Fraction(1, 2)),
    Film("uneven.mkv", times_ms=UNEVEN, options=B_FRAMES),
    Film("ffv1.mkv", "ffv1"),
    Film("mpeg2.mkv", "mpeg2video", options=B_FRAMES),
    Film("mjpeg.mkv", "mjpeg", "yuvj420p"),
    Film("clock.mkv", times_ms=tuple(600_000 + each for each in EVEN), sound="flac", sound_ms=600_000),
    Film("vp8.webm", "libvpx"),
    Film("vp9.webm", "libvpx-vp9", times_ms=UNEVEN),
    Film("mpeg4.avi", "mpeg4"),
    Film("mjpeg.avi", "mjpeg", "yuvj420p"),
    Film("huffyuv.avi", "huffyuv", "yuv422p"),
    Film("sound.avi", "mpeg4", sound="mp2"),
    Film("b-frames.ts", options=B_FRAMES, sound="mp2"),
    Film("mpeg2.ts", "mpeg2video", options=B_FRAMES),
    Film("late.ts", times_ms=LATE, sound="mp2"),
    Film("mpeg1.mpg", "mpeg1video"),
    Film("mpeg2.vob", "mpeg2video", options=B_FRAMES),
    Film("flv1.flv", "flv"),
    Film("b-frames.flv", options=B_FRAMES),
    Film("wmv2.wmv", "wmv2"),
    Film("vp8.ogv", "libvpx"),
    Film("h263.3gp", "h263", size=(176, 144)),
    Film("animation.gif", "gif", "rgb8"),
    Film("raw.nut", "rawvideo"),
    Film("mpeg2.mxf", "mpeg2video"),
    Film("bare.h264", options=B_FRAMES),
    Film("bare.m2v", "mpeg2video"),
]

SMALL, LARGE = ("libx264", (32, 32), 60, 0.0), ("libx264", (64, 64), 120, 0.0, "default")
COVER = ("mjpeg", (96, 96), 200, 0.0, "cover")
BESIDE = {
    "cover-last.mp4": ([LARGE, COVER], 0),
    "small-first.mkv": ([SMALL, LARGE], 1),
    "late-second.mkv": ([SMALL, ("libx264", (64, 64), 120, 2.02, "default")], 1),
}
"""Streams beside each other, and the one to follow."""


def write(folder, film):
    path = folder / film.name
    base = Fraction(1, 1000 if film.times_ms == UNEVEN else FPS)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(film.codec, rate=FPS)
        (stream.width, stream.height), stream.pix_fmt = film.size, film.pixels
        stream.codec_context.time_base = base
        stream.options = {"bf": "0", **film.options} if film.codec == "libx264" else film.options
        if film.aspect is not None:
            stream.codec_context.sample_aspect_ratio = film.aspect
        if film.sound is not None:
            file.mux(packets_of_silence(file.add_stream(film.sound, rate=RATE), film.sound_ms))
        for index, time_ms in enumerate(film.times_ms):
            frame = gray_frame(level(index), film.size, film.pixels)
            frame.time_base, frame.pts = base, round(time_ms / 1000 / base)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    if film.turn is not None:
        turn(path, film.turn)
    return path


def packets_of_silence(stream, start_ms, frames=120):
    packets = []
    for index in range(frames):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * SAMPLES), np.int16), "s16", "stereo")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = start_ms * RATE // 1000 + SAMPLES * index
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def turn(path, matrix):
    """Turn an MP4 whose only stream is the film, as a phone does."""
    payload = bytearray(path.read_bytes())
    a, b, c, d = (each << 16 for each in matrix)
    struct.pack_into(">9i", payload, payload.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(payload)


def probed(path, index):
    """Return the times of a stream's frames from the container's start, and the size in which a player shows it."""
    done = subprocess.run(
        [FFPROBE, "-v", "error", "-select_streams", str(index), "-show_entries", ENTRIES, "-of", "json", str(path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    times = []
    for frame in told["frames"]:  # ffprobe has no stamp for what comes out of a decoder without a packet
        guess = times[-1] + 1 / FPS if times else 0.0
        times.append(float(frame.get("best_effort_timestamp_time", guess)))
    start_s = told["format"].get("start_time")
    has_clock = start_s is not None and path.suffix != ".avi"
    first_s = max(0.0, float(start_s)) if has_clock else times[0]
    return [each - first_s for each in times], shown_size(told["streams"][0])


def shown_size(stream):
    wide, high = map(int, stream.get("sample_aspect_ratio", "1:1").split(":"))
    aspect = Fraction(wide or 1, high or 1)
    size = stream["width"] * max(aspect, 1), stream["height"] / min(aspect, 1)
    turned = [int(each.get("rotation", 0)) for each in stream.get("side_data_list", [])]
    return size[::-1] if any(each % 180 for each in turned) else size


@pytest.mark.skipif(FFPROBE is None, reason="ffprobe (Debian: ffmpeg) is not installed")
@pytest.mark.parametrize("film", [*FILMS, *BESIDE], ids=lambda film: getattr(film, "name", film))
def test_frames_and_times_are_those_of_ffprobe(tmp_path, film):
    path, index = tmp_path / getattr(film, "name", film), 0
    if isinstance(film, Film):
        write(tmp_path, film)
    else:
        streams, index = BESIDE[film]
        write_film(path, streams)
    times, size = probed(path, index)
    frames = list(open_source(str(path)))
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=0.0015)
    assert {frame.image.shape[1::-1] for frame in frames} == {size}
    if isinstance(film, Film):
        levels = [level(number) for number in range(len(film.times_ms))]
        assert [frame.image.mean() for frame in frames] == pytest.approx(levels, abs=4)
