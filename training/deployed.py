"""The one way from a trained state to the served file: fp16 safetensors, the same bytes for the same state."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from app.errors import WeightsError
from app.runtimes.torch.state import fill
from training.errors import RunError

LICENCE = "AGPL-3.0-or-later"
"""SPDX expression of both weights files: the detector derives from ultralytics' AGPL-3.0 weights and code, and the
project chose the same terms for My_model."""


def to_payload(state: dict[str, Tensor]) -> bytes:
    """Serialize a state in the form that is served.

    Args:
        state: A state dict, on any device and in any memory format. Batch counters are dropped: inference does not
            use them.

    Returns:
        A safetensors file: float16, contiguous.
    """
    kept = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    return save({name: value.detach().cpu().to(torch.float16).contiguous() for name, value in kept.items()})


def from_payload(payload: bytes) -> dict[str, Tensor]:
    """Read the result of `to_payload` as float32: the values that the server computes with."""
    return {name: value.float() for name, value in load(payload).items()}


def fill_from_payload(network: nn.Module, payload: bytes, name: str) -> None:
    """Load all of a served file into its network.

    Raises:
        RunError: If names or shapes differ.
    """
    try:
        fill(network, from_payload(payload), name)
    except WeightsError as error:
        raise RunError(str(error)) from error


def read_payload(path: Path) -> bytes:
    """Return the bytes of a safetensors file.

    Raises:
        RunError: If it is missing or not a safetensors file.
    """
    try:
        payload = path.read_bytes()
        load(payload)
    except OSError as error:
        raise RunError(f"Weights {path} cannot be read ({error.strerror}).") from error
    except SafetensorError as error:
        raise RunError(f"{path} is not a safetensors file ({error}).") from error
    return payload
