"""Counts what each client does over all its connections: who connects again does not begin anew."""

import time
from collections.abc import Callable
from itertools import islice


class LeakyBuckets:
    """A leaky bucket for each client that holds what may come at once, and is emptied at a steady rate.

    What is kept of a client is the time at which its bucket will be empty. Clients stand in the order in which they
    came last; those whose bucket is empty come to the front, and two of them are forgotten with each that comes.

    Args:
        per_second: Most of one client in the long run.
        at_once: Most at once; None: those of a second.
        clock: Seconds of a clock that never runs backwards.

    References:
        ITU-T I.371: the generic cell rate algorithm, as virtual scheduling.
    """

    def __init__(
        self, per_second: float, at_once: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_second, self._clock = per_second, clock
        self._full_s = (per_second if at_once is None else at_once) / per_second
        self._empty_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._empty_at)

    def admits(self, client: str) -> bool:
        """Count one if there is room for it now, and say whether there is."""
        return self.wait_s(client, most_s=0.0) <= 0

    def wait_s(self, client: str, most_s: float) -> float:
        """Return how long one has to wait until there is room for it, which counts if it is at most `most_s`."""
        now = self._clock()
        before = max(now, self._empty_at.pop(client, now))
        wait_s = max(0.0, before + 1 / self.per_second - self._full_s - now)
        self._empty_at[client] = before + 1 / self.per_second if wait_s <= most_s else before
        for first in list(islice(self._empty_at, 2)):
            if self._empty_at[first] <= now:
                del self._empty_at[first]
        return wait_s
