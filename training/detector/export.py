"""From a run to the files that the server loads: yolov8n-face.safetensors, its manifest entry and its card."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn
from ultralytics.nn.tasks import load_checkpoint

from app.manifest import DetectorCard
from training.artifacts import served
from training.deployed import to_payload
from training.detector.card import NAME, make_card
from training.detector.data import split_pictures
from training.detector.graphs import with_detector_graph, with_detector_int8
from training.detector.recipe import read_recipe
from training.detector.train import BEST_CHECKPOINT
from training.errors import RunError, TooCoarse
from training.model_card import write_detector_card

FITNESS = "metrics/mAP50-95(B)"

NO_DATA_NOTE = "The data sets and their terms were not stated at the export"


def payload_of_run(run_dir: Path) -> bytes:
    """Return the safetensors file of a run's best epoch: the moving average of its weights, not fused.

    A run's folder is trusted: its checkpoints are ultralytics' pickles.

    Raises:
        RunError: If the run has no checkpoint.
    """
    network, _ = _best_checkpoint(run_dir)
    return to_payload(network.state_dict())


def training_of_run(run_dir: Path) -> dict[str, Any]:
    """Return what the card says about a run: recipe, best epoch and versions.

    Raises:
        RunError: If the run has no checkpoint or no recipe.
    """
    _, checkpoint = _best_checkpoint(run_dir)
    recipe, start_sha256 = read_recipe(run_dir)
    return {
        "start_sha256": start_sha256,
        "recipe": asdict(recipe),
        "optimizer": checkpoint["train_args"]["optimizer"],
        "ultralytics": checkpoint["version"],
        "epoch": _best_epoch(checkpoint),
    }


def _best_checkpoint(run_dir: Path) -> tuple[nn.Module, dict[str, Any]]:
    path = run_dir / BEST_CHECKPOINT
    if not path.is_file():
        raise RunError(f"No {BEST_CHECKPOINT} in {run_dir}: train first.")
    network, checkpoint = load_checkpoint(path)
    return network, checkpoint


def _best_epoch(checkpoint: dict[str, Any]) -> int:
    """Return the epoch (from 1) in the checkpoint: the one with the highest AP50-95, ultralytics' fitness."""
    if checkpoint["epoch"] >= 0:
        return int(checkpoint["epoch"]) + 1
    rows = checkpoint["train_results"]
    best = max(range(len(rows["epoch"])), key=lambda row: float(rows[FITNESS][row]))
    return int(rows["epoch"][best])


def export_detector(
    payload: bytes,
    about: dict[str, Any],
    evaluation: dict[str, Any],
    data_notes: Sequence[str],
    data_dir: Path,
    weights_dir: Path,
) -> DetectorCard:
    """Write the state and both graphs, the 8-bit one if it is good enough, then the manifest entry, then the card.

    Args:
        payload: From `payload_of_run`.
        about: From `training_of_run`.
        evaluation: evaluation.json of the same weights; its thresholds become the server's.
        data_notes: What the weights were trained on, and its licence terms.
        data_dir: Data set in YOLO format, on which the graphs are checked.
        weights_dir: Where to write.

    Returns:
        The entry as written.

    Raises:
        RunError: If the float graph does not pass its check.
    """
    card = make_card(
        payload,
        evaluation["imgsz"],
        evaluation["score_threshold"],
        evaluation["iou_threshold"],
        training=about,
        metrics={"val": {name: value for name, value in evaluation.items() if not name.endswith("sha256")}},
        data=tuple(data_notes) or (NO_DATA_NOTE,),
    )
    network = with_detector_graph(served(NAME, card, payload), split_pictures(data_dir, "val"))
    with suppress(TooCoarse):  # then it is served without an 8-bit graph
        network = with_detector_int8(network, card, data_dir)
    network.publish(weights_dir)
    write_detector_card(NAME, network.detector_card, evaluation, weights_dir)
    return network.detector_card
