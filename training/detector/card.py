"""The detector's manifest entry, made in one place for our own runs and for imported checkpoints."""

from collections.abc import Mapping
from typing import Any

from app.manifest import DetectorCard
from app.runtimes.torch.yolov8 import build_yolov8n
from training.artifacts import state_artifact
from training.deployed import LICENCE
from training.detector.data import LABELS

NAME = "yolov8n-face"
"""In the manifest, and of its files."""


def make_card(
    payload: bytes,
    imgsz: int,
    score_threshold: float,
    iou_threshold: float,
    *,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    data: tuple[str, ...] = (),
) -> DetectorCard:
    """Describe a weights file.

    Args:
        payload: The safetensors file as served.
        imgsz: Side of the input in pixels, a multiple of 32.
        score_threshold: The server's default lowest score, 0..1.
        iou_threshold: The server's NMS overlap, 0..1.
        training: Where the weights come from.
        metrics: Figures measured with them.
        data: Training sets with their licence terms.
    """
    return DetectorCard(
        architecture="yolov8n",
        artifacts=state_artifact(NAME, payload),
        labels=LABELS,
        input_size_px=imgsz,
        parameters=sum(value.numel() for value in build_yolov8n(len(LABELS)).parameters()),
        training=dict(training or {}),
        metrics=dict(metrics or {}),
        licence=LICENCE,
        data=data,
        score_threshold=score_threshold,
        iou_threshold=iou_threshold,
    )
