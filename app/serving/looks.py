"""How the next frame of a stream is searched, by what its last frames showed."""

from collections.abc import Callable
from dataclasses import replace

from app.faces.reduced import frame_long_side_px
from app.faces.types import DetectOptions, ImageFaces
from app.manifest import Manifest
from app.pictures.types import Picture
from app.serving.frames import SECOND_LOOKS_PER_S, FrameRate
from app.tracks.follow import LiveFaces

Look = Callable[[Picture], DetectOptions]
"""Looks at a picture before it is searched, and says how."""


class SeenOptions:
    """The options for a picture, known once it has been looked at.

    Args:
        options: For pictures that nobody looks at.
        look: Looks, if anyone does.
    """

    def __init__(self, options: DetectOptions, look: Look | None) -> None:
        self.options, self._look = options, look

    def __call__(self, picture: Picture) -> None:
        """Take the picture."""
        if self._look is not None:
            self.options = self._look(picture)


class FrameLooks:
    """Looks at each frame of one stream before it is searched.

    Args:
        live: What the stream remembers of its faces.

    Attributes:
        long_side_px: Fewest pixels that the next frame's longer side must keep, if it is decoded smaller; None: as many
            as a photo's.
    """

    def __init__(self, live: LiveFaces) -> None:
        self._live, self._again = live, FrameRate(SECOND_LOOKS_PER_S)
        self.long_side_px: int | None = None

    def __call__(self, picture: Picture, options: DetectOptions, at_s: float) -> DetectOptions:
        """Return the options for the next frame: a few are looked at again, and only where something has changed.

        Args:
            picture: The frame.
            options: For all frames.
            at_s: When it was taken, in seconds.
        """
        guide = self._live.plan(picture, at_s)
        again = options.second_looks and (guide is None or (guide.whole and guide.changed))
        return replace(options, second_looks=again and self._again.admits(at_s), guide=guide)

    def answered(self, found: ImageFaces, manifest: Manifest) -> None:
        """Take the answer for the frame that was looked at; where all is searched, frames stay as large as photos.

        Args:
            found: In pixels of the original.
            manifest: Of the networks that found it.
        """
        if self._live.is_guided:
            self.long_side_px = frame_long_side_px(found, manifest)
