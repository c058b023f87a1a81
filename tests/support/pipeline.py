"""The pipeline that stands in for the networks: its answers depend on the picture alone."""

import hashlib
from collections.abc import Sequence

import numpy as np

from app.faces.types import Answer, Box, Detection, DetectOptions, Face, ImageFaces
from app.manifest import EMOTION, LABELS
from app.pictures.types import Image
from tests.support.manifest import make_manifest


def emotion(probabilities: Sequence[float], raw: Sequence[float] | None = None) -> dict[str, Answer]:
    """Return the answers of one face that has only an emotion."""
    return {EMOTION: Answer(LABELS, tuple(probabilities), None if raw is None else tuple(raw))}


def digest_probabilities(image: Image) -> tuple[float, ...]:
    """Return five numbers that depend on every pixel of the picture and on nothing else."""
    raw = np.frombuffer(hashlib.sha256(image.tobytes()).digest()[:10], np.uint16).astype(np.float64) + 1
    return tuple((raw / raw.sum()).tolist())


class FakePipeline:
    """Finds one face per picture, derived from the picture's own pixels, so that mixed-up answers are caught."""

    def __init__(self) -> None:
        self.manifest = make_manifest()
        self.runtime = "nothing"
        self.batch_sizes: list[int] = []
        self.warmed_up = False
        self.options: list[DetectOptions] = []

    def warm_up(self) -> None:
        self.warmed_up = True

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> list[ImageFaces]:
        if images:
            self.batch_sizes.append(len(images))
        self.options += options
        return [self._faces(image, each) for image, each in zip(images, options, strict=True)]

    def classify(self, images: Sequence[Image], boxes: Sequence[Box | None]) -> list[dict[str, Answer]]:
        return [emotion(digest_probabilities(image)) for image, _ in zip(images, boxes, strict=True)]

    def _faces(self, image: Image, options: DetectOptions) -> ImageFaces:
        height, width = image.shape[:2]
        detection = Detection((0.0, 0.0, width / 2, height / 2), options.score_threshold or 0.9)
        face = Face(detection, emotion(digest_probabilities(image)))
        return ImageFaces(width, height, (face,), {"detect": 1.0, "classify": 1.0})
