"""Which clients may open a stream, how many are open, and how all end when the server stops."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from app.errors import Overloaded
from app.serving.admission import Admission


@dataclass(frozen=True)
class Ending:
    """A close code with its reason (at most 123 bytes, RFC 6455 section 5.5).

    Attributes:
        code: RFC 6455 section 7.4.1.
        reason: Human-readable.
    """

    code: int
    reason: str


GOLDEN_RATIO = 0.6180339887

GOING_AWAY = Ending(1001, "The server stops; connect again shortly.")
TOO_MANY = Ending(1013, "All streams are taken; try again later.")


@dataclass(frozen=True)
class StreamLimits:
    """Bounds and behaviour of all streams.

    Attributes:
        max_frames_per_second: Most frames of one session per second.
        max_frame_bytes: Largest message.
        idle_timeout_s: Longest time without a frame.
        tracking: Whether faces get ids.
        smoothing_s: Time constant of the smoothing; 0 for none.
        search_every_s: How often at least a whole frame is searched; 0 for always.
    """

    max_frames_per_second: float = 30.0
    max_frame_bytes: int = 5_000_000
    idle_timeout_s: float = 60.0
    tracking: bool = True
    smoothing_s: float = 0.35
    search_every_s: float = 0.5


class Stoppable(Protocol):
    """A session that can be asked to end."""

    def stop(self) -> None:
        """Answer what was received so far, then close."""


class Streams:
    """The open sessions of one server.

    Args:
        limits: Bounds and behaviour.
        admission: Has the budget of sessions.
    """

    def __init__(self, limits: StreamLimits, admission: Admission) -> None:
        self.limits, self._admission = limits, admission
        self._open: dict[Stoppable, asyncio.Task[object]] = {}
        self._closing = False
        self._phases = 0

    @property
    def open(self) -> int:
        """Currently open sessions."""
        return len(self._open)

    def next_phase(self) -> float:
        """Return when the next session searches whole frames, 0..1 of the time between two such searches.

        Any number of sessions in a row are spread evenly: multiples of the golden ratio leave no large gap.
        """
        self._phases += 1
        return self._phases * GOLDEN_RATIO % 1

    @contextmanager
    def place(self, session: Stoppable, client: str) -> Iterator[Ending | None]:
        """Count the current task as a session until the block ends, however it ends.

        Args:
            session: What to stop when the server does.
            client: Whose session it is.

        Yields:
            Why the client may not open a session now, which then is not counted; None if it may.
        """
        if self._closing:
            yield GOING_AWAY
            return
        try:
            place = self._admission.sessions.take(client)
        except Overloaded:
            yield TOO_MANY
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._open[session] = task
        try:
            yield None
        finally:
            del self._open[session]
            place.release()

    def send_away(self) -> None:
        """End the open sessions once everything received is answered; new ones may come."""
        for session in list(self._open):
            session.stop()

    async def close(self, timeout_s: float) -> None:
        """Refuse new sessions; end open ones once everything received is answered, or after the timeout."""
        self._closing = True
        tasks = list(self._open.values())
        self.send_away()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
