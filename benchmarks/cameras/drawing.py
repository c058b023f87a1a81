"""Pictures of people, made of stills: a photo as a camera sees it, and faces pasted into a room."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from app.pictures.types import Image
from benchmarks.pictures import photo

WIDTH, HEIGHT = 1280, 720
Box = tuple[float, float, float, float]
Drawn = tuple[Image, dict[str, Box]]
Matrix = npt.NDArray[np.float64]

PEOPLE: dict[str, Box] = {"left": (538, 251, 662, 448), "right": (912, 94, 1054, 281)}
"""The faces in the photo, xyxy, as the detector finds them."""


ASTRONAUT = Path(__file__).parents[2] / "app/web/samples/astronaut.jpg"
CUT_OUT: dict[str, Box] = {"man": PEOPLE["right"], "woman": (179, 58, 270, 178)}
"""Whose faces are pasted into the room, and where they are in their photos."""


@cache
def photo_pixels(name: str = "zidane.jpg") -> Image:
    """Return a photo's pixels at the frames' size."""
    return np.asarray(photo(name).resize((WIDTH, HEIGHT), Pillow.Resampling.LANCZOS))


def seen_photo(scale: float, x: float, y: float, degrees: float = 0.0) -> Drawn:
    """Return the photo at a scale, with this point of it in the middle, turned."""
    turn: Matrix = cv2.getRotationMatrix2D((x, y), degrees, scale)
    turn[:, 2] += (WIDTH / 2 - x, HEIGHT / 2 - y)
    image: Image = cv2.warpAffine(photo_pixels(), turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101)
    return image, {name: _moved(box, turn) for name, box in PEOPLE.items()}


def _moved(box: Box, turn: Matrix) -> Box:
    left, top, right, bottom = box
    middle = turn @ np.array([(left + right) / 2, (top + bottom) / 2, 1.0])
    scale = math.hypot(turn[0, 0], turn[0, 1])
    half = np.array([right - left, bottom - top]) / 2 * scale
    (x0, y0), (x1, y1) = (middle - half).tolist(), (middle + half).tolist()
    return x0, y0, x1, y1


@cache
def room() -> Image:
    """Return a room without people: the photo, blurred until no face is left in it, with lines for the eye."""
    pixels = cv2.GaussianBlur(photo_pixels(), (0, 0), 40).astype(np.int16)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pixels += (12 * (np.sin(columns / 37.0) + np.sin(rows / 53.0)))[:, :, None].astype(np.int16)
    made: Image = pixels.clip(0, 255).astype(np.uint8)
    return made


@dataclass(frozen=True)
class Person:
    """Somebody in the room.

    Attributes:
        name: One of `CUT_OUT`, and a number where there are several.
        x: The middle of the face, in pixels.
        y: The same.
        side: The face's longer side in pixels.
        degrees: How far the head is tilted.
        narrow: Share of its width that is seen: a head that turns.
    """

    name: str
    x: float
    y: float
    side: float
    degrees: float = 0.0
    narrow: float = 1.0


def with_people(*people: Person) -> Drawn:
    """Paste faces into the room, later ones over earlier ones, with soft edges."""
    canvas = room().astype(np.float32)
    for person in people:
        face, box = _cut_out(person.name.split()[0])
        scale = person.side / max(box[2] - box[0], box[3] - box[1])
        high, wide = face.shape[:2]
        turn: Matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), person.degrees, scale)
        turn[0] *= person.narrow
        turn[:, 2] += np.array([person.x, person.y]) - turn @ np.array([wide / 2, high / 2, 1.0])
        laid = cv2.warpAffine(face, turn, (WIDTH, HEIGHT))
        share = laid[:, :, 3:] / 255.0
        canvas = canvas * (1 - share) + laid[:, :, :3] * share
    boxes = {
        each.name: (each.x - each.side / 2, each.y - each.side / 2, each.x + each.side / 2, each.y + each.side / 2)
        for each in people
    }
    return canvas.astype(np.uint8), boxes


@cache
def _cut_out(name: str) -> tuple[npt.NDArray[np.float32], Box]:
    """Return a face with its surroundings and an elliptic, soft mask as fourth channel, and the face's box in it."""
    left, top, right, bottom = CUT_OUT[name]
    source = photo_pixels() if name == "man" else np.asarray(Pillow.open(ASTRONAUT).convert("RGB"))
    margin = 0.45 * max(right - left, bottom - top)
    x0, y0 = int(max(0, left - margin)), int(max(0, top - margin))
    part = source[y0 : int(bottom + margin), x0 : int(right + margin)]
    high, wide = part.shape[:2]
    mask = np.zeros((high, wide), np.float32)
    cv2.ellipse(mask, (wide // 2, high // 2), (int(wide * 0.42), int(high * 0.45)), 0, 0, 360, 255.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 6)
    return np.dstack([part.astype(np.float32), mask]), (left - x0, top - y0, right - x0, bottom - y0)
