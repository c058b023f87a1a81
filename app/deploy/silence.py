"""Notices that one is asked no more."""

import asyncio
from collections.abc import Callable


class Silence:
    """Calls a function each time nothing was heard for so long; used on an event loop, and begins with the first sign.

    Args:
        seconds: How long.
        then: What is called, on the event loop.
    """

    def __init__(self, seconds: float, then: Callable[[], None]) -> None:
        self._seconds, self._then = seconds, then
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """Wait anew."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._then)
