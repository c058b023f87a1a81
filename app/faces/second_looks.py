"""Second looks at pictures in which nothing sure was found: turned faces, faces that fill the picture, long pictures.

The first look costs the usual picture what it did. A picture without a sure face is shown again, reduced, in all four
quarter turns. Where one turn shows a face much better, the picture is searched in full at this turn. The numbers were
chosen on validation pictures: docs/experiments/second-looks.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.faces.copies import QUARTERS, Sheet, bordered, turned, wheel
from app.faces.find import MAX_DETECTIONS, FaceDetector, Found
from app.faces.letterbox import canvas_size
from app.faces.nms import suppress
from app.faces.types import Detection
from app.faces.windows import is_long, whole_faces, windows
from app.pictures.types import Image, Rectangle

SURE = 0.8
"""Score of the surest face from which on a picture is not looked at again."""

FAINT = 0.6
"""Below this score the whole picture is looked at again; from here on only the surest face."""

SEEN, SEEN_CLOSE = 0.5, 0.6
"""Least score of a face on a reduced copy, and on one with wide borders, for which it is searched again in full."""

BACKED = 0.75
"""Where the first look found nothing, a turned copy whose surest face scores less is searched in full only if a second
face is on it, or the small copy with wide borders shows one at the same turn, too."""

LEAD, FAINT_LEAD = 0.05, 0.02
"""By so much a turned copy's score must be above the upright copy's; by the second where the first look's is below
`FAINT`. In full it must then be above the first look's."""

COST = 2.5
"""Canvas pixels of all looks together, as a multiple of the first look's; of long pictures, of a 4:3 picture's."""

LEAST_PX = 96
"""Side of the smallest canvas that is worth a search."""

AROUND, PART_PX, PART_GAP = 1.6, 192, 0.03
CLOSE_PX, CLOSE_GAP, CLOSE_CANVAS_PX, CLOSE_BORDER = 256, 0.12, 320, 0.15

TOUCHES, LARGE = 0.02, 0.4
"""A face touches the border within this share of the longer side; from this share of the shorter side it is large."""


Copies = Sequence[Sequence[Detection]]
"""The faces on each of a sheet's four copies, highest score first."""


@dataclass
class Look:
    """What is looked at again of one picture.

    Attributes:
        image: The picture.
        first: What is known of it.
        best: The highest score of it, 0 without a face.
        windows: Windows of a long picture.
        wheels: Four turns of the whole picture or of the surest face.
        close: Four turns of the whole picture with wide borders.
    """

    image: Image
    first: list[Detection]
    windows: list[Sheet] = field(default_factory=list)
    wheels: list[Sheet] = field(default_factory=list)
    close: list[Sheet] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The highest score so far."""
        return max((each.score for each in self.first), default=0.0)

    @property
    def sheets(self) -> list[Sheet]:
        """All sheets of the first round."""
        return [*self.windows, *self.wheels, *self.close]


class SecondLooks:
    """Looks again.

    Args:
        detector: Searches canvases.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector
        self._side_px, self._score = detector.card.input_size_px, detector.card.score_threshold

    def __call__(self, images: Sequence[Image], found: Sequence[list[Detection]]) -> list[list[Detection]]:
        """Return what is known of each picture after the second looks.

        Args:
            images: RGB, uint8, each (H, W, 3).
            found: What the first look found in each, above the manifest's threshold or a lower one.
        """
        looks = [self._plan(image, first) for image, first in zip(images, found, strict=True)]
        answers = iter(self._search([sheet for look in looks for sheet in look.sheets]))
        guesses = [(look, sheet) for look in looks for sheet in self._guess(look, answers)]
        for (look, sheet), boxes in zip(guesses, self._search([sheet for _, sheet in guesses]), strict=True):
            [again] = sheet.detections(boxes, look.image.shape)
            if again and again[0].score > max(FAINT, look.best):
                look.first = again
        return [look.first for look in looks]

    def _guess(self, look: Look, answers: Iterator[Found]) -> list[Sheet]:
        """Take the answers for one picture's sheets, and return what to search in full."""
        size, guesses = look.image.shape, []
        cut = [each for sheet in look.windows for each in whole_faces(sheet, next(answers), size)]
        if cut:
            look.first = self._merged([*look.first, *cut])
        lead = LEAD if look.best >= FAINT else FAINT_LEAD
        wheels = [sheet.detections(next(answers), size) for sheet in look.wheels]
        close = [sheet.detections(next(answers), size) for sheet in look.close]
        for copies in wheels:
            quarters = best_turn(copies, SEEN, lead)
            if quarters and (look.best >= FAINT or _is_backed(quarters, copies, close)):
                guesses.append(turned(look.image, self._side_px, quarters))
        for copies in close:
            quarters = best_turn(copies, SEEN_CLOSE, lead)
            if quarters or (quarters == 0 and look.best < FAINT):  # a face that was found upright stays as it is
                guesses.append(bordered(look.image, CLOSE_CANVAS_PX, CLOSE_BORDER, quarters))
        return guesses

    def _plan(self, image: Image, first: list[Detection]) -> Look:
        look = Look(image, first)
        height, width = image.shape[:2]
        whole = (0, 0, width, height)
        wide, high = canvas_size(height, width, self._side_px)
        left_px = round((COST - 1) * wide * high)
        if is_long(image):
            usual = self._side_px * self._side_px * 3 // 4
            left_px = round(COST * usual) - wide * high
            look.windows = windows(image, self._side_px, left_px // 2)
            left_px -= sum(sheet.canvas.shape[0] * sheet.canvas.shape[1] for sheet in look.windows)
        if look.best >= SURE:
            return look
        if look.best < FAINT:
            side_px = min(self._side_px, int(max(0, left_px - CLOSE_PX**2) ** 0.5) // 32 * 32)
            look.wheels = [wheel(image, whole, side_px, 0.0)] if side_px >= LEAST_PX else []
        if look.best < FAINT or _touches(first, width, height):
            look.close = [wheel(image, whole, CLOSE_PX, CLOSE_GAP)]
        else:
            look.wheels = [wheel(image, _around(first[0], width, height), PART_PX, PART_GAP)]
        return look

    def _search(self, sheets: Sequence[Sheet]) -> list[Found]:
        return self._detector.search([sheet.canvas for sheet in sheets], [self._score] * len(sheets))

    def _merged(self, both: list[Detection]) -> list[Detection]:
        xyxy_N4 = np.array([each.xyxy for each in both], dtype=np.float32)
        scores_N = np.array([each.score for each in both], dtype=np.float32)
        kept = suppress(xyxy_N4, scores_N, self._detector.card.iou_threshold, MAX_DETECTIONS)
        return [both[each] for each in kept.tolist()]


def best_turn(found: Copies, least: float, lead: float) -> int | None:
    """Return which of the four copies shows a face best; a turned one only if it is ahead of the upright one.

    Args:
        found: The faces on each copy, highest score first.
        least: Lowest score that counts.
        lead: By so much a turned copy must be ahead.

    Returns:
        Quarter turns counter-clockwise, or None if no copy shows a face.
    """
    scores = [copy[0].score if copy else 0.0 for copy in found]
    best = max(QUARTERS, key=lambda each: scores[each])
    if best and scores[best] < scores[0] + lead:
        best = 0
    return best if scores[best] >= least else None


def _is_backed(quarters: int, copies: Copies, close: Sequence[Copies]) -> bool:
    """Whether a turned copy shows more than one faint face that nothing else shows: see `BACKED`."""
    first, *others = copies[quarters]
    return first.score >= BACKED or bool(others) or any(each[quarters] for each in close)


def _touches(found: Sequence[Detection], width: int, height: int) -> bool:
    """Whether the largest face is large and touches the border of the picture."""
    largest = max(found, key=lambda each: each.area)
    near = TOUCHES * max(width, height)
    left, top, right, bottom = largest.xyxy
    return largest.longer_side_px >= LARGE * min(width, height) and (
        min(left, top) <= near or right >= width - near or bottom >= height - near
    )


def _around(face: Detection, width: int, height: int) -> Rectangle:
    """Return the part of a picture around a face, in whole pixels."""
    (x, y), half = face.centre, AROUND * face.longer_side_px / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    return left, top, max(left + 1, min(width, round(x + half))), max(top + 1, min(height, round(y + half)))
