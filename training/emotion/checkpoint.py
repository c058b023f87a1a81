"""The two files that a My_model run leaves: the checkpoint it resumes from, and the weights that it keeps."""

import io
from pathlib import Path
from typing import Any

import torch

from training.errors import RunError
from training.files import write_payload

CHECKPOINT = "checkpoint.pt"
KEPT_WEIGHTS = "kept.pt"


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a file that a run wrote; nothing in it is executed.

    Raises:
        RunError: If it is anything else.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # zip and pickle each raise their own errors
        raise RunError(f"{path} is not a checkpoint of a run: remove it, or give another folder.") from error
    return state


def write_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write whole or not at all; a failure is an OSError, which `torch.save` to a file would hide."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_payload(buffer.getvalue(), path)
