"""Decodes pictures in a few threads, under a bound on the total pixels held at once."""

import asyncio
import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from app.errors import NotReady, Overloaded
from app.pictures.open import decode_parts, decode_picture
from app.pictures.types import Image, Picture, Rectangle

Result = TypeVar("Result")

ROOM_SHARE = 0.9
"""Of the time left, so much is waited for room in memory; later, callers would hear of a deadline, not the reason."""


class PixelBudget:
    """Bounds the pixels of all decoded pictures together; callers wait until enough have been released.

    Args:
        capacity: Most pixels held at once; an 8-bit RGB picture takes three bytes per pixel.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._held, self._closed = capacity, 0, False
        # Condition's own lock may be entered again by its holder: `release` also runs from the garbage collector.
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """Pixels held now."""
        return self._held

    def acquire(self, pixels: int, timeout_s: float) -> None:
        """Wait for room.

        Raises:
            Overloaded: If there is none within the timeout.
            NotReady: If the budget is closed.
        """
        with self._changed:
            fits = self._changed.wait_for(lambda: self._closed or self._held + pixels <= self._capacity, timeout_s)
            if self._closed:
                raise NotReady("The server is stopping.")
            if not fits:
                raise Overloaded("The memory for decoded pictures is full; try again shortly.")
            self._held += pixels

    def release(self, pixels: int) -> None:
        """Give pixels back."""
        with self._changed:
            self._held -= pixels
            self._changed.notify_all()

    def close(self) -> None:
        """Turn away all who are waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Decoder:
    """A small pool of decoding threads.

    Args:
        threads: How many pictures are decoded at once.
        max_pixels: Largest picture.
        max_pixels_held: Most pixels of all decoded, not yet answered pictures together.
    """

    def __init__(self, threads: int, max_pixels: int, max_pixels_held: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._free = asyncio.Semaphore(threads)
        self._waiting = 0
        self._max_pixels = max_pixels
        self.budget = PixelBudget(max(max_pixels_held, max_pixels))
        self._stopped = False

    async def decode(self, payload: bytes, deadline: float, long_side_px: int | None = None) -> Picture:
        """Decode one picture on one of the threads.

        Args:
            payload: The whole file.
            deadline: When to stop waiting for room in memory, in the event loop's time.
            long_side_px: As in `decode_picture`.

        Raises:
            MienError: As `decode_picture`; Overloaded and NotReady as `PixelBudget.acquire`.
        """
        return await self._on_a_thread(lambda give_up: self._decode(payload, long_side_px, give_up), deadline)

    async def decode_parts(self, payload: bytes, parts: Sequence[Rectangle], deadline: float) -> list[Image]:
        """Decode one picture at full size on one of the threads and keep only some parts of it.

        Args:
            payload: The whole file.
            parts: As in `app.pictures.open.decode_parts`.
            deadline: As in `decode`.

        Raises:
            MienError: As `decode`.
        """
        return await self._on_a_thread(lambda give_up: self._decode_parts(payload, parts, give_up), deadline)

    def stop(self) -> None:
        """Abandon what has not begun. Does not wait: a running decode is bounded by `max_pixels`."""
        self._stopped = True
        for _ in range(self._waiting):
            self._free.release()
        self.budget.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _on_a_thread(self, decode: Callable[[float], Result], deadline: float) -> Result:
        """Wait for a thread here, not in the pool's queue, which would keep the payloads of departed callers."""
        await self._take_thread()
        loop = asyncio.get_running_loop()
        give_up = time.monotonic() + ROOM_SHARE * (deadline - loop.time())
        future = self._pool.submit(decode, give_up)
        future.add_done_callback(lambda _: self._give_thread_back(loop))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stopped and not (task and task.cancelling()):  # The pool gave the picture up, not its caller.
                raise NotReady("The server is stopping.") from None
            raise

    async def _take_thread(self) -> None:
        if not self._stopped:
            self._waiting += 1
            try:
                await self._free.acquire()
            finally:
                self._waiting -= 1
        if self._stopped:
            raise NotReady("The server is stopping.")

    def _give_thread_back(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs on the thread itself once it is done, whether or not anyone is still waiting for it."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody will ask for a thread any more
            loop.call_soon_threadsafe(self._free.release)

    def _decode(self, payload: bytes, long_side_px: int | None, give_up: float) -> Picture:
        with _Admission(self.budget, give_up) as admission:
            picture = decode_picture(payload, self._max_pixels, admission.admit, long_side_px)
            admission.hold(picture.image)
        return picture

    def _decode_parts(self, payload: bytes, parts: Sequence[Rectangle], give_up: float) -> list[Image]:
        with _Admission(self.budget, give_up) as admission:
            images = decode_parts(payload, self._max_pixels, parts, admission.admit)
            admission.hold(*images)
        return images


class _Admission:
    """The pixels that one decode takes from the budget: all while it runs, then those of its images.

    Args:
        budget: Where to take them from.
        give_up: When to stop waiting for them, in seconds of the monotonic clock.
    """

    def __init__(self, budget: PixelBudget, give_up: float) -> None:
        self._budget, self._give_up, self._taken = budget, give_up, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.release(self._taken)

    def admit(self, pixels: int) -> None:
        """Wait for room; raises as `PixelBudget.acquire`."""
        self._budget.acquire(pixels, max(0.0, self._give_up - time.monotonic()))
        self._taken = pixels

    def hold(self, *images: Image) -> None:
        """Count the pixels of images for exactly as long as these are in memory, whoever still holds them.

        Overlapping parts may add up to more pixels than were admitted; they are counted all the same.
        """
        for image in images:
            pixels = image.shape[0] * image.shape[1]
            self._taken -= pixels
            weakref.finalize(image, self._budget.release, pixels).atexit = False
