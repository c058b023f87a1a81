"""From a run on several sets to the files that the server loads, with their manifest entry and card.

Shape letters: N pictures.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.faces.classify import Classifier
from app.manifest import INPUT_SIZE_PX, ClassifierCard, ClearRule, CropRule
from app.runtimes.protocol import Array, Network
from training.artifacts import Served, served, state_artifact, with_graph, with_int8
from training.deployed import LICENCE, from_payload, read_payload
from training.emotion.checkpoint import CHECKPOINT, read_checkpoint
from training.errors import RunError, TooCoarse
from training.files import read_json
from training.sets.augment import frame
from training.sets.card import write_set_card
from training.sets.loading import FaceSet
from training.sets.plan import RunPlan

BLEND = "blend.json"

COMPARED, SAMPLES = 128, 96
"""Faces of each set on which the graph is compared with the module, and that the integers' ranges come from."""


def about_run(run_dir: Path) -> dict[str, Any]:
    """Return recipe, seed, step and what the run started from, from its checkpoint; or what a blend is made of.

    Raises:
        RunError: If there is neither.
    """
    if (run_dir / BLEND).is_file():
        return read_json(run_dir / BLEND)
    state = read_checkpoint(run_dir / CHECKPOINT, torch.device("cpu"))
    about = {name: value for name, value in state["about"].items() if name != "sets"}
    shares = {each["name"]: each["share"] for each in state["about"]["sets"]}
    return {
        "recipe": {**state["recipe"], "steps": state["steps"]},
        "seed": state["seed"],
        "step": state["step"],
        "bf16": state["bf16"],
        "shares": shares,
        **about,
    }


def export_sets(
    weights: Path,
    about: dict[str, Any],
    plan: RunPlan,
    evaluation: Mapping[str, Any],
    crop: CropRule,
    parts: tuple[Sequence[FaceSet], Sequence[FaceSet]],
    weights_dir: Path,
) -> ClassifierCard:
    """Write the state and both graphs, the 8-bit one if it is good enough, then the manifest entry, then the card.

    Args:
        weights: The state that `sets train` wrote.
        about: From `about_run`.
        plan: Says which network this is.
        evaluation: evaluation-by-set.json of the same weights; gives the temperature and the metrics.
        crop: How the server crops faces.
        parts: Train and val parts with labels, on which the graphs are checked.
        weights_dir: Where to write.

    Returns:
        The entry as written.

    Raises:
        RunError: If the plan names no network, or the float graph does not pass its check.
    """
    if not plan.network:
        raise RunError('The file that describes the sets needs "network", the name under which it is served.')
    payload = read_payload(weights)
    card = ClassifierCard(
        attribute=plan.attribute,
        architecture="my_model",
        artifacts=state_artifact(plan.network, payload),
        labels=plan.labels,
        input_size_px=INPUT_SIZE_PX,
        parameters=_parameters(payload),
        training=about,
        metrics={name: _summary(each) for name, each in evaluation["sets"].items()},
        licence=LICENCE,
        data=tuple(each.terms or each.name for each in plan.sets),
        crop=crop,
        temperature=evaluation["temperature"],
        clear=ClearRule.model_validate(evaluation["clear"]["rule"]),
    )
    train, val = parts
    network = with_graph(served(plan.network, card, payload), _rows(val, COMPARED))
    with suppress(TooCoarse):  # then it is served without an 8-bit graph
        network = _with_int8(network, train, val)
    network.publish(weights_dir)
    write_set_card(plan.network, network.classifier_card, plan.text, evaluation, weights_dir)
    return network.classifier_card


def _with_int8(network: Served, train: Sequence[FaceSet], val: Sequence[FaceSet]) -> Served:
    card = network.classifier_card

    def measure(opened: Network) -> dict[str, float]:
        classifier = Classifier(opened, card)
        hits = []
        for each in val:
            predicted_N = classifier.probabilities(_crops(each)).argmax(1)
            hits.append(float((predicted_N == each.targets_N.numpy()).mean()))
        return {"accuracy, mean of the sets": sum(hits) / len(hits)}

    about: dict[str, object] = {"split": "val", "pictures": {each.plan.name: len(each) for each in val}}
    return with_int8(network, _rows(train, SAMPLES), measure, about)


def _parameters(payload: bytes) -> int:
    """Count trained values: a norm's mean and variance are measured, not trained."""
    return sum(value.numel() for name, value in from_payload(payload).items() if ".running_" not in name)


def _crops(each: FaceSet) -> Array:
    """Return a set in its own framing as the server's crops, shape (N, 1, 48, 48)."""
    views = np.stack([frame(picture, each.plan.zoom, INPUT_SIZE_PX) for picture in each.images_NHW])
    return np.ascontiguousarray(views[:, None].astype(np.float32))


def _rows(sets: Sequence[FaceSet], count: int) -> list[Array]:
    rows: list[Array] = []
    for each in sets:
        crops = _crops(each.spread(count))
        rows += [crops[at : at + 1] for at in range(len(crops))]
    return rows


def _summary(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a set's headline figures, and of each label what it is worth when it is said."""
    classes = figures["classes"].items()
    return {
        "pictures": figures["pictures"],
        "accuracy": figures["accuracy"],
        "balanced_accuracy": figures["balanced_accuracy"],
        "ece": figures["calibration"]["ece"],
        "recall": {label: each["recall"] for label, each in classes},
        "precision": {label: each["precision"] for label, each in classes},
    }
