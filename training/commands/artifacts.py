"""`python -m training graph|quantize ...`: graphs of networks that have been exported already."""

import json
from pathlib import Path

import typer

from app.manifest import EMOTION, ClassifierCard, DetectorCard, GraphFiles
from training.artifacts import Served, read_served
from training.commands.options import WEIGHTS_DIR, FacesOption, Fer2013Option, LimitOption, WeightsDirOption
from training.model_card import update_files_section

graph = typer.Typer(no_args_is_help=True, help="OpenVINO's graphs of networks whose state has been exported.")
quantize = typer.Typer(no_args_is_help=True, help="The same with 8-bit weights and activations.")


@graph.command("detector")
def graph_detector(data: FacesOption, weights_dir: WeightsDirOption = WEIGHTS_DIR) -> None:
    """Write the face detector's graph, unless it answers otherwise than the network on pictures of the val split."""
    from training.detector.data import check_data, split_pictures
    from training.detector.graphs import with_detector_graph

    check_data(data, ("val",))
    network = with_detector_graph(read_served(weights_dir, DetectorCard, graphs=False), split_pictures(data, "val"))
    _publish(network, network.card.artifacts.openvino, weights_dir)


@graph.command("emotion")
def graph_emotion(data: Fer2013Option, weights_dir: WeightsDirOption = WEIGHTS_DIR, limit: LimitOption = None) -> None:
    """Write My_model's graph, unless it answers otherwise than the network on pictures of PublicTest."""
    from training.emotion.data import VALIDATION_SPLIT, load_fer2013
    from training.emotion.graphs import with_emotion_graph

    validation = load_fer2013(data, (VALIDATION_SPLIT,), limit)[VALIDATION_SPLIT]
    network = with_emotion_graph(read_served(weights_dir, ClassifierCard, EMOTION, graphs=False), validation)
    _publish(network, network.card.artifacts.openvino, weights_dir)


@quantize.command("detector")
def quantize_detector(data: FacesOption, weights_dir: WeightsDirOption = WEIGHTS_DIR) -> None:
    """Write the face detector in int8, unless its AP on the val split loses more than half a point."""
    from training.detector.graphs import with_detector_int8

    network = read_served(weights_dir, DetectorCard)
    network = with_detector_int8(network, network.detector_card, data)
    _publish(network, network.card.artifacts.openvino_int8, weights_dir)


@quantize.command("emotion")
def quantize_emotion(
    data: Fer2013Option, weights_dir: WeightsDirOption = WEIGHTS_DIR, limit: LimitOption = None
) -> None:
    """Write My_model in int8, unless its accuracy on PublicTest loses more than half a point."""
    from training.emotion.data import TRAINING_SPLIT, VALIDATION_SPLIT, load_fer2013
    from training.emotion.graphs import with_emotion_int8

    splits = load_fer2013(data, (TRAINING_SPLIT, VALIDATION_SPLIT), limit)
    network = read_served(weights_dir, ClassifierCard, EMOTION)
    network = with_emotion_int8(network, network.classifier_card, splits[TRAINING_SPLIT], splits[VALIDATION_SPLIT])
    _publish(network, network.card.artifacts.openvino_int8, weights_dir)


def _publish(network: Served, made: GraphFiles | None, weights_dir: Path) -> None:
    assert made is not None  # noqa: S101 - it has just been added
    network.publish(weights_dir)
    update_files_section(network.name, network.card, weights_dir)
    typer.echo(f"Wrote {weights_dir / made.graph.file}, {made.weights.file} and their part of entry and card.")
    typer.echo(json.dumps(made.metrics))
