"""How far to believe each teacher about one set: weights and temperatures fitted on val parts.

Shape letters: N pictures, K classes, T teachers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from torch import Tensor

LARGEST_LOG = 4.0
"""Bound of a fitted weight's or temperature's logarithm, so that a useless teacher ends near 0 and not at infinity."""


@dataclass(frozen=True)
class Mixing:
    """Says how teachers' logits become one distribution.

    Attributes:
        weights: Of each teacher's probabilities; they sum to 1.
        temperatures: What each teacher's logits are divided by.
    """

    weights: tuple[float, ...]
    temperatures: tuple[float, ...]

    def mix(self, logits: Sequence[Tensor]) -> Tensor:
        """Return the weighted mean of the teachers' probabilities.

        Args:
            logits: One tensor of shape (..., K) for each teacher.
        """
        parts = zip(logits, self.weights, self.temperatures, strict=True)
        return torch.stack([weight * (each / temperature).softmax(-1) for each, weight, temperature in parts]).sum(0)


def equal_mixing(teachers: int) -> Mixing:
    """Return equal weights at the teachers' own temperatures."""
    return Mixing((1 / teachers,) * teachers, (1.0,) * teachers)


def fit_mixing(sets: Sequence[tuple[Sequence[Tensor], Tensor]], teachers: int) -> Mixing:
    """Find the mixing with the lowest mean of the sets' cross-entropies: each set counts alike.

    Args:
        sets: Of each set the teachers' logits, each of shape (N, K), and the labels, positions of shape (N,).
        teachers: T.

    Returns:
        The mixing; 2 T - 1 numbers are fitted.
    """

    def read(point: npt.NDArray[np.float64]) -> Mixing:
        bounded = torch.from_numpy(point).clamp(-LARGEST_LOG, LARGEST_LOG)
        weights_T = bounded[:teachers].softmax(0)
        return Mixing(tuple(weights_T.tolist()), tuple(bounded[teachers:].exp().tolist()))

    def loss(point: npt.NDArray[np.float64]) -> float:
        mixing = read(point)
        losses = [F.nll_loss(mixing.mix(logits).clamp_min(1e-9).log(), targets_N) for logits, targets_N in sets]
        return float(torch.stack(losses).mean())

    start = np.zeros(2 * teachers)
    return read(minimize(loss, start, method="Powell", options={"xtol": 1e-3, "ftol": 1e-6}).x)
