"""Faces as a service may get them: leaning, framed tightly or widely, dark, small, blurred, compressed, half hidden.

All draws of a picture come from the generator that is handed in. Gray pictures, uint8, shape (H, W), throughout.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from training.jpeg import compress
from training.sets.pictures import Gray

BLACK = 12
"""Painted black is 0, and lossy files keep it below this."""

Draws = np.random.Generator


@dataclass(frozen=True)
class WideAugmentation:
    """What may happen to a picture, and how often.

    Attributes:
        roll_deg: Standard deviation of the usual rotation is half of this; never more than this.
        lean_deg: Largest rotation of the leaning share.
        lean_share: Share of the pictures that lean.
        zoom: Smallest and largest factor beside the set's own zoom.
        shift: Largest shift either way, as a share of the side.
        gain: Largest factor of brightness, and its inverse the smallest; likewise for the gamma.
        small_share: Share that keeps only a smaller picture's detail.
        small_px: Its smallest and largest side.
        blur_share: Share that is blurred.
        blur_sigma: Smallest and largest standard deviation as a share of the side.
        jpeg_share: Share that is compressed, with quality 15 to 75.
        noise_share: Share with noise.
        erase_share: Share that loses a rectangle.
        erase_area: Smallest and largest share of the area to erase.
    """

    roll_deg: float = 22.0
    lean_deg: float = 45.0
    lean_share: float = 0.18
    zoom: tuple[float, float] = (0.82, 1.25)
    shift: float = 0.08
    gain: float = 1.6
    small_share: float = 0.28
    small_px: tuple[int, int] = (16, 40)
    blur_share: float = 0.28
    blur_sigma: tuple[float, float] = (0.008, 0.03)
    jpeg_share: float = 0.15
    noise_share: float = 0.1
    erase_share: float = 0.3
    erase_area: tuple[float, float] = (0.02, 0.18)

    def __call__(self, picture: Gray, zoom: float, size_px: int, draws: Draws) -> Gray:
        """Return a new view of a picture.

        Args:
            picture: Square.
            zoom: The set's own; see `sets.SetPlan`.
            size_px: Side of the result.
            draws: Source of all randomness.
        """
        view = self._warp(picture, zoom, size_px, draws)
        view = self._relight(view, draws)
        view = self._soften(view, draws)
        return self._erase(view, draws)

    def _warp(self, picture: Gray, zoom: float, size_px: int, draws: Draws) -> Gray:
        if draws.random() < self.lean_share:
            roll_deg = draws.uniform(-self.lean_deg, self.lean_deg)
        else:
            roll_deg = float(np.clip(draws.normal(0, self.roll_deg / 2), -self.roll_deg, self.roll_deg))
        low, high = (math.log(each) for each in self.zoom)
        zoom *= math.exp(draws.uniform(low, high))
        shift = draws.uniform(-self.shift, self.shift, 2)
        mirror = draws.random() < 0.5
        return frame(picture, zoom, size_px, roll_deg, (float(shift[0]), float(shift[1])), mirror)

    def _relight(self, view: Gray, draws: Draws) -> Gray:
        most = math.log(self.gain)
        gain, gamma, contrast = np.exp(draws.uniform(-most, most, 3) * (0.6, 0.9, 0.6))
        level = np.arange(256) / 255
        curve = (level**gamma * gain - 0.5) * contrast + 0.5
        table = (curve * 255).round().clip(0, 255).astype(np.uint8)
        return np.asarray(table[view], dtype=np.uint8)

    def _soften(self, view: Gray, draws: Draws) -> Gray:
        side = view.shape[0]
        if draws.random() < self.small_share:
            small = int(draws.integers(self.small_px[0], self.small_px[1] + 1))
            reduced = cv2.resize(view, (small, small), interpolation=cv2.INTER_AREA)
            how = cv2.INTER_LINEAR if draws.random() < 0.5 else cv2.INTER_CUBIC
            view = np.asarray(cv2.resize(reduced, (side, side), interpolation=how), dtype=np.uint8)
        if draws.random() < self.blur_share:
            view = np.asarray(cv2.GaussianBlur(view, (0, 0), side * draws.uniform(*self.blur_sigma)), dtype=np.uint8)
        if draws.random() < self.noise_share:
            noisy = view + draws.normal(0, draws.uniform(2, 12), view.shape)
            view = noisy.round().clip(0, 255).astype(np.uint8)
        if draws.random() < self.jpeg_share:
            view = compress(view, int(draws.integers(15, 76)))
        return view

    def _erase(self, view: Gray, draws: Draws) -> Gray:
        """Paint a rectangle over: random erasing (Zhong et al. 2017, arXiv:1708.04896)."""
        if draws.random() >= self.erase_share:
            return view
        side = view.shape[0]
        area = draws.uniform(*self.erase_area) * side**2
        aspect = math.exp(draws.uniform(math.log(1 / 3), math.log(3)))
        height, width = max(1, round(math.sqrt(area * aspect))), max(1, round(math.sqrt(area / aspect)))
        top, left = (int(draws.random() * max(1, side - each)) for each in (height, width))
        view = view.copy()
        part = view[top : top + height, left : left + width]
        part[:] = draws.integers(0, 256, part.shape) if draws.random() < 0.3 else draws.integers(0, 256)
        return view


def frame(
    picture: Gray,
    zoom: float,
    size_px: int,
    roll_deg: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    mirror: bool = False,
) -> Gray:
    """Resample a square picture around its centre; beyond its edge the border repeats.

    Args:
        picture: Square.
        zoom: Enlargement: 1 shows the whole picture.
        size_px: Side of the result.
        roll_deg: Rotation.
        shift: To the right and down, as shares of the side.
        mirror: Exchange left and right.
    """
    side = picture.shape[0]
    if (zoom, roll_deg, shift, mirror, size_px) == (1.0, 0.0, (0.0, 0.0), False, side):
        return picture
    scale, angle = zoom * size_px / side, math.radians(roll_deg)
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    flip = -1.0 if mirror else 1.0
    middle, target = (side - 1) / 2, (size_px - 1) / 2
    matrix = np.array([[cos * flip, -sin, 0.0], [sin * flip, cos, 0.0]])
    for row in range(2):
        matrix[row, 2] = target + shift[row] * size_px - (matrix[row, 0] + matrix[row, 1]) * middle
    warped = cv2.warpAffine(
        picture, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, dtype=np.uint8)


def black_mask(picture: Gray) -> Gray:
    """Return 1 where black is connected to a corner, else 0."""
    height, width = picture.shape
    mask = np.zeros((height + 2, width + 2), np.uint8)
    dark = np.where(picture <= BLACK, 0, 255).astype(np.uint8)
    for corner in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        if dark[corner[1], corner[0]] == 0:
            cv2.floodFill(dark, mask, corner, 128, flags=4 | cv2.FLOODFILL_FIXED_RANGE)
    return np.asarray(cv2.dilate(mask[1:-1, 1:-1], np.ones((3, 3), np.uint8)), dtype=np.uint8)


def fill_black(picture: Gray, textures: Gray, draws: Draws, kept_share: float = 0.15) -> Gray:
    """Fill what was painted black around a face: with gray, blotches, or a piece of a picture without faces.

    Args:
        picture: Square.
        textures: Pictures without faces, shape (N, H, W), the same side; may be empty.
        draws: Source of all randomness.
        kept_share: Share of the pictures that stay as they are.
    """
    choice = draws.random()
    if choice < kept_share:
        return picture
    if choice < 0.55 and len(textures):
        filling = np.rot90(textures[draws.integers(len(textures))], int(draws.integers(4)))
    elif choice < 0.8:
        cells = int(draws.integers(2, 10))
        blotches = draws.integers(0, 256, (cells, cells)).astype(np.uint8)
        filling = np.asarray(cv2.resize(blotches, picture.shape, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    else:
        filling = np.full_like(picture, draws.integers(20, 256))
    return np.where(black_mask(picture) > 0, filling, picture).astype(np.uint8)
