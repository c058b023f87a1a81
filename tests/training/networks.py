"""Untrained networks for exports: My_model with a favourite label, YOLOv8n that finds faces everywhere."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from app.manifest import LABELS, ArtifactFile, ClassifierCard, CropRule, DetectorCard, NetworkCard
from app.runtimes import openvino_door as openvino
from app.runtimes.torch.my_model import MyModel
from app.runtimes.torch.ultralytics_door import DetectionModel
from app.runtimes.torch.yolov8 import build_yolov8n
from app.weights import NetworkFiles
from training.artifacts import Served
from training.deployed import to_payload
from training.emotion.data import TRAINING_SPLIT, VALIDATION_SPLIT, EmotionSplit
from training.emotion.evaluate import evaluate_splits
from training.emotion.export import EmotionCandidate, export_emotion
from training.emotion.predict import predict_logits
from training.emotion.results import read_evaluation, write_evaluation
from training.manifest_entry import read_entry

CPU = torch.device("cpu")
CROP = CropRule(margin=0.1, shift_y=0.02)
ABOUT = {"recipe": {"name": "tiny", "epochs": 3, "ferplus_weight": 0.2}, "seed": 7, "epoch": 2, "bf16": False}


def my_model(favourite: str = "neutral") -> MyModel:
    """Return one that says this label of any face, so that its accuracy does not hang on rounding."""
    torch.manual_seed(0)
    network = MyModel().eval()
    with torch.no_grad():
        network.classifier.bias[LABELS.index(favourite)] += 3
    return network


def yolov8n(*scores: float) -> DetectionModel:
    """Return one whose scores on each of the three feature maps are near these, 0.5 by default.

    Its batch norms amplify so much that what is seen still counts at the end.
    """
    torch.manual_seed(0)
    network = build_yolov8n(1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(0.16)
    for branch, score in zip(network.model[-1].cv3, scores or (0.5,) * 3, strict=True):
        torch.nn.init.constant_(branch[-1].bias, float(torch.tensor(score).logit()))
    return network


def export(candidate: EmotionCandidate, split: EmotionSplit, out_dir: Path, weights_dir: Path) -> ClassifierCard:
    """Evaluate on a split, then export; the graphs are checked on the same pictures."""
    logits = predict_logits(candidate.network(CPU), split, CPU, bf16=False)
    evaluation = evaluate_splits({VALIDATION_SPLIT: logits}, {VALIDATION_SPLIT: split}, candidate.sha256)
    write_evaluation(evaluation, out_dir)
    known = read_evaluation(out_dir, candidate.sha256)
    assert known == json.loads(json.dumps(asdict(evaluation)))
    return export_emotion(candidate, known, CROP, {TRAINING_SPLIT: split, VALIDATION_SPLIT: split}, weights_dir)


def candidate_of(network: MyModel) -> EmotionCandidate:
    return EmotionCandidate(to_payload(network.state_dict()), ABOUT)


def without_graphs(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """Let exports write the state alone, without the seconds that graphs take.

    Returns:
        What each graph would have been checked on, or its ranges taken from; grows with each.
    """
    given: list[list[Any]] = []

    def skip(network: Served, inputs: list[Any], *_: object) -> Served:
        given.append(inputs)
        return network

    for side in ("emotion", "detector"):
        for name in ("with_graph", "with_int8"):
            monkeypatch.setattr(f"training.{side}.graphs.{name}", skip)
    return given


def files_of(weights_dir: Path, kind: type[ClassifierCard] | type[DetectorCard], attribute: str | None = None):
    name, card = read_entry(weights_dir, kind, attribute)
    return NetworkFiles(name, card, weights_dir)


def read_model(files: NetworkFiles) -> openvino.Model:
    """Return the float graph as `convert` would."""
    graph = files.read_graph(int8=False)
    return openvino.Core().read_model(graph.layers, graph.values)


def artifacts_of(card: NetworkCard) -> list[ArtifactFile]:
    """Return every file of a network."""
    graphs = [each for each in (card.artifacts.openvino, card.artifacts.openvino_int8) if each is not None]
    return [card.artifacts.state, *(file for each in graphs for file in (each.graph, each.weights))]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}
