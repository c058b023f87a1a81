"""Where `mien watch` takes its frames: a video file, an RTSP address or a camera, as the user typed it.

Files and RTSP are read by PyAV, which goes on after damaged packets; cameras by OpenCV, which counts them on every
system.
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np

from app.errors import VideoUnavailable
from app.vision.types import Image

RTSP_SCHEMES = ("rtsp://", "rtsps://")
RTSP_TIMEOUT_S = 10.0
RTSP_OPTIONS = {"rtsp_transport": "tcp", "protocol_whitelist": "rtp,tcp,tls,udp,crypto"}
FILE_OPTIONS = {"protocol_whitelist": "file"}
"""What FFmpeg may open: a playlist file must not send it into the network, nor a camera to this machine's files."""


@dataclass(frozen=True)
class TimedImage:
    """A frame of a video.

    Attributes:
        image: RGB, uint8, shape (H, W, 3), upright.
        time_s: Seconds since the first frame.
        taken_at: When a live frame came; None for files.
    """

    image: Image
    time_s: float
    taken_at: datetime | None = None


class Source(Protocol):
    """Frames, once, in order.

    Attributes:
        live: Whether they come in real time, so that late ones are worth nothing.
        duration_s: Length, where it is known.
        damaged: Frames that could not be decoded so far.
    """

    live: bool
    duration_s: float | None
    damaged: int

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames."""

    def close(self) -> None:
        """Let go of the file, the connection or the camera."""


def open_source(text: str) -> Source:
    """Open what the user typed: digits are a camera, `rtsp://` an address, all else a file.

    Raises:
        VideoUnavailable: If it is not there or is no video.
    """
    if text.isdecimal():
        return CameraSource(int(text))
    try:
        if text.startswith(RTSP_SCHEMES):
            return PacketSource(av.open(text, options=RTSP_OPTIONS, timeout=RTSP_TIMEOUT_S), live=True)
        if not Path(text).is_file():
            raise VideoUnavailable(f"No file {text!r}; give a video file, a camera's number or an rtsp:// address.")
        return PacketSource(av.open(str(Path(text).resolve()), options=FILE_OPTIONS), live=False)
    except (av.FFmpegError, OSError) as error:
        raise VideoUnavailable(f"{text!r} cannot be opened as a video: {error.strerror}.") from error


class PacketSource:
    """A file or a network stream.

    Args:
        container: From PyAV.
        live: See Source.

    Raises:
        VideoUnavailable: If it holds no video.
    """

    def __init__(self, container: Any, live: bool) -> None:
        if not container.streams.video:
            container.close()
            raise VideoUnavailable("There is sound but no video in it.")
        self._container, self._stream = container, container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.live, self.damaged = live, 0
        known = container.duration and not live
        self.duration_s: float | None = container.duration / av.time_base if known else None

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames; damaged packets are counted and left out, and a broken connection ends the video."""
        first_s: float | None = None
        for frame in self._decoded():
            seen_s = time.monotonic() if self.live or frame.time is None else frame.time
            first_s = seen_s if first_s is None else first_s
            upright = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
            yield TimedImage(np.ascontiguousarray(upright), seen_s - first_s, _now() if self.live else None)

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def _decoded(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                self.damaged += 1
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged += 1
                continue
            yield from frames


class CameraSource:
    """A camera of this machine.

    Args:
        index: Its number, from 0.

    Raises:
        VideoUnavailable: If it is not there or in use.
    """

    live = True
    duration_s: float | None = None

    def __init__(self, index: int) -> None:
        self.damaged = 0
        self._camera = cv2.VideoCapture(index)
        if not self._camera.isOpened():
            raise VideoUnavailable(f"Camera {index} cannot be opened: is it plugged in, free and allowed?")

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames until the camera stops sending."""
        first_s = time.monotonic()
        while self._camera.grab():
            decoded, bgr = self._camera.retrieve()
            if decoded:
                yield TimedImage(np.ascontiguousarray(bgr[:, :, ::-1]), time.monotonic() - first_s, _now())
            else:
                self.damaged += 1

    def close(self) -> None:
        """Free the camera."""
        self._camera.release()


def _now() -> datetime:
    return datetime.now(UTC)
