"""Whose work the event loop does next: one piece for each client in a turn, however many connections it has."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

PIECES = 8
"""At most, of all clients, in one turn of the event loop: about 10 ms. Answers on their way, and probes, wait no longer
than that, however many clients there are."""


PAUSE_S = 0.002
"""Between two turns while the networks work: the event loop leaves them processor time and Python's lock."""


class Turns:
    """Fair turns between the clients of a server.

    A client that has had its turn waits for the next one, and nobody waits while the event loop has nothing else to
    do. So forty busy connections of one client cost the others what one costs. Where more clients wait than the loop
    serves in a turn, they come round by turns.

    Args:
        busy: Whether the networks work; then a client has a turn every two milliseconds at most.
    """

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self._busy = busy
        self._served: set[str] = set()  # in this turn of the event loop
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._next: asyncio.Handle | None = None

    def take(self, client: str, work: Callable[[], None]) -> None:
        """Call `work` now, or in one of the client's next turns if it has had this one or many others have.

        Args:
            client: Whose turn it is.
            work: A millisecond of it, or two.
        """
        if client in self._served or len(self._served) >= PIECES:
            self._waiting.setdefault(client, deque()).append(work)
            return
        self._served.add(client)
        if self._next is None:
            self._next = self._later()
        work()

    async def wait(self, client: str) -> None:
        """Wait for a turn of the client."""
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not came.done():  # else who waited was cancelled
                came.set_result(None)

        self.take(client, wake)
        await came

    def in_turn(self, client: str, call: Callable[Given, Awaitable[Result]]) -> Callable[Given, Awaitable[Result]]:
        """Return a function that waits for a turn of the client before it begins."""

        async def wait_and_call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            await self.wait(client)
            return await call(*args, **kwargs)

        return wait_and_call

    def _come_round(self) -> None:
        """Begin the next turn of those who have waited the longest."""
        loop = asyncio.get_running_loop()
        next_ones = list(islice(self._waiting, PIECES))
        self._served = set(next_ones)
        for client in next_ones:
            waiting = self._waiting.pop(client)
            loop.call_soon(waiting.popleft())
            if waiting:
                self._waiting[client] = waiting
        self._next = self._later() if self._served else None

    def _later(self) -> asyncio.Handle:
        loop = asyncio.get_running_loop()
        return loop.call_later(PAUSE_S, self._come_round) if self._busy() else loop.call_soon(self._come_round)
