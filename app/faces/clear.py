"""When an answer is clear, and when only its two best labels together say something."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from app.manifest import ClearRule

Number = TypeVar("Number", float, npt.NDArray[np.floating])


def is_clear(best: Number, margin: Number, rule: ClearRule) -> bool | npt.NDArray[np.bool_]:
    """Return whether answers are clear: of one answer, or of each in arrays.

    Args:
        best: The highest probability, 0..1.
        margin: By how much it is above the second, 0..1.
        rule: The two bounds; an answer that reaches both is clear.
    """
    return (best >= rule.floor) & (margin >= rule.margin)


def margin_of(probabilities: Sequence[float]) -> float:
    """Return by how much the highest probability is above the second; the highest itself if there is no other."""
    best, second = sorted((*probabilities, 0.0), reverse=True)[:2]
    return best - second
