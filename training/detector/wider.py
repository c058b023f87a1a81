"""WIDER FACE's validation protocol: average precision on its easy, medium and hard faces.

The protocol is that of the set's own evaluation code: scores are stretched to 0..1 over the whole set, a picture's
detections claim its faces from the highest score down, a face outside the level's list is ignored (finding it is
neither right nor wrong), and the precision-recall curve is read at 1,000 scores over the whole set.

References:
    Yang et al. 2016, "WIDER FACE: A Face Detection Benchmark", arXiv:1511.06523, section 3; average precision:
    Everingham et al. 2010, "The PASCAL VOC Challenge", as the area under the monotone envelope.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from training.errors import DataError

LEVELS: tuple[str, ...] = ("easy", "medium", "hard")
IOU_THRESHOLD = 0.5
SCORE_STEPS = 1000

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WiderPicture:
    """One validation picture.

    Attributes:
        name: `event/file`, without the suffix.
        xywh: All labelled faces in pixels, shape (N, 4): left, top, width, height.
        counted: For each level, which of them count, bool, shape (N,).
    """

    name: str
    xywh: Array
    counted: Mapping[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class ScoredBoxes:
    """Detections of one picture, highest score first: left, top, width, height (N, 4) in pixels; scores (N,)."""

    xywh: Array
    scores: Array


def read_lists(lists_dir: Path) -> list[WiderPicture]:
    """Read wider_face_val.mat and the three level lists.

    Raises:
        DataError: If one of the files is missing or not in that format.
    """
    try:
        faces = loadmat(lists_dir / "wider_face_val.mat")
        levels = {level: loadmat(lists_dir / f"wider_{level}_val.mat")["gt_list"] for level in LEVELS}
        return list(_pictures(faces, levels))
    except OSError as error:
        raise DataError(
            f"{lists_dir} lacks one of WIDER FACE's lists wider_face_val.mat and wider_{{easy,medium,hard}}_val.mat: "
            "they come with the evaluation code on the set's page."
        ) from error
    except (MatReadError, KeyError, IndexError, ValueError) as error:
        raise DataError(f"WIDER FACE's lists in {lists_dir} are not of the known form ({error}).") from error


def _pictures(
    faces: Mapping[str, npt.NDArray[np.object_]], levels: Mapping[str, npt.NDArray[np.object_]]
) -> Iterator[WiderPicture]:
    for event, name in enumerate(faces["event_list"][:, 0]):
        files, boxes = faces["file_list"][event, 0], faces["face_bbx_list"][event, 0]
        for index, file in enumerate(files[:, 0]):
            xywh = boxes[index, 0].reshape(-1, 4).astype(np.float64)
            counted = {level: np.zeros(len(xywh), dtype=bool) for level in LEVELS}
            for level, mask in counted.items():
                mask[levels[level][event, 0][index, 0].ravel().astype(int) - 1] = True  # Matlab counts from 1.
            yield WiderPicture(f"{name[0]}/{file[0]}", xywh, counted)


def average_precisions(pictures: list[WiderPicture], found: Mapping[str, ScoredBoxes]) -> dict[str, float]:
    """Return the average precision of each level, 0..1.

    Args:
        pictures: The whole validation set.
        found: Detections by picture name; a missing picture has none.
    """
    stretched = _stretch(found)
    return {level: _average_precision(pictures, stretched, level) for level in LEVELS}


def _stretch(found: Mapping[str, ScoredBoxes]) -> dict[str, ScoredBoxes]:
    """Map the lowest score of the whole set to 0 and the highest to 1."""
    scores = np.concatenate([np.zeros(0), *(boxes.scores for boxes in found.values())])
    if len(scores) == 0:
        return {}
    low, span = scores.min(), max(float(np.ptp(scores)), np.finfo(np.float64).tiny)
    return {name: ScoredBoxes(boxes.xywh, (boxes.scores - low) / span) for name, boxes in found.items()}


def _average_precision(pictures: list[WiderPicture], found: Mapping[str, ScoredBoxes], level: str) -> float:
    thresholds = 1 - np.arange(1, SCORE_STEPS + 1) / SCORE_STEPS
    positives, claimed = np.zeros(SCORE_STEPS), np.zeros(SCORE_STEPS)
    for picture in pictures:
        boxes = found.get(picture.name)
        if boxes is None or len(boxes.scores) == 0:
            continue
        is_positive, is_new_face = match(boxes.xywh, picture.xywh, picture.counted[level])
        taken = (boxes.scores[None, :] >= thresholds[:, None]).sum(axis=1)
        positives += np.concatenate([[0], np.cumsum(is_positive)])[taken]
        claimed += np.concatenate([[0], np.cumsum(is_new_face)])[taken]
    faces = sum(int(picture.counted[level].sum()) for picture in pictures)
    precision = np.divide(claimed, positives, out=np.zeros(SCORE_STEPS), where=positives > 0)
    return area_under_envelope(claimed / max(1, faces), precision)


def match(
    detected: Array, faces: Array, counted: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Let detections claim faces, in order.

    Args:
        detected: xywh, shape (N, 4), highest score first.
        faces: xywh of all labelled faces, shape (M, 4).
        counted: Which faces count, shape (M,).

    Returns:
        Which detections count at all (those on an ignored face do not), and which are the first on a face that counts;
        both shape (N,).
    """
    is_positive, is_new_face = np.ones(len(detected), dtype=bool), np.zeros(len(detected), dtype=bool)
    if len(faces) == 0:
        return is_positive, is_new_face
    overlap = iou(detected, faces)
    claimed = np.zeros(len(faces), dtype=bool)
    for index, best in enumerate(overlap.argmax(axis=1)):
        if overlap[index, best] < IOU_THRESHOLD:
            continue
        if not counted[best]:
            is_positive[index] = False
        elif not claimed[best]:
            claimed[best] = is_new_face[index] = True
    return is_positive, is_new_face


def iou(first: Array, second: Array) -> Array:
    """Return the IoU of two lists of xywh boxes, shape (N, M); a side includes its last pixel, as in the protocol."""
    corner = np.maximum(first[:, None, :2], second[None, :, :2])
    far = np.minimum(first[:, None, :2] + first[:, None, 2:], second[None, :, :2] + second[None, :, 2:])
    shared = np.prod(np.clip(far - corner + 1, 0, None), axis=2)
    area_first, area_second = (np.prod(boxes[:, 2:] + 1, axis=1) for boxes in (first, second))
    overlap: Array = shared / (area_first[:, None] + area_second[None, :] - shared)
    return overlap


def area_under_envelope(recall: Array, precision: Array) -> float:
    """Return the area under the precision-recall curve after making the precision fall monotonically."""
    recall = np.concatenate([[0.0], recall, [1.0]])
    precision = np.concatenate([[0.0], precision, [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))
