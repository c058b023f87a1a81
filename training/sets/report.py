"""Figures of a network on one set after the other, and one temperature for all.

Shape letters: N pictures, K classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from training.emotion.evaluate import Calibration, accuracy_interval, report_calibration

Interval = tuple[float, float]


@dataclass(frozen=True)
class ClassFigures:
    """One class: shares of 1.

    Attributes:
        pictures: With this label.
        recall: Share of them that is found; None without any.
        recall_interval: 95 %.
        precision: Share of the pictures called so that have the label; None if none is called so.
        called: Share of all pictures that is called so.
        true: Share of all pictures that has the label.
    """

    pictures: int
    recall: float | None
    recall_interval: Interval | None
    precision: float | None
    called: float
    true: float


@dataclass(frozen=True)
class SetFigures:
    """One set.

    Attributes:
        pictures: N.
        accuracy: Share of hits.
        accuracy_interval: 95 %, by Wilson's score.
        balanced_accuracy: Mean recall of the classes that occur.
        balanced_interval: 95 %, from the variances of the recalls.
        classes: By label.
        confusion: Counts, rows true and columns predicted, in the order of the labels.
        uncalibrated: Without the temperature.
        calibration: With it.
    """

    pictures: int
    accuracy: float
    accuracy_interval: Interval
    balanced_accuracy: float
    balanced_interval: Interval
    classes: dict[str, ClassFigures]
    confusion: tuple[tuple[int, ...], ...]
    uncalibrated: Calibration
    calibration: Calibration


def set_figures(logits_NK: Tensor, targets_N: Tensor, labels: Sequence[str], temperature: float = 1.0) -> SetFigures:
    """Compare logits with labels."""
    count = len(labels)
    confusion_KK = torch.bincount(targets_N * count + logits_NK.argmax(1), minlength=count * count).view(count, count)
    hits, pictures = int(confusion_KK.diagonal().sum()), len(targets_N)
    classes = {label: _class_figures(confusion_KK, k) for k, label in enumerate(labels)}
    recalls = [(each.recall, each.pictures) for each in classes.values() if each.recall is not None]
    balanced = sum(recall for recall, _ in recalls) / len(recalls)
    spread = 1.96 * math.sqrt(sum(recall * (1 - recall) / number for recall, number in recalls)) / len(recalls)
    return SetFigures(
        pictures=pictures,
        accuracy=hits / pictures,
        accuracy_interval=accuracy_interval(hits / pictures, pictures),
        balanced_accuracy=balanced,
        balanced_interval=(max(0.0, balanced - spread), min(1.0, balanced + spread)),
        classes=classes,
        confusion=tuple(tuple(int(value) for value in row) for row in confusion_KK),
        uncalibrated=report_calibration(logits_NK, targets_N, 1.0),
        calibration=report_calibration(logits_NK, targets_N, temperature),
    )


def _class_figures(confusion_KK: Tensor, k: int) -> ClassFigures:
    total, hits = int(confusion_KK.sum()), int(confusion_KK[k, k])
    true, called = int(confusion_KK[k].sum()), int(confusion_KK[:, k].sum())
    return ClassFigures(
        pictures=true,
        recall=hits / true if true else None,
        recall_interval=accuracy_interval(hits / true, true) if true else None,
        precision=hits / called if called else None,
        called=called / total,
        true=true / total,
    )


def fit_temperature_over_sets(logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> float:
    """Find the one temperature with the lowest mean of the sets' cross-entropies: each set counts alike.

    References:
        Guo et al. 2017, arXiv:1706.04599, section 4.2, for one set.
    """

    def loss(log_temperature: float) -> float:
        factor = math.exp(-log_temperature)
        return sum(float(F.cross_entropy(logits[name].double() * factor, targets[name])) for name in logits)

    return math.exp(float(minimize_scalar(loss, bounds=(math.log(0.1), math.log(10.0)), method="bounded").x))


def table(figures: Mapping[str, SetFigures], averaged: Sequence[str]) -> str:
    """Return a Markdown table, shares in percent, with the mean of the named sets below."""
    labels = list(next(iter(figures.values())).classes)
    shares = [label for label in labels if label == "neutral"]  # what a network says where it sees nothing
    head = ["set", "pictures", "accuracy", "balanced", *labels, *(f"{each} called / true" for each in shares), "ECE"]
    rows = [head, ["---"] * len(head)]
    for name, each in figures.items():
        low, high = each.accuracy_interval
        recalls = [each.classes[label].recall for label in labels]
        rows.append(
            [
                name,
                f"{each.pictures:,}",
                f"{each.accuracy:.1%} ({low:.1%} to {high:.1%})",
                f"{each.balanced_accuracy:.1%}",
                *("" if recall is None else f"{recall:.1%}" for recall in recalls),
                *(f"{each.classes[label].called:.1%} / {each.classes[label].true:.1%}" for label in shares),
                f"{each.calibration.ece:.1%}",
            ]
        )
    mean = sum(figures[name].balanced_accuracy for name in averaged) / len(averaged)
    ece = sum(figures[name].calibration.ece for name in averaged) / len(averaged)
    rows.append(["mean", "", "", f"{mean:.1%}", *[""] * (len(labels) + len(shares)), f"{ece:.1%}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
