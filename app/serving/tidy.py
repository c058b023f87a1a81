"""Gives memory back to the system once the pictures are gone: the C library keeps what decoding freed, for later."""

import asyncio
import time
from collections.abc import Callable

from app.pictures.trim import give_back_memory
from app.serving.budget import Budget

LOOK_EVERY_S, QUIET_S = 1.0, 2.0
"""Memory is given back after so long without a picture: in between, the next one would have to ask for it again."""


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
        self._used_at: float | None = None
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
        self._used_at = self._clock()

    async def look(self) -> None:
        """Give memory back if pictures were decoded, and none is left or came for a while."""
        if self._used_at is None or self._pixels.held or self._clock() - self._used_at < QUIET_S:
            return
        self._used_at = None
        await asyncio.to_thread(self._give_back)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()
