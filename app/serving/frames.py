"""One stream's queue: what is answered next, in order, and which frames are dropped."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

MAX_UNANSWERED = 256
"""Beyond it `put` waits, so that a client who sends and never reads is slowed down by TCP instead of filling memory."""

BURST_S = 0.5
"""How far ahead of its allowed rate a stream may run for a moment: networks deliver frames in clumps."""

SECOND_LOOKS_PER_S = 1.0
"""Frames of one stream that may be looked at again if nothing sure is found in them."""

Notice = TypeVar("Notice")


@dataclass(frozen=True)
class Frame:
    """A picture of a stream.

    Attributes:
        seq: Its number in the stream, from 0.
        payload: The encoded picture.
        at_s: When it arrived, in seconds of the event loop's clock.
    """

    seq: int
    payload: bytes
    at_s: float


@dataclass(frozen=True)
class Dropped:
    """A frame that is answered without being processed.

    Attributes:
        seq: Its number.
        reason: `superseded` by a newer frame while it waited, or beyond the allowed `rate`.
    """

    seq: int
    reason: Literal["superseded", "rate"]


class FrameQueue(Generic[Notice]):
    """Holds what is to be answered: at most one frame, the newest; the places of dropped frames; ready notices.

    One task puts, another gets. Everything put comes out exactly once, in order.
    """

    def __init__(self) -> None:
        self._items: deque[Frame | Dropped | Notice] = deque()
        self._changed = asyncio.Condition()
        self._closed = False

    async def put(self, item: Frame | Dropped | Notice) -> None:
        """Add the next item; a frame turns the one still waiting into a dropped one."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._items) < MAX_UNANSWERED)
            if isinstance(item, Frame):
                self._supersede()
            self._items.append(item)
            self._changed.notify_all()

    async def get(self) -> Frame | Dropped | Notice | None:
        """Wait for the next item; None when the queue is closed and empty."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._items or self._closed)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    async def close(self) -> None:
        """Let `get` end after what is in the queue now."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _supersede(self) -> None:
        for place, item in enumerate(self._items):
            if isinstance(item, Frame):
                self._items[place] = Dropped(item.seq, "superseded")


class FrameRate:
    """Limits frames per second, allowing bursts of half a second's worth (a token bucket).

    Args:
        per_second: Frames a second in the long run; above 0.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._burst = max(1.0, per_second * BURST_S)
        self._tokens, self._last_s = self._burst, float("-inf")

    def admits(self, at_s: float) -> bool:
        """Whether a frame arriving now is within the rate; only such frames count."""
        self._tokens = min(self._burst, self._tokens + (at_s - self._last_s) * self._per_second)
        self._last_s = at_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Pace:
    """Says how long to wait before the next item is taken, so that no more than so many are a second.

    Args:
        per_second: Items a second in the long run; above 0.
        burst: So many may come at once.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._step_s, self._ahead_s = 1 / per_second, (burst - 1) / per_second
        self._due_s = float("-inf")

    def wait_s(self, at_s: float) -> float:
        """Return how long an item that comes now has to wait; it counts, and the next one comes after that."""
        wait_s = max(0.0, self._due_s - self._ahead_s - at_s)
        self._due_s = max(self._due_s, at_s) + self._step_s
        return wait_s
