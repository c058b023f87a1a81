"""Errors as RFC 9457 problem details (application/problem+json)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.wire.names import FOREIGN_PATHS, HOW_TO_SEND
from app.errors import InvalidRequest, MienError, Unauthorized

MEDIA_TYPE = "application/problem+json"
HTTP_REFUSAL = "websocket.http.response"
"""The ASGI extension by which a stream is refused with an HTTP answer instead of a bare 403."""
TRY_AGAIN_LATER, INTERNAL_ERROR = 1013, 1011
"""Close codes of a WebSocket (RFC 6455 and its registry)."""

MAX_PATH_SHOWN = 100
"""Characters of an unknown path that its answer repeats."""

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong, for people and for programs."""

    type: str = Field(default="about:blank", description="RFC 9457: no page describes this problem further.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="The kind of problem, for programs; stable.")
    detail: str = Field(description="This very problem, and what to do.")
    request_id: str | None = Field(default=None, description="The X-Request-ID of the answer.")


def problem_responses(descriptions: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Describe answers with a problem for OpenAPI, by status; FastAPI's `model` would add application/json to each."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"content": content, "description": each} for status, each in descriptions.items()}


def problem_of(error: MienError, request_id: str | None) -> Problem:
    """Describe a `MienError`."""
    return Problem(title=error.title, status=error.status, code=error.code, detail=str(error), request_id=request_id)


def log_failure(error: MienError) -> None:
    """Log a server failure under the request id that the answer carries; refusals are not logged."""
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s: %s", error.code, " ".join((str(error), *getattr(error, "__notes__", ()))))


def first_fault(error: ValidationError | RequestValidationError, where: str = "") -> InvalidRequest:
    """Describe in one sentence what pydantic found first.

    Args:
        error: What it found.
        where: What was validated, if the error does not say.
    """
    first: Mapping[str, Any] = error.errors()[0]
    return InvalidRequest(f"{' '.join([where, *map(str, first['loc'])]).strip()}: {first['msg']}.")


def request_id_of(connection: HTTPConnection) -> str | None:
    """Return the id that the middleware gave this request."""
    found: str | None = getattr(connection.state, "request_id", None)
    return found


def respond(connection: HTTPConnection, error: MienError) -> JSONResponse:
    """Answer with a `MienError`."""
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return _respond(connection, problem_of(error, request_id_of(connection)), headers)


class ProblemMiddleware:
    """Answer what the layers below raise, for streams too; no traceback leaves the server.

    Args:
        app: The next ASGI application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        sent: set[str] = set()

        async def send_and_look(message: Message) -> None:
            sent.add(message["type"])
            await send(message)

        try:
            await self.app(scope, receive, send_and_look)
        except MienError as error:
            await _tell(error, scope, receive, send, sent)
        except Exception as error:
            logger.exception("unexpected %s", type(error).__name__)
            message = "An unexpected error happened; it was logged under the request id."
            await _tell(MienError(message), scope, receive, send, sent)


async def _tell(error: MienError, scope: Scope, receive: Receive, send: Send, sent: set[str]) -> None:
    """Answer with a problem if it is not too late."""
    if "websocket.accept" in sent:
        if "websocket.close" not in sent:
            code = TRY_AGAIN_LATER if error.retry_after_s is not None else INTERNAL_ERROR
            await send({"type": "websocket.close", "code": code, "reason": error.title})
    elif scope["type"] == "http" or HTTP_REFUSAL in scope.get("extensions", {}):
        if not any(each.endswith("response.start") for each in sent):
            await respond(HTTPConnection(scope), error)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": INTERNAL_ERROR, "reason": error.title})


def install_problem_handlers(api: FastAPI) -> None:
    """Answer failures in the routes with a problem; `ProblemMiddleware` handles the rest."""
    api.add_exception_handler(MienError, _on_mien_error)
    api.add_exception_handler(RequestValidationError, _on_validation_error)
    api.add_exception_handler(HTTPException, _on_http_exception)


def _respond(connection: HTTPConnection, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    connection.state.problem_code = problem.code  # for the log and the metrics
    return JSONResponse(problem.model_dump(), problem.status, headers, media_type=MEDIA_TYPE)


async def _on_mien_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MienError)  # noqa: S101 - Starlette calls this for MienError only
    log_failure(error)
    return respond(request, error)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return respond(request, first_fault(error))


def _shortened(path: str) -> str:
    return path if len(path) <= MAX_PATH_SHOWN else f"{path[:MAX_PATH_SHOWN]}..."


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    hint = f" {HOW_TO_SEND}" if request.scope["path"] in FOREIGN_PATHS else ""
    what = f"{request.method} {_shortened(request.scope['path'])}: {error.detail}."
    problem = Problem(
        title=phrase,
        status=error.status_code,
        code=phrase.lower().replace(" ", "_"),
        detail=f"{what}{hint} The routes are listed at /docs.",
        request_id=request_id_of(request),
    )
    return _respond(request, problem, error.headers)
