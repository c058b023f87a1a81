"""Logging: one line per event, as text for people or as JSON for machines, each with its request id.

Only the fields named here are written: no picture, box or probability can slip in with an `extra`. Only this program's
own loggers go down to debug: at that level libraries write headers, keys and whole messages.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from types import TracebackType
from typing import Any, TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request being answered."""

NO_ID = "-"
UNCAUGHT = logging.getLogger("app.uncaught")
ACCESS_FIELDS = ("method", "route", "status", "duration_ms", "code")
"""The fields that an access line adds to the common ones, passed as `extra`."""

MOST_LINES = 10_000
"""So many wait to be written; beyond it lines are dropped, and counted."""


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
    if not hasattr(record, "request_id"):  # else it was added where it was logged
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


@contextmanager
def written_on_a_thread() -> Iterator[None]:
    """Have what is logged meanwhile written by a thread: whoever reads standard error slowly then holds nobody up.

    At the end all that waits is written.
    """
    root = logging.getLogger()
    handlers = root.handlers[:]
    to_queue = _LineQueue(SimpleQueue())
    listener = QueueListener(to_queue.queue, *handlers)
    root.handlers = [to_queue]
    listener.start()
    try:
        yield
    finally:
        root.handlers = handlers
        listener.stop()


class _LineQueue(QueueHandler):
    """Queues records as they are: what is formatted here is formatted once, by the thread."""

    def __init__(self, lines: "SimpleQueue[logging.LogRecord]") -> None:
        super().__init__(lines)
        self.addFilter(_add_request_id)
        self._lines, self._dropped = lines, 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record itself."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a record, or drop it; once there is room, tell how many were dropped."""
        if self._lines.qsize() >= MOST_LINES:
            self._dropped += 1
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            told = logging.LogRecord(__name__, logging.WARNING, __file__, 0, "%d lines were dropped", (dropped,), None)
            _add_request_id(told)
            self._lines.put(told)
        self._lines.put(record)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    UNCAUGHT.critical("%s was not caught", kind.__name__, exc_info=(kind, error or kind(), trace))
