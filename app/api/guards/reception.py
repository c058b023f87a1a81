"""Bodies while they are received: how slowly one may come, and which one makes room where all places are taken."""

import asyncio

from starlette.types import Message, Receive

from app.errors import UploadTimeout
from app.serving.budget import Hold

LEAST_BYTES_PER_S = 1_000
"""Of a body. A phone on the slowest network that carries pictures at all, EDGE, sends ten times as much."""

STALL_SHARE = 1 / 3
"""Of the longest time for a body, so much may pass without this rate, as while a phone changes its cell."""

YIELDS_AFTER_S = 0.25
"""A body that was waited for so long may have to make room: what an honest sender sends at once is there by then."""


class Reception:
    """The body of one request while it is received; only the time in which its client is waited for counts.

    Args:
        receive: Where it comes from.
        held: The bytes received.
        timeout_s: Longest time until the body is complete.
    """

    def __init__(self, receive: Receive, held: Hold, timeout_s: float) -> None:
        self._receive, self._held, self._timeout_s = receive, held, timeout_s
        self._loop = asyncio.get_running_loop()
        self._began = self._waits_since = self._loop.time()
        self._patience_s = self._most_patience_s = STALL_SHARE * timeout_s
        self._received_bytes, self._waited_s = 0, 0.0
        self._waiting: asyncio.Timeout | None = None
        self._makes_room = self.complete = self.timed_out = False

    async def receive(self) -> Message:
        """Pass on the next part of the body; once complete, wait for the client without a limit.

        Raises:
            UploadTimeout: If it takes too long, or comes too slowly.
            Overloaded: If there is no memory for it.
        """
        if self.complete:
            return await self._receive()
        message = await self._next_in_time()
        if message["type"] == "http.request":
            size_bytes = len(message.get("body", b""))
            self._held.add(size_bytes)
            self._received_bytes += size_bytes
            self._patience_s = min(self._most_patience_s, self._patience_s + size_bytes / LEAST_BYTES_PER_S)
            self.complete = not message.get("more_body", False)
            if self._makes_room and not self.complete:  # what came arrived in the moment in which it was told
                raise self._too_late()
        return message

    @property
    def is_waited_for(self) -> bool:
        """Whether its client is waited for."""
        return self._waiting is not None

    @property
    def yields(self) -> bool:
        """Whether it may have to make room: its client is waited for, and was for a while."""
        is_waited_for = self._waiting is not None and not (self._makes_room or self._waiting.expired())
        return is_waited_for and self._waited_s + self._waits_s() >= YIELDS_AFTER_S

    @property
    def bytes_per_s(self) -> float:
        """How fast it came while it was waited for."""
        return self._received_bytes / (self._waited_s + self._waits_s() or 1.0)

    def make_room(self) -> None:
        """End it; only if it `yields`."""
        assert self._waiting is not None  # noqa: S101 - as documented
        self._makes_room = True
        self._waiting.reschedule(self._loop.time())

    def _waits_s(self) -> float:
        return 0.0 if self._waiting is None else self._loop.time() - self._waits_since

    async def _next_in_time(self) -> Message:
        self._waits_since = self._loop.time()
        end = min(self._began + self._timeout_s, self._waits_since + self._patience_s)
        try:
            async with asyncio.timeout_at(end) as self._waiting:
                return await self._receive()
        except TimeoutError as error:
            raise self._too_late() from error
        finally:
            waited_s = self._waits_s()
            self._waiting = None
            self._waited_s += waited_s
            self._patience_s -= waited_s

    def _too_late(self) -> UploadTimeout:
        self.timed_out = True
        return UploadTimeout(self._why())

    def _why(self) -> str:
        if self._makes_room:
            return "The body came too slowly, and all places for requests are taken."
        if self._loop.time() >= self._began + self._timeout_s:
            return f"The body was not complete after {self._timeout_s:g} s."
        return f"The body came too slowly: send at least {LEAST_BYTES_PER_S:,} bytes a second."
