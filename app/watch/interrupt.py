"""Signals that end a program, as a KeyboardInterrupt that cannot get lost.

An extension that calls Python may swallow the exception that a Ctrl-C raises there; and SIGTERM, which service managers
send, would by default end the process before a video's index is written.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Windows lacks SIGHUP, which a closed terminal sends."""


@contextmanager
def noticed_interrupts() -> Iterator[Callable[[], None]]:
    """Remember Ctrl-C, SIGTERM and SIGHUP, and raise KeyboardInterrupt for each; on the main thread only.

    Yields:
        A check that raises KeyboardInterrupt if there was one.
    """
    noticed = threading.Event()

    def remember(*_: object) -> None:
        noticed.set()
        raise KeyboardInterrupt

    def check() -> None:
        if noticed.is_set():
            raise KeyboardInterrupt

    with ExitStack() as stack:
        for each in ENDING:
            stack.callback(signal.signal, each, signal.signal(each, remember))
        yield check
