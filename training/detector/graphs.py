"""The face detector's graphs: what they are compared and measured on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.faces.find import FaceDetector
from app.faces.letterbox import letterbox
from app.manifest import DetectorCard
from app.runtimes.protocol import Array, Network
from training.artifacts import Served, with_graph, with_int8
from training.detector.data import check_data, split_pictures
from training.detector.evaluate import serve_split
from training.detector.served import read_picture

SAMPLES = 100
"""Number of train-split pictures that the integers' ranges come from."""

COMPARED = 32
"""Number of pictures on which the graph is compared with the module."""


def with_detector_graph(network: Served, pictures: Sequence[Path]) -> Served:
    """Add the float graph, compared on some of these pictures.

    Raises:
        DataError: If a picture cannot be read.
        RunError: If the graph answers otherwise than the module.
    """
    return with_graph(network, canvases(pictures, COMPARED, network.card.input_size_px))


def with_detector_int8(network: Served, card: DetectorCard, data_dir: Path) -> Served:
    """Add the int8 graph, measured on the val split as served.

    Args:
        network: With its float graph.
        card: Its entry.
        data_dir: Data set in YOLO format.

    Raises:
        DataError: If the data set is not in YOLO format.
        RunError: If AP50 or AP50-95 lose more than half a point.
    """
    check_data(data_dir)

    def measure(opened: Network) -> dict[str, float]:
        report = serve_split(FaceDetector(opened, card), data_dir, card.score_threshold)
        return {"AP50": report.by_size["all"].ap50 or 0.0, "AP50-95": report.ap50_95}

    samples = canvases(split_pictures(data_dir, "train"), SAMPLES, card.input_size_px)
    about: dict[str, object] = {"split": "val", "pictures": len(split_pictures(data_dir, "val"))}
    return with_int8(network, samples, measure, about)


def canvases(pictures: Sequence[Path], count: int, size_px: int) -> list[Array]:
    """Return the canvases, uint8 (1, H, W, 3), of so many pictures spread evenly."""
    chosen = [pictures[at] for at in np.linspace(0, len(pictures) - 1, min(count, len(pictures))).astype(int)]
    return [letterbox(read_picture(path), size_px)[0][None] for path in chosen]
