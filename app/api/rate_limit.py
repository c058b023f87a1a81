"""A bound on how often one client may ask: an API key is a client, else an address is."""

import math
import time

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import RateLimited

LIMITED = ("/detect", "/classify")
"""Where the networks work: these paths and all below; a stream counts when it is opened."""


class RateLimitMiddleware:
    """Count requests a client in a moving window; the counts live in this process.

    Args:
        app: The next ASGI application.
        rate: How many in which time.
    """

    def __init__(self, app: ASGIApp, rate: RateLimitItem) -> None:
        self.app, self._rate = app, rate
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection.

        Raises:
            RateLimited: If the client has used up its requests.
        """
        if scope["type"] != "lifespan" and scope["path"].startswith(LIMITED) and scope.get("method") != "OPTIONS":
            self._count(_client_of(scope))
        await self.app(scope, receive, send)

    def _count(self, client: str) -> None:
        if self._limiter.hit(self._rate, client):
            return
        wait_s = self._wait_s(client)
        if wait_s > self._rate.get_expiry() + 1:  # The wall clock was set back: the counts are of a time to come.
            self._limiter.clear(self._rate, client)
            self._limiter.hit(self._rate, client)
            return
        raise RateLimited(f"At most {self._rate} are answered; try again in {wait_s} s.", wait_s)

    def _wait_s(self, client: str) -> int:
        reset = self._limiter.get_window_stats(self._rate, client).reset_time
        return max(1, math.ceil(reset - time.time()))


def _client_of(scope: Scope) -> str:
    key: str | None = scope.get("state", {}).get("client")
    address: str = (scope.get("client") or ("unknown",))[0]
    return key or address
