"""The engine: decodes, batches, keeps the deadline, and knows when it is ready."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.errors import DeadlineExceeded, DeviceLost, NotReady, Overloaded
from app.serving.batcher import MicroBatcher
from app.serving.decoder import Decoder
from app.serving.inference import Answer, ClassifyJob, DetectJob, Inference, Job, VisionPipeline
from app.serving.observer import EngineObserver, SilentObserver
from app.vision.types import DetectOptions, Image, ImageFaces
from app.vision.weights import Manifest


@dataclass(frozen=True)
class EngineLimits:
    """Bounds of the engine.

    Attributes:
        max_batch_size: Most pictures a pass of the networks.
        max_batch_wait_ms: How long a batch gathers while the networks are idle.
        queue_size: Most pictures in work at once: being decoded, waiting, or in the networks.
        max_pixels: Largest picture that is decoded.
        max_pixels_held: Largest sum over all decoded pictures; more wait until others are answered.
        deadline_s: Longest time from the payload to the answer.
        decode_threads: Threads that decode.
        stall_after_s: A batch that runs longer counts as hanging: the engine is not alive any more.
    """

    max_batch_size: int = 16
    max_batch_wait_ms: float = 0.0
    queue_size: int = 64
    max_pixels: int = 50_000_000
    max_pixels_held: int = 300_000_000
    deadline_s: float = 30.0
    decode_threads: int = 2
    stall_after_s: float = 60.0


class Engine:
    """One pipeline behind one batcher.

    Args:
        load: Makes the pipeline; runs on the inference thread, which is the only one to touch it.
        limits: Bounds.
        observer: Told of the work.
    """

    def __init__(
        self, load: Callable[[], VisionPipeline], limits: EngineLimits, observer: EngineObserver | None = None
    ) -> None:
        self.limits = limits
        self._observer = observer or SilentObserver()
        self._inference = Inference(load, self._observer)
        self._decoder = Decoder(limits.decode_threads, limits.max_pixels, limits.max_pixels_held)
        self._batcher: MicroBatcher[Job, Answer] | None = None
        self._in_flight = 0
        self._draining = False

    async def start(self) -> None:
        """Load both networks and run them once; only then is the engine ready. A started engine is left as it is.

        Raises:
            MienError: If the device or the weights cannot be used.
        """
        if self._batcher is None:
            self._batcher = MicroBatcher(
                self._inference.run,
                self.limits.max_batch_size,
                self.limits.max_batch_wait_ms,
                self.limits.queue_size,
                setup=self._inference.load,
                fatal=(DeviceLost,),
                on_batch=self._observer.batch_began,
            )
        await asyncio.wrap_future(self._batcher.started)

    def drain(self) -> None:
        """Finish what is in work and take no more: the first half of stopping. Safe in a signal handler."""
        self._draining = True

    async def stop(self) -> None:
        """Finish the running batch, answer what waits with `NotReady`, and end the threads.

        A decode that runs is not waited for, and a batch that hangs not for longer than the deadline.
        """
        self._draining = True
        self._decoder.stop()
        if self._batcher is not None:
            await asyncio.to_thread(self._batcher.close, self.limits.deadline_s)

    @property
    def ready(self) -> bool:
        """Whether a request would be served."""
        return not self._draining and self._batcher is not None and self._loaded and self.alive

    @property
    def alive(self) -> bool:
        """Whether the inference thread works, or has not started yet; a server that is not alive must be restarted."""
        batcher = self._batcher
        return batcher is None or (batcher.alive and batcher.running_s < self.limits.stall_after_s)

    @property
    def in_flight(self) -> int:
        """Pictures in work now."""
        return self._in_flight

    @property
    def pixels_held(self) -> int:
        """Pixels of all decoded pictures in memory now."""
        return self._decoder.budget.held

    @property
    def manifest(self) -> Manifest:
        """What is loaded.

        Raises:
            NotReady: Before `start` is done.
        """
        return self._inference.manifest

    def deadline(self) -> float:
        """When a request that begins now must be answered, in the event loop's time."""
        return asyncio.get_running_loop().time() + self.limits.deadline_s

    async def detect(self, payload: bytes, options: DetectOptions, deadline: float | None = None) -> ImageFaces:
        """Decode a picture, find its faces and classify them.

        Args:
            payload: The whole file.
            options: The caller's choice.
            deadline: In the event loop's time; pictures of one request share one. Default: `deadline()`.

        Raises:
            MienError: BadPayload, UnsupportedMedia, PayloadTooLarge, Overloaded, OutOfMemory, NotReady,
                DeadlineExceeded or InferenceFailed.
        """
        decode_s, result = await self._answer(payload, lambda image: DetectJob(image, options), deadline)
        if not isinstance(result, ImageFaces):
            raise TypeError("A detection was answered by a classification.")
        return replace(result, timings_ms={"decode": decode_s * 1e3, **result.timings_ms})

    async def decode(self, payload: bytes) -> Image:
        """Decode a picture under the engine's bounds, for other uses than the networks.

        Raises:
            MienError: BadPayload, UnsupportedMedia, PayloadTooLarge, Overloaded, NotReady or DeadlineExceeded.
        """
        deadline = self.deadline()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._decoder.decode(payload, deadline)
        except TimeoutError as error:
            raise self._too_late() from error

    async def classify(self, payload: bytes, deadline: float | None = None) -> tuple[float, ...]:
        """Decode a picture that is one face and return its probabilities in the order of the labels.

        Args:
            payload: The whole file.
            deadline: As `detect`.

        Raises:
            MienError: As `detect`.
        """
        _, result = await self._answer(payload, ClassifyJob, deadline)
        if isinstance(result, ImageFaces):
            raise TypeError("A classification was answered by a detection.")
        return result

    async def _answer(
        self, payload: bytes, job: Callable[[Image], Job], deadline: float | None
    ) -> tuple[float, Answer]:
        if self._draining or self._batcher is None or not (self._loaded and self._batcher.alive):
            raise NotReady("The server is starting or stopping.")
        if self._in_flight >= self.limits.queue_size:
            raise Overloaded(f"{self._in_flight} pictures are being worked on already; try again shortly.")
        self._in_flight += 1
        deadline = self.deadline() if deadline is None else deadline
        try:
            async with asyncio.timeout_at(deadline):
                started = time.perf_counter()
                image = await self._decoder.decode(payload, deadline)
                decode_s = time.perf_counter() - started
                self._observer.decoded(decode_s)
                return decode_s, await self._batcher.submit(job(image))
        except TimeoutError as error:
            raise self._too_late() from error
        finally:
            self._in_flight -= 1

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"No answer within {self.limits.deadline_s:g} s.")

    @property
    def _loaded(self) -> bool:
        return self._batcher is not None and self._batcher.started.done()
