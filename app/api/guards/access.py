"""One log line and one count for every request: its route, its outcome, its duration."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guards.needs import RouteTable
from app.metrics import Metrics

SWITCHING_PROTOCOLS, CLIENT_CLOSED, FORBIDDEN, INTERNAL_ERROR = 101, 499, 403, 500

logger = logging.getLogger(__name__)


class AccessMiddleware:
    """Log and count requests by route template, never path, query, client or anything about a picture.

    Args:
        app: The next ASGI application.
        metrics: Where to count.
        routes: Name the route of a path.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: RouteTable) -> None:
        self.app, self.metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        status: int | None = None

        async def send_and_look(message: Message) -> None:
            nonlocal status
            status = status or _status_of(message)
            await send(message)

        started = time.perf_counter()
        self.metrics.request_began()
        try:
            await self.app(scope, receive, send_and_look)
        except Exception:
            status = status or INTERNAL_ERROR
            raise
        finally:
            self._note(scope, status or CLIENT_CLOSED, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope.get("method", "WEBSOCKET")
        known = self._routes[scope["path"]]  # even if the request was refused before routing
        route = known.label
        code = scope["state"].get("problem_code")
        self.metrics.request_ended(method, route, status, seconds, code)
        level = logging.DEBUG if not known.needs.place and status < INTERNAL_ERROR else logging.INFO
        duration_ms = round(seconds * 1e3, 1)
        extra = {"method": method, "route": route, "status": status, "duration_ms": duration_ms, "code": code}
        logger.log(level, "%s %s %d in %.1f ms", method, route, status, duration_ms, extra=extra)


def _status_of(message: Message) -> int | None:
    """Return the status that a message sets, if it does."""
    if message["type"] in ("http.response.start", "websocket.http.response.start"):
        return int(message["status"])
    if message["type"] == "websocket.accept":
        return SWITCHING_PROTOCOLS
    return FORBIDDEN if message["type"] == "websocket.close" else None
