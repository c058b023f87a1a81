"""Guided search of a stream's frame: only where the faces of the frame before are expected."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.faces.canvas import MOST_WINDOWS, pack, unpack
from app.faces.copies import Sheet
from app.faces.crop import crop_faces
from app.faces.find import FaceDetector
from app.faces.moved import moved
from app.faces.overlap import as_boxes, overlaps
from app.faces.types import Answer, Crop, Detection, Guide, Known, Trace
from app.manifest import CropRule
from app.pictures.types import Image

STILL = 4.0
"""Crops that differ by less, in gray levels on average, show a face that has hardly changed: a camera's noise makes a
smaller difference, a face that moves by 2 % of its side a larger one."""

SAME_LOOK = 5.0
"""The same for a face that has moved."""

ALIKE = 12.0
"""Crops that differ by less may show the same expression: their answers are kept for a fifth of a second at most."""

FAINT = 0.6
"""A known face is still taken for one where its window shows it with this share of the least score: it was found with
more in the whole picture, and soon will be again."""

SURE = 0.4
"""From this share of the way from the least score to 1 on a face's score will not fall below the least one soon."""

SAME_FACE = 0.2
"""Least overlap (IoU) of a face with the place where it was expected."""

SAME_BOX = 0.5
"""Least overlap of a box with the one before whose answers may be kept."""


class GuidedSearch:
    """Searches around known faces.

    Args:
        detector: Searches canvases.
        rule: How faces are cropped to see whether they have changed.
    """

    def __init__(self, detector: FaceDetector, rule: CropRule) -> None:
        self._detector, self._rule = detector, rule

    def __call__(
        self, images: Sequence[Image], guides: Sequence[Guide], score_thresholds: Sequence[float]
    ) -> list[list[Detection] | None]:
        """Search several frames.

        Args:
            images: RGB, uint8, each (H, W, 3).
            guides: What is known of each.
            score_thresholds: Lowest score for each, 0..1.

        Returns:
            For each its faces; None if a known face is not where it was expected, so that all must be searched.
        """
        followed = [self._followed(image, guide) for image, guide in zip(images, guides, strict=True)]
        moving = [
            [each for each in guide.known if each not in those and not each.detection.rotation_deg]
            for guide, those in zip(guides, followed, strict=True)
        ]
        sheets = [self._pack(image, faces) for image, faces in zip(images, moving, strict=True)]
        searched = [index for index, sheet in enumerate(sheets) if sheet is not None]
        found = self._detector.search(
            [sheet.canvas for sheet in sheets if sheet is not None],
            [FAINT * score_thresholds[index] for index in searched],
        )
        answers = dict(zip(searched, found, strict=True))
        results: list[list[Detection] | None] = []
        for index, sheet in enumerate(sheets):
            kept = list(followed[index].values())
            if sheet is not None:
                size = images[index].shape[:2]
                seen = unpack(sheet, answers[index], size, self._detector.card.iou_threshold)
                results.append(_joined(kept, seen, moving[index], score_thresholds[index]))
            else:
                results.append(kept if len(moving[index]) <= MOST_WINDOWS else None)
        return results

    def _followed(self, image: Image, guide: Guide) -> dict[Known, Detection]:
        """Return the faces that look as they did, with their boxes now."""
        boxes = ((each, self._box_now(image, each)) for each in guide.known)
        return {each: box for each, box in boxes if box is not None}

    def _box_now(self, image: Image, known: Known) -> Detection | None:
        """Return a face's box if it looks as when it was last searched for, where it was or near to there."""
        if differs(self.crop(image, known.detection), known.searched) < STILL:
            return replace(known.detection, searched=False)
        if known.detection.rotation_deg:
            return None
        now = moved(image, known.detection, known.expected, known.searched, self._rule)
        if now is None or differs(self.crop(image, now), known.searched) >= SAME_LOOK:
            return None
        return now

    def _pack(self, image: Image, faces: Sequence[Known]) -> Sheet | None:
        if not 0 < len(faces) <= MOST_WINDOWS:
            return None
        return pack(image, [each.expected for each in faces], self._detector.card.input_size_px)

    def crop(self, image: Image, detection: Detection) -> Crop:
        """Return a face as it is compared with the one of the frame before."""
        crop: Crop = crop_faces(image, [detection.xyxy], self._rule)[0, 0]
        return crop

    def trace(
        self, image: Image, detection: Detection, guide: Guide, score_threshold: float
    ) -> tuple[Trace, dict[str, Answer]]:
        """Return what to remember of a face, and its answers if those of the frame before are kept."""
        crop = self.crop(image, detection)
        before = _before(detection, guide.known)
        kept = before is not None and before.fresh and differs(crop, before.classified) < ALIKE
        sure = detection.score >= score_threshold + SURE * (1 - score_threshold)
        trace = Trace(crop, detection.searched, classified=not kept, sure=sure)
        return trace, dict(before.answers) if before is not None and kept else {}


def differs(crop: Crop, before: Crop) -> float:
    """Return by how many gray levels on average a face has changed."""
    return float(np.abs(crop - before).mean())


def _joined(
    kept: list[Detection], seen: list[Detection], moving: Sequence[Known], score_threshold: float
) -> list[Detection] | None:
    """Add what was seen to the faces that stood still; None if a face that moves was not seen.

    A known face that is seen more faintly than before keeps its score; others count from the threshold on.
    """
    boxes = as_boxes([each.xyxy for each in seen])
    free = overlaps(boxes, as_boxes([each.xyxy for each in kept])).max(axis=1, initial=0) < SAME_BOX
    seen, boxes = [each for each, is_free in zip(seen, free, strict=True) if is_free], boxes[free]
    fits = overlaps(as_boxes([each.expected for each in moving]), boxes)
    for _ in moving:
        if not fits.size or fits.max() < SAME_FACE:
            return None
        row, column = divmod(int(fits.argmax()), fits.shape[1])
        seen[column] = replace(seen[column], score=max(seen[column].score, moving[row].detection.score))
        fits[row], fits[:, column] = -1, -1
    return [*kept, *(each for each in seen if each.score >= score_threshold)]


def _before(detection: Detection, known: Sequence[Known]) -> Known | None:
    """Return the known face that a box shows, if any."""
    if not known:
        return None
    shares = overlaps(as_boxes([detection.xyxy]), as_boxes([each.detection.xyxy for each in known]))[0]
    best = int(shares.argmax())
    return known[best] if shares[best] >= SAME_BOX else None
