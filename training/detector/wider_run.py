"""Runs the detector over WIDER FACE's validation pictures, as the server would run it."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from app.faces.types import Detection
from app.weights import sha256_of
from training.detector.card import make_card
from training.detector.device import torch_device
from training.detector.evaluate import LOWEST_SCORE
from training.detector.recipe import check_size
from training.detector.served import detect_files, face_detector
from training.detector.wider import ScoredBoxes, average_precisions, read_lists
from training.errors import DataError
from training.files import write_json

RESULTS = "wider.json"


@dataclass(frozen=True)
class WiderEvaluation:
    """Results of one weights file on WIDER FACE val.

    Attributes:
        weights_sha256: Hash of the file as it is, or would be, served.
        pictures: Number in the set's lists; all of them must be there.
        imgsz: Side of the input in pixels: one scale, no flip.
        iou_threshold: NMS overlap.
        average_precision: By level, 0..1.
    """

    weights_sha256: str
    pictures: int
    imgsz: int
    iou_threshold: float
    average_precision: dict[str, float]


def evaluate_wider(
    payload: bytes, wider_dir: Path, out_dir: Path, imgsz: int, iou_threshold: float, device: str, progress: Progress
) -> WiderEvaluation:
    """Detect faces in all validation pictures, score them by the set's protocol, and write wider.json.

    Args:
        payload: A safetensors file.
        wider_dir: Contains WIDER_val/images/<event>/<file>.jpg and, at any depth, the four .mat lists.
        out_dir: Folder for the result.
        imgsz: Side of the input in pixels, a multiple of 32.
        iou_threshold: NMS overlap, 0..1.
        device: As for `train_detector`.
        progress: Shows the progress.

    Raises:
        DataError: If lists or pictures are missing.
        DeviceUnavailable: If there is no such device.
        RunError: If the weights do not fit or the size is not a multiple of 32.
    """
    check_size(imgsz)
    where = torch_device(device)
    lists = next(wider_dir.rglob("wider_face_val.mat"), None)
    if lists is None:
        raise DataError(f"No wider_face_val.mat under {wider_dir}: put the lists of the set's evaluation code there.")
    pictures = read_lists(lists.parent)
    images_dir = wider_dir / "WIDER_val" / "images"
    paths = {images_dir / f"{picture.name}.jpg": picture.name for picture in pictures}
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(f"{len(missing)} of {len(paths)} validation pictures are missing, first {missing[0]}.")
    detector = face_detector(payload, make_card(payload, imgsz, 0.0, iou_threshold), where)
    tracked = progress.track(list(paths), description="WIDER FACE val")
    found = {paths[path]: _scored(boxes) for path, _, boxes in detect_files(detector, tracked, LOWEST_SCORE)}
    scores = average_precisions(pictures, found)
    evaluation = WiderEvaluation(sha256_of(payload), len(pictures), imgsz, iou_threshold, scores)
    write_json(asdict(evaluation), out_dir / RESULTS)
    return evaluation


def _scored(detections: list[Detection]) -> ScoredBoxes:
    xyxy = np.array([each.xyxy for each in detections], dtype=np.float64).reshape(-1, 4)
    xywh = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
    return ScoredBoxes(xywh, np.array([each.score for each in detections], dtype=np.float64))
