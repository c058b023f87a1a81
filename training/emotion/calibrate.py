"""Temperature scaling: one number that makes My_model's probabilities match how often it is right.

Shape letters: N pictures, K classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def fit_temperature(logits_NK: Tensor, targets_N: Tensor) -> float:
    """Find the temperature with the lowest cross-entropy.

    The search is over the logarithm, so the temperature stays positive.

    Args:
        logits_NK: Logits for pictures that were not trained on, shape (N, K).
        targets_N: int64 labels, shape (N,).

    Returns:
        T > 0; logits / T go into the softmax. The order of the classes does not change.

    References:
        Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4.2.
    """
    logits_NK, log_temperature = logits_NK.double(), torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(logits_NK / log_temperature.exp(), targets_N)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_temperature.detach().exp())


def nll(logits_NK: Tensor, targets_N: Tensor, temperature: float = 1.0) -> float:
    """Return the mean negative log-likelihood in nats."""
    return float(F.cross_entropy(logits_NK.double() / temperature, targets_N))
