"""All networks, one call: a batch of images in, faces with their classifiers' answers out."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from app.faces.classify import Classifier
from app.faces.crop import Crops, crop_faces, crop_square, whole_picture
from app.faces.find import FaceDetector
from app.faces.guided import GuidedSearch
from app.faces.search import FaceSearch
from app.faces.turn import cut_upright
from app.faces.types import Answer, Attributes, Box, Detection, DetectOptions, Face, ImageFaces, Trace
from app.manifest import EMOTION, INPUT_SIZE_PX, CropRule, Manifest, load_manifest
from app.pictures.types import Image
from app.runtimes.protocol import Runtime
from app.weights import network_files

logger = logging.getLogger(__name__)

WARM_UP_PICTURES, WARM_UP_FACES = (1, 4), 47
"""Sizes of the batches that a runtime may treat differently; 47 faces are cut into parts of 16, 16, 8, 4, 2 and 1."""


class Pipeline:
    """The detector and the classifiers; not thread-safe, owned by one thread.

    Args:
        detector: Finds faces.
        classifiers: Attribute -> its classifier; at least one.
        manifest: What they were loaded from.
        runtime: Describes what runs them.
        second_looks: Whether any picture is looked at again; if not, callers cannot ask for it.
        most_faces: How many faces `detect` classifies at most; those of the largest crowds are then left without
            answers, for `classify`. None: all are classified.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifiers: Mapping[str, Classifier],
        manifest: Manifest,
        runtime: str,
        second_looks: bool = True,
        most_faces: int | None = None,
    ) -> None:
        self.detector, self.classifiers, self.manifest, self.runtime = detector, classifiers, manifest, runtime
        self._guided = GuidedSearch(detector, manifest.emotion.crop)
        self._search = FaceSearch(detector, self._guided, manifest.detector.score_threshold, second_looks)
        self._most_faces = math.inf if most_faces is None else most_faces

    @classmethod
    def load(
        cls,
        weights_dir: Path,
        runtime: Runtime,
        second_looks: bool = True,
        most_faces: int | None = None,
        attributes: Attributes = (),
    ) -> "Pipeline":
        """Load the networks of a manifest that find faces and name their emotion, and those of further attributes.

        Args:
            weights_dir: Folder with manifest.json.
            runtime: Runs them.
            second_looks: As in the class.
            most_faces: As in the class.
            attributes: What can be asked of a face besides its emotion; the files of other networks are not opened.

        Raises:
            WeightsError: If files are missing, altered or incompatible, or there is no network for an attribute.
        """
        # Crops are small products. Under load, BLAS's own threads wait for each other: 130 ms for one of 0.14.
        threadpool_limits(1, user_api="blas")
        manifest = load_manifest(weights_dir).with_further(attributes)
        opened = {name: runtime.open(network_files(manifest, name, weights_dir)) for name in manifest.networks}
        detector = FaceDetector(opened[manifest.detector_name], manifest.detector)
        classifiers = {
            attribute: Classifier(opened[name], card) for attribute, (name, card) in manifest.classifiers.items()
        }
        logger.info("the networks run on %s", runtime.description)
        return cls(detector, classifiers, manifest, runtime.description, second_looks, most_faces)

    def warm_up(self) -> None:
        """Run all networks on a synthetic picture, so that the first requests do not pay for set-up.

        Second looks are not warmed up: their canvases of other shapes take 60 MB, which few servers may ever need.

        Raises:
            RuntimeError: If the networks cannot run or an answer is not a distribution.
        """
        image = np.full((720, 1280, 3), 127, dtype=np.uint8)
        for count in WARM_UP_PICTURES:
            self.detect([image] * count, [DetectOptions(second_looks=False)] * count)
        face = image[:INPUT_SIZE_PX, :INPUT_SIZE_PX]
        everything = [tuple(self.manifest.further)] * WARM_UP_FACES
        for answer in self.classify([face] * WARM_UP_FACES, [None] * WARM_UP_FACES, everything)[0].values():
            total = sum(answer.probabilities)
            if not np.isclose(total, 1.0, atol=1e-3):
                raise RuntimeError(f"Warm-up failed: the probabilities sum to {total}.")

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> list[ImageFaces]:
        """Find the faces of all images and classify them as one batch.

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
        found, guided = self._search(images, options)
        kept = [_select(detections, each) for detections, each in zip(found, options, strict=True)]
        detected = time.perf_counter()
        traces = [
            [self._trace(image, each, asked) for each in detections]
            for image, detections, asked in zip(images, kept, options, strict=True)
        ]
        known = [[before for _, before in each] for each in traces]
        answers = self._classify(images, kept, known, [each.attributes for each in options])
        timings = {"detect": (detected - started) * 1e3, "classify": (time.perf_counter() - detected) * 1e3}
        return [
            ImageFaces(
                width=image.shape[1],
                height=image.shape[0],
                faces=tuple(
                    Face(each, row, crop_px=self._crop_px(each, wanted.attributes), trace=trace)
                    for each, row, (trace, _) in zip(detections, rows, remembered, strict=True)
                ),
                timings_ms=timings,
                search="guided" if is_guided else "whole",
                classified=sum(len(row) for row, (_, before) in zip(rows, remembered, strict=True) if not before),
            )
            for image, detections, rows, remembered, is_guided, wanted in zip(
                images, kept, answers, traces, guided, options, strict=True
            )
        ]

    def _trace(
        self, image: Image, detection: Detection, options: DetectOptions
    ) -> tuple[Trace | None, dict[str, Answer]]:
        """Return what a stream is to remember of a face, and its answers if those of the frame before are kept."""
        if options.guide is None:
            return None, {}
        least = options.score_threshold
        least = self.manifest.detector.score_threshold if least is None else least
        return self._guided.trace(image, detection, options.guide, least)

    def _classify(
        self,
        images: Sequence[Image],
        kept: Sequence[Sequence[Detection]],
        known: Sequence[Sequence[dict[str, Answer]]],
        asked: Sequence[Attributes],
    ) -> list[list[dict[str, Answer]]]:
        """Answer for the faces without an answer of the pictures that have few, until they are too many.

        The other pictures' rows stay as they are.
        """
        new = [
            [each for each, before in zip(detections, rows, strict=True) if not before]
            for detections, rows in zip(kept, known, strict=True)
        ]
        chosen: set[int] = set()
        work = [len(faces) * (1 + len(each)) for faces, each in zip(new, asked, strict=True)]
        for index in sorted(range(len(new)), key=work.__getitem__):
            if sum(work[each] for each in chosen) + work[index] <= self._most_faces:
                chosen.add(index)
        faces = [(index, each) for index in sorted(chosen) for each in new[index]]
        cuts = [cut_upright(images[index], each) for index, each in faces]
        attributes = [asked[index] for index, _ in faces]
        answers = iter(self.classify([image for image, _ in cuts], [box for _, box in cuts], attributes))
        return [
            [before or (next(answers) if index in chosen else {}) for before in rows]
            for index, rows in enumerate(known)
        ]

    def _crop_px(self, detection: Detection, attributes: Attributes) -> float:
        return min(crop_square(detection.xyxy, rule)[2] for rule in self.manifest.crop_rules(attributes))

    def classify(
        self, images: Sequence[Image], boxes: Sequence[Box | None], asked: Sequence[Attributes]
    ) -> list[dict[str, Answer]]:
        """Classify faces: their emotion, and what else is asked.

        Args:
            images: RGB, uint8, each (H, W, 3): pictures or parts of them.
            boxes: The face's box in each image, in its pixels; None where the whole image is the face, which is padded
                to a square by repeating its border.
            asked: For each what is asked besides its emotion.

        Returns:
            For each box attribute -> answer, in order.

        Raises:
            OutOfMemory: As `detect`.
            DeviceLost: As `detect`.
        """
        crops: dict[CropRule, Crops] = {}
        answers: list[dict[str, Answer]] = [{} for _ in images]
        for attribute, classifier in self.classifiers.items():
            chosen = [index for index, each in enumerate(asked) if attribute in (EMOTION, *each)]
            if not chosen:
                continue
            rule = classifier.card.crop
            if rule not in crops:
                crops[rule] = _crop_all(images, boxes, rule)
            given = crops[rule] if len(chosen) == len(images) else crops[rule][chosen]
            for index, answer in zip(chosen, classifier(given), strict=True):
                answers[index][attribute] = answer
        return answers


def _crop_all(images: Sequence[Image], boxes: Sequence[Box | None], rule: CropRule) -> Crops:
    cropped = [
        whole_picture(image) if box is None else crop_faces(image, [box], rule)
        for image, box in zip(images, boxes, strict=True)
    ]
    return np.concatenate(cropped)


def _select(detections: list[Detection], options: DetectOptions) -> list[Detection]:
    """Apply the caller's limits; largest first, ties in reading order."""
    large = [each for each in detections if each.shorter_side_px >= options.min_face_px]
    large.sort(key=lambda each: (-each.area, each.xyxy[1], each.xyxy[0]))
    return large[: options.max_faces]
