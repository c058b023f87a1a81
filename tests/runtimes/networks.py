"""A small My_model with random weights, as a runtime opens it."""

import numpy as np
import torch

from app.manifest import ClassifierCard
from app.runtimes.torch.my_model import MyModel
from app.weights import NetworkFiles
from tests.support.manifest import make_manifest
from training.artifacts import Served, served, state_artifact, with_graph
from training.deployed import to_payload

NAME = "tiny"


def crops(count: int, seed: int = 0):
    return np.random.default_rng(seed).uniform(0, 255, (count, 1, 48, 48)).astype(np.float32)


def make_network() -> Served:
    """Return My_model with its graph, in the weights' own form."""
    torch.manual_seed(0)
    payload = to_payload(MyModel().state_dict())
    card = make_manifest().emotion.model_copy(update={"artifacts": state_artifact(NAME, payload)})
    return with_graph(served(NAME, card, payload), [crops(1)])


def files_in(folder, network: Served) -> NetworkFiles:
    assert isinstance(network.card, ClassifierCard)
    for name, payload in network.files.items():
        (folder / name).write_bytes(payload)
    return NetworkFiles(NAME, network.card, folder)
