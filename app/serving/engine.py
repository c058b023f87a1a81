"""The engine: decodes in a small thread pool, batches, keeps the deadline, and knows when it is ready."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from app.errors import DeadlineExceeded, InferenceFailed, NotReady, Overloaded
from app.serving.batcher import MicroBatcher
from app.vision.image import decode_image
from app.vision.types import DetectOptions, Image, ImageFaces
from app.vision.weights import Manifest

Result = TypeVar("Result")


class VisionPipeline(Protocol):
    """What the engine needs of the networks; `app.vision.pipeline.Pipeline` is one."""

    @property
    def manifest(self) -> Manifest:
        """What is loaded."""

    def warm_up(self) -> None:
        """Run once; raise if the networks cannot."""

    def detect(self, images: Sequence[Image], options: Sequence[DetectOptions]) -> Sequence[ImageFaces]:
        """Answer each image, in order."""

    def classify(self, images: Sequence[Image]) -> Sequence[tuple[float, ...]]:
        """Return the probabilities of each cropped face, in order."""


@dataclass(frozen=True)
class EngineLimits:
    """Bounds of the engine.

    Attributes:
        max_batch_size: Most pictures a pass of the networks.
        max_batch_wait_ms: How long a batch gathers while the networks are idle.
        queue_size: Most pictures in work at once: being decoded, waiting, or in the networks.
        max_pixels: Largest picture that is decoded.
        deadline_s: Longest time from the payload to the answer.
        decode_threads: Threads that decode.
    """

    max_batch_size: int = 16
    max_batch_wait_ms: float = 0.0
    queue_size: int = 64
    max_pixels: int = 40_000_000
    deadline_s: float = 30.0
    decode_threads: int = 2


@dataclass(frozen=True)
class _DetectJob:
    image: Image
    options: DetectOptions


@dataclass(frozen=True)
class _ClassifyJob:
    image: Image


class Engine:
    """One pipeline behind one batcher.

    Args:
        load: Makes the pipeline; runs on a thread at `start`, so that the event loop stays free.
        limits: Bounds.
    """

    def __init__(self, load: Callable[[], VisionPipeline], limits: EngineLimits) -> None:
        self._load, self.limits = load, limits
        self._decoders = ThreadPoolExecutor(limits.decode_threads, thread_name_prefix="decode")
        self._in_flight = 0
        self._pipeline: VisionPipeline | None = None
        self._batcher: MicroBatcher[_DetectJob | _ClassifyJob, ImageFaces | tuple[float, ...]] | None = None

    async def start(self) -> None:
        """Load both networks and run them once; only then is the engine ready. A started engine is left as it is.

        Raises:
            MienError: If the device or the weights cannot be used.
        """
        if self._batcher is not None:
            return
        self._pipeline = await asyncio.to_thread(self._load_and_warm_up)
        self._batcher = MicroBatcher(
            self._run, self.limits.max_batch_size, self.limits.max_batch_wait_ms, self.limits.queue_size
        )

    async def stop(self) -> None:
        """Finish what runs, answer what waits with `NotReady`, and end the threads."""
        if self._batcher is not None:
            await asyncio.to_thread(self._batcher.close)
        await asyncio.to_thread(self._decoders.shutdown, cancel_futures=True)

    @property
    def ready(self) -> bool:
        """Whether a request would be served."""
        return self._batcher is not None and self._batcher.alive

    @property
    def alive(self) -> bool:
        """Whether the inference thread runs, or has not started yet; a server that is not alive must be restarted."""
        return self._batcher is None or self._batcher.alive

    @property
    def manifest(self) -> Manifest:
        """What is loaded.

        Raises:
            NotReady: Before `start` is done.
        """
        if self._pipeline is None:
            raise NotReady("The networks are still loading.")
        return self._pipeline.manifest

    async def detect(self, payload: bytes, options: DetectOptions) -> ImageFaces:
        """Decode a picture, find its faces and classify them.

        Raises:
            MienError: BadPayload, UnsupportedMedia, PayloadTooLarge, Overloaded, NotReady, DeadlineExceeded or
                InferenceFailed.
        """
        decode_ms, result = await self._answer(payload, lambda image: _DetectJob(image, options))
        if not isinstance(result, ImageFaces):
            raise TypeError("A detection was answered by a classification.")
        return replace(result, timings_ms={"decode": decode_ms, **result.timings_ms})

    async def classify(self, payload: bytes) -> tuple[float, ...]:
        """Decode a picture that is one face and return its probabilities in the order of the labels.

        Raises:
            MienError: As `detect`.
        """
        _, result = await self._answer(payload, _ClassifyJob)
        if isinstance(result, ImageFaces):
            raise TypeError("A classification was answered by a detection.")
        return result

    async def _answer(
        self, payload: bytes, job: Callable[[Image], _DetectJob | _ClassifyJob]
    ) -> tuple[float, ImageFaces | tuple[float, ...]]:
        if self._batcher is None or not self._batcher.alive:
            raise NotReady("The server is starting or stopping.")
        if self._in_flight >= self.limits.queue_size:
            raise Overloaded(f"{self._in_flight} pictures are being worked on already; try again shortly.")
        self._in_flight += 1
        try:
            async with asyncio.timeout(self.limits.deadline_s):
                started = time.perf_counter()
                image = await asyncio.get_running_loop().run_in_executor(
                    self._decoders, decode_image, payload, self.limits.max_pixels
                )
                decode_ms = (time.perf_counter() - started) * 1e3
                return decode_ms, await self._batcher.submit(job(image))
        except TimeoutError as error:
            raise DeadlineExceeded(f"No answer within {self.limits.deadline_s:g} s.") from error
        finally:
            self._in_flight -= 1

    def _load_and_warm_up(self) -> VisionPipeline:
        pipeline = self._load()
        try:
            pipeline.warm_up()
        except Exception as error:
            raise InferenceFailed(f"The networks were loaded but cannot run here: {error}") from error
        return pipeline

    def _run(self, jobs: Sequence[_DetectJob | _ClassifyJob]) -> list[ImageFaces | tuple[float, ...]]:
        """Answer a mixed batch: all detections in one pass, all classifications in another."""
        pipeline = self._pipeline
        if pipeline is None:
            raise NotReady("The networks are still loading.")
        detect_jobs = [job for job in jobs if isinstance(job, _DetectJob)]
        classify_jobs = [job for job in jobs if isinstance(job, _ClassifyJob)]
        detected = _as_many(
            pipeline.detect([job.image for job in detect_jobs], [job.options for job in detect_jobs]), detect_jobs
        )
        classified = _as_many(pipeline.classify([job.image for job in classify_jobs]), classify_jobs)
        return [next(detected) if isinstance(job, _DetectJob) else next(classified) for job in jobs]


def _as_many(results: Sequence[Result], jobs: Sequence[object]) -> Iterator[Result]:
    """Check at run time that nothing was lost or invented on the way."""
    if len(results) != len(jobs):
        raise RuntimeError(f"{len(results)} results for {len(jobs)} pictures.")
    return iter(results)
