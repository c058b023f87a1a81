"""The detector exactly as the server runs it, over picture files: the server's letterbox, decoding and NMS."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from app.errors import MienError
from app.faces.find import FaceDetector
from app.faces.types import Detection
from app.manifest import DetectorCard
from app.pictures.open import decode_image
from app.pictures.types import Image
from app.runtimes.torch.graphs import build_graph
from app.runtimes.torch.runtime import TorchRuntime
from training.deployed import from_payload
from training.errors import DataError

MAX_PIXELS = 200_000_000
"""Limit for a data set's picture; only a guard against damaged headers."""


def face_detector(payload: bytes, card: DetectorCard, device: torch.device) -> FaceDetector:
    """Load weights that need not be exported yet, in float32."""
    module = build_graph(card, from_payload(payload), "The weights file")
    return FaceDetector(TorchRuntime(device, bf16=False).run_module(module, card.task), card)


def read_picture(path: Path) -> Image:
    """Decode a picture as the server does: upright, RGB, uint8 (H, W, 3).

    Raises:
        DataError: If it is missing or cannot be decoded.
    """
    try:
        return decode_image(path.read_bytes(), MAX_PIXELS)
    except (OSError, MienError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error


def detect_files(
    detector: FaceDetector, paths: Iterable[Path], lowest_score: float
) -> Iterator[tuple[Path, Image, list[Detection]]]:
    """Yield each picture with its detections, highest score first."""
    for path in paths:
        image = read_picture(path)
        [found] = detector([image], [lowest_score])
        yield path, image, found
