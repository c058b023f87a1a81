"""The networks as the engine asks them: one batcher, in which each client has its turns and crowds take several."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from app.errors import DeviceLost, NotReady
from app.faces.second_looks import SURE
from app.faces.turn import cut_upright
from app.faces.types import Attributes, Box, DetectOptions, ImageFaces
from app.pictures.types import Image
from app.serving.batcher import MicroBatcher
from app.serving.inference import Inference
from app.serving.jobs import Answers, ClassifyJob, DetectJob, Job, Result
from app.serving.limits import (
    FACES_A_TURN,
    GUIDED_WEIGHT,
    NEW_SHAPE_COST,
    PART_S,
    SEARCH_WEIGHT,
    SECOND_LOOKS_COST,
    EngineLimits,
)
from app.serving.observer import EngineObserver
from app.serving.shapes import RecentShapes


class Networks:
    """Searches and classifies, in batches on one thread.

    Args:
        inference: Owns the pipeline.
        limits: Bounds of the batches.
        queue_size: Most jobs that wait.
        observer: Told of each batch.
    """

    def __init__(self, inference: Inference, limits: EngineLimits, queue_size: int, observer: EngineObserver) -> None:
        self._inference, self._limits, self._observer = inference, limits, observer
        self._queue_size = queue_size
        self._batcher: MicroBatcher[Job, Result] | None = None
        self._shapes: RecentShapes | None = None

    async def start(self) -> None:
        """Load the networks and run them once. No effect if already started; raises as `Inference.load`."""
        if self._batcher is None:
            self._batcher = MicroBatcher(
                self._inference.run,
                self._limits.max_batch_size,
                self._limits.max_batch_wait_ms,
                self._queue_size,
                setup=self._inference.load,
                fatal=(DeviceLost,),
                on_batch=self._observer.batch_began,
                max_batch_weight=SEARCH_WEIGHT * self._limits.max_batch_size,
                part_s=PART_S,
            )
        await asyncio.wrap_future(self._batcher.started)
        self._shapes = self._shapes or RecentShapes(self._inference.manifest.detector.input_size_px)

    async def stop(self, patience_s: float) -> None:
        """Finish the running batch, unless that takes too long, and answer what waits with `NotReady`."""
        if self._batcher is not None:
            await asyncio.to_thread(self._batcher.close, patience_s)

    @property
    def started(self) -> bool:
        """Whether they have run once."""
        return self._batcher is not None and self._batcher.started.done()

    @property
    def alive(self) -> bool:
        """Whether they work or have yet to start."""
        return self._batcher is None or (self._batcher.alive and self._batcher.running_s < self._limits.stall_after_s)

    @property
    def busy(self) -> bool:
        """Whether a batch is in them now."""
        return self._batcher is not None and self._batcher.running_s > 0

    async def find(self, image: Image, options: DetectOptions, client: str) -> ImageFaces:
        """Find the faces of a picture and classify them.

        Raises:
            MienError: As `MicroBatcher.submit`.
        """
        guide = options.guide
        if guide is not None and not guide.whole and not guide.known:  # a stream that shows no face, as before
            return ImageFaces(image.shape[1], image.shape[0], (), search="guided")
        found = await self._search(DetectJob(image, options), client, whole=guide is None or guide.whole)
        if found.is_answered:
            return found
        began = time.perf_counter()
        cuts = [cut_upright(image, face.detection) for face in found.faces]
        rows = await self.classify([cut for cut, _ in cuts], [box for _, box in cuts], client, options.attributes)
        faces = tuple(replace(face, answers=row) for face, row in zip(found.faces, rows, strict=True))
        return replace(
            found, faces=faces, timings_ms={**found.timings_ms, "classify": 1e3 * (time.perf_counter() - began)}
        )

    async def classify(
        self, images: Sequence[Image], boxes: Sequence[Box | None], client: str, attributes: Attributes = ()
    ) -> list[Answers]:
        """Classify the face in a box of each image, some at a time, so that others have their turn in between.

        Raises:
            MienError: As `MicroBatcher.submit`.
        """
        answers: list[Answers] = []
        passes = 1 + len(attributes)
        faces = max(1, FACES_A_TURN // passes)
        for first in range(0, len(boxes), faces):
            part = slice(first, first + faces)
            job = ClassifyJob(images[part], boxes[part], attributes)
            rows = await self._submit(job, client, passes * len(job.boxes))
            if not isinstance(rows, list):
                raise TypeError("A classification was answered by something else.")
            answers += rows
        return answers

    async def _search(self, job: DetectJob, client: str, whole: bool) -> ImageFaces:
        """Search, and charge the client for what that takes."""
        weight = SEARCH_WEIGHT if whole else GUIDED_WEIGHT
        new = whole and self._shapes is not None and self._shapes.is_new(*job.image.shape[:2])
        found = await self._submit(job, client, weight, NEW_SHAPE_COST if new else weight)
        if not isinstance(found, ImageFaces):
            raise TypeError("A detection was answered by something else.")
        sure = any(face.detection.score >= SURE for face in found.faces)
        again = SECOND_LOOKS_COST if whole and job.options.second_looks and not sure else 0
        if self._batcher is not None:
            self._batcher.charge(client, again + found.classified)
        return found

    async def _submit(self, job: Job, client: str, weight: int, cost: int | None = None) -> Result:
        if self._batcher is None:
            raise NotReady("The server is starting or stopping.")
        return await self._batcher.submit(job, client, weight, cost)
