"""YOLOv8n as a face detector: images in, boxes in original pixels out.

Shape letters: B batch, A anchors (one for each cell of the three feature maps), H, W, K classes.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from app.faces.letterbox import Letterbox, letterbox
from app.faces.types import Detection
from app.pictures.types import Image
from app.runtimes.choose import Runtime
from app.runtimes.torch.ultralytics_door import DetectionModel
from app.runtimes.torch.yolov8 import build_yolov8n
from app.weights import DetectorCard, fill

STRIDES = (8, 16, 32)
DISTANCE_BINS = 16
MAX_CANDIDATES = 1000
"""Best anchors of a picture that enter NMS; bounds its quadratic cost when the threshold is low."""
MAX_DETECTIONS = 300
"""Of a picture, the surest ones: as many as ultralytics keeps. It bounds what a crowd costs everybody in its batch."""


class RawMaps(nn.Module):
    """YOLOv8n from the canvas to its head's raw output per anchor, which `FaceDetector` decodes in float32.

    Args:
        network: With its weights; ownership passes here, and batch norms are folded into the convolutions.
    """

    def __init__(self, network: DetectionModel) -> None:
        super().__init__()
        self.network = network.eval().fuse(verbose=False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but not the head's, which returns raw maps only in training mode."""
        super().train(mode)
        self.network.model[-1].training = True
        return self

    def forward(self, canvas_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network.

        Args:
            canvas_BHWC: RGB, uint8, sides are multiples of 32.

        Returns:
            Logits of the distances to the box's sides, (B, 4 * 16, A), and of the classes, (B, K, A).
        """
        maps = self.network(canvas_BHWC.permute(0, 3, 1, 2).float().div(255))
        return maps["boxes"], maps["scores"]


class FaceDetector:
    """The detector behind a runtime.

    Args:
        state: YOLOv8n's state with one class.
        card: The manifest's entry.
        runtime: Runs the network.
    """

    def __init__(self, state: dict[str, Tensor], card: DetectorCard, runtime: Runtime) -> None:
        network = build_yolov8n(len(card.labels))
        fill(network, state, card.file)
        example_BHWC = torch.zeros(2, 64, 96, 3, dtype=torch.uint8)
        self.network = runtime.load(RawMaps(network), example_BHWC, (0, 1, 2), card.sha256)
        self.card, self.device = card, runtime.device

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image], score_thresholds: Sequence[float]) -> list[list[Detection]]:
        """Find the faces of several images of any sizes.

        Args:
            images: B images.
            score_thresholds: Lowest score for each image, 0..1.

        Returns:
            For each image its detections, highest score first, at most `MAX_DETECTIONS`.
        """
        canvases = [letterbox(image, self.card.input_size_px) for image in images]
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, (canvas, _) in enumerate(canvases):
            by_shape[canvas.shape].append(index)
        found: list[list[Detection]] = [[] for _ in images]
        for indices in by_shape.values():
            batch = np.stack([canvases[index][0] for index in indices])
            thresholds_B = torch.tensor([score_thresholds[index] for index in indices], device=self.device)
            xyxy_N4, scores_N, picture_N = self._find(torch.from_numpy(batch), thresholds_B)
            for position, index in enumerate(indices):
                mine = np.flatnonzero(picture_N == position)[:MAX_DETECTIONS]
                transform, size = canvases[index][1], images[index].shape[:2]
                found[index] = _to_detections(xyxy_N4[mine], scores_N[mine], transform, size)
        return found

    def _find(self, canvas_BHWC: Tensor, thresholds_B: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return boxes (N, 4) in canvas pixels, scores (N,) and the position in the batch (N,), best score first."""
        distances_BCA, logits_BKA = self.network(canvas_BHWC.to(self.device))
        scores_BA = logits_BKA.float().sigmoid().amax(dim=1)
        candidates = min(MAX_CANDIDATES, scores_BA.shape[1])
        top_BN, anchor_BN = scores_BA.topk(candidates, dim=1)
        picture_N, rank_N = (top_BN >= thresholds_B[:, None]).nonzero(as_tuple=True)
        anchor_N, scores_N = anchor_BN[picture_N, rank_N], top_BN[picture_N, rank_N]
        distances_N = distances_BCA.permute(0, 2, 1)[picture_N, anchor_N].float()
        if not (scores_BA.isfinite().all() and distances_N.isfinite().all()):
            raise FloatingPointError("The detector computed what is no number.")  # comparisons would call it no face
        shapes = [(canvas_BHWC.shape[1] // stride, canvas_BHWC.shape[2] // stride) for stride in STRIDES]
        xyxy_N4 = decode_boxes(distances_N, anchor_N, shapes)
        kept = batched_nms(xyxy_N4, scores_N, picture_N, self.card.iou_threshold)
        return xyxy_N4[kept].cpu().numpy(), scores_N[kept].cpu().numpy(), picture_N[kept].cpu().numpy()


def decode_boxes(distances_N: Tensor, anchor_N: Tensor, shapes: Sequence[tuple[int, ...]]) -> Tensor:
    """Turn the head's distance distributions into boxes.

    Args:
        distances_N: Logits of the distances to left, top, right and bottom, float, shape (N, 4 * 16).
        anchor_N: Index of each anchor over all feature maps, shape (N,).
        shapes: (height, width) of the feature map of each stride.

    Returns:
        xyxy in canvas pixels, shape (N, 4).

    References:
        Li et al. 2020, "Generalized Focal Loss", arXiv:2006.04388, equation 4: a distance is the mean of its
        distribution over 0..15, in units of the stride, from the cell's centre.
    """
    centres, strides = [], []
    for (height, width), stride in zip(shapes, STRIDES, strict=True):
        y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        centres.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
        strides.append(torch.full((height * width, 1), float(stride)))
    centre_N2 = torch.cat(centres).to(distances_N.device)[anchor_N]
    stride_N1 = torch.cat(strides).to(distances_N.device)[anchor_N]
    bins = torch.arange(DISTANCE_BINS, dtype=torch.float32, device=distances_N.device)
    distance_N4 = distances_N.reshape(-1, 4, DISTANCE_BINS).softmax(dim=-1) @ bins
    return torch.cat([centre_N2 - distance_N4[:, :2], centre_N2 + distance_N4[:, 2:]], dim=1) * stride_N1


def _to_detections(
    xyxy_N4: np.ndarray, scores_N: np.ndarray, transform: Letterbox, size: tuple[int, ...]
) -> list[Detection]:
    """Map boxes to original pixels, clip them to the image and drop those entirely in the padding."""
    height, width = size
    boxes = transform.to_original(xyxy_N4).clip(0, [width, height, width, height])
    detections = []
    for (left, top, right, bottom), score in zip(boxes.tolist(), scores_N.tolist(), strict=True):
        if right - left > 0 and bottom - top > 0:
            detections.append(Detection((left, top, right, bottom), score))
    return detections
