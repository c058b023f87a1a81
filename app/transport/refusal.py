"""Problems as plain HTTP answers, for requests that never reach the application."""

from http import HTTPStatus

from app.api.wire.problems import MEDIA_TYPE, problem_of
from app.errors import MienError


def refusal(error: MienError) -> bytes:
    """Return an HTTP answer with the problem, for what never reaches the application; the connection ends with it."""
    body = problem_of(error, None).model_dump_json().encode()
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n{_retry_after(error)}connection: close\r\n\r\n"
    )
    return head.encode() + body


def _retry_after(error: MienError) -> str:
    return "" if error.retry_after_s is None else f"retry-after: {error.retry_after_s}\r\n"
