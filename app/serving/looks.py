"""How the next frame of a stream is searched, by what its last frames showed."""

from collections.abc import Callable
from dataclasses import replace

from app.faces.types import DetectOptions
from app.pictures.types import Image
from app.serving.frames import SECOND_LOOKS_PER_S, FrameRate
from app.tracks.follow import LiveFaces

Look = Callable[[Image], DetectOptions]
"""Looks at a picture before it is searched, and says how."""


class SeenOptions:
    """The options for a picture, known once it has been looked at.

    Args:
        options: For pictures that nobody looks at.
        look: Looks, if anyone does.
    """

    def __init__(self, options: DetectOptions, look: Look | None) -> None:
        self.options, self._look = options, look

    def __call__(self, image: Image) -> None:
        """Take the picture."""
        if self._look is not None:
            self.options = self._look(image)


class FrameLooks:
    """Looks at each frame of one stream before it is searched.

    Args:
        live: What the stream remembers of its faces.
    """

    def __init__(self, live: LiveFaces) -> None:
        self._live, self._again = live, FrameRate(SECOND_LOOKS_PER_S)

    def __call__(self, image: Image, options: DetectOptions, at_s: float) -> DetectOptions:
        """Return the options for the next frame: a few are looked at again, and only where something has changed.

        Args:
            image: The frame, RGB, uint8, shape (H, W, 3).
            options: For all frames.
            at_s: When it was taken, in seconds.
        """
        guide = self._live.plan(image, at_s)
        again = options.second_looks and (guide is None or (guide.whole and guide.changed))
        return replace(options, second_looks=again and self._again.admits(at_s), guide=guide)
