"""What decoding all pictures of one request may take together, one after the other."""

import threading
from collections.abc import Callable

from app.errors import PayloadTooLarge


class Allowance:
    """Of one request, whose pictures are decoded on several threads.

    Args:
        pixels: Of memory, in pixels of 3 bytes: how long decoding takes follows what it takes of memory. The first
            picture is always within it.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels, self._taken = pixels, 0
        self._lock = threading.Lock()

    def for_one(self) -> Callable[[int], None]:
        """Return what takes a picture's weight once, however often its header is read; it raises PayloadTooLarge."""
        counted = False

        def take(weight: int) -> None:
            nonlocal counted
            with self._lock:
                if counted:
                    return
                if self._taken and self._taken + weight > self._pixels:
                    raise PayloadTooLarge("The request's pictures are too large together: send this one in another.")
                self._taken, counted = self._taken + weight, True

        return take
