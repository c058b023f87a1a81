"""Logging: one line per event, as text for people or as JSON for machines, each with its request id.

Only the fields named here are written: no picture, box or probability can slip in with an `extra`. Only this program's
own loggers go down to debug: at that level libraries write headers, keys and whole messages.
"""

import json
import logging
import sys
import threading
import time
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request being answered."""

NO_ID = "-"
UNCAUGHT = logging.getLogger("app.uncaught")
ACCESS_FIELDS = ("method", "route", "status", "duration_ms", "code")
"""The fields that an access line adds to the common ones, passed as `extra`."""


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time (UTC, RFC 3339), level, logger, message, request_id and access fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = ("request_id", *ACCESS_FIELDS)
        line |= {name: getattr(record, name) for name in fields if getattr(record, name, None) not in (None, NO_ID)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _is_no_stream_access(record: logging.LogRecord) -> bool:
    """Uvicorn logs each WebSocket with the client's address and the query; `guards.access` does without them."""
    return not (isinstance(record.msg, str) and '"WebSocket %s"' in record.msg)


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get() or NO_ID
    return True


def make_handler(log_format: str) -> "logging.StreamHandler[TextIO]":
    """Return a handler that writes to standard error.

    Args:
        log_format: `text` or `json`.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(request_id)s: %(message)s")
    handler.setFormatter(JsonFormatter() if log_format == "json" else text)
    return handler


def is_json() -> bool:
    """Whether this process writes its logs as JSON."""
    return any(isinstance(each.formatter, JsonFormatter) for each in logging.getLogger().handlers)


def configure_logging(level: str, log_format: str) -> None:
    """Send all logs of the process to standard error, and with them warnings and what nobody caught.

    Args:
        level: debug, info, warning or error.
        log_format: `text` or `json`.
    """
    wanted = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(wanted, logging.INFO), handlers=[make_handler(log_format)], force=True)
    logging.getLogger("app").setLevel(wanted)
    logging.getLogger("uvicorn.error").addFilter(_is_no_stream_access)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda it: _log_uncaught(it.exc_type, it.exc_value, it.exc_traceback)
    sys.unraisablehook = lambda it: _log_uncaught(it.exc_type, it.exc_value, it.exc_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    UNCAUGHT.critical("%s was not caught", kind.__name__, exc_info=(kind, error or kind(), trace))
