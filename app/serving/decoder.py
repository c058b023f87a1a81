"""Decodes pictures in a few threads, under a bound on all pixels that are held at once."""

import asyncio
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

from app.errors import NotReady, Overloaded
from app.vision.image import decode_image
from app.vision.types import Image


class PixelBudget:
    """Pixels of all decoded pictures together; who wants more waits until others are done with theirs.

    Args:
        capacity: Most pixels held at once; a picture of RGB bytes takes three bytes a pixel.
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
            Overloaded: If there is none within the time.
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
        """Send everyone away who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Decoder:
    """A small pool of decoding threads.

    Args:
        threads: How many pictures are decoded at once.
        max_pixels: Largest picture.
        max_pixels_held: Largest sum over all pictures that are decoded and not yet answered.
    """

    def __init__(self, threads: int, max_pixels: int, max_pixels_held: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._max_pixels = max_pixels
        self.budget = PixelBudget(max(max_pixels_held, max_pixels))
        self._stopped = False

    async def decode(self, payload: bytes, deadline: float) -> Image:
        """Decode one picture on one of the threads.

        Args:
            payload: The whole file.
            deadline: Until when room in memory is waited for, in the event loop's time.

        Raises:
            MienError: As `decode_image`; Overloaded and NotReady as `PixelBudget.acquire`.
        """
        if self._stopped:
            raise NotReady("The server is stopping.")
        loop = asyncio.get_running_loop()
        give_up = time.monotonic() + deadline - loop.time()
        try:
            return await loop.run_in_executor(self._pool, self._decode, payload, give_up)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stopped and not (task and task.cancelling()):  # The pool gave the picture up, not its caller.
                raise NotReady("The server is stopping.") from None
            raise

    def stop(self) -> None:
        """Give up what has not begun. Does not wait: a running decode is bounded by `max_pixels`."""
        self._stopped = True
        self.budget.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _decode(self, payload: bytes, give_up: float) -> Image:
        """Decode; the pixels count as held for exactly as long as the picture is in memory, whoever still has it."""
        held = 0

        def admit(pixels: int) -> None:
            nonlocal held
            self.budget.acquire(pixels, max(0.0, give_up - time.monotonic()))
            held = pixels

        try:
            image = decode_image(payload, self._max_pixels, admit)
        except BaseException:
            self.budget.release(held)
            raise
        weakref.finalize(image, self.budget.release, held).atexit = False
        return image
