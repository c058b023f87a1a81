"""Counts the requests of each client in a moving window; what is remembered is bounded, and forgotten bit by bit."""

import time
from array import array
from bisect import bisect_right
from collections.abc import Callable
from itertools import islice

MOST_CLIENTS = 100_000
"""So many are remembered, those that asked last: about 250 bytes each, and 8 for each of their requests."""

MOST_REQUESTS = 2_000_000
"""So many requests of all clients are remembered."""


class MovingWindow:
    """Admits a number of requests of each client in any stretch of time.

    Clients stand in the order in which they were admitted last, so those without a request in the window come to the
    front; two are looked at with each request. If there are too many, the first is forgotten, and begins anew.

    Args:
        amount: Most requests in the window; at least 1.
        window_s: Its length in seconds.
        clock: Seconds of a clock that never runs backwards.
        most_clients: See `MOST_CLIENTS`.
    """

    def __init__(
        self,
        amount: int,
        window_s: float,
        clock: Callable[[], float] = time.monotonic,
        most_clients: int = MOST_CLIENTS,
    ) -> None:
        self._amount, self._window_s, self._clock, self._most_clients = amount, window_s, clock, most_clients
        self._times: dict[str, array[float]] = {}
        self._requests = 0

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._times)

    def wait_s(self, client: str) -> float:
        """Count a request if it is admitted, and return 0; else return in how many seconds the next one will be."""
        now = self._clock()
        times = self._times.get(client, array("d"))
        over = bisect_right(times, now - self._window_s)
        del times[:over]
        self._requests -= over
        if len(times) >= self._amount:
            return times[0] + self._window_s - now
        self._times.pop(client, None)
        self._times[client] = times
        times.append(now)
        self._requests += 1
        self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        for first in list(islice(self._times, 2)):
            if self._times[first][-1] <= now - self._window_s:
                self._requests -= len(self._times.pop(first))
        if len(self._times) > self._most_clients or self._requests > MOST_REQUESTS:
            self._requests -= len(self._times.pop(next(iter(self._times))))
