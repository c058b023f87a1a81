"""Runs on the inference thread: loads the networks, answers mixed batches, survives out-of-memory."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from app.errors import InferenceFailed, NotReady, OutOfMemory
from app.faces.types import Attributes, Box, DetectOptions, ImageFaces
from app.manifest import Manifest
from app.pictures.types import Image
from app.serving.checks import check_answers, check_faces, same_length
from app.serving.jobs import Answers, ClassifyJob, DetectJob, Job, Result
from app.serving.observer import EngineObserver

Kind = TypeVar("Kind", bound=Job)

logger = logging.getLogger(__name__)


class VisionPipeline(Protocol):
    """What the engine needs from the networks; `app.faces.pipeline.Pipeline` implements it.

    All but `warm_up` raise OutOfMemory when a smaller batch may fit, and DeviceLost when nothing will.
    """

    @property
    def manifest(self) -> Manifest:
        """What is loaded."""

    @property
    def runtime(self) -> str:
        """What runs it: library, version, precision, device."""

    def warm_up(self) -> None:
        """Run once; raise if the networks cannot."""

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> Sequence[ImageFaces]:
        """Answer each image, in order."""

    def classify(
        self, images: Sequence[Image], boxes: Sequence[Box | None], asked: Sequence[Attributes]
    ) -> Sequence[Answers]:
        """Answer for the face in a box of each image, in order; without a box the whole image is the face.

        Each has its emotion, and what else is asked of it.
        """


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

    @property
    def runtime(self) -> str:
        """What runs the networks; raises as `manifest`."""
        return self._loaded.runtime

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

    def run(self, jobs: Sequence[Job]) -> list[Result | Exception]:
        """Answer a mixed batch: all jobs of a kind in one pass.

        A job that fails alone gets its own error in its place.

        Raises:
            Exception: If a whole pass fails; DeviceLost if no later one can succeed.
        """
        answers: dict[type[Job], Iterator[Result | Exception]] = {
            DetectJob: iter(self._in_parts(self._detect, [job for job in jobs if isinstance(job, DetectJob)])),
            ClassifyJob: iter(self._in_parts(self._classify, [job for job in jobs if isinstance(job, ClassifyJob)])),
        }
        return [next(answers[type(job)]) for job in jobs]

    @property
    def _loaded(self) -> VisionPipeline:
        if self._pipeline is None:
            raise NotReady("The networks are still loading.")
        return self._pipeline

    def _in_parts(
        self, answer: Callable[[Sequence[Kind]], list[Result | Exception]], jobs: Sequence[Kind]
    ) -> list[Result | Exception]:
        """Answer in parts that fit the device; a part that does not is halved, and later ones stay that small."""
        if not jobs:
            return []
        size = min(len(jobs), self._largest_part or len(jobs))
        answers: list[Result | Exception] = []
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

    def _detect(self, jobs: Sequence[DetectJob]) -> list[Result | Exception]:
        found = same_length(self._loaded.detect([job.image for job in jobs], [job.options for job in jobs]), jobs)
        timings = found[0].timings_ms
        self._observer.batch_detected(
            timings.get("detect", 0.0) / 1e3, timings.get("classify", 0.0) / 1e3, [len(each.faces) for each in found]
        )
        return [check_faces(each) for each in found]

    def _classify(self, jobs: Sequence[ClassifyJob]) -> list[Result | Exception]:
        images, boxes = [each for job in jobs for each in job.images], [each for job in jobs for each in job.boxes]
        asked = [job.attributes for job in jobs for _ in job.images]
        rows = iter(same_length(self._loaded.classify(images, boxes, asked), images))
        return [check_answers([next(rows) for _ in job.images]) for job in jobs]
