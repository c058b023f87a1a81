"""Decodes pictures in a few threads, under the budgets of admission; what takes long has threads of its own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from app.errors import NotReady, Overloaded
from app.pictures.large import USUAL_JPEG_PIXELS
from app.pictures.open import Elsewhere, decode_parts, decode_picture
from app.pictures.types import Image, Picture, Rectangle
from app.pictures.workers import Workers
from app.serving.admission import LOCAL, Admission
from app.serving.allowance import Allowance
from app.serving.budget import Hold
from app.serving.lanes import ForWorkers, Lane, Referral
from app.serving.tidy import Tidier

Result = TypeVar("Result")

Admit = Callable[[int], None]
Decode = Callable[[Admit, Elsewhere], tuple[Result, Sequence[Image]]]

ROOM_SHARE = 0.9
"""Of the time left, so much is waited for room in memory; later, callers would hear of a deadline, not the reason."""


class _NoRoomYet(Overloaded):
    """Raised in a decoding thread, which does not wait, by a picture that needs this much."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels


class Decoder:
    """Two small pools of threads, so that usual pictures never wait until a large one is decoded or drawn.

    Args:
        max_pixels: Largest picture.
        admission: How many threads there are, and who may use one, and memory, and when.
    """

    def __init__(self, max_pixels: int, admission: Admission) -> None:
        self._max_pixels, self._admission = max_pixels, admission
        self._workers, self._tidier = Workers(), Tidier(admission.pixels)
        self._usual = Lane(admission.decoders, "decode", Referral())
        self._long = Lane(admission.long_work, "long-work", self._workers)
        self._stopped = False

    def start(self) -> None:
        """Give memory back when it is quiet, on the running event loop, which may be another than at the last start."""
        self._tidier.start()

    async def decode(
        self,
        payload: bytes,
        deadline: float,
        long_side_px: int | None = None,
        client: str = LOCAL,
        max_pixels: int | None = None,
        allowance: Allowance | None = None,
        look: Callable[[Picture], None] = lambda _: None,
    ) -> Picture:
        """Decode one picture on one of the threads.

        Args:
            payload: The whole file.
            deadline: When to stop waiting for room in memory, in the event loop's time.
            long_side_px: As in `decode_picture`.
            client: Whose picture it is.
            max_pixels: A smaller limit for this picture.
            allowance: Of the request that it belongs to, if that has several.
            look: Called on the thread with the decoded picture.

        Raises:
            MienError: As `decode_picture`; PayloadTooLarge also beyond the allowance; Overloaded if there is no room in
                time; NotReady once stopped.
        """
        most = min(self._max_pixels, max_pixels or self._max_pixels)
        allow = allowance.for_one() if allowance else None

        def decode(admit: Admit, workers: Elsewhere) -> tuple[Picture, Sequence[Image]]:
            def allow_and_admit(weight: int) -> None:
                if allow is not None:
                    allow(weight)
                admit(weight)

            picture = decode_picture(payload, most, allow_and_admit, long_side_px, workers)
            look(picture)
            return picture, [picture.image]

        return await self._admitted(decode, client, deadline)

    async def decode_parts(
        self, payload: bytes, parts: Sequence[Rectangle], deadline: float, client: str = LOCAL
    ) -> list[Image]:
        """Decode one picture at full size on one of the threads and keep only some parts of it.

        Args:
            payload: The whole file.
            parts: As in `app.pictures.open.decode_parts`.
            deadline: As in `decode`.
            client: As in `decode`.

        Raises:
            MienError: As `decode`.
        """

        def decode(admit: Admit, workers: Elsewhere) -> tuple[list[Image], Sequence[Image]]:
            images = decode_parts(payload, self._max_pixels, parts, admit, workers)
            return images, images

        return await self._admitted(decode, client, deadline)

    async def run(
        self,
        work: Callable[[], Result],
        client: str = LOCAL,
        pixels: int = 0,
        until: float | None = None,
        of_pixels: int = 0,
    ) -> Result:
        """Run what else takes long for a picture that is held already, such as drawing, in the client's turn.

        Args:
            work: What to run on a thread.
            client: Whose picture it is.
            pixels: Memory that it takes beside the picture, in pixels of 3 bytes.
            until: When to give up waiting for a thread, in the event loop's time.
            of_pixels: How many it looks at.

        Raises:
            Overloaded: If there is no such memory now, or no thread by then.
        """
        room = self._admission.pixels.empty(client)
        room.add(pixels)
        lane = self._long if of_pixels > USUAL_JPEG_PIXELS else self._usual
        return await self._on_a_thread(lane, lambda _: work(), room, client, until)

    def stop(self) -> None:
        """Abandon what has not begun. Does not wait: a running decode is bounded by `max_pixels`."""
        self._stopped = True
        self._admission.close()
        self._tidier.stop()
        for lane in (self._usual, self._long):
            lane.pool.shutdown(wait=False, cancel_futures=True)
        self._workers.close()

    async def _admitted(self, decode: Decode[Result], client: str, deadline: float) -> Result:
        """Decode if there is room; if not, give the thread back, wait for the client's turn, and begin anew.

        How much room a picture needs, and on which lane, is in its header, which is read on a usual thread.
        """
        lane, needed = self._usual, 0
        while True:
            room = await self._room(client, needed, deadline)
            try:
                return await self._on_a_thread(lane, partial(self._decode, decode, lane.workers), room, client)
            except ForWorkers:
                lane = self._long
            except _NoRoomYet as told:
                needed = told.pixels

    async def _room(self, client: str, needed: int, deadline: float) -> Hold:
        pixels, now = self._admission.pixels, asyncio.get_running_loop().time()
        if not needed:
            return pixels.empty(client)
        return await pixels.wait(client, needed, now + ROOM_SHARE * (deadline - now))

    async def _on_a_thread(
        self, lane: Lane, decode: Callable[[Hold], Result], room: Hold, client: str, until: float | None = None
    ) -> Result:
        """Wait for a thread here, not in the pool's queue, which would keep the payloads of departed callers.

        The thread gives itself and the room back, whether or not anyone still waits for the picture.
        """
        try:
            thread = await lane.turns.wait(client, until=until)
        except BaseException:
            room.release()
            raise
        began = time.monotonic()

        def give_back(_: "Future[Result] | None" = None) -> None:
            room.release()
            thread.release(cost=1e3 * (time.monotonic() - began))

        def run() -> Result:
            try:
                return decode(room)
            finally:
                give_back()

        if self._stopped:  # between the turn and now
            give_back()
            raise NotReady("The server is stopping.")
        future = lane.pool.submit(run)
        future.add_done_callback(give_back)  # for one that was cancelled before it began
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._stopped and not _is_cancelled():  # The pool gave the picture up, not its caller.
                raise NotReady("The server is stopping.") from None
            raise
        finally:
            del future  # it keeps an exception that leads here: with it, the file would be kept and counted

    def _decode(self, decode: Decode[Result], workers: Elsewhere, room: Hold) -> Result:
        """Decode, holding room for all that it takes; afterwards only for the images, while these are in memory."""
        self._tidier.note()
        result, images = decode(partial(self._admit, room), workers)
        for image in images:
            room.count_while_alive(image, image.shape[0] * image.shape[1])
        return result

    def _admit(self, room: Hold, weight: int) -> None:
        needed = min(weight, self._admission.pixels.largest)
        if room.amount < needed:
            try:
                room.add(needed - room.amount)
            except Overloaded:
                raise _NoRoomYet(needed) from None


def _is_cancelled() -> bool:
    """Whether the running task is; a frame that kept the task would be kept by it, by way of its exception."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
