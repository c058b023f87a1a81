"""Cameras of this machine, which OpenCV numbers on every system."""

from collections.abc import Generator
from typing import Any

import cv2
import numpy as np

from app.errors import VideoUnavailable
from app.watch.clock import LiveClock
from app.watch.source import TimedImage, now


def open_camera(number: str) -> "CameraSource":
    """Open a camera by its number.

    Raises:
        VideoUnavailable: If it is not there or is used by others.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it would name each of its readers that failed
    try:
        camera = cv2.VideoCapture(int(number))
    except cv2.error as error:  # the number does not fit a C int
        raise VideoUnavailable(f"There is no camera {number}.") from error
    if not camera.isOpened():
        raise VideoUnavailable(f"Camera {number} cannot be opened: is it plugged in, free and allowed?")
    return CameraSource(camera)


class CameraSource:
    """A camera on this machine.

    Args:
        camera: Opened by OpenCV.
    """

    live = True
    duration_s: float | None = None

    def __init__(self, camera: Any) -> None:
        self.damaged, self.notices = 0, list[str]()
        self._camera = camera

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames until the camera stops sending."""
        arrivals = LiveClock()
        while self._camera.grab():
            decoded, bgr = self._camera.retrieve()
            if decoded:
                yield TimedImage(np.ascontiguousarray(bgr[:, :, ::-1]), arrivals.now(), now())
            else:
                self.damaged += 1
        raise VideoUnavailable("The camera stopped sending.")

    def why_nothing(self) -> str:
        """As in `Source`."""
        return "The camera sent no frame."

    def close(self) -> None:
        """Release the camera."""
        self._camera.release()
