"""Runs on the inference thread: loads the networks, answers mixed batches, survives out-of-memory."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.errors import InferenceFailed, MienError, NotReady, OutOfMemory
from app.faces.types import Box, DetectOptions, ImageFaces
from app.pictures.types import Image
from app.serving.observer import EngineObserver
from app.weights import Manifest

Result = TypeVar("Result")

SUM_TOLERANCE = 1e-2
"""Probabilities sum to 1 within float error; a sum further away is a defect and must not be sold as an answer."""

logger = logging.getLogger(__name__)


class VisionPipeline(Protocol):
    """What the engine needs from the networks; `app.faces.pipeline.Pipeline` implements it.

    All but `warm_up` raise OutOfMemory when a smaller batch may fit, and DeviceLost when nothing will.
    """

    @property
    def manifest(self) -> Manifest:
        """What is loaded."""

    def warm_up(self) -> None:
        """Run once; raise if the networks cannot."""

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> Sequence[ImageFaces]:
        """Answer each image, in order."""

    def classify(self, images: Sequence[Image]) -> Sequence[tuple[float, ...]]:
        """Return the probabilities of each cropped face, in order."""

    def classify_boxes(self, images: Sequence[Image], boxes: Sequence[Box]) -> Sequence[tuple[float, ...]]:
        """Return the probabilities of the face in a box of each image, in order."""


@dataclass(frozen=True, eq=False)
class DetectJob:
    """Find and classify the faces of an image."""

    image: Image
    options: DetectOptions


@dataclass(frozen=True, eq=False)
class ClassifyJob:
    """Classify an image that is a face."""

    image: Image


@dataclass(frozen=True, eq=False)
class PartsJob:
    """Classify faces already found, one per image: a part of the picture, with the face's box in it."""

    images: Sequence[Image]
    boxes: Sequence[Box]


Job = DetectJob | ClassifyJob | PartsJob
Answer = ImageFaces | tuple[float, ...] | list[tuple[float, ...]]


class Inference:
    """The owner of the pipeline; every method but `manifest` runs on one thread only.

    Args:
        load: Makes the pipeline.
        observer: Notified of batches.
    """

    def __init__(self, load: Callable[[], VisionPipeline], observer: EngineObserver) -> None:
        self._load, self._observer = load, observer
        self._pipeline: VisionPipeline | None = None
        self._largest_part: int | None = None

    @property
    def manifest(self) -> Manifest:
        """What is loaded.

        Raises:
            NotReady: Before `load` is done.
        """
        return self._loaded.manifest

    def load(self) -> None:
        """Load both networks and run them once.

        Raises:
            MienError: If the device or the weights cannot be used.
        """
        pipeline = self._load()
        try:
            pipeline.warm_up()
        except Exception as error:
            raise InferenceFailed(f"The networks were loaded but cannot run here: {error}") from error
        self._pipeline = pipeline

    def run(self, jobs: Sequence[Job]) -> list[Answer | Exception]:
        """Answer a mixed batch: all jobs of a kind in one pass.

        A job that fails alone gets its own error in its place.

        Raises:
            Exception: If a whole pass fails; DeviceLost if no later one can succeed.
        """
        answers: dict[type[Job], Iterator[Answer | Exception]] = {
            DetectJob: iter(self._in_parts(self._detect, [job for job in jobs if isinstance(job, DetectJob)])),
            ClassifyJob: iter(self._in_parts(self._classify, [job for job in jobs if isinstance(job, ClassifyJob)])),
            PartsJob: iter(self._in_parts(self._classify_parts, [job for job in jobs if isinstance(job, PartsJob)])),
        }
        return [next(answers[type(job)]) for job in jobs]

    @property
    def _loaded(self) -> VisionPipeline:
        if self._pipeline is None:
            raise NotReady("The networks are still loading.")
        return self._pipeline

    def _in_parts(
        self, answer: Callable[[Sequence[Result]], list[Answer | Exception]], jobs: Sequence[Result]
    ) -> list[Answer | Exception]:
        """Answer in parts that fit the device; a part that does not is halved, and later ones stay that small."""
        if not jobs:
            return []
        size = min(len(jobs), self._largest_part or len(jobs))
        answers: list[Answer | Exception] = []
        while len(answers) < len(jobs):
            part = jobs[len(answers) : len(answers) + size]
            try:
                answers += answer(part)
            except OutOfMemory as error:
                if len(part) == 1:
                    answers.append(OutOfMemory(str(error)))  # A new one: its traceback would hold the picture.
                    continue
                size = self._largest_part = len(part) // 2
                logger.warning("the device is out of memory: batches are cut to %d pictures from now on", size)
        return answers

    def _detect(self, jobs: Sequence[DetectJob]) -> list[Answer | Exception]:
        classes = len(self.manifest.emotion.labels)
        found = self._loaded.detect([job.image for job in jobs], [job.options for job in jobs])
        checked: list[Answer | Exception] = [_check_faces(each, classes) for each in _same_length(found, jobs)]
        timings = found[0].timings_ms
        self._observer.batch_detected(
            timings.get("detect", 0.0) / 1e3, timings.get("classify", 0.0) / 1e3, [len(each.faces) for each in found]
        )
        return checked

    def _classify(self, jobs: Sequence[ClassifyJob]) -> list[Answer | Exception]:
        rows = _same_length(self._loaded.classify([job.image for job in jobs]), jobs)
        classes = len(self.manifest.emotion.labels)
        return [row if _is_distribution(row, classes) else _not_a_distribution() for row in rows]

    def _classify_parts(self, jobs: Sequence[PartsJob]) -> list[Answer | Exception]:
        images, boxes = [each for job in jobs for each in job.images], [each for job in jobs for each in job.boxes]
        rows = iter(_same_length(self._loaded.classify_boxes(images, boxes), images))
        classes = len(self.manifest.emotion.labels)
        answers = [[next(rows) for _ in job.images] for job in jobs]
        return [
            answer if all(_is_distribution(row, classes) for row in answer) else _not_a_distribution()
            for answer in answers
        ]


def _same_length(results: Sequence[Result], jobs: Sequence[object]) -> Sequence[Result]:
    """Check at run time that nothing was lost or added on the way."""
    if len(results) != len(jobs):
        raise RuntimeError(f"{len(results)} results for {len(jobs)} pictures.")
    return results


def _check_faces(found: ImageFaces, classes: int) -> ImageFaces | MienError:
    for face in found.faces:
        if not all(map(math.isfinite, (*face.detection.xyxy, face.detection.score))):
            return InferenceFailed("The detector's answer for this picture is not a number.")
        if not _is_distribution(face.probabilities, classes):
            return _not_a_distribution()
    return found


def _is_distribution(row: Sequence[float], classes: int) -> bool:
    return len(row) == classes and all(0 <= value <= 1 for value in row) and abs(sum(row) - 1) <= SUM_TOLERANCE


def _not_a_distribution() -> InferenceFailed:
    return InferenceFailed("The classifier's answer for this picture is not a probability distribution.")
