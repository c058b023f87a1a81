"""Pauses of the whole process that Python makes by itself, and that clients can provoke."""

import gc


def shorten_pauses() -> None:
    """Keep what is in memory now out of the garbage collector, which stops all threads while it walks it.

    For a process that serves, once all is loaded: what becomes garbage later is still found.
    """
    gc.collect()
    gc.freeze()
