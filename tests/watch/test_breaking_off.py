"""Sources that end before their time, and those that just end."""

import errno
import itertools

import av
import cv2
import pytest

from app.errors import VideoUnavailable
from app.faces.types import DetectOptions
from app.watch.address import open_source
from app.watch.camera import CameraSource
from app.watch.command import watch_source
from app.watch.packets import PacketSource
from tests.support.pipeline import FakePipeline
from tests.watch.frames import FPS, FRAMES, level
from tests.watch.rtsp_camera import RtspCamera

GRAYS = [level(index) for index in range(FRAMES)]


class BrokenContainer:
    """A file of which so many packets can be read; then comes the error."""

    def __init__(self, path, packets, error=None):
        self._container = av.open(str(path))
        self.streams, self.duration = self._container.streams, self._container.duration
        self.format, self.start_time = self._container.format, self._container.start_time
        self._packets, self._error, self.handed_out = packets, error, 0

    def demux(self, stream):
        for packet in itertools.islice(self._container.demux(stream), self._packets):
            self.handed_out += 1
            yield packet
        if self._error is not None:
            raise self._error


def taken(source):
    """Take all frames there are; return how many, and how it ended."""
    count = 0
    try:
        for _ in source:
            count += 1
    except VideoUnavailable as error:
        return count, str(error)
    return count, "done"


@pytest.mark.parametrize(
    ("live", "error", "message"),
    [
        (True, OSError(errno.ETIMEDOUT, "Connection timed out"), "The connection broke off: Connection timed out."),
        (True, av.error.ExitError(1, "Immediate exit requested"), "The connection broke off: nothing came for 10 s."),
        (False, OSError(errno.EIO, "Input/output error"), "The file broke off: Input/output error."),
    ],
)
def test_what_breaks_off_is_told_after_all_that_came(encode_video, live, error, message):
    path = encode_video("video.mp4", "libx264")
    source = PacketSource(BrokenContainer(path, 12, error), live)
    assert taken(source) == (12, message)
    assert source.damaged == 0


def test_a_camera_in_the_network_that_hangs_up_has_broken_off():
    with RtspCamera(GRAYS, FPS) as camera:
        source = open_source(camera.address)
        assert source.live
        assert taken(source) == (FRAMES, "The connection broke off: the other side closed it.")
        source.close()


def test_a_recording_in_the_network_just_ends():
    with RtspCamera(GRAYS, FPS, length_s=FRAMES / FPS) as camera:
        source = open_source(camera.address)
        assert taken(source) == (FRAMES, "done")
        source.close()


def test_live_frames_are_not_held_back(encode_video):
    container = BrokenContainer(encode_video("video.mp4", "libx264", tune="zerolatency"), FRAMES)
    frames = iter(PacketSource(container, live=True))
    for index in range(FRAMES):
        next(frames)
        assert container.handed_out == index + 1


def test_a_camera_that_is_unplugged_has_broken_off(make_video):
    source = CameraSource(cv2.VideoCapture(str(make_video())))
    first = next(iter(source))
    assert (first.time_s, first.image.shape) == (0, (96, 128, 3))
    assert taken(source) == (FRAMES - 1, "The camera stopped sending.")
    source.close()


def test_watching_what_breaks_off_fails_and_keeps_what_was_written(tmp_path):
    with RtspCamera(GRAYS, FPS) as camera, pytest.raises(VideoUnavailable) as raised:
        watch_source(
            camera.address, tmp_path / "out.mp4", tmp_path / "out.csv", FakePipeline, DetectOptions(), True, 0.35
        )
    rows = len((tmp_path / "out.csv").read_text().splitlines()) - 1
    assert 1 <= rows <= FRAMES
    assert str(raised.value).startswith(
        f"The connection broke off: the other side closed it. Until then: {rows} frames in "
    )
    assert len(list(open_source(str(tmp_path / "out.mp4")))) == rows
