"""The face detector in 8-bit integers."""

from pathlib import Path

import numpy as np

from app.faces.find import FaceDetector
from app.faces.letterbox import letterbox
from app.runtimes.choose import Runtime
from app.weights import DetectorCard, Int8Files, load_state
from training.detector.data import check_data, split_pictures
from training.detector.evaluate import serve_split
from training.detector.served import read_picture
from training.manifest_entry import read_card
from training.quantize import QuantizingRuntime, check_loss, float_runtime, write_int8

SAMPLES = 100
"""Number of train-split pictures that the ranges come from."""


def quantize_detector(data_dir: Path, weights_dir: Path) -> Int8Files:
    """Quantize the exported detector, measure both forms on the val split as served, and write the new one.

    Args:
        data_dir: Data set in YOLO format.
        weights_dir: Folder of the exported weights, where the int8 network is written too.

    Raises:
        DataError: If the data set is not in YOLO format.
        RunError: If no detector has been exported, or AP50 or AP50-95 lose more than half a point.
        WeightsError: If the exported file is missing or altered.
    """
    check_data(data_dir)
    card = read_card(weights_dir, DetectorCard)
    train = split_pictures(data_dir, "train")
    chosen = [train[index] for index in np.linspace(0, len(train) - 1, min(SAMPLES, len(train))).astype(int)]
    runtime = QuantizingRuntime([letterbox(read_picture(path), card.input_size_px)[0][None] for path in chosen])

    def measure(where: Runtime) -> dict[str, float]:
        detector = FaceDetector(load_state(weights_dir, card), card, where)
        report = serve_split(detector, data_dir, card.score_threshold)
        return {"AP50": report.by_size["all"].ap50 or 0.0, "AP50-95": report.ap50_95}

    before, after = measure(float_runtime()), measure(runtime)
    check_loss(before, after)
    metrics: dict[str, object] = {
        "split": "val",
        "pictures": len(split_pictures(data_dir, "val")),
        "fp32": before,
        "int8": after,
    }
    return write_int8(runtime, card, metrics, weights_dir)
