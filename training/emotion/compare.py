"""Runs of different networks compared: how accurate, how large, how fast."""

import csv
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from app.manifest import INPUT_SIZE_PX
from training.emotion.export import candidate_of_run
from training.emotion.history import HISTORY
from training.errors import RunError

COMPARISON = "comparison.csv"
WARM_UP, MEASURED = 10, 100
"""Number of untimed and of timed forward passes."""


@dataclass(frozen=True)
class ComparedRun:
    """One row of comparison.csv.

    Attributes:
        backbone: Which network.
        recipe: By name.
        epochs: Number run.
        kept_epoch: The epoch whose weights are compared.
        val_accuracy: Accuracy of those weights on PublicTest, 0..1, as the run measured it.
        parameters: Number in the network.
        ms_per_face: Median of 100 forward passes of one 48x48 face in float32, in milliseconds.
    """

    backbone: str
    recipe: str
    epochs: int
    kept_epoch: int
    val_accuracy: float
    parameters: int
    ms_per_face: float

    @property
    def summary(self) -> str:
        """A human-readable line."""
        return (
            f"{self.backbone}, {self.recipe}, {self.epochs} epochs: {self.val_accuracy:.2%} of PublicTest "
            f"(epoch {self.kept_epoch}), {self.parameters:,} parameters, {self.ms_per_face:.2f} ms per face"
        )


def compare_run(run_dir: Path, device: torch.device) -> ComparedRun:
    """Read what a run recorded about the epoch that it kept, and time its network.

    Raises:
        RunError: If there is no run in the folder, or its history lacks that epoch.
    """
    candidate = candidate_of_run(run_dir)
    about, network = candidate.about, candidate.network(device)
    accuracies = _val_accuracies(run_dir / HISTORY, about["epoch"])
    return ComparedRun(
        backbone=candidate.backbone,
        recipe=about["recipe"]["name"],
        epochs=len(accuracies),
        kept_epoch=about["epoch"],
        val_accuracy=accuracies[about["epoch"]],
        parameters=sum(value.numel() for value in network.parameters()),
        ms_per_face=_ms_per_face(network, device),
    )


def write_comparison(rows: Sequence[ComparedRun], path: Path) -> None:
    """Write one CSV row per run, and create the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(ComparedRun.__annotations__))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def _val_accuracies(history_csv: Path, kept_epoch: int) -> dict[int, float]:
    """Return the accuracy after each epoch; the kept epoch is among them."""
    try:
        with history_csv.open(newline="") as file:
            accuracies = {int(row["epoch"]): float(row["val_accuracy"]) for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{history_csv} is not the history of a run.") from error
    if kept_epoch not in accuracies:
        raise RunError(f"{history_csv} does not tell the accuracy after epoch {kept_epoch}, which the run kept.")
    return accuracies


@torch.inference_mode()
def _ms_per_face(network: nn.Module, device: torch.device) -> float:
    face_BCHW = torch.zeros(1, 1, INPUT_SIZE_PX, INPUT_SIZE_PX, device=device)
    durations_s = []
    for _ in range(WARM_UP + MEASURED):
        started = time.perf_counter()
        network(face_BCHW).cpu()  # waits for a GPU
        durations_s.append(time.perf_counter() - started)
    return statistics.median(durations_s[WARM_UP:]) * 1000
