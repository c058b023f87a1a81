"""A Ctrl-C that cannot get lost: code of an extension that calls Python may swallow the exception it raises there."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def noticed_interrupts() -> Iterator[Callable[[], None]]:
    """Remember a Ctrl-C besides raising it as always; on the main thread only.

    Yields:
        A check that raises KeyboardInterrupt if there was one.
    """
    pressed = threading.Event()

    def remember(*_: object) -> None:
        pressed.set()
        raise KeyboardInterrupt

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
