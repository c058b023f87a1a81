"""My_model in 8-bit integers."""

from pathlib import Path

from app.faces.classify import EmotionClassifier, normalize_faces
from app.runtimes.choose import Runtime
from app.weights import EmotionCard, Int8Files, load_state
from training.emotion.data import VALIDATION_SPLIT, EmotionSplit
from training.emotion.evaluate import report_split
from training.manifest_entry import read_card
from training.quantize import QuantizingRuntime, check_loss, float_runtime, write_int8

SAMPLES = 300
"""Number of Training pictures that the ranges come from."""


def quantize_emotion(training: EmotionSplit, validation: EmotionSplit, weights_dir: Path) -> Int8Files:
    """Quantize the exported My_model, measure both forms on PublicTest as served, and write the new one.

    Args:
        training: Source of the samples.
        validation: Both forms are measured on it.
        weights_dir: Folder of the exported weights, where the int8 network is written too.

    Raises:
        RunError: If My_model has not been exported, or the accuracy falls by more than half a point.
        WeightsError: If the exported file is missing or altered.
    """
    card = read_card(weights_dir, EmotionCard)
    faces_BCHW = normalize_faces(training.head(min(SAMPLES, len(training))).images_BCHW)
    runtime = QuantizingRuntime([face_CHW[None].numpy() for face_CHW in faces_BCHW])

    def measure(where: Runtime) -> tuple[float, float]:
        probabilities_NK = EmotionClassifier(load_state(weights_dir, card), card, where)(validation.images_BCHW.float())
        report = report_split(probabilities_NK.log(), validation, temperature=1.0)  # the server has divided already
        return report.accuracy, report.calibrated.ece

    (before, ece_before), (after, ece_after) = measure(float_runtime()), measure(runtime)
    check_loss({"accuracy": before}, {"accuracy": after})
    metrics: dict[str, object] = {
        "split": VALIDATION_SPLIT,
        "pictures": len(validation),
        "fp32": {"accuracy": before, "ECE": ece_before},
        "int8": {"accuracy": after, "ECE": ece_after},
    }
    return write_int8(runtime, card, metrics, weights_dir)
