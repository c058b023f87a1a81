"""Finds the faces of pictures: the first look, second looks, and guided search of a stream's frames."""

from collections.abc import Sequence

from app.faces.find import FaceDetector
from app.faces.guided import GuidedSearch
from app.faces.second_looks import SecondLooks
from app.faces.types import Detection, DetectOptions
from app.pictures.types import Image


class FaceSearch:
    """Searches pictures as their options say.

    Args:
        detector: Searches canvases.
        guided: Searches around the faces that a stream knows.
        score_threshold: Lowest score where a caller names none.
        second_looks: Whether any picture is looked at again.
    """

    def __init__(
        self, detector: FaceDetector, guided: GuidedSearch, score_threshold: float, second_looks: bool
    ) -> None:
        self._detector, self._guided, self._score_threshold = detector, guided, score_threshold
        self._look_again = SecondLooks(detector) if second_looks else None

    def __call__(
        self, images: Sequence[Image], options: Sequence[DetectOptions]
    ) -> tuple[list[list[Detection]], list[bool]]:
        """Search several pictures.

        Args:
            images: RGB, uint8, each (H, W, 3).
            options: One for each.

        Returns:
            For each its faces above the caller's threshold, and whether it was searched around known faces alone.
        """
        default = self._score_threshold
        thresholds = [default if each.score_threshold is None else each.score_threshold for each in options]
        found = self._around_known_faces(images, options, thresholds)
        guided = [index in found for index in range(len(images))]
        rest = [index for index in range(len(images)) if index not in found]
        lowest = [min(thresholds[index], default) for index in rest]
        found.update(zip(rest, self._detector([images[index] for index in rest], lowest), strict=True))
        again = [index for index in rest if options[index].second_looks] if self._look_again else []
        if self._look_again and again:
            looks = self._look_again([images[index] for index in again], [found[index] for index in again])
            found.update(zip(again, looks, strict=True))
        kept = [[each for each in found[at] if each.score >= least] for at, least in enumerate(thresholds)]
        return kept, guided

    def _around_known_faces(
        self, images: Sequence[Image], options: Sequence[DetectOptions], thresholds: Sequence[float]
    ) -> dict[int, list[Detection]]:
        """Return the faces of those frames for which that was enough."""
        guides = {index: each.guide for index, each in enumerate(options) if each.guide and not each.guide.whole}
        if not guides:
            return {}
        answers = self._guided(
            [images[index] for index in guides], list(guides.values()), [thresholds[index] for index in guides]
        )
        return {index: seen for index, seen in zip(guides, answers, strict=True) if seen is not None}
