"""From a finished run to the files that the server loads, with their manifest entry and card."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from app.manifest import EMOTION, INPUT_SIZE_PX, LABELS, ClassifierCard, CropRule
from app.weights import sha256_of
from training.artifacts import served, state_artifact
from training.deployed import LICENCE, fill_from_payload, read_payload, to_payload
from training.emotion.checkpoint import KEPT_WEIGHTS, read_checkpoint
from training.emotion.data import TRAINING_SPLIT, VALIDATION_SPLIT, EmotionSplit
from training.emotion.graphs import with_emotion_graph, with_emotion_int8
from training.emotion.network import MY_MODEL, make_network
from training.errors import RunError, TooCoarse
from training.model_card import write_emotion_card

NAME = "my_model"
"""In the manifest, and of its files."""

FER2013 = "FER2013: Kaggle challenge set of pictures scraped from the web, for research use"
FERPLUS = "FER+ labels by Microsoft: MIT"


@dataclass(frozen=True)
class EmotionCandidate:
    """Weights that can be evaluated or exported.

    Attributes:
        payload: The safetensors file as it is, or would be, served.
        about: Network, recipe, seed and epoch of the run; empty if only the file is known, which is then My_model's.
    """

    payload: bytes
    about: dict[str, Any]

    @property
    def backbone(self) -> str:
        """Which network they are for."""
        return str(self.about.get("backbone", MY_MODEL))

    @property
    def sha256(self) -> str:
        """Hex digest of the payload."""
        return sha256_of(self.payload)

    def network(self, device: torch.device) -> nn.Module:
        """Return the network with these weights, in the precision that is served.

        Raises:
            RunError: If they do not fit.
        """
        model = make_network(self.backbone)
        fill_from_payload(model, self.payload, "The weights file")
        return model.to(device).to(memory_format=torch.channels_last).eval()


def candidate_of_run(run_dir: Path) -> EmotionCandidate:
    """Read the epoch that a run kept, rounded to the precision of the export.

    Raises:
        RunError: If the run has none, or was made for other labels.
    """
    path = run_dir / KEPT_WEIGHTS
    if not path.is_file():
        raise RunError(f"No {KEPT_WEIGHTS} in {run_dir}: train first.")
    state = read_checkpoint(path, torch.device("cpu"))
    if tuple(state["labels"]) != LABELS:
        raise RunError(f"{path} was trained for {', '.join(state['labels'])}, not for {', '.join(LABELS)}.")
    names = ("backbone", "pretrained_sha256", "teachers_sha256", "recipe", "seed", "epoch", "bf16")
    about = {name: state[name] for name in names if state.get(name) is not None}
    return EmotionCandidate(to_payload(state["weights"]), about)


def candidate_of_file(path: Path) -> EmotionCandidate:
    """Read an exported file.

    Raises:
        RunError: If it is missing or not a safetensors file.
    """
    return EmotionCandidate(read_payload(path), {})


def export_emotion(
    candidate: EmotionCandidate,
    evaluation: dict[str, Any],
    crop: CropRule,
    splits: Mapping[str, EmotionSplit],
    weights_dir: Path,
) -> ClassifierCard:
    """Write the state and both graphs, the 8-bit one if it is good enough, then the manifest entry, then the card.

    Args:
        candidate: From `candidate_of_run`.
        evaluation: evaluation.json of the same weights; gives the temperature and the metrics.
        crop: How the server crops faces.
        splits: Training and PublicTest, on which the graphs are checked.
        weights_dir: Where to write.

    Returns:
        The entry as written.

    Raises:
        RunError: If the weights belong to another network, as only My_model is served; or if the float graph does
            not pass its check.
    """
    if candidate.backbone != MY_MODEL:
        raise RunError(f"Only My_model is served; this run trained {candidate.backbone}.")
    card = ClassifierCard(
        attribute=EMOTION,
        architecture="my_model",
        artifacts=state_artifact(NAME, candidate.payload),
        labels=LABELS,
        input_size_px=INPUT_SIZE_PX,
        parameters=sum(value.numel() for value in make_network(MY_MODEL).parameters()),
        training=candidate.about,
        metrics={name: _summary(split) for name, split in evaluation["splits"].items()},
        licence=LICENCE,
        data=(FER2013, FERPLUS) if candidate.about["recipe"]["ferplus_weight"] > 0 else (FER2013,),
        crop=crop,
        temperature=evaluation["temperature"],
    )
    network = with_emotion_graph(served(NAME, card, candidate.payload), splits[VALIDATION_SPLIT])
    with suppress(TooCoarse):  # then it is served without an 8-bit graph
        network = with_emotion_int8(network, card, splits[TRAINING_SPLIT], splits[VALIDATION_SPLIT])
    network.publish(weights_dir)
    write_emotion_card(NAME, network.classifier_card, evaluation, weights_dir)
    return network.classifier_card


def _summary(split: dict[str, Any]) -> dict[str, Any]:
    """Return the headline figures of a split."""
    names = ("pictures", "accuracy", "macro_f1", "ferplus_pictures", "ferplus_accuracy")
    calibrated = split["calibrated"]
    return {**{name: split[name] for name in names}, "ece": calibrated["ece"], "brier": calibrated["brier"]}
