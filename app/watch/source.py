"""What `mien watch` reads: frames in order, with their times."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from app.pictures.types import Image


@dataclass(frozen=True)
class TimedImage:
    """A frame of a video.

    Attributes:
        image: RGB, uint8, shape (H, W, 3), upright, with square pixels.
        time_s: Seconds on the container's clock, from its start; for a live source since the first frame.
        taken_at: When a live frame arrived; None for files.
    """

    image: Image
    time_s: float
    taken_at: datetime | None = None


class Source(Protocol):
    """Frames in order; they can be read once.

    Attributes:
        live: Whether they come in real time, so that late ones are worthless.
        duration_s: Where it ends on its clock, if known.
        notices: What the user should know, in order; grows while it is read.
    """

    live: bool
    duration_s: float | None
    notices: list[str]

    @property
    def damaged(self) -> int:
        """Frames that could not be decoded so far."""

    def __iter__(self) -> Generator[TimedImage, None, None]:
        """Return the frames.

        Raises:
            VideoUnavailable: If it breaks off; at the end of a file, or of a live source that has one, it just ends.
        """

    def why_nothing(self) -> str:
        """Say why no frame came, after the end."""

    def close(self) -> None:
        """Release the file, the connection or the camera."""


def now() -> datetime:
    """Return when a live frame is taken that arrives now."""
    return datetime.now(UTC)
