"""Keeps up with a live source: a thread reads every frame; the consumer gets the newest."""

import threading
from collections.abc import Generator

from app.watch.reconnect import Reconnecting
from app.watch.source import Source, TimedImage


def newest_frames(source: Source) -> Generator[TimedImage, None, None]:
    """Yield the newest frame of a live source each time; frames in between are skipped.

    Raises:
        Exception: Whatever reading the source raised.
    """
    reader = _Reader(source)
    thread = threading.Thread(target=reader.run, name="camera", daemon=True)
    thread.start()
    try:
        while (frame := reader.take()) is not None:
            yield frame
    finally:
        reader.stopped = True
        if isinstance(source, Reconnecting):
            source.stop()
        thread.join()


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._changed = threading.Condition()
        self._newest: TimedImage | None = None
        self._ended = False
        self._error: Exception | None = None
        self.stopped = False

    def run(self) -> None:
        try:
            for frame in self._source:
                with self._changed:
                    self._newest = frame
                    self._changed.notify()
                if self.stopped:
                    break
        except Exception as error:  # noqa: BLE001 - raised again by `take`, on the consumer's thread
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def take(self) -> TimedImage | None:
        """Wait for a frame that has not been taken yet; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended)
            frame, self._newest = self._newest, None
        if frame is None and self._error is not None:
            raise self._error
        return frame
