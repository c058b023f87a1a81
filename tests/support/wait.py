"""Waiting for what another thread does, where it tells nobody."""

import time
from collections.abc import Callable


def wait_until(what: Callable[[], bool], patience_s: float = 30.0) -> None:
    """Return as soon as it is so; fail after `patience_s`."""
    patience = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < patience
        time.sleep(0.02)
