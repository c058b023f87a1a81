"""Cameras in the network that break off are asked again for a while."""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import replace

from app.errors import VideoUnavailable
from app.watch.clock import LiveClock
from app.watch.source import Source, TimedImage

PAUSE_S = 1.0
"""Between two tries."""


class Reconnecting:
    """A live source that is opened again when it breaks off; its time goes on.

    Args:
        first: The source, opened.
        reopen: Opens it again.
        patience_s: So long without a frame it is tried; then it has broken off.
        pause_s: Between two tries.
    """

    live = True
    duration_s: float | None = None

    def __init__(
        self, first: Source, reopen: Callable[[], Source], patience_s: float, pause_s: float = PAUSE_S
    ) -> None:
        self._source, self._reopen, self._patience_s, self._pause_s = first, reopen, patience_s, pause_s
        self._closed = threading.Event()
        self._damaged, self.notices = 0, first.notices

    @property
    def damaged(self) -> int:
        """Frames that could not be decoded, over all connections."""
        return self._damaged + self._source.damaged

    def why_nothing(self) -> str:
        """As in `Source`."""
        return self._source.why_nothing()

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames.

        Raises:
            VideoUnavailable: If it broke off and stays away.
        """
        clock, seen_s = LiveClock(), time.monotonic()
        while True:
            try:
                for frame in self._source:
                    seen_s = time.monotonic()
                    yield replace(frame, time_s=clock.now())
                return
            except VideoUnavailable as error:
                self.notices.append(f"{error} Trying again for {self._patience_s:g} s.")
                self._again(error, seen_s + self._patience_s)

    def stop(self) -> None:
        """Stop trying; may be called from any thread."""
        self._closed.set()

    def close(self) -> None:
        """Close the connection and stop trying."""
        self.stop()
        self._source.close()

    def _again(self, broken: VideoUnavailable, until_s: float) -> None:
        self._damaged += self._source.damaged
        self._source.close()
        while not self._closed.wait(self._pause_s) and time.monotonic() < until_s:
            try:
                self._source = self._reopen()
            except VideoUnavailable:
                continue
            self._source.notices = self.notices
            return
        raise broken
