"""Errors as RFC 9457 problem details (application/problem+json)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.api.request_id import HEADER as REQUEST_ID_HEADER
from app.errors import InvalidRequest, MienError, Overloaded

MEDIA_TYPE = "application/problem+json"

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong, for people and for programs."""

    type: str = Field(default="about:blank", description="RFC 9457: no page describes this problem further.")
    title: str = Field(description="The kind of problem, in words.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="The kind of problem, for programs; stable.")
    detail: str = Field(description="This very problem, and what to do.")
    request_id: str | None = Field(default=None, description="The X-Request-ID of the answer.")


def problem_of(error: MienError, request_id: str | None) -> Problem:
    """Describe an error of ours."""
    return Problem(title=error.title, status=error.status, code=error.code, detail=str(error), request_id=request_id)


def request_id_of(request: Request) -> str | None:
    """Return the id that the middleware gave to this request."""
    found: str | None = getattr(request.state, "request_id", None)
    return found


def install_problem_handlers(api: FastAPI) -> None:
    """Answer every failure of the API with a problem; no traceback leaves the server."""
    api.add_exception_handler(MienError, _on_mien_error)
    api.add_exception_handler(RequestValidationError, _on_validation_error)
    api.add_exception_handler(HTTPException, _on_http_exception)
    api.add_exception_handler(Exception, _on_unexpected)


def _respond(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), problem.status, headers, media_type=MEDIA_TYPE)


async def _on_mien_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MienError)  # noqa: S101 - Starlette calls this for MienError only
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Overloaded) else None
    return _respond(problem_of(error, request_id_of(request)), headers)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first: dict[str, Any] = error.errors()[0]
    where = " ".join(str(part) for part in first["loc"])
    return _respond(problem_of(InvalidRequest(f"{where}: {first['msg']}."), request_id_of(request)))


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    problem = Problem(
        title=phrase,
        status=error.status_code,
        code=phrase.lower().replace(" ", "_"),
        detail=f"{request.method} {request.url.path}: {error.detail}. The routes are listed at /docs.",
        request_id=request_id_of(request),
    )
    return _respond(problem, error.headers)


async def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = request_id_of(request)
    logger.error("request %s: unexpected %s", request_id, type(error).__name__)
    message = "An unexpected error happened; it was logged under the request id."
    headers = {REQUEST_ID_HEADER: request_id} if request_id else None  # this handler runs outside the middleware
    return _respond(problem_of(MienError(message), request_id), headers)
