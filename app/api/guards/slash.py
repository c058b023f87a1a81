"""A slash too many at the end of a path is passed over; a redirect would name whatever host the client sent."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.guards.needs import UNKNOWN, RouteTable


class SlashMiddleware:
    """Answer /detect/ as /detect is, without a redirect: many clients do not send their body again.

    Args:
        app: The next ASGI application.
        routes: Know which paths there are.
    """

    def __init__(self, app: ASGIApp, routes: RouteTable) -> None:
        self.app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        path: str = scope.get("path", "")
        if path.endswith("/") and self._routes[path] is UNKNOWN and self._routes[path[:-1]] is not UNKNOWN:
            scope = {**scope, "path": path[:-1]}
        await self.app(scope, receive, send)
