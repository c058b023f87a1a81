"""Pictures as plain values."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""A picture: RGB, uint8, shape (H, W, 3), upright."""

Rectangle = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels; right and bottom are outside."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, possibly at a fraction of its size.

    Attributes:
        image: Its pixels.
        width: Width of the upright original in pixels.
        height: Height of the upright original in pixels.
        truncated: Whether the file was cut off: what is missing is gray.
    """

    image: Image
    width: int
    height: int
    truncated: bool = False

    @classmethod
    def in_full(cls, image: Image) -> "Picture":
        """Return a picture at its own size."""
        return cls(image, image.shape[1], image.shape[0])

    @property
    def reduced(self) -> bool:
        """Whether `image` is smaller than the original."""
        return self.image.shape[:2] != (self.height, self.width)
