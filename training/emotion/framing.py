"""Derives the crop rule: where does the project's own detector put its box inside FER2013 pictures?

FER2013's pictures are themselves crops, with their own margin. If the average centre and longer side of the detector's
box relative to those crops are known, the inverse of that relation turns any box into FER2013's framing.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from app.faces.crop import crop_faces
from app.faces.find import FaceDetector
from app.faces.letterbox import PADDING_VALUE
from app.faces.types import Detection
from app.manifest import CropRule, DetectorCard
from app.pictures.types import Image
from app.runtimes.torch.my_model import normalize_faces
from app.weights import NetworkFiles
from training.detector.served import face_detector
from training.emotion.data import EmotionSplit
from training.errors import RunError
from training.manifest_entry import read_entry

UPSCALE_PX = 256
"""Side of the enlarged FER2013 picture."""

SURROUND_PX = 128
"""Gray border around it, so that the detector sees a face in a picture and not a picture that is all face."""

SEARCH_STEPS = range(-3, 4)
SCORE_THRESHOLD = 0.25
BATCH = 16
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Framing:
    """Measurements, each over the pictures with a face found.

    Attributes:
        pictures: Pictures examined.
        found: Pictures in which the detector found a face.
        margin: Median of (picture's side / longer side of the box) - 1.
        margin_quartiles: Its 25th and 75th percentile.
        shift_y: Median of (picture's centre - box's centre) / picture's side; positive: the picture reaches lower.
        shift_x: The same sideways; near 0, and not part of the rule.
    """

    pictures: int
    found: int
    margin: float
    margin_quartiles: tuple[float, float]
    shift_y: float
    shift_x: float

    @property
    def rule(self) -> CropRule:
        """The resulting crop rule, rounded to hundredths."""
        return CropRule(margin=round(self.margin, 2), shift_y=round(self.shift_y, 2) + 0.0)  # + 0.0 avoids "-0.0"


def load_detector(weights_dir: Path) -> FaceDetector:
    """Load the exported face detector in float32, even while the manifest has no emotion entry yet.

    Raises:
        RunError: If no detector has been exported.
        WeightsError: If its file is missing or altered.
    """
    name, card = read_entry(weights_dir, DetectorCard)
    return face_detector(NetworkFiles(name, card, weights_dir).read_state(), card, CPU)


def enlarge(split: EmotionSplit) -> list[Image]:
    """Return the split's pictures as RGB (256, 256, 3), enlarged bicubically."""
    size = (UPSCALE_PX, UPSCALE_PX)
    pictures = (Pillow.fromarray(picture).resize(size, Pillow.Resampling.BICUBIC) for picture in _gray(split))
    return [np.array(picture.convert("RGB")) for picture in pictures]


def find_boxes(detector: FaceDetector, pictures: list[Image]) -> list[Detection | None]:
    """Find the best face in each enlarged picture.

    Args:
        detector: The project's own.
        pictures: RGB (256, 256, 3) each.

    Returns:
        For each picture, its detection in pixels of the enlarged picture (the box may reach outside), or None.
    """
    pad = ((SURROUND_PX, SURROUND_PX), (SURROUND_PX, SURROUND_PX), (0, 0))
    best: list[Detection | None] = []
    for start in range(0, len(pictures), BATCH):
        padded = [np.pad(each, pad, constant_values=PADDING_VALUE) for each in pictures[start : start + BATCH]]
        answers = detector(padded, [SCORE_THRESHOLD] * len(padded))
        best.extend(_without_surround(found[0]) if found else None for found in answers)
    return best


def measure(boxes: list[Detection | None]) -> Framing:
    """Derive the framing from the boxes in enlarged pictures.

    Raises:
        RunError: If no face was found at all.
    """
    found = np.array([each.xyxy for each in boxes if each is not None])
    if len(found) == 0:
        raise RunError("The detector found no face in any picture: is it trained?")
    left, top, right, bottom = found.T
    margins = UPSCALE_PX / np.maximum(right - left, bottom - top) - 1
    low, high = np.percentile(margins, [25, 75])
    return Framing(
        pictures=len(boxes),
        found=len(found),
        margin=float(np.median(margins)),
        margin_quartiles=(float(low), float(high)),
        shift_y=float(np.median((UPSCALE_PX / 2 - (top + bottom) / 2) / UPSCALE_PX)),
        shift_x=float(np.median((UPSCALE_PX / 2 - (left + right) / 2) / UPSCALE_PX)),
    )


def compare_rules(model: torch.nn.Module, detector: FaceDetector, split: EmotionSplit) -> dict[str, Any]:
    """Measure the framing, and the accuracy with the resulting rule and with others.

    Args:
        model: My_model, on the CPU.
        detector: The project's own.
        split: Pictures to choose on: PublicTest.

    Returns:
        Plain values for framing.json: the framing, the chosen `rule`, `rules` around it (name -> margin, shift_y,
        accuracy 0..1), all rules that were `searched`, and `as_framed`, the accuracy on the same faces as FER2013
        framed them.

    Raises:
        RunError: If no face was found at all.
    """
    pictures = enlarge(split)
    boxes = find_boxes(detector, pictures)
    measured = measure(boxes)
    searched = rules_to_search(measured.rule)
    accuracy = {rule: accuracy_with(rule, model, pictures, boxes, split) for rule in searched}
    chosen = max(accuracy, key=accuracy.__getitem__)
    compared = rules_to_compare(chosen)
    accuracy |= {r: accuracy_with(r, model, pictures, boxes, split) for r in compared.values() if r not in accuracy}
    return {
        **asdict(measured),
        "rule": chosen.model_dump(),
        "rules": {name: {**rule.model_dump(), "accuracy": accuracy[rule]} for name, rule in compared.items()},
        "searched": [{**rule.model_dump(), "accuracy": accuracy[rule]} for rule in searched],
        "as_framed": accuracy_uncropped(model, boxes, split),
    }


def accuracy_with(
    rule: CropRule, model: torch.nn.Module, pictures: list[Image], boxes: list[Detection | None], split: EmotionSplit
) -> float:
    """Return the accuracy on the faces found, cropped by a rule as the service would."""
    crops = [
        crop_faces(picture, [box.xyxy], rule) for picture, box in zip(pictures, boxes, strict=True) if box is not None
    ]
    return _accuracy(model, torch.from_numpy(np.concatenate(crops)), split.targets_B[_found(boxes)])


def accuracy_uncropped(model: torch.nn.Module, boxes: list[Detection | None], split: EmotionSplit) -> float:
    """Return the accuracy on the same faces as FER2013 framed them: what a perfect rule would reach."""
    index = _found(boxes)
    return _accuracy(model, split.images_BCHW[index], split.targets_B[index])


@torch.inference_mode()
def _accuracy(model: torch.nn.Module, images_BCHW: Tensor, targets_B: Tensor) -> float:
    parts = images_BCHW.split(BATCH)
    predicted_B = torch.cat([model(normalize_faces(part)).argmax(1) for part in parts])
    return int((predicted_B == targets_B).sum()) / len(targets_B)


def _found(boxes: list[Detection | None]) -> Tensor:
    return torch.tensor([position for position, box in enumerate(boxes) if box is not None])


def rules_to_search(median: CropRule) -> list[CropRule]:
    """Return rules around the median's, in steps of 5 points of margin, each without a shift and with the median's."""
    margins = [round(median.margin + step / 20, 2) for step in SEARCH_STEPS]
    shifts = dict.fromkeys((0.0, median.shift_y))
    return [CropRule(margin=margin, shift_y=shift_y) for margin in margins for shift_y in shifts]


def rules_to_compare(chosen: CropRule) -> dict[str, CropRule]:
    """Return the chosen rule, no margin, 10 points of margin less and more, and the chosen margin without a shift."""
    margins = {
        "no margin": 0.0,
        "-10 %": round(chosen.margin - 0.1, 2),
        "chosen": chosen.margin,
        "+10 %": round(chosen.margin + 0.1, 2),
    }
    rules = {name: CropRule(margin=margin, shift_y=chosen.shift_y) for name, margin in margins.items()}
    return {**rules, "chosen, no shift": CropRule(margin=chosen.margin, shift_y=0.0)}


def _gray(split: EmotionSplit) -> np.ndarray:
    gray: np.ndarray = split.images_BCHW[:, 0].numpy()
    return gray


def _without_surround(detection: Detection) -> Detection:
    left, top, right, bottom = (value - SURROUND_PX for value in detection.xyxy)
    return Detection((left, top, right, bottom), detection.score)
