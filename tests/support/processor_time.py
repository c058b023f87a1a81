"""How much processor time something takes, whatever else the machine and the tests before it did."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if what is done inside takes this thread longer; objects of earlier tests are not looked at for garbage."""
    gc.freeze()
    began = time.thread_time()
    try:
        yield
        took = time.thread_time() - began
    finally:
        gc.unfreeze()
    assert took < seconds, f"{took:.3f} s of processor time"
