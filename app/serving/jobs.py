"""What the inference thread is asked for, and what it answers with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.faces.types import Answer, Attributes, Box, DetectOptions, ImageFaces
from app.pictures.types import Image

Answers = Mapping[str, Answer]
"""Attribute -> what its classifier says of one face."""


@dataclass(frozen=True, eq=False)
class DetectJob:
    """Find and classify the faces of an image."""

    image: Image
    options: DetectOptions


@dataclass(frozen=True, eq=False)
class ClassifyJob:
    """Classify the face in a box of each image; without a box the whole image is the face.

    Attributes:
        images: Pictures or parts of them.
        boxes: One for each, in its pixels.
        attributes: What is asked of all of them besides their emotion.
    """

    images: Sequence[Image]
    boxes: Sequence[Box | None]
    attributes: Attributes = ()


Job = DetectJob | ClassifyJob
Result = ImageFaces | list[Answers]
