"""A network's state: from the bytes of a safetensors file into its module."""

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from app.errors import WeightsError
from app.plural import counted


def parse_state(payload: bytes, name: str) -> dict[str, Tensor]:
    """Read a state as float32.

    Args:
        payload: A safetensors file.
        name: What it is, for the message.

    Raises:
        WeightsError: If it is not a safetensors file.
    """
    try:
        return {each: value.float() for each, value in load(payload).items()}
    except SafetensorError as error:
        raise WeightsError(f"{name} is not a safetensors file ({error}).") from error


def fill(network: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Load a state into its network.

    Batch counters (`num_batches_tracked`) may be missing: inference does not use them.

    Args:
        network: Changed in place.
        state: Its tensors.
        name: What the state is, for the message.

    Raises:
        WeightsError: If names or shapes differ.
    """
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{name} does not fit its architecture: a tensor has another shape.") from error
    missing = [each for each in missing if not each.endswith("num_batches_tracked")]
    if missing or unexpected:
        lacks = f"{counted(len(missing), 'tensor')} missing, {len(unexpected)} unexpected"
        raise WeightsError(f"{name} does not fit its architecture: {lacks}.")
