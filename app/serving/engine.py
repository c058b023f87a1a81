"""The engine: decodes, batches, keeps the deadline, and knows when it is ready."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from app.errors import DeadlineExceeded, NotReady
from app.faces.reduced import in_original_pixels, least_long_side_px, options_in, part_around, short_of_detail
from app.faces.turn import set_upright
from app.faces.types import Attributes, DetectOptions, ImageFaces
from app.manifest import Manifest
from app.pictures.types import Image, Picture
from app.serving.admission import LOCAL, Admission
from app.serving.allowance import Allowance
from app.serving.decoder import Decoder
from app.serving.inference import Inference, VisionPipeline
from app.serving.jobs import Answers
from app.serving.limits import REQUEST_TIMES, EngineLimits
from app.serving.looks import Look, SeenOptions
from app.serving.networks import Networks
from app.serving.observer import EngineObserver, SilentObserver

BATCHES_AT_ONCE = 2
"""While one is in the networks the next is decoded. Further pictures wait as payloads, so that turns stay fair."""


class Engine:
    """One pipeline behind one batcher.

    Args:
        load: Makes the pipeline; runs on the inference thread, which is the only one to touch it.
        limits: Bounds.
        observer: Notified of the work.

    Attributes:
        admission: Who gets how much of what is limited here and around it.
        draw: Runs what draws on a picture, in a decoding thread and in the client's turn.
    """

    def __init__(
        self, load: Callable[[], VisionPipeline], limits: EngineLimits, observer: EngineObserver | None = None
    ) -> None:
        self.limits = limits
        self._observer = observer or SilentObserver()
        self._inference = Inference(load, self._observer)
        self.admission = Admission(
            pictures=limits.queue_size,
            at_once=BATCHES_AT_ONCE * limits.max_batch_size + limits.decode_threads,
            decoders=limits.decode_threads,
            long_work=limits.long_threads,
            pixels=max(limits.max_pixels_held, limits.max_pixels),
            busy=lambda: self._networks.busy,
        )
        self._decoder = Decoder(limits.max_pixels, self.admission)
        self.draw = self._decoder.run
        queue_size = self.admission.pictures.capacity  # whoever was let in finds room
        self._networks = Networks(self._inference, limits, queue_size, self._observer)
        self._draining = False

    async def start(self) -> None:
        """Load both networks and run them once; then the engine is ready. No effect if already started.

        Raises:
            MienError: If the device or the weights cannot be used.
        """
        self._decoder.start()
        await self._networks.start()

    def drain(self) -> None:
        """Finish work in progress and take no more: the first half of stopping. Safe in a signal handler."""
        self._draining = True

    async def stop(self) -> None:
        """Finish the running batch, answer what is waiting with `NotReady`, and end the threads.

        It does not wait for a running decode, nor longer than the deadline for a hung batch.
        """
        self.drain()
        self._decoder.stop()
        await self._networks.stop(self.limits.deadline_s)

    @property
    def ready(self) -> bool:
        """Whether a request would be served."""
        return not self._draining and self._networks.started and self.alive

    @property
    def alive(self) -> bool:
        """Whether the inference thread works or has yet to start; a server that is not alive must be restarted."""
        return self._networks.alive

    @property
    def manifest(self) -> Manifest:
        """What is loaded.

        Raises:
            NotReady: Before `start` is done.
        """
        return self._inference.manifest

    @property
    def runtime(self) -> str:
        """What runs the networks: library, version, precision, device; raises as `manifest`."""
        return self._inference.runtime

    def deadline(self) -> float:
        """When a request that begins now must be answered, in the event loop's time."""
        return asyncio.get_running_loop().time() + self.limits.deadline_s

    def allowance(self) -> Allowance:
        """What all pictures of a request that begins now may take together."""
        return Allowance(REQUEST_TIMES * self.admission.pixels.capacity)

    async def detect(
        self,
        payload: bytes,
        options: DetectOptions,
        deadline: float | None = None,
        client: str = LOCAL,
        look: Look | None = None,
        allowance: Allowance | None = None,
        long_side_px: int | None = None,
    ) -> ImageFaces:
        """Decode a picture, find its faces and classify them.

        A large JPEG is searched at a reduced size; faces with fewer pixels there than My_model's input are then cropped
        from the full-size picture.

        Args:
            payload: The whole file.
            options: The caller's choice.
            deadline: In the event loop's time; pictures of one request share one. Default: `deadline()`.
            client: Whose picture it is; clients get fair shares of the work.
            look: Called on a decoding thread with the picture that will be searched; returns the options for it.
            allowance: Of its request, if that has several pictures.
            long_side_px: Fewest pixels of a reduced JPEG's longer side. Default: as `least_long_side_px`.

        Returns:
            Faces in pixels of the original. `timings_ms` has `detail` if any were cropped at full size.

        Raises:
            MienError: BadPayload, UnsupportedMedia, PayloadTooLarge, Overloaded, OutOfMemory, NotReady,
                DeadlineExceeded or InferenceFailed.
        """
        async with self._place(deadline, client) as until:
            found, small = await self._search(payload, options, until, client, look, allowance, long_side_px)
            return await self._sharpen(payload, found, small, until, client, options.attributes) if small else found

    async def detect_and_keep(
        self,
        payload: bytes,
        options: DetectOptions,
        deadline: float | None = None,
        client: str = LOCAL,
        look: Look | None = None,
    ) -> tuple[ImageFaces, Image]:
        """As `detect`, but search the picture in full, and return it too: to draw on it without decoding it again."""
        async with self._place(deadline, client) as until:
            seen = SeenOptions(options, look)
            picture, decode_s = await self._decode(payload, until, client, look=seen)
            return await self._find(picture, seen.options, decode_s, client), picture.image

    async def classify(
        self, payload: bytes, deadline: float | None = None, client: str = LOCAL, attributes: Attributes = ()
    ) -> tuple[Answers, Picture]:
        """Decode a picture that is one face, classify it, also by `attributes`, and return it; the rest as `detect`."""
        async with self._place(deadline, client) as until:
            picture, _ = await self._decode(payload, until, client, most=self.limits.max_face_pixels)
            return (await self._networks.classify([picture.image], [None], client, attributes))[0], picture

    async def classify_crops(self, crops: Sequence[Image], deadline: float, client: str) -> list[Answers]:
        """Classify crops that belong together, such as copies of one face, as one picture's work."""
        async with self._place(deadline, client):
            return await self._networks.classify(crops, [None] * len(crops), client)

    async def _search(
        self,
        payload: bytes,
        options: DetectOptions,
        until: float,
        client: str,
        look: Look | None,
        allowance: Allowance | None,
        long_side_px: int | None,
    ) -> tuple[ImageFaces, list[int]]:
        """Find the faces, and return which of them to classify again, from the full-size picture.

        Nothing here outlives the call: nobody may hold reduced pixels while waiting for the full-size picture.
        """
        seen, long_side_px = SeenOptions(options, look), long_side_px or least_long_side_px(self.manifest)
        picture, decode_s = await self._decode(payload, until, client, long_side_px, allowance=allowance, look=seen)
        found = await self._find(picture, options_in(picture, seen.options), decode_s, client)
        small = short_of_detail(found, picture, self.manifest.crop_rules(options.attributes))
        return in_original_pixels(found, picture), small

    async def _find(self, picture: Picture, options: DetectOptions, decode_s: float, client: str) -> ImageFaces:
        """Return the faces in pixels of the picture as decoded."""
        found = await self._networks.find(picture.image, options, client)
        timings = {"decode": decode_s * 1e3, **found.timings_ms}
        return replace(found, timings_ms=timings, truncated=picture.truncated)

    async def _sharpen(
        self, payload: bytes, found: ImageFaces, small: list[int], until: float, client: str, attributes: Attributes
    ) -> ImageFaces:
        """Classify some faces again, cropped from the full-size picture."""
        started = time.perf_counter()
        rules = self.manifest.crop_rules(attributes)
        cuts = [part_around(found.faces[position].detection, found, rules) for position in small]
        images = await self._decoder.decode_parts(payload, [part for part, _ in cuts], until, client)
        self._observer.decoded(time.perf_counter() - started)
        faces = list(found.faces)
        images = [set_upright(each, faces[at].detection) for at, each in zip(small, images, strict=True)]
        rows = await self._networks.classify(images, [box for _, box in cuts], client, attributes)
        for position, answers in zip(small, rows, strict=True):
            faces[position] = replace(faces[position], answers=answers)
        timings = {**found.timings_ms, "detail": (time.perf_counter() - started) * 1e3}
        return replace(found, faces=tuple(faces), timings_ms=timings)

    @asynccontextmanager
    async def _place(self, deadline: float | None, client: str) -> AsyncIterator[float]:
        """Wait for the client's turn, and yield the time by which the picture must be answered; end it then."""
        if not self.alive:
            raise NotReady("The networks have failed; the server must be started anew.")
        if not self.ready:
            raise NotReady("The server is starting or stopping.")
        until = self.deadline() if deadline is None else deadline
        try:
            async with asyncio.timeout_at(until):
                with await self.admission.pictures.wait(client):
                    yield until
        except TimeoutError as error:
            raise DeadlineExceeded(f"No answer within {self.limits.deadline_s:g} s.") from error

    async def _decode(
        self,
        payload: bytes,
        until: float,
        client: str,
        long_side_px: int | None = None,
        most: int | None = None,
        allowance: Allowance | None = None,
        look: Callable[[Picture], None] = lambda _: None,
    ) -> tuple[Picture, float]:
        """Decode a picture, and return how many seconds that took."""
        started = time.perf_counter()
        picture = await self._decoder.decode(payload, until, long_side_px, client, most, allowance, look)
        self._observer.decoded(decode_s := time.perf_counter() - started)
        return picture, decode_s
