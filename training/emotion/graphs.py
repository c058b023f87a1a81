"""My_model's graphs: what they are compared and measured on."""

import numpy as np
from torch import Tensor

from app.faces.classify import Classifier
from app.manifest import ClassifierCard
from app.runtimes.protocol import Array, Network
from training.artifacts import Served, with_graph, with_int8
from training.emotion.data import VALIDATION_SPLIT, EmotionSplit
from training.emotion.evaluate import report_probabilities

SAMPLES = 300
"""Number of Training pictures that the integers' ranges come from."""

COMPARED = 256
"""Number of PublicTest pictures on which the graph is compared with the module."""


def with_emotion_graph(network: Served, validation: EmotionSplit) -> Served:
    """Add the float graph, compared on pictures of PublicTest.

    Raises:
        RunError: If the graph answers otherwise than the module.
    """
    return with_graph(network, _rows(validation, COMPARED))


def with_emotion_int8(
    network: Served, card: ClassifierCard, training: EmotionSplit, validation: EmotionSplit
) -> Served:
    """Add the int8 graph, measured on PublicTest as served.

    Args:
        network: With its float graph.
        card: Its entry.
        training: Source of the samples.
        validation: Both forms are measured on it.

    Raises:
        RunError: If the accuracy falls by more than half a point.
    """

    def measure(opened: Network) -> dict[str, float]:
        probabilities_NK = Classifier(opened, card).probabilities(_crops(validation.images_BCHW))
        report = report_probabilities(probabilities_NK, validation)
        return {"accuracy": report.accuracy, "ECE": report.calibrated.ece}

    about: dict[str, object] = {"split": VALIDATION_SPLIT, "pictures": len(validation)}
    return with_int8(network, _rows(training, SAMPLES), measure, about)


def _rows(split: EmotionSplit, count: int) -> list[Array]:
    crops = _crops(split.head(min(count, len(split))).images_BCHW)
    return [crops[at : at + 1] for at in range(len(crops))]


def _crops(images_BCHW: Tensor) -> Array:
    return np.ascontiguousarray(images_BCHW.numpy().astype(np.float32))
