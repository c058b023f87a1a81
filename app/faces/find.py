"""The face detector: images in, boxes in original pixels out, whatever runtime runs its network.

Shape letters: B batch, K classes, A anchors (one for each cell of the three feature maps), N of them, C channels of the
distances.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.faces.letterbox import Letterbox, letterbox
from app.faces.nms import suppress
from app.faces.types import Detection
from app.manifest import DetectorCard
from app.pictures.types import Image
from app.runtimes.protocol import MAX_CANDIDATES, Array, Network

STRIDES = (8, 16, 32)
DISTANCE_BINS = 16
MAX_DETECTIONS = 300
"""Of a picture, the surest ones: as many as ultralytics keeps. It bounds what a crowd costs everybody in its batch."""


Found = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Boxes (N, 4) in canvas pixels and their scores (N,), highest first."""


class FaceDetector:
    """Finds faces.

    Args:
        network: Opened by a runtime; its task is find.
        card: The manifest's entry.
    """

    def __init__(self, network: Network, card: DetectorCard) -> None:
        self._network, self.card = network, card

    def __call__(self, images: Sequence[Image], score_thresholds: Sequence[float]) -> list[list[Detection]]:
        """Find the faces of several images of any sizes.

        Args:
            images: B images.
            score_thresholds: Lowest score for each image, 0..1.

        Returns:
            For each image its detections, highest score first, at most `MAX_DETECTIONS`.

        Raises:
            FloatingPointError: If the network computes what is no number.
        """
        canvases = [letterbox(image, self.card.input_size_px) for image in images]
        found = self.search([canvas for canvas, _ in canvases], score_thresholds)
        return [
            _to_detections(xyxy_N4, scores_N, transform, image.shape[:2])
            for (xyxy_N4, scores_N), (_, transform), image in zip(found, canvases, images, strict=True)
        ]

    def search(self, canvases: Sequence[Image], score_thresholds: Sequence[float]) -> list[Found]:
        """Find the faces on several canvases, each with sides that are multiples of 32.

        Args:
            canvases: B canvases; may be empty.
            score_thresholds: Lowest score for each, 0..1.

        Returns:
            For each its boxes (N, 4) in canvas pixels and their scores (N,), highest first, at most `MAX_DETECTIONS`.

        Raises:
            FloatingPointError: As calling it.
        """
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for index, canvas in enumerate(canvases):
            by_shape[canvas.shape].append(index)
        found: dict[int, Found] = {}
        for (height, width, _), indices in by_shape.items():
            outputs = self._network(np.stack([canvases[index] for index in indices]))
            for index, logits_KN, distances_CN, anchors_N in zip(indices, *outputs, strict=True):
                xyxy_N4, scores_N = self._boxes(
                    logits_KN, distances_CN, anchors_N, (height, width), score_thresholds[index]
                )
                kept = suppress(xyxy_N4, scores_N, self.card.iou_threshold, MAX_DETECTIONS)
                found[index] = (xyxy_N4[kept], scores_N[kept])
        return [found[index] for index in range(len(canvases))]

    def _boxes(
        self, logits_KN: Array, distances_CN: Array, anchors_N: Array, canvas: tuple[int, int], score_threshold: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the boxes (N, 4) in canvas pixels, and the scores (N,), of the best anchors above the threshold."""
        scores_N = _sigmoid(logits_KN.astype(np.float32).max(axis=0))
        chosen = np.flatnonzero(scores_N >= score_threshold)
        if len(chosen) > MAX_CANDIDATES:
            chosen = chosen[np.argpartition(-scores_N[chosen], MAX_CANDIDATES)[:MAX_CANDIDATES]]
        distances_NC = distances_CN[:, chosen].T.astype(np.float32)
        if not (np.isfinite(scores_N).all() and np.isfinite(distances_NC).all()):
            raise FloatingPointError("The detector computed what is no number.")  # comparisons would call it no face
        shapes = [(canvas[0] // stride, canvas[1] // stride) for stride in STRIDES]
        return decode_boxes(distances_NC, anchors_N[chosen], shapes), scores_N[chosen]


def decode_boxes(distances_NC: Array, anchors_N: Array, shapes: Sequence[tuple[int, int]]) -> npt.NDArray[np.float32]:
    """Turn the head's distance distributions into boxes.

    Args:
        distances_NC: Logits of the distances to left, top, right and bottom, float, shape (N, 4 * 16).
        anchors_N: Index of each anchor over all feature maps, shape (N,).
        shapes: (height, width) of the feature map of each stride.

    Returns:
        xyxy in canvas pixels, shape (N, 4).

    References:
        Li et al. 2020, "Generalized Focal Loss", arXiv:2006.04388, equation 4: a distance is the mean of its
        distribution over 0..15, in units of the stride, from the cell's centre.
    """
    sizes = [height * width for height, width in shapes]
    level_N = np.searchsorted(np.cumsum(sizes), anchors_N, side="right")
    cell_N = anchors_N - np.concatenate([[0], np.cumsum(sizes)])[level_N]
    width_N = np.array([width for _, width in shapes])[level_N]
    stride_N1 = np.array(STRIDES, dtype=np.float32)[level_N, None]
    centre_N2 = np.stack([cell_N % width_N, cell_N // width_N], axis=1).astype(np.float32) + np.float32(0.5)
    bins = np.arange(DISTANCE_BINS, dtype=np.float32)
    distance_N4 = softmax(distances_NC.reshape(-1, 4, DISTANCE_BINS)) @ bins
    boxes: npt.NDArray[np.float32] = (
        np.concatenate([centre_N2 - distance_N4[:, :2], centre_N2 + distance_N4[:, 2:]], axis=1) * stride_N1
    )
    return boxes


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the softmax over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: npt.NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 1 / (1 + exp(-x)), without overflow."""
    shares: npt.NDArray[np.float32] = np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * logits))
    return shares


def _to_detections(
    xyxy_N4: npt.NDArray[np.float32],
    scores_N: npt.NDArray[np.float32],
    transform: Letterbox,
    size: tuple[int, ...],
) -> list[Detection]:
    """Map boxes to original pixels, clip them to the image and drop those entirely in the padding."""
    height, width = size
    boxes = transform.to_original(xyxy_N4).clip(0, [width, height, width, height])
    detections = []
    for (left, top, right, bottom), score in zip(boxes.tolist(), scores_N.tolist(), strict=True):
        if right - left > 0 and bottom - top > 0:
            detections.append(Detection((left, top, right, bottom), score))
    return detections
