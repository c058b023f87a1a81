"""Quarter turns: boxes of a turned picture, and a face's picture set upright."""

from typing import TypeVar

import numpy as np

from app.faces.types import Box, Detection
from app.pictures.types import Image

Side = TypeVar("Side")

QUARTER_DEG = 90


def clockwise(box: tuple[Side, Side, Side, Side], width: Side, height: Side, quarters: int) -> tuple[Side, ...]:
    """Turn a picture clockwise and return where a box of it then lies.

    Args:
        box: Left, top, right and bottom: numbers, or arrays with one number for each box.
        width: Of the picture before, in the same unit.
        height: The same.
        quarters: How many quarter turns, 0..3.
    """
    for _ in range(quarters):
        left, top, right, bottom = box
        box = (height - bottom, left, height - top, right)  # type: ignore[operator]  # numbers or arrays
        width, height = height, width
    return box


def quarters_of(detection: Detection) -> int:
    """Return how many quarter turns counter-clockwise set a face upright, 0..3."""
    return detection.rotation_deg // QUARTER_DEG


def upright_box(detection: Detection, width: float, height: float) -> Box:
    """Return the box in the picture that is turned so that the face stands upright.

    Args:
        detection: The face.
        width: Of the picture as it is, in pixels.
        height: The same.
    """
    left, top, right, bottom = clockwise(detection.xyxy, float(width), float(height), -quarters_of(detection) % 4)
    return left, top, right, bottom


def cut_upright(image: Image, detection: Detection) -> tuple[Image, Box]:
    """Return a view of the picture in which the face stands upright, and its box there."""
    return set_upright(image, detection), upright_box(detection, image.shape[1], image.shape[0])


def set_upright(image: Image, detection: Detection) -> Image:
    """Return a view of the picture, or of a part of it, in which the face stands upright."""
    return np.rot90(image, quarters_of(detection))
