"""Weights between several runs of My_model.

Runs from one start may end in one basin: then the mean of their weights keeps what each learned, at the cost of one
network.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.weights import sha256_of
from training.deployed import fill_from_payload, from_payload, read_payload, to_payload
from training.emotion.batch_norm import measure_statistics
from training.emotion.network import MY_MODEL, make_network
from training.errors import RunError
from training.sets.mixture import Mixture
from training.sets.recipe import WIDE

BATCHES = 24
"""From which the norms are measured."""


def blend(weights: Sequence[Path], shares: Sequence[float], mixture: Mixture) -> tuple[bytes, dict[str, Any]]:
    """Return the mean of several states, its norms measured anew, and what it was made of.

    Args:
        weights: States of My_model, at least two.
        shares: Of each, above 0; scaled to a sum of 1.
        mixture: Batches as in training.

    Raises:
        RunError: If there are not as many shares as states, or the states have other layers.

    References:
        Wortsman et al., "Model soups", arXiv:2203.05482, section 2.
    """
    if len(weights) < 2 or len(weights) != len(shares) or min(shares) <= 0:
        raise RunError("A blend needs at least two --weights, and a --share above 0 for each.")
    payloads = [read_payload(path) for path in weights]
    states = [from_payload(payload) for payload in payloads]
    layers = [{name: value.shape for name, value in state.items()} for state in states]
    if any(each != layers[0] for each in layers):
        raise RunError("These weights have different layers: a blend is of runs of one network.")
    parts = [share / sum(shares) for share in shares]
    mixed = {
        name: torch.stack([state[name] * part for state, part in zip(states, parts, strict=True)]).sum(0)
        for name in states[0]
    }
    network = make_network(MY_MODEL, num_classes=len(mixed.get("classifier.bias", ())) or 1)
    fill_from_payload(network, to_payload(mixed), "The blend")
    network = network.to(memory_format=torch.channels_last)
    batches = (mixture.draw(np.random.default_rng(number), WIDE.size_px).x_BCHW for number in range(BATCHES))
    measure_statistics(network, batches, bf16=False)
    made_of = [{"sha256": sha256_of(payload), "share": part} for payload, part in zip(payloads, parts, strict=True)]
    return to_payload(network.state_dict()), {"blend": made_of}
