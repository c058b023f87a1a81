"""Both networks, one call: a batch of images in, faces with emotions out."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from app.errors import WeightsError
from app.faces.classify import EmotionClassifier
from app.faces.crop import crop_faces, whole_picture
from app.faces.find import FaceDetector
from app.faces.types import Box, Detection, DetectOptions, Face, ImageFaces
from app.pictures.types import Image
from app.runtimes.choose import choose_runtime
from app.runtimes.torch.device import computes_bf16, device_errors, resolve_device
from app.weights import LABELS, Manifest, load_int8, load_manifest, load_state

logger = logging.getLogger(__name__)

WARM_UP_PICTURES, WARM_UP_FACES = (1, 4), 47
"""Sizes of the batches that a runtime may treat differently; 47 faces are cut into parts of 16, 16, 8, 4, 2 and 1."""

MAX_FACES_PER_PASS = 256
"""Faces that go through My_model at once; a crowd is cut into passes so that memory stays bounded."""


class Pipeline:
    """Detector and classifier on one device; not thread-safe, owned by one thread.

    Args:
        detector: Finds faces.
        classifier: Classifies their emotions.
        manifest: What both were loaded from.
    """

    def __init__(self, detector: FaceDetector, classifier: EmotionClassifier, manifest: Manifest) -> None:
        self.detector, self.classifier, self.manifest = detector, classifier, manifest

    @classmethod
    def load(
        cls,
        weights_dir: Path,
        device_name: str,
        precision: str = "auto",
        threads: int = 0,
        runtime_name: str = "auto",
    ) -> "Pipeline":
        """Load both networks.

        Args:
            weights_dir: Folder with manifest.json.
            device_name: `auto`, `cpu`, `cuda` or `cuda:N`.
            precision: `fp32`, `bf16`, `int8` (with bfloat16, where the hardware computes it, for what has no int8
                form), or `auto`: bfloat16 on a CPU that computes it.
            threads: CPU threads of one network call; 0 for one per core that this process may use.
            runtime_name: `torch`, `openvino`, or `auto`: OpenVINO on a CPU where it is installed, else PyTorch.

        Raises:
            DeviceUnavailable: If the device is not available.
            RuntimeUnavailable: If the runtime is not installed or does not fit the device or the precision.
            WeightsError: If weights are missing, altered or incompatible.
        """
        device = resolve_device(device_name)
        bf16 = computes_bf16(precision, device)
        manifest = load_manifest(weights_dir)
        if manifest.emotion.labels != LABELS:
            raise WeightsError(f"The manifest's labels {manifest.emotion.labels} are not {LABELS}.")
        cards = (manifest.detector, manifest.emotion)
        int8 = {card.sha256: load_int8(weights_dir, card) for card in cards} if precision == "int8" else None
        runtime = choose_runtime(runtime_name, device, bf16, threads, int8)
        detector = FaceDetector(load_state(weights_dir, manifest.detector), manifest.detector, runtime)
        classifier = EmotionClassifier(load_state(weights_dir, manifest.emotion), manifest.emotion, runtime)
        logger.info("the networks run on %s", runtime.description)
        return cls(detector, classifier, manifest)

    @property
    def device(self) -> torch.device:
        """Where both networks compute."""
        return self.detector.device

    def warm_up(self) -> None:
        """Run both networks on a synthetic picture, so that the first requests do not pay for set-up.

        Raises:
            RuntimeError: If the networks cannot run or their output is not a distribution.
        """
        image = np.full((720, 1280, 3), 127, dtype=np.uint8)
        for count in WARM_UP_PICTURES:
            self.detect([image] * count, [DetectOptions()] * count)
        total = sum(self.classify([image[:48, :48]] * WARM_UP_FACES)[0])
        if not np.isclose(total, 1.0, atol=1e-3):
            raise RuntimeError(f"Warm-up failed: the probabilities sum to {total}.")

    @device_errors()
    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> list[ImageFaces]:
        """Find the faces of all images and classify all of them as one batch.

        Args:
            images: RGB, uint8, each (H, W, 3) of its own size; may be empty.
            options: One for each image.

        Returns:
            One answer for each image, in order.

        Raises:
            OutOfMemory: If the device has no memory for this many.
            DeviceLost: If the device has failed.
        """
        started = time.perf_counter()
        default = self.manifest.detector.score_threshold
        thresholds = [default if each.score_threshold is None else each.score_threshold for each in options]
        found = self.detector(images, thresholds)
        kept = [_select(detections, each) for detections, each in zip(found, options, strict=True)]
        detected = time.perf_counter()
        crops = [
            crop_faces(image, [each.xyxy for each in detections], self.manifest.emotion.crop, self.device)
            for image, detections in zip(images, kept, strict=True)
        ]
        probabilities = iter(self._classify_crops(crops).tolist())
        timings = {"detect": (detected - started) * 1e3, "classify": (time.perf_counter() - detected) * 1e3}
        return [
            ImageFaces(
                width=image.shape[1],
                height=image.shape[0],
                faces=tuple(Face(detection, tuple(next(probabilities))) for detection in detections),
                timings_ms=timings,
            )
            for image, detections in zip(images, kept, strict=True)
        ]

    @device_errors()
    def classify(self, images: Sequence[Image]) -> list[tuple[float, ...]]:
        """Classify faces that are already cropped.

        Args:
            images: RGB, uint8, each (H, W, 3); a picture that is not square is padded by repeating its border.

        Returns:
            For each image its probabilities in the order of `LABELS`.

        Raises:
            OutOfMemory: As `detect`.
            DeviceLost: As `detect`.
        """
        probabilities = self._classify_crops([whole_picture(each, self.device) for each in images])
        return [tuple(row) for row in probabilities.tolist()]

    @device_errors()
    def classify_boxes(self, images: Sequence[Image], boxes: Sequence[Box]) -> list[tuple[float, ...]]:
        """Classify faces found earlier, for example in a smaller copy of the picture.

        Args:
            images: RGB, uint8, each (H, W, 3): pictures or parts of them.
            boxes: The face's box in each image, in its pixels.

        Returns:
            For each box its probabilities in the order of `LABELS`.

        Raises:
            OutOfMemory: As `detect`.
            DeviceLost: As `detect`.
        """
        rule = self.manifest.emotion.crop
        crops = [crop_faces(image, [box], rule, self.device) for image, box in zip(images, boxes, strict=True)]
        return [tuple(row) for row in self._classify_crops(crops).tolist()]

    def _classify_crops(self, crops: Sequence[torch.Tensor]) -> torch.Tensor:
        if not crops:
            return torch.zeros(0, len(LABELS))
        return torch.cat([self.classifier(part) for part in torch.split(torch.cat(list(crops)), MAX_FACES_PER_PASS)])


def _select(detections: list[Detection], options: DetectOptions) -> list[Detection]:
    """Apply the caller's limits; largest first, ties in reading order."""
    large = [each for each in detections if each.shorter_side_px >= options.min_face_px]
    large.sort(key=lambda each: (-each.area, each.xyxy[1], each.xyxy[0]))
    return large[: options.max_faces]
