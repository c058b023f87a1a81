"""Where `mien watch` gets its frames: a video file, an RTSP address or a camera, as the user typed it.

Files and RTSP are read by PyAV, which goes on after damaged packets; cameras by OpenCV, which numbers them on every
system.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np

from app.errors import VideoUnavailable
from app.pictures.types import Image
from app.watch.clock import FileClock, LiveClock

RTSP_SCHEMES = ("rtsp://", "rtsps://")
RTSP_TIMEOUT_S = 10.0
RTSP_OPTIONS = {"rtsp_transport": "tcp", "protocol_whitelist": "rtp,tcp,tls,udp,crypto"}
FILE_OPTIONS = {"protocol_whitelist": "file"}
"""What FFmpeg may open: a playlist file must not send it to the network, nor a camera to this machine's files."""


USUAL_FPS = 25
"""Used when a file does not state its frame rate; FFmpeg guesses the same."""


@dataclass(frozen=True)
class TimedImage:
    """A frame of a video.

    Attributes:
        image: RGB, uint8, shape (H, W, 3), upright.
        time_s: Seconds since the first frame.
        taken_at: When a live frame arrived; None for files.
    """

    image: Image
    time_s: float
    taken_at: datetime | None = None


class Source(Protocol):
    """Frames in order; they can be read once.

    Attributes:
        live: Whether they come in real time, so that late ones are worthless.
        duration_s: Length, if known.
        damaged: Frames that could not be decoded so far.
    """

    live: bool
    duration_s: float | None
    damaged: int

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames.

        Raises:
            VideoUnavailable: If it breaks off; at the end of a file, or of a live source that has one, it just ends.
        """

    def close(self) -> None:
        """Release the file, the connection or the camera."""


def open_source(text: str) -> Source:
    """Open what the user typed: digits are a camera, `rtsp://` an address, anything else a file.

    Raises:
        VideoUnavailable: If it is not there or is not a video.
    """
    if text.isdecimal():
        return _open_camera(text)
    try:
        if text.lower().startswith(RTSP_SCHEMES):
            return PacketSource(_open(text, options=RTSP_OPTIONS, timeout=RTSP_TIMEOUT_S), live=True)
        if not Path(text).is_file():
            raise VideoUnavailable(f"No file {text!r}; give a video file, a camera's number or an rtsp:// address.")
        return PacketSource(_open(str(Path(text).resolve()), options=FILE_OPTIONS), live=False)
    except (av.FFmpegError, OSError) as error:
        raise VideoUnavailable(f"{_without_user(text)!r} cannot be opened as a video: {_reason(error)}.") from error


def _open(address: str, **options: Any) -> Any:
    """Open with PyAV; titles in encodings other than UTF-8 are no reason to refuse a video."""
    return av.open(address, metadata_errors="replace", **options)


def _without_user(text: str) -> str:
    """Remove the camera's user and password from what is shown."""
    scheme, separator, rest = text.partition("://")
    if scheme.lower() + separator not in RTSP_SCHEMES:
        return text
    return scheme + separator + rest.rpartition("@")[2]


def _open_camera(number: str) -> "CameraSource":
    try:
        camera = cv2.VideoCapture(int(number))
    except cv2.error as error:  # the number does not fit a C int
        raise VideoUnavailable(f"There is no camera {number}.") from error
    if not camera.isOpened():
        raise VideoUnavailable(f"Camera {number} cannot be opened: is it plugged in, free and allowed?")
    return CameraSource(camera)


class PacketSource:
    """A file or a network stream.

    Args:
        container: From PyAV.
        live: See `Source`.

    Raises:
        VideoUnavailable: If it contains no video.
    """

    def __init__(self, container: Any, live: bool) -> None:
        if not container.streams.video:
            container.close()
            raise VideoUnavailable("There is sound but no video in it.")
        self._container, self._stream = container, container.streams.video[0]
        self._stream.thread_type = "SLICE" if live else "AUTO"  # frame threads return each frame several frames late
        self.live, self.damaged = live, 0
        known = container.duration and not live
        self.duration_s: float | None = container.duration / av.time_base if known else None

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames; damaged packets are counted and skipped."""
        arrivals, stamps = LiveClock(), FileClock(float(self._stream.guessed_rate or USUAL_FPS))
        for frame in self._decoded():
            time_s = arrivals.now() if self.live else stamps.time_of(frame.time)
            upright = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
            yield TimedImage(np.ascontiguousarray(upright), time_s, _now() if self.live else None)

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def _decoded(self) -> Iterator[Any]:
        for packet in self._packets():
            try:
                frames = self._stream.decode(packet)
            except av.FFmpegError:
                self.damaged += 1
            else:
                yield from frames

    def _packets(self) -> Iterator[Any]:
        """Yield the packets, then a flush that makes the decoder return the frames it still holds."""
        try:
            yield from self._container.demux(self._stream)
        except (av.FFmpegError, OSError) as error:
            yield None
            what = "connection" if self.live else "file"
            raise VideoUnavailable(f"The {what} broke off: {_reason(error)}.") from error
        if self.live and not self._container.duration:
            raise VideoUnavailable("The connection broke off: the other side closed it.")


class CameraSource:
    """A camera on this machine.

    Args:
        camera: Opened by OpenCV.
    """

    live = True
    duration_s: float | None = None

    def __init__(self, camera: Any) -> None:
        self.damaged = 0
        self._camera = camera

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames until the camera stops sending."""
        arrivals = LiveClock()
        while self._camera.grab():
            decoded, bgr = self._camera.retrieve()
            if decoded:
                yield TimedImage(np.ascontiguousarray(bgr[:, :, ::-1]), arrivals.now(), _now())
            else:
                self.damaged += 1
        raise VideoUnavailable("The camera stopped sending.")

    def close(self) -> None:
        """Release the camera."""
        self._camera.release()


def _now() -> datetime:
    return datetime.now(UTC)


def _reason(error: OSError | av.FFmpegError) -> str:
    silent = isinstance(error, av.error.ExitError)  # "Immediate exit requested": the time limit ends the call
    return f"nothing came for {RTSP_TIMEOUT_S:.0f} s" if silent else str(error.strerror)
