"""Lanes of a decoder: threads for usual pictures, and others for those that take long."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.pictures.decode import Decoded
from app.pictures.open import Elsewhere
from app.serving.budget import Budget


@dataclass(frozen=True)
class Lane:
    """Some threads.

    Attributes:
        turns: Whose turn it is to have one.
        pool: The threads.
        workers: Where they have rare and large pictures decoded.
    """

    turns: Budget
    pool: ThreadPoolExecutor
    workers: Elsewhere


class ForWorkers(Exception):
    """Raised in a thread by a picture that belongs on the other lane."""


class Referral:
    """Stands where workers would, on the lane of usual pictures."""

    def decode(self, *_: object, **__: object) -> Decoded:
        """Send the picture on; raises ForWorkers."""
        raise ForWorkers
