"""The time of each frame: from a file's time stamps, or from its arrival for a live source."""

import time


class FileClock:
    """Tells when each frame of a file is to be shown, in display order.

    A raw H.264 file has no time stamps, and an AVI may hold them in decoding order: a time that is missing or does not
    go forward is taken to be one frame interval after the previous one.

    Args:
        fps: Frames per second; above 0.
        start_s: Where the container's clock begins, if the file has one; None: with the first frame.
    """

    def __init__(self, fps: float, start_s: float | None = None) -> None:
        self.step_s = 1 / fps
        self._last_s: float | None = None
        self._start_s = start_s
        self._zero_s: float | None = None

    def time_of(self, stamp_s: float | None) -> float:
        """Take the next frame.

        Args:
            stamp_s: Its time stamp in seconds from any origin; None if it has none.

        Returns:
            Seconds since the container's start, else since the first frame.
        """
        guess_s = 0.0 if self._last_s is None else self._last_s + self.step_s
        if stamp_s is not None and self._zero_s is None:
            is_first = self._last_s is None and self._start_s is not None
            self._zero_s = self._start_s if is_first else stamp_s - guess_s
        told_s = guess_s if stamp_s is None or self._zero_s is None else stamp_s - self._zero_s
        self._last_s = told_s if self._last_s is None or told_s > self._last_s else guess_s
        return self._last_s


class LiveClock:
    """Tells when each frame of a live source arrived."""

    def __init__(self) -> None:
        self._first_s: float | None = None

    def now(self) -> float:
        """Return the seconds since the first call, which belongs to the first frame."""
        now_s = time.monotonic()
        self._first_s = now_s if self._first_s is None else self._first_s
        return now_s - self._first_s
