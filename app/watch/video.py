"""The annotated video that `mien watch` writes: H.264 in MP4, which browsers and phones play."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from PIL import Image as Pillow

from app.errors import VideoUnavailable

MILLISECOND = Fraction(1, 1000)
NOMINAL_FPS = 30
"""Only a hint for the encoder; every frame keeps its own time."""


class VideoWriter:
    """Writes pictures with their times; the video has the size of the first one, cut to even sides.

    Args:
        path: The MP4 file; playable after `close`, even if the source broke off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: Any = None
        self._stream: Any = None
        self._last_ms = -1

    def write(self, picture: Pillow.Image, time_s: float) -> None:
        """Add a picture.

        Args:
            picture: RGB.
            time_s: Seconds since the beginning; if not after the previous picture's time, it is moved after it.

        Raises:
            VideoUnavailable: If the encoder refuses it, as with sides over 16,384 pixels, or the disk is full.
        """
        with _told():
            self._write(picture, time_s)

    def close(self) -> None:
        """Write what the encoder still holds, and the index; if no picture was written, there is no file.

        Raises:
            VideoUnavailable: If that cannot be written.
        """
        if self._container is not None:
            with _told():
                self._container.mux(self._stream.encode(None))
                self._container.close()

    def _write(self, picture: Pillow.Image, time_s: float) -> None:
        width, height = (max(2, side - side % 2) for side in picture.size)
        if self._container is None:
            self._begin(width, height)
        frame = av.VideoFrame.from_image(picture.crop((0, 0, width, height))).reformat(
            self._stream.width, self._stream.height, "yuv420p"
        )
        self._last_ms = max(self._last_ms + 1, round(time_s * 1000))
        frame.pts, frame.time_base = self._last_ms, MILLISECOND
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> "VideoWriter":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, however the block ended."""
        self.close()

    def _begin(self, width: int, height: int) -> None:
        self._container = av.open(str(self._path), "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=NOMINAL_FPS)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast"}
        self._stream.codec_context.time_base = MILLISECOND


@contextmanager
def _told() -> Iterator[None]:
    """Turn a failure into one of our errors."""
    try:
        yield
    except av.FFmpegError as error:
        raise VideoUnavailable(f"The annotated video cannot be written: {error.strerror}.") from error
