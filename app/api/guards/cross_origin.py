"""Answers browsers that ask, before a request, whether a page of another origin may send it (CORS)."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.wire.problems import respond
from app.errors import Forbidden

METHODS = ("GET", "POST")
EXPOSED = ("X-Request-ID", "Retry-After")


class CrossOriginMiddleware(CORSMiddleware):
    """Let pages of listed origins ask with any headers, also from a public site into a private network.

    Keys guard what is asked, not the names of headers: browser SDKs add some of their own to every request.

    Args:
        app: The next ASGI application.
        allowed: Origins, as `Origin` writes them; `*` means all.

    References:
        Fetch standard, section 3.3.2; Private Network Access, section 3.1.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=allowed,
            allow_methods=METHODS,
            allow_headers=["*"],  # Answers with what was asked for: browsers take a literal * for no Authorization
            allow_private_network=True,
            expose_headers=EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; outside of what answers errors, whose answers need these headers too."""
        try:
            await super().__call__(scope, receive, send)
        except Forbidden as error:
            await respond(HTTPConnection(scope), error)(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a question.

        Raises:
            Forbidden: If the page's origin is not listed, or the method is none that a route takes.
        """
        answer = super().preflight_response(request_headers)
        if answer.status_code == HTTPStatus.OK:
            return answer
        if not self.is_allowed_origin(request_headers["origin"]):
            raise Forbidden("Pages of this origin may not ask: list it in MIEN_CORS_ORIGINS.")
        raise Forbidden(f"Pages may send {' and '.join(METHODS)} requests only.")
