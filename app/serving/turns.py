"""Whose work the event loop does next: one piece for each client in a turn, however many connections it has."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

PIECES = 8
"""At most, of all clients, in one turn of the event loop: about 10 ms. Answers on their way wait no longer than that,
however many clients there are."""


WORK_S = PAUSE_S = 0.002
"""While the networks work, the event loop rests so long after so much work: that leaves them processor time and
Python's lock, and a body of thousands of chunks still takes no longer than twice its time."""


class Turns:
    """Fair turns between the clients of a server.

    A client that has had its turn waits for the next one, and nobody waits while the event loop has nothing else to
    do. So forty busy connections of one client cost the others what one costs. Where more clients wait than the loop
    serves in a turn, they come round by turns.

    Args:
        busy: Whether the networks work; then turns take half of the time at most.
    """

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self._busy = busy
        self._served: set[str] = set()  # in this turn of the event loop
        self._hurried = False  # somebody, in this turn
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._next: asyncio.Handle | None = None
        self._since_s = 0.0  # when turns began to follow each other without a rest, by the loop's clock

    def take(self, client: str, work: Callable[[], None], hurry: bool = False) -> None:
        """Call `work` now, or in one of the client's next turns if it has had this one or many others have.

        Args:
            client: Whose turn it is.
            work: A millisecond of it, or two.
            hurry: It need not wait for a turn; that holds for one in each turn of the event loop.
        """
        now = client not in self._served and len(self._served) < PIECES
        if not now and hurry and not self._hurried:
            now = self._hurried = True
        if not now:
            self._waiting.setdefault(client, deque()).append(work)
            return
        self._served.add(client)
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._since_s, self._next = loop.time(), loop.call_soon(self._come_round)
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
        """Begin the next turn of those who have waited the longest, now or after a rest."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if self._waiting and now_s - self._since_s >= WORK_S and self._busy():
            self._since_s = now_s + PAUSE_S
            self._next = loop.call_later(PAUSE_S, self._come_round)
            return
        next_ones = list(islice(self._waiting, PIECES))
        self._served, self._hurried = set(next_ones), False
        for client in next_ones:
            waiting = self._waiting.pop(client)
            loop.call_soon(waiting.popleft())
            if waiting:
                self._waiting[client] = waiting
        self._next = loop.call_soon(self._come_round) if self._served else None
