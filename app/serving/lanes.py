"""Lanes of a decoder: threads for usual pictures, and others for those that take long."""

from concurrent.futures import ThreadPoolExecutor

from app.pictures.decode import Decoded
from app.pictures.open import Elsewhere
from app.serving.budget import Budget


class Lane:
    """Some threads.

    Args:
        turns: How many there are, and whose turn it is to have one.
        name: Theirs.
        workers: Where they have rare and large pictures decoded.

    Attributes:
        pool: The threads.
    """

    def __init__(self, turns: Budget, name: str, workers: Elsewhere) -> None:
        self.turns, self.workers = turns, workers
        self.pool = ThreadPoolExecutor(turns.capacity, name)


class ForWorkers(Exception):
    """Raised in a thread by a picture that belongs on the other lane."""


class Referral:
    """Stands where workers would, on the lane of usual pictures."""

    def decode(self, *_: object, **__: object) -> Decoded:
        """Send the picture on; raises ForWorkers."""
        raise ForWorkers
