"""Descriptors: each connection takes one, and many systems give a process only 1,024 unless it asks for more."""

import contextlib
import sys

ENOUGH = 65_536
KEPT = 128
"""For the listener, the event loop, weights, libraries and devices."""


def raise_limit() -> None:
    """Raise the soft limit of this process to the hard one, or to what is enough; where that fails, it stays."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_that_fit() -> int:
    """Return how many connections the soft limit leaves room for."""
    if sys.platform == "win32":
        return ENOUGH
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else max(1, soft - KEPT)
