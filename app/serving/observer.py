"""What the engine reports about its work; metrics listen, and the engine knows nothing about them."""

from collections.abc import Sequence
from typing import Protocol


class EngineObserver(Protocol):
    """Listens to the engine. Calls come from the event loop and from the inference thread; they must be quick."""

    def decoded(self, seconds: float) -> None:
        """A picture was decoded, at reduced or full size; a large one may be decoded at both.

        The time includes the wait for a thread and for memory.
        """

    def batch_began(self, waited_s: Sequence[float]) -> None:
        """A batch enters the networks, with the seconds that each of its pictures waited."""

    def batch_detected(self, detect_s: float, classify_s: float, faces: Sequence[int]) -> None:
        """A batch of detections is done: seconds per stage, and faces found in each picture."""


class SilentObserver:
    """Listens to nothing."""

    def decoded(self, seconds: float) -> None:
        """Ignore."""

    def batch_began(self, waited_s: Sequence[float]) -> None:
        """Ignore."""

    def batch_detected(self, detect_s: float, classify_s: float, faces: Sequence[int]) -> None:
        """Ignore."""
