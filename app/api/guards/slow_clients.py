"""Clients whose body had to make room lately: nobody makes room for them, and they wait before they try again."""

import asyncio
from itertools import islice

SLOW_FOR_S, WAIT_S = 60.0, 3.0
"""For how long, and how long one waits before it tries to get a place.

Else those who come again at once take each other's places as fast as the server answers.
"""

MOST = 10_000
"""Clients remembered; beyond that, those who came first are forgotten."""

MOST_WAITING = 512
"""One of each client. Who waits has a connection, and a few kilobytes of a body, that no budget counts."""


class SlowClients:
    """Remembers them, on one event loop."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}  # in the order in which it ends
        self._waiting: set[str] = set()

    def __contains__(self, client: str) -> bool:
        return self._until.get(client, 0.0) > _now_s()

    def add(self, client: str) -> None:
        """Remember one, from now on."""
        now_s = _now_s()
        self._until.pop(client, None)
        self._until[client] = now_s + SLOW_FOR_S
        for first in list(islice(self._until, 2)):  # two for each that comes: never many in one step
            if self._until[first] <= now_s or len(self._until) > MOST:
                del self._until[first]

    async def wait(self, client: str) -> None:
        """Wait before another try, unless the client does so already or too many do."""
        if client in self._waiting or len(self._waiting) >= MOST_WAITING:
            return
        self._waiting.add(client)
        try:
            await asyncio.sleep(WAIT_S)
        finally:
            self._waiting.discard(client)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
