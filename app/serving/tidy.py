"""Gives memory back to the system that the C library keeps for later after pictures were decoded."""

import asyncio
import time
from collections.abc import Callable

from app.pictures.trim import give_back_memory
from app.serving.budget import Budget

LOOK_EVERY_S, QUIET_S = 1.0, 2.0
"""Memory is given back after so long without a picture: in between, the next one would have to ask for it again."""

BUSY_S = 10.0
"""And so long after the first picture if they never cease: an attack beside steady callers would leave 900 MB."""


class Tidier:
    """Watches one budget of memory.

    Args:
        pixels: Memory of decoding and decoded pictures.
        give_back: Gives free memory back; runs in a thread.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        pixels: Budget,
        give_back: Callable[[], None] = give_back_memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pixels, self._give_back, self._clock = pixels, give_back, clock
        self._first_at: float | None = None
        self._last_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, on the running event loop, unless that is done already."""
        if self._task is not None and not self._task.done():
            return
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    def note(self) -> None:
        """A picture is being decoded; any thread may say so."""
        self._last_at = self._clock()
        if self._first_at is None:
            self._first_at = self._last_at

    async def look(self) -> None:
        """Give memory back if pictures were decoded since the last time, and none is left, or they never cease."""
        if self._first_at is None:
            return
        now = self._clock()
        quiet = not self._pixels.held and now - self._last_at >= QUIET_S
        if quiet or now - self._first_at >= BUSY_S:
            self._first_at = None if quiet else now  # those that are there now are freed later
            await asyncio.to_thread(self._give_back)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()
