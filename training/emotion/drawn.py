"""Drawn faces in FER2013's form: enough to try every command in minutes, and useless for photos."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from app.manifest import INPUT_SIZE_PX, LABELS

PICTURES = {"train": 80, "val": 20, "test": 20}
"""Folder -> faces of each label."""

DRAWN_SIZE_PX = 3 * INPUT_SIZE_PX
"""Faces are drawn large and then reduced, so that lines are smooth."""


@dataclass(frozen=True)
class Look:
    """What makes an expression; lengths as shares of the picture's side.

    Attributes:
        brow_slope: How far a brow's inner end lies below its outer one.
        brow_lift: How far both brows are raised.
        eye_height: Half of an eye's height.
        mouth_curve: How far the corners of the mouth lie above its middle.
        mouth_open: Half of the open mouth's height.
    """

    brow_slope: float
    brow_lift: float
    eye_height: float
    mouth_curve: float
    mouth_open: float


LOOKS = {
    "angry": Look(0.08, -0.03, 0.02, -0.02, 0.0),
    "happy": Look(0.0, 0.0, 0.025, 0.1, 0.0),
    "sad": Look(-0.07, 0.0, 0.025, -0.08, 0.0),
    "surprise": Look(0.0, 0.07, 0.05, 0.0, 0.09),
    "neutral": Look(0.0, 0.0, 0.03, 0.0, 0.0),
}


def draw_faces(folder: Path, seed: int) -> dict[str, int]:
    """Write `{train,val,test}/<label>/<number>.png`.

    Args:
        folder: Made if needed; files of the same names are replaced.
        seed: The same one draws the same faces.

    Returns:
        Number of pictures of each part.
    """
    generator = np.random.default_rng(seed)
    for part, count in PICTURES.items():
        for label in LABELS:
            (folder / part / label).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                draw_face(label, generator).save(folder / part / label / f"{number:03}.png")
    return {part: count * len(LABELS) for part, count in PICTURES.items()}


def draw_face(label: str, generator: np.random.Generator) -> Image.Image:
    """Draw one face: gray, 48x48, of varying tone, place and size, with noise.

    Args:
        label: One of `LABELS`.
        generator: Source of all that varies.
    """
    skin, ground = generator.uniform(130, 230), generator.uniform(20, 110)
    picture = Image.new("L", (DRAWN_SIZE_PX, DRAWN_SIZE_PX), int(ground))
    _Pen(picture, generator).face(LOOKS[label], int(skin))
    small = picture.rotate(generator.uniform(-6, 6), Image.Resampling.BILINEAR, fillcolor=int(ground)).resize(
        (INPUT_SIZE_PX, INPUT_SIZE_PX), Image.Resampling.BOX
    )
    noisy = np.asarray(small, np.float64) + generator.normal(0, 6, (INPUT_SIZE_PX, INPUT_SIZE_PX))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


class _Pen:
    """Draws in shares of the picture's side, moved and scaled a little."""

    def __init__(self, picture: Image.Image, generator: np.random.Generator) -> None:
        self._draw, self._generator = ImageDraw.Draw(picture), generator
        self._scale = generator.uniform(0.9, 1.05) * picture.width
        self._left, self._top = ((generator.uniform(0.48, 0.52) * picture.width) - self._scale / 2 for _ in "xy")

    def face(self, look: Look, skin: int) -> None:
        brow_slope, brow_lift, eye_height, curve, gape = (
            value + self._generator.normal(0, 0.008)
            for value in (look.brow_slope, look.brow_lift, look.eye_height, look.mouth_curve, look.mouth_open)
        )
        dark = int(skin * 0.25)
        self._oval(0.5, 0.5, 0.4, 0.48, skin)
        for side in (-1, 1):
            self._oval(0.5 + 0.17 * side, 0.42, 0.06, max(eye_height, 0.01), dark)
            outer, inner = 0.3 - brow_lift - brow_slope / 2, 0.3 - brow_lift + brow_slope / 2
            self._line(((0.5 + 0.27 * side, outer), (0.5 + 0.08 * side, inner)), dark)
        if gape > 0.04:
            self._oval(0.5, 0.73, 0.09, gape, dark)
        else:
            across = np.linspace(-1, 1, 9)
            self._line([(0.5 + 0.17 * x, 0.73 + curve * (0.5 - x * x)) for x in across], dark)

    def _oval(self, x: float, y: float, half_width: float, half_height: float, tone: int) -> None:
        corners = [self._at(x - half_width, y - half_height), self._at(x + half_width, y + half_height)]
        self._draw.ellipse(corners, fill=tone)

    def _line(self, points: list[tuple[float, float]] | tuple[tuple[float, float], ...], tone: int) -> None:
        self._draw.line([self._at(x, y) for x, y in points], fill=tone, width=int(0.04 * self._scale), joint="curve")

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self._left + x * self._scale, self._top + y * self._scale
