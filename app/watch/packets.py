"""Films that PyAV reads: files, pipes and streams of the network."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any

import av

from app.errors import VideoUnavailable
from app.watch.clock import FileClock, LiveClock
from app.watch.source import TimedImage, now
from app.watch.streams import choose_stream
from app.watch.upright import Uprighter

NETWORK_TIMEOUT_S = 10.0

USUAL_FPS = 25
"""Used when a file does not state its frame rate; FFmpeg guesses the same."""

DECODING_ORDER = ("avi",)
"""Formats whose time stamps tell when a packet is decoded: the first frame's is no start."""

TOLD_S = 0.5
"""A clock that starts later than this, or a picture that does, is told."""


class PacketSource:
    """A file or a network stream.

    Args:
        container: From PyAV.
        live: See `Source`.
        number: Which stream, as in `choose_stream`.
        aspect: Width of a pixel by its height, instead of what the file says.

    Raises:
        VideoUnavailable: As `choose_stream`.
    """

    def __init__(self, container: Any, live: bool, number: int | None = None, aspect: Fraction | None = None) -> None:
        try:
            self._stream = choose_stream(container, number)
        except VideoUnavailable:
            container.close()
            raise
        self._container, self.notices = container, list[str]()
        self._stream.thread_type = "SLICE" if live else "AUTO"  # frame threads return each frame several frames late
        self._upright = Uprighter(aspect or self._stream.sample_aspect_ratio, self.notices.append)
        self.live, self.damaged = live, 0
        self._packets_read, self._last_error = 0, ""
        self._zero_s: float = max(0.0, (container.start_time or 0) / av.time_base)
        self.duration_s: float | None = None if live else self._length_s()

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames; damaged packets are counted and skipped."""
        arrivals = LiveClock()
        fps = float(self._stream.guessed_rate or USUAL_FPS)
        has_clock = self._container.start_time is not None and self._container.format.name not in DECODING_ORDER
        stamps = FileClock(fps, self._zero_s if has_clock else None)
        for number, frame in enumerate(self._decoded()):
            time_s = arrivals.now() if self.live else stamps.time_of(frame.time)
            if number == 0 and not self.live:
                self._tell_start(time_s)
            yield TimedImage(self._upright.image(frame), time_s, now() if self.live else None)

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def why_nothing(self) -> str:
        """Say why no frame came."""
        if not self._packets_read:
            return "The file announces a video but holds no data of it."
        codec = self._stream.codec_context.name
        last = f", the last with: {self._last_error}" if self._last_error else ""
        return (
            f"No frame could be decoded: {self.damaged} of {self._packets_read} packets ({codec}) failed{last}. "
            "It is damaged, encrypted, or in a form of this coding that is not read here."
        )

    def _length_s(self) -> float | None:
        """Where the picture ends on the container's clock, as far as the file says."""
        stream = self._stream
        if stream.duration and stream.time_base:
            return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - self._zero_s
        return float(self._container.duration / av.time_base) if self._container.duration else None

    def _tell_start(self, time_s: float) -> None:
        if self._zero_s > TOLD_S:
            self.notices.append(f"The file's clock starts at {self._zero_s:.2f} s; time_s counts from there.")
        if time_s > TOLD_S:
            self.notices.append(f"The picture starts {time_s:.2f} s after the file's other streams: no row before.")

    def _decoded(self) -> Iterator[Any]:
        for packet in self._packets():
            self._packets_read += packet is not None and packet.size > 0
            try:
                frames = self._stream.decode(packet)
            except av.FFmpegError as error:
                self.damaged += 1
                self._last_error = str(error.strerror)
            else:
                yield from frames

    def _packets(self) -> Iterator[Any]:
        """Yield the packets, then a flush that makes the decoder return the frames it still holds."""
        try:
            yield from self._container.demux(self._stream)
        except (av.FFmpegError, OSError) as error:
            yield None
            what = "connection" if self.live else "file"
            raise VideoUnavailable(f"The {what} broke off: {reason(error)}.") from error
        if self.live and not self._container.duration:
            raise VideoUnavailable("The connection broke off: the other side closed it.")


def reason(error: OSError | av.FFmpegError) -> str:
    """Say why a source failed."""
    silent = isinstance(error, av.error.ExitError)  # "Immediate exit requested": the time limit ends the call
    return f"nothing came for {NETWORK_TIMEOUT_S:.0f} s" if silent else str(error.strerror)
