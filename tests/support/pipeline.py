"""The pipeline that stands in for the networks: its answers depend on the picture alone."""

import hashlib
from collections.abc import Sequence

import numpy as np

from app.faces.types import Answer, Attributes, Box, Detection, DetectOptions, Face, ImageFaces
from app.manifest import EMOTION, LABELS, Manifest
from app.pictures.types import Image
from tests.support.manifest import make_manifest


def emotion(probabilities: Sequence[float], raw: Sequence[float] | None = None) -> dict[str, Answer]:
    """Return the answers of one face that has only an emotion."""
    return {EMOTION: Answer(LABELS, tuple(probabilities), None if raw is None else tuple(raw))}


def digest_probabilities(image: Image) -> tuple[float, ...]:
    """Return five numbers that depend on every pixel of the picture and on nothing else."""
    raw = np.frombuffer(hashlib.sha256(image.tobytes()).digest()[:10], np.uint16).astype(np.float64) + 1
    return tuple((raw / raw.sum()).tolist())


def answers_of(image: Image, asked: Attributes, manifest: Manifest) -> dict[str, Answer]:
    """Return the emotion of a face and what else is asked, both from every pixel of its picture."""
    shares = digest_probabilities(image)
    labels = {each: manifest.further[each] for each in asked}
    further = {each: Answer(names, (shares[0], 1 - shares[0])) for each, names in labels.items()}
    return {**emotion(shares), **further}


class FakePipeline:
    """Finds one face per picture, derived from the picture's own pixels, so that mixed-up answers are caught.

    Args:
        further: Attributes besides emotion that are loaded, each with two labels.
    """

    def __init__(self, further: dict[str, tuple[str, ...]] | None = None) -> None:
        self.manifest = make_manifest(further)
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

    def classify(
        self, images: Sequence[Image], boxes: Sequence[Box | None], asked: Sequence[Attributes]
    ) -> list[dict[str, Answer]]:
        assert len(boxes) == len(images)
        return [answers_of(image, each, self.manifest) for image, each in zip(images, asked, strict=True)]

    def _faces(self, image: Image, options: DetectOptions) -> ImageFaces:
        height, width = image.shape[:2]
        detection = Detection((0.0, 0.0, width / 2, height / 2), options.score_threshold or 0.9)
        face = Face(detection, answers_of(image, options.attributes, self.manifest))
        return ImageFaces(width, height, (face,), {"detect": 1.0, "classify": 1.0})
