"""One log line and one count for every request: its route, its outcome, its duration."""

import logging
import time
from collections.abc import Collection, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guards.uploads import PROBES
from app.metrics import Metrics

SWITCHING_PROTOCOLS, CLIENT_CLOSED, FORBIDDEN, INTERNAL_ERROR = 101, 499, 403, 500

logger = logging.getLogger(__name__)


class AccessMiddleware:
    """Log and count requests by route template, never path, query, client or anything about a picture.

    Args:
        app: The next ASGI application.
        metrics: Where to count.
        routes: Paths of the routes without a parameter.
        folders: Where files are served: everything below counts as one route.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[str], folders: Sequence[str]) -> None:
        self.app, self.metrics = app, metrics
        self._routes, self._folders = routes, folders

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
        route = self._route_of(scope)
        code = scope["state"].get("problem_code")
        self.metrics.request_ended(method, route, status, seconds, code)
        level = logging.DEBUG if route in PROBES and status < INTERNAL_ERROR else logging.INFO
        duration_ms = round(seconds * 1e3, 1)
        extra = {"method": method, "route": route, "status": status, "duration_ms": duration_ms, "code": code}
        logger.log(level, "%s %s %d in %.1f ms", method, route, status, duration_ms, extra=extra)

    def _route_of(self, scope: Scope) -> str:
        """Name the route, even if the request was refused before routing."""
        path: str = scope["path"]
        if path in self._routes:
            return path
        routed: str = getattr(scope.get("route"), "path", "unmatched")
        return next((folder for folder in self._folders if path.startswith(f"{folder}/")), routed)


def _status_of(message: Message) -> int | None:
    """Return the status that a message sets, if it does."""
    if message["type"] in ("http.response.start", "websocket.http.response.start"):
        return int(message["status"])
    if message["type"] == "websocket.accept":
        return SWITCHING_PROTOCOLS
    return FORBIDDEN if message["type"] == "websocket.close" else None
