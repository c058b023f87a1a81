"""Whose work the event loop does next: one piece for each client in a turn, however many connections it has."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Turns:
    """Fair turns between the clients of a server.

    A client that has had its turn waits for the next one, and nobody waits while the event loop has nothing else to
    do. So forty busy connections of one client cost the others what one costs.
    """

    def __init__(self) -> None:
        self._served: set[str] = set()  # in this turn of the event loop
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._next: asyncio.Handle | None = None

    def take(self, client: str, work: Callable[[], None]) -> None:
        """Call `work` now, or in one of the client's next turns if it has had this one.

        Args:
            client: Whose turn it is.
            work: A millisecond of it, or two.
        """
        if client in self._served:
            self._waiting.setdefault(client, deque()).append(work)
            return
        self._served.add(client)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._come_round)
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
        """Begin the next turn of all who wait."""
        loop = asyncio.get_running_loop()
        self._served = set(self._waiting)
        for client, waiting in list(self._waiting.items()):
            loop.call_soon(waiting.popleft())
            if not waiting:
                del self._waiting[client]
        self._next = loop.call_soon(self._come_round) if self._served else None
