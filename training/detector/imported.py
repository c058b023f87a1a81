"""Turns a public ultralytics checkpoint into the server's weights."""

from collections.abc import Sequence
from pathlib import Path

from ultralytics.nn.tasks import load_checkpoint

from app.manifest import DetectorCard
from app.weights import sha256_of
from training.artifacts import served
from training.deployed import to_payload
from training.detector.card import NAME, make_card
from training.detector.evaluate import network_of
from training.detector.graphs import with_detector_graph
from training.detector.recipe import check_size
from training.errors import RunError
from training.model_card import write_imported_card


def import_detector(
    checkpoint: Path,
    pictures: Sequence[Path],
    weights_dir: Path,
    imgsz: int,
    score_threshold: float,
    iou_threshold: float,
) -> DetectorCard:
    """Write the checkpoint's network as safetensors and as a graph, with its manifest entry and a card.

    The checkpoint is a pickle: reading it runs whatever code it holds, so its source must be trusted.

    Args:
        checkpoint: ultralytics' .pt file of a YOLOv8n detector with one class.
        pictures: Photos, on which the graph is compared with the network.
        weights_dir: Where to write.
        imgsz: Side of the input in pixels, a multiple of 32.
        score_threshold: The server's default lowest score, 0..1.
        iou_threshold: The server's NMS overlap, 0..1.

    Returns:
        The entry as written; it names the checkpoint and its hash, and holds no figures.

    Raises:
        DataError: If a picture cannot be read.
        RunError: If the file is missing, not such a checkpoint, or any network other than YOLOv8n with one class; or if
            the graph answers otherwise than the network.
    """
    check_size(imgsz)
    if not checkpoint.is_file():
        raise RunError(f"No checkpoint at {checkpoint}.")
    try:
        network, _ = load_checkpoint(checkpoint)
    except Exception as error:
        raise RunError(f"{checkpoint} is not a checkpoint that ultralytics can read ({error}).") from error
    payload = to_payload(network.state_dict())
    network_of(payload)  # refuses anything but YOLOv8n with one class
    origin = {"imported_from": checkpoint.name, "checkpoint_sha256": sha256_of(checkpoint.read_bytes())}
    data = ("Unknown to this project: see where the checkpoint came from",)
    card = make_card(payload, imgsz, score_threshold, iou_threshold, training=origin, data=data)
    network = with_detector_graph(served(NAME, card, payload), pictures)
    network.publish(weights_dir)
    write_imported_card(NAME, network.detector_card, weights_dir)
    return network.detector_card
