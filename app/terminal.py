"""Standard output that ends before the program does: a full disk, or a reader such as `head` that has left."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

GONE = 128 + getattr(signal, "SIGPIPE", 13)
"""What a shell shows of a program that wrote to a reader who had left."""


@contextmanager
def written_out() -> Iterator[None]:
    """Write what is buffered at the end; whatever fails then, the interpreter's own last flush stays quiet.

    Raises:
        SystemExit: With `GONE` if the reader has left: nothing is said, since it has what it wanted.
        OSError: If it cannot be written.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon()
        raise SystemExit(GONE) from None
    except OSError:
        _abandon()
        raise


def _abandon() -> None:
    """Let what is still buffered go nowhere, if standard output is what fails."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
