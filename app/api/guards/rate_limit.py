"""Limits how often one client may ask; a client is an API key or, without keys, an address."""

import math
import time

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.guards.client import client_of
from app.api.guards.needs import RouteTable
from app.errors import RateLimited

LEAST_KNOWN = 10_000
"""From so many clients on idle ones are looked for, each time that their number has doubled."""


class RateLimitMiddleware:
    """Count requests per client in a moving window; counts are per process, and a stream counts when it is opened.

    Args:
        app: The next ASGI application.
        rate: How many requests in how much time.
        routes: Know which requests are counted.
    """

    def __init__(self, app: ASGIApp, rate: RateLimitItem, routes: RouteTable) -> None:
        self.app, self._rate, self._routes = app, rate, routes
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._most_known = LEAST_KNOWN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection.

        Raises:
            RateLimited: If the client has used up its requests.
        """
        is_request = scope["type"] != "lifespan" and scope.get("method") != "OPTIONS"
        if is_request and self._routes[scope["path"]].needs.rate:
            self._count(client_of(scope))
        await self.app(scope, receive, send)

    def _count(self, client: str) -> None:
        self._forget_idle()
        if self._limiter.hit(self._rate, client):
            return
        wait_s = self._wait_s(client)
        if wait_s > self._rate.get_expiry() + 1:  # The wall clock was set back: the counts are of a time to come.
            self._limiter.clear(self._rate, client)
            self._limiter.hit(self._rate, client)
            return
        raise RateLimited(f"At most {self._rate} are answered; try again in {wait_s} s.", wait_s)

    def _forget_idle(self) -> None:
        """Forget clients whose requests have all expired; the library empties their lists but keeps their names."""
        known = self._storage.events
        if len(known) < self._most_known:
            return
        for key in [key for key, requests in list(known.items()) if not requests]:
            self._storage.clear(key)
        self._most_known = max(LEAST_KNOWN, 2 * len(known))

    def _wait_s(self, client: str) -> int:
        reset = self._limiter.get_window_stats(self._rate, client).reset_time
        return max(1, math.ceil(reset - time.time()))
