"""Which pages may open a stream: browsers let any page connect anywhere and only report its origin."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

DEFAULT_PORTS = {"http": 80, "https": 443}
SCHEMES = {"ws": "http", "wss": "https"}
POLICY_VIOLATION = 1008
REASON = "Pages of this origin may not stream; see MIEN_CORS_ORIGINS, behind TLS MIEN_TRUSTED_PROXIES."


class OriginMiddleware:
    """Close streams of pages that are neither the server's own nor listed; programs send no origin.

    Args:
        app: The next ASGI application.
        allowed: Additional origins, as `Origin` writes them; `*` means all.

    References:
        RFC 6455, section 10.2; RFC 6454, section 5: same scheme, host and port.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str]) -> None:
        self.app, self._allowed = app, frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "websocket" or self._may_stream(scope):
            await self.app(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept", "headers": []})
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": REASON})

    def _may_stream(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or origin in self._allowed or "*" in self._allowed:
            return True
        scheme = SCHEMES.get(scope["scheme"], scope["scheme"])
        own = _parts_of(f"{scheme}://{headers.get('host', '')}")
        return own is not None and _parts_of(origin) == own


def _parts_of(origin: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port, or None if it is no origin of the web."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:  # such as a bracket that opens an address and does not close it
        return None
    if not parts.hostname or parts.scheme not in DEFAULT_PORTS:
        return None
    return parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port
