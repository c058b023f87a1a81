"""The learning rate over a run."""

import math


def warmup_cosine(peak: float, step: int, warmup_steps: float, steps: int) -> float:
    """Return the rate at a step (from 0): linear growth to the peak, then half a cosine down to zero.

    Args:
        peak: Highest rate.
        step: From 0; zero is the rate from `steps` on.
        warmup_steps: Steps of growth.
        steps: Length of the run, with these.

    References:
        Loshchilov, Hutter, "SGDR", arXiv:1608.03983, equation 5, without restarts.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
