"""The one way from a trained state to the file that is served: fp16 safetensors, the same bytes for the same state."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from app.errors import WeightsError
from app.vision.weights import fill
from training.errors import RunError

LICENCE = "AGPL-3.0-or-later"
"""SPDX expression of both weights files: the detector derives from ultralytics' AGPL-3.0 weights and code, and the
project chose the same terms for My_model."""


def to_payload(state: dict[str, Tensor]) -> bytes:
    """Serialize a state as it is served.

    Args:
        state: A state dict, on any device and in any memory format. Batch counters are dropped: inference does not
            use them.

    Returns:
        A safetensors file: float16, contiguous.
    """
    kept = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    return save({name: value.detach().cpu().to(torch.float16).contiguous() for name, value in kept.items()})


def from_payload(payload: bytes) -> dict[str, Tensor]:
    """Read what `to_payload` made, as float32: the values that the server computes with."""
    return {name: value.float() for name, value in load(payload).items()}


def fill_from_payload(network: nn.Module, payload: bytes, name: str) -> None:
    """Load a served file into its network, whole.

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
        RunError: If it is missing or no safetensors file.
    """
    try:
        payload = path.read_bytes()
        load(payload)
    except OSError as error:
        raise RunError(f"Weights {path} cannot be read ({error.strerror}).") from error
    except SafetensorError as error:
        raise RunError(f"{path} is not a safetensors file ({error}).") from error
    return payload


def write_payload(payload: bytes, path: Path) -> None:
    """Write whole or not at all, and make the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(payload)
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        RunError: If the file holds none.
    """
    try:
        value = json.loads(path.read_text())
    except ValueError as error:  # of JSON, or of UTF-8
        raise RunError(f"{path} is not JSON ({error}). Restore it or remove it.") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is not a JSON object. Restore it or remove it.")
    return value


def write_json(value: Any, path: Path) -> None:
    """Write indented JSON, whole or not at all."""
    write_payload((json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(), path)
