"""COCO's matching on the detections that the server would give: average precision by face size, and hits at a score.

Faces outside a size range are ignored in it, as are unmatched detections outside it, like COCO's small, medium and
large.

References:
    Lin et al. 2014, "Microsoft COCO", arXiv:1405.0312; the ranges are the project's own.
"""

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from app.faces.find import MAX_DETECTIONS
from app.faces.types import Detection

SIZE_RANGES_PX: dict[str, tuple[float, float]] = {
    "under 16": (0, 16),
    "16 to 32": (16, 32),
    "32 to 96": (32, 96),
    "96 to 300": (96, 300),
    "over 300": (300, 100_000),
}
"""Square root of the box's area, in pixels of the stored picture."""

ALL = "all"
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""COCO's; the first is used for AP50, precision and recall."""


@dataclass(frozen=True)
class LabelledPicture:
    """One picture: size in pixels, its faces as xywh in pixels, and the detections."""

    width: int
    height: int
    faces: Sequence[tuple[float, float, float, float]]
    detections: Sequence[Detection]


@dataclass(frozen=True)
class SizeReport:
    """Faces of one size range: their number, and the AP at IoU 0.5 on them (None if there are none)."""

    faces: int
    ap50: float | None


@dataclass(frozen=True)
class ServedReport:
    """How the served detector does on a labelled set, at IoU 0.5 unless stated otherwise.

    Attributes:
        by_size: By name of the range, and `all`.
        ap50_95: Mean of the AP at IoU 0.5, 0.55 .. 0.95 over faces of all sizes; 0 if there are none.
        precision: Share of the detections at or above the score that are a face.
        recall: Share of the faces that they find.
    """

    by_size: dict[str, SizeReport]
    ap50_95: float
    precision: float
    recall: float


def report_served(pictures: Sequence[LabelledPicture], score_threshold: float) -> ServedReport:
    """Match detections and faces.

    Args:
        pictures: All pictures of a split.
        score_threshold: For precision and recall, 0..1.
    """
    ranges = {ALL: (0.0, 100_000.0), **SIZE_RANGES_PX}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation = _evaluate(pictures, list(ranges.values()))
    precision_TRKAM = evaluation.eval["precision"]
    sides = [math.sqrt(width * height) for picture in pictures for _, _, width, height in picture.faces]
    by_size = {}
    for index, (name, (low, high)) in enumerate(ranges.items()):
        curve = precision_TRKAM[0, :, 0, index, 0]
        ap50 = float(curve.mean()) if (curve >= 0).all() else None
        by_size[name] = SizeReport(sum(low <= side <= high for side in sides), ap50)
    ap50_95 = max(0.0, float(precision_TRKAM[:, :, 0, 0, 0].mean()))  # all -1 if there are no faces
    return ServedReport(by_size, ap50_95, *_at_score(evaluation, len(pictures), score_threshold))


def _evaluate(pictures: Sequence[LabelledPicture], ranges_px: list[tuple[float, float]]) -> COCOeval:
    evaluation = COCOeval(_ground_truth(pictures), None, "bbox")
    results = _results(pictures)
    evaluation.cocoDt = evaluation.cocoGt.loadRes(results) if len(results) else COCO()
    evaluation.params.imgIds = list(range(1, len(pictures) + 1))
    evaluation.params.catIds = [1]
    evaluation.params.iouThrs = IOU_THRESHOLDS
    evaluation.params.maxDets = [MAX_DETECTIONS]
    evaluation.params.areaRng = [[low**2, high**2] for low, high in ranges_px]
    evaluation.params.areaRngLbl = [str(each) for each in ranges_px]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def _ground_truth(pictures: Sequence[LabelledPicture]) -> COCO:
    annotations = [
        {"image_id": number, "category_id": 1, "bbox": list(face), "area": face[2] * face[3], "iscrowd": 0}
        for number, picture in enumerate(pictures, start=1)
        for face in picture.faces
    ]
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": n, "width": p.width, "height": p.height} for n, p in enumerate(pictures, start=1)],
        "categories": [{"id": 1, "name": "face"}],
        "annotations": [{"id": number, **each} for number, each in enumerate(annotations, start=1)],
    }
    truth.createIndex()
    return truth


def _results(pictures: Sequence[LabelledPicture]) -> np.ndarray:
    """Return rows of picture number, left, top, width, height, score and class, as pycocotools reads them."""
    rows = [
        (number, left, top, right - left, bottom - top, detection.score, 1)
        for number, picture in enumerate(pictures, start=1)
        for detection in picture.detections
        for left, top, right, bottom in [detection.xyxy]
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 7)


def _at_score(evaluation: COCOeval, picture_count: int, score_threshold: float) -> tuple[float, float]:
    """Return precision and recall of the detections that scored at least the threshold, over faces of all sizes."""
    hits = answers = faces = 0
    for picture in evaluation.evalImgs[:picture_count]:  # the first size range is `all`
        if picture is None:
            continue
        chosen = np.array(picture["dtScores"]) >= score_threshold
        answers += int(chosen.sum())
        hits += int((picture["dtMatches"][0][chosen] > 0).sum())
        faces += len(picture["gtIds"])
    return hits / max(1, answers), hits / max(1, faces)
