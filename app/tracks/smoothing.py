"""Smooths the probabilities of tracked faces over time."""

import math
from collections.abc import Hashable


class ProbabilitySmoother:
    """A time-aware exponential average: its result does not depend on the frame rate.

    With dt seconds since the face's last frame, smoothed += alpha * (new - smoothed) where
    alpha = 1 - exp(-dt / time_constant_s). A face that changes from one constant expression to another has covered
    1 - exp(-t / time_constant_s) of the way after t seconds, in however many frames. Sums stay at 1.

    Args:
        time_constant_s: Seconds after which 63 % of a change is covered; above 0.
        forget_after_s: A face unseen for longer starts over.

    References:
        Eckner 2012, "Algorithms for Unevenly Spaced Time Series: Moving Averages and Other Rolling Operators".
    """

    def __init__(self, time_constant_s: float, forget_after_s: float) -> None:
        self._time_constant_s, self._forget_after_s = time_constant_s, forget_after_s
        self._seen: dict[Hashable, tuple[float, tuple[float, ...]]] = {}

    def smooth(self, track: Hashable, probabilities: tuple[float, ...], at_s: float) -> tuple[float, ...]:
        """Take one face of a frame.

        Args:
            track: Identifies the face and what is smoothed of it.
            probabilities: Those of this frame alone.
            at_s: When the frame was taken, in seconds.

        Returns:
            The smoothed probabilities; for the face's first frame, those given.
        """
        if track in self._seen:
            last_s, smoothed = self._seen[track]
            alpha = -math.expm1(-max(0.0, at_s - last_s) / self._time_constant_s)
            probabilities = tuple(old + alpha * (new - old) for old, new in zip(smoothed, probabilities, strict=True))
        self._seen[track] = (at_s, probabilities)
        return probabilities

    def forget_unseen(self, at_s: float) -> None:
        """Forget faces unseen for too long; call once per frame, so that memory stays bounded."""
        horizon_s = at_s - self._forget_after_s
        self._seen = {track: entry for track, entry in self._seen.items() if entry[0] >= horizon_s}
