"""Ends the futures of callers, who may have left."""

import logging
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

from app.errors import InferenceFailed

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def failure_of(error: BaseException) -> InferenceFailed:
    """Make the callers' error without the original, whose traceback would hold their pictures; its text is logged."""
    failure = InferenceFailed("The networks failed on this batch.")
    failure.add_note(f"({type(error).__name__}: {error})")
    return failure


def settle(future: "Future[Result]", result: Result | None = None, error: Exception | None = None) -> None:
    """Settle a future that its caller may have abandoned in the meantime."""
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only stands for "not given" beside an error
    except InvalidStateError:
        logger.debug("a caller had left")
