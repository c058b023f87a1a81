"""Limits how often one client may ask; a client is an API key or, without keys, an address."""

import math

from limits import RateLimitItem
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.guards.client import client_of
from app.api.guards.moving_window import MovingWindow
from app.api.guards.needs import RouteTable
from app.api.guards.shared_window import SharedWindow
from app.errors import RateLimited


class RateLimitMiddleware:
    """Count requests per client in a moving window; a stream counts when it is opened.

    Counts are of this process, or of all that share a storage. While that does not answer, each counts by itself.

    Args:
        app: The next ASGI application.
        rate: How many requests in how much time.
        routes: Know which requests are counted.
        shared: Counts for several servers; None: this one counts alone.
    """

    def __init__(
        self, app: ASGIApp, rate: RateLimitItem, routes: RouteTable, shared: SharedWindow | None = None
    ) -> None:
        self.app, self._rate, self._routes, self._shared = app, rate, routes, shared
        self._window = MovingWindow(rate.amount, rate.get_expiry())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection.

        Raises:
            RateLimited: If the client has used up its requests.
        """
        is_request = scope["type"] != "lifespan" and scope.get("method") != "OPTIONS"
        if is_request and self._routes[scope["path"]].needs.rate:
            wait_s = math.ceil(await self._wait_s(client_of(scope)))
            if wait_s > 0:
                raise RateLimited(f"At most {self._rate} are answered; try again in {wait_s} s.", wait_s)
        await self.app(scope, receive, send)
        if scope["type"] == "lifespan" and self._shared is not None:
            await self._shared.close()

    async def _wait_s(self, client: str) -> float:
        shared = None if self._shared is None else await self._shared.wait_s(client)
        return self._window.wait_s(client) if shared is None else shared
