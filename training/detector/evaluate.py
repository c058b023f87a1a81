"""How good the detector is on the val split, in float32: AP from ultralytics' validator, and the server's own path."""

import csv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from ultralytics.models.yolo.detect import DetectionValidator

from app.faces.find import FaceDetector
from app.runtimes.torch.yolov8 import build_yolov8n
from app.weights import sha256_of
from training.deployed import fill_from_payload
from training.detector.card import make_card
from training.detector.coco import LabelledPicture, ServedReport, SizeReport, report_served
from training.detector.data import (
    LABELS,
    check_data,
    data_sha256,
    read_faces,
    skip_font_download,
    split_pictures,
    write_data_yaml,
)
from training.detector.device import pick_device, torch_device
from training.detector.recipe import DEFAULT_IOU_THRESHOLD, DEFAULT_SCORE_THRESHOLD, check_size
from training.detector.served import detect_files, face_detector
from training.detector.threads import kept_threads
from training.files import read_json, write_json

VAL = ("val",)
EVALUATION = "evaluation.json"
CURVES = "curves.csv"
LOWEST_SCORE = 0.001
NMS_IOU = 0.7
"""Lowest score and NMS overlap for validation: ultralytics' defaults, as in its published YOLOv8 figures."""


@dataclass(frozen=True)
class DetectorEvaluation:
    """Results of one weights file on the val split; figures are shares of 1.

    Attributes:
        weights_sha256: Hash of the file as it is, or would be, served.
        data_sha256: Digest of the val split: see `data_sha256`.
        pictures: In the val split.
        faces: Labelled faces in it.
        imgsz: Side of the input in pixels.
        precision: At the score with the best F1, IoU 0.5.
        recall: The same.
        ap50: Average precision at IoU 0.5.
        ap50_95: Mean of the average precision at IoU 0.5, 0.55 .. 0.95 (Lin et al. 2014, arXiv:1405.0312).
        score_threshold: The server's default threshold.
        iou_threshold: The server's NMS overlap.
        precision_at_threshold: For the server's own path at that score, IoU 0.5.
        recall_at_threshold: The same.
        by_size: For the server's own path, AP at IoU 0.5 by face size.
    """

    weights_sha256: str
    data_sha256: str
    pictures: int
    faces: int
    imgsz: int
    precision: float
    recall: float
    ap50: float
    ap50_95: float
    score_threshold: float
    iou_threshold: float
    precision_at_threshold: float
    recall_at_threshold: float
    by_size: dict[str, SizeReport]


def network_of(payload: bytes) -> nn.Module:
    """Return YOLOv8n with these weights, in evaluation mode.

    Raises:
        RunError: If they do not fit YOLOv8n with one class.
    """
    network: nn.Module = build_yolov8n(len(LABELS))
    fill_from_payload(network, payload, "The weights file")
    network.names = dict(enumerate(LABELS))  # type: ignore[assignment]  # ultralytics keeps plain values on modules
    return network.eval()


def evaluate_detector(
    payload: bytes,
    data_dir: Path,
    out_dir: Path,
    imgsz: int = 640,
    batch: int = 16,
    device: str = "auto",
    score_threshold: float = DEFAULT_SCORE_THRESHOLD,
    iou_threshold: float = DEFAULT_IOU_THRESHOLD,
) -> DetectorEvaluation:
    """Measure the weights on the val split; write evaluation.json and curves.csv.

    Args:
        payload: A safetensors file.
        data_dir: Data set in YOLO format.
        out_dir: Folder for the results.
        imgsz: Side of the input in pixels, a multiple of 32.
        batch: Pictures at once.
        device: As for `train_detector`.
        score_threshold: The server's; precision and recall are also reported at this score.
        iou_threshold: The server's NMS overlap.

    Raises:
        DataError: If the data set is not in YOLO format.
        DeviceUnavailable: If there is no such device.
        RunError: If the weights do not fit or the size is not a multiple of 32.
    """
    check_size(imgsz)
    network, picked = network_of(payload), pick_device(device)
    check_data(data_dir, VAL)
    validator = _validate(network, write_data_yaml(data_dir, out_dir), out_dir, imgsz, batch, picked)
    box = validator.metrics.box
    card = make_card(payload, imgsz, score_threshold, iou_threshold)
    detector = face_detector(payload, card, torch_device(device))
    served = serve_split(detector, data_dir, score_threshold)
    evaluation = DetectorEvaluation(
        weights_sha256=sha256_of(payload),
        data_sha256=data_sha256(data_dir, VAL),
        pictures=int(validator.seen),
        faces=int(validator.metrics.nt_per_class.sum()),
        imgsz=imgsz,
        precision=float(box.mp),
        recall=float(box.mr),
        ap50=float(box.map50),
        ap50_95=float(box.map),
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
        precision_at_threshold=served.precision,
        recall_at_threshold=served.recall,
        by_size=served.by_size,
    )
    write_json(asdict(evaluation), out_dir / EVALUATION)
    _write_curves(box, out_dir / CURVES)
    return evaluation


def _validate(
    network: nn.Module, data_yaml: Path, out_dir: Path, imgsz: int, batch: int, device: str
) -> DetectionValidator:
    """Run ultralytics' validator over the val split; the returned validator holds the results."""
    skip_font_download()
    settings = {
        "data": str(data_yaml),
        "imgsz": imgsz,
        "batch": batch,
        "device": device,
        "conf": LOWEST_SCORE,
        "iou": NMS_IOU,
        "rect": True,  # as in published figures: padded to a multiple of 32, not to a square
        "plots": False,
    }
    validator = DetectionValidator(save_dir=out_dir, args=settings)
    with kept_threads() as restore_threads:
        validator.add_callback("on_val_start", restore_threads)
        validator(model=network)
    return validator


def serve_split(detector: FaceDetector, data_dir: Path, score_threshold: float) -> ServedReport:
    """Run the server's own detector over the val split.

    Raises:
        DataError: If a picture cannot be read.
    """
    pictures = []
    for path, image, found in detect_files(detector, split_pictures(data_dir, "val"), LOWEST_SCORE):
        height, width = image.shape[:2]
        pictures.append(LabelledPicture(width, height, read_faces(data_dir, "val", path.stem, width, height), found))
    return report_served(pictures, score_threshold)


def read_evaluation(out_dir: Path, sha256: str) -> dict[str, Any] | None:
    """Return evaluation.json as plain values; None if there is none for the weights with this hash."""
    path = out_dir / EVALUATION
    if not path.is_file():
        return None
    evaluation = read_json(path)
    return evaluation if evaluation.get("weights_sha256") == sha256 else None


def _write_curves(box: Any, path: Path) -> None:
    """Write precision over recall, and precision and recall over the score, on ultralytics' grid of 1000 points."""
    flat = np.zeros_like(box.px)
    curves = [curve[0] if len(curve) else flat for curve in (box.prec_values, box.p_curve, box.r_curve)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("at", "precision_at_recall", "precision_at_score", "recall_at_score"))
        writer.writerows([f"{value:.6g}" for value in row] for row in zip(box.px, *curves, strict=True))
