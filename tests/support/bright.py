"""A detector of bright rectangles, wherever they lie on whatever canvas, and networks made of it."""

import cv2
import numpy as np

from app.faces.find import FaceDetector
from app.faces.pipeline import Pipeline
from app.faces.types import Answer
from tests.support.manifest import make_manifest

MANIFEST = make_manifest()

BRIGHT, FAINT = 150, 156
"""What is brighter than the first is a face; what is not brighter than the second has a score near the least."""


class Bright(FaceDetector):
    """Finds the bright rectangles of a canvas; remembers the canvases."""

    def __init__(self):
        super().__init__(lambda _: (), MANIFEST.detector)
        self.canvases = []

    def search(self, canvases, score_thresholds):
        self.canvases += canvases
        return [self._boxes_of(canvas) for canvas in canvases]

    def _boxes_of(self, canvas):
        count, _, stats, _ = cv2.connectedComponentsWithStats((canvas[:, :, 0] > BRIGHT).astype(np.uint8))
        boxes = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:count].tolist()]
        scores = [0.9 if canvas[y:below, x:right].max() > FAINT else 0.45 for x, y, right, below in boxes]
        return np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32)


class ByLight:
    """Classifies faces by how bright they are; counts them."""

    def __init__(self, card):
        self.card, self.faces = card, 0

    def __call__(self, crops):
        self.faces += len(crops)
        shares = [float(crop.mean()) / 255 for crop in crops]
        rest = len(self.card.labels) - 1
        return [Answer(self.card.labels, (share, *[(1 - share) / rest] * rest)) for share in shares]


def bright_pipeline():
    """Return a pipeline, its detector and its classifier of emotion."""
    detector = Bright()
    classifiers = {attribute: ByLight(card) for attribute, (_, card) in MANIFEST.classifiers.items()}
    pipeline = Pipeline(detector, classifiers, MANIFEST, "test", second_looks=False)
    return pipeline, detector, next(iter(classifiers.values()))
