"""Why a face was called so: an occlusion map, by masked copies of its crop.

Each copy has one square of gray; where that makes the answer much less likely, it rests on what the square hides.

References:
    Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901, section 4.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from app.faces.crop import Crops, crop_faces, crop_square, whole_picture
from app.faces.turn import quarters_of, set_upright, upright_box
from app.faces.types import Answer, Detection
from app.manifest import INPUT_SIZE_PX, CropRule
from app.pictures.types import Image

PLACES, MASK_PX = 4, 18
"""Masks along a side of the crop, and the side of each: three eighths of it. Each covers almost half of the next.
Together they are one part of the largest size that OpenVINO runs. With masks of a quarter, 7 along a side, it takes
three times as long, and no single one takes much from a sure answer."""

STEP_PX = (INPUT_SIZE_PX - MASK_PX) // (PLACES - 1)

OVERLAY_PX = 288
"""Side of a drawn map."""

LEAST_FULL_DROP = 0.05
"""The largest drop of a map is drawn in full colour, unless it is smaller than this: then nothing stands out."""

STRONGEST = 0.7
"""Share of a full colour."""

FOR_RGB, AGAINST_RGB = (255, 140, 0), (30, 110, 255)
"""What speaks for the answer, and what against it."""


@dataclass(frozen=True)
class Explanation:
    """What each place of a face carries.

    Attributes:
        label: The answer that is explained.
        drops: By how much its probability falls where a place is masked, -1..1; 4 rows of 4, from the top left.
    """

    label: str
    drops: tuple[tuple[float, ...], ...]


def face_crop(image: Image, detection: Detection, rule: CropRule) -> Image:
    """Return what a classifier sees of a face, upright, as a gray picture: RGB, uint8, shape (48, 48, 3)."""
    box = upright_box(detection, image.shape[1], image.shape[0])
    return _as_picture(crop_faces(set_upright(image, detection), [box], rule))


def picture_crop(image: Image) -> Image:
    """Return what a classifier sees of a picture that is a face already, as `face_crop`."""
    return _as_picture(whole_picture(image))


def square_of(detection: Detection, rule: CropRule) -> tuple[float, float, float]:
    """Return where that crop lies in the picture as it is: left, top and side in pixels, partly outside perhaps."""
    _, y, side = crop_square(detection.xyxy, rule)
    centre_x, centre_y = detection.centre
    down = y - centre_y
    across, along = ((0.0, down), (-down, 0.0), (0.0, -down), (down, 0.0))[quarters_of(detection)]
    return centre_x + across - side / 2, centre_y + along - side / 2, side


def masked_copies(crop: Image) -> list[Image]:
    """Return for each place, row by row, a copy of the crop that is covered there by its mean gray."""
    gray = round(float(crop.mean()))
    copies = []
    for row in range(PLACES):
        for column in range(PLACES):
            copy, top, left = crop.copy(), row * STEP_PX, column * STEP_PX
            copy[top : top + MASK_PX, left : left + MASK_PX] = gray
            copies.append(copy)
    return copies


def explanation_of(answer: Answer, masked: Sequence[Answer], label: str) -> Explanation:
    """Return the map for a label.

    Args:
        answer: For the face as it is.
        masked: For `masked_copies` of its crop, in order.
        label: One of the answer's.
    """
    at = answer.labels.index(label)
    drops = [round(answer.probabilities[at] - each.probabilities[at], 4) for each in masked]
    return Explanation(label, tuple(tuple(drops[row * PLACES : (row + 1) * PLACES]) for row in range(PLACES)))


def draw_explanation(crop: Image, explanation: Explanation) -> Pillow.Image:
    """Lay a map over its crop: orange where a place speaks for the answer, blue where against it.

    Returns:
        RGB, 288 x 288 pixels.
    """
    size = (OVERLAY_PX, OVERLAY_PX)
    face = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    drops = np.array(explanation.drops, dtype=np.float32)
    strength = np.abs(drops) / max(LEAST_FULL_DROP, float(np.abs(drops).max()))
    colours = np.where(drops[..., None] > 0, np.array(FOR_RGB), np.array(AGAINST_RGB))
    share, colour = _spread(strength)[..., None], _spread(colours * strength[..., None])
    drawn = face * (1 - STRONGEST * share) + STRONGEST * colour
    return Pillow.fromarray(drawn.round().clip(0, 255).astype(np.uint8))


def _spread(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Enlarge a map to the drawing, each value at the middle of its mask; the outer ones reach on to the edge."""
    side = STEP_PX * OVERLAY_PX // INPUT_SIZE_PX  # from one middle to the next
    first = MASK_PX * OVERLAY_PX // INPUT_SIZE_PX // 2
    at = ((np.arange(OVERLAY_PX, dtype=np.float32) + 0.5) - first) / side
    across, down = np.meshgrid(at, at)
    values = values.astype(np.float32)
    spread: npt.NDArray[np.float32] = cv2.remap(values, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return spread


def _as_picture(crops: Crops) -> Image:
    gray = crops[0, 0].round().clip(0, 255).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, axis=2)
