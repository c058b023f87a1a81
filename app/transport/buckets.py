"""Counts the WebSocket frames of each client over all its connections: who connects again does not begin anew."""

import time
from collections.abc import Callable
from itertools import islice

WINDOW_S = 1.0


class FrameCounts:
    """A leaky bucket for each client that holds what it may send in a second.

    What is kept of a client is the time at which its bucket will be empty. Clients stand in the order in which they
    sent last; those whose bucket is empty come to the front, and two of them are forgotten with each frame.

    Args:
        per_second: Most frames of one client.
        clock: Seconds of a clock that never runs backwards.

    References:
        ITU-T I.371: the generic cell rate algorithm, as virtual scheduling.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self._clock = per_second, clock
        self._empty_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._empty_at)

    def admits(self, client: str) -> bool:
        """Count a frame, and say whether the client keeps to its rate."""
        now = self._clock()
        empty_at = max(now, self._empty_at.pop(client, now)) + 1 / self.per_second
        self._empty_at[client] = min(empty_at, now + WINDOW_S)
        for first in list(islice(self._empty_at, 2)):
            if self._empty_at[first] <= now:
                del self._empty_at[first]
        return empty_at <= now + WINDOW_S
