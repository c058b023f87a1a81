"""How good My_model is on a split: hits, errors by class, and whether its probabilities can be trusted.

Shape letters: N pictures, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor

from app.manifest import LABELS
from training.emotion.calibrate import fit_temperature, nll
from training.emotion.data import VALIDATION_SPLIT, EmotionSplit

BIN_COUNT = 15
"""Equal-width bins of the expected calibration error: Guo et al. 2017, arXiv:1706.04599, section 5."""


def accuracy_interval(accuracy: float, pictures: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of an accuracy, for pictures drawn by chance.

    Args:
        accuracy: Share of hits, 0..1.
        pictures: At least 1.

    References:
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927, pages 209-212.
    """
    interval = binomtest(round(accuracy * pictures), pictures).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Bin:
    """Pictures whose highest probability is in (low, high]; accuracy and mean confidence are 0 if it is empty."""

    low: float
    high: float
    pictures: int
    accuracy: float
    confidence: float


@dataclass(frozen=True)
class ClassReport:
    """Results for one class: shares of 1, and the number of its pictures."""

    precision: float
    recall: float
    f1: float
    pictures: int


@dataclass(frozen=True)
class Calibration:
    """How far probabilities are from frequencies: NLL in nats, ECE in 0..1, Brier score in 0..2, and the bins."""

    nll: float
    ece: float
    brier: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class SplitReport:
    """Results for one split.

    Attributes:
        pictures: N.
        accuracy: Share of hits, 0..1.
        macro_f1: Mean of the classes' F1, 0..1.
        per_class: By label.
        confusion: Counts, rows true and columns predicted, in the order of `LABELS`.
        uncalibrated: With the plain softmax.
        calibrated: With the logits divided by the temperature.
        ferplus_pictures: Pictures whose FER+ majority is one of our labels.
        ferplus_accuracy: Share of hits against that majority; None without FER+.
        label_agreement: Share of those pictures whose FER2013 label is also that majority; the rest is label noise.
        agreed_accuracy: Share of hits among the pictures whose label is that majority.
    """

    pictures: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, ClassReport]
    confusion: tuple[tuple[int, ...], ...]
    uncalibrated: Calibration
    calibrated: Calibration
    ferplus_pictures: int
    ferplus_accuracy: float | None
    label_agreement: float | None
    agreed_accuracy: float | None

    @property
    def summary(self) -> str:
        """A human-readable line."""
        low, high = accuracy_interval(self.accuracy, self.pictures)
        parts = [
            f"accuracy {self.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})",
            f"macro-F1 {self.macro_f1:.2%}",
        ]
        if self.ferplus_accuracy is not None:
            parts.append(f"FER+ majority {self.ferplus_accuracy:.2%}, which is the label of {self.label_agreement:.2%}")
        if self.agreed_accuracy is not None:
            parts.append(f"accuracy there {self.agreed_accuracy:.2%}")
        parts += [f"ECE {self.calibrated.ece:.2%}", f"Brier {self.calibrated.brier:.4f} ({self.pictures} pictures)"]
        return ", ".join(parts)


@dataclass(frozen=True)
class Evaluation:
    """Results of one weights file on one or more splits; the temperature is only ever fitted on PublicTest.

    Attributes:
        weights_sha256: Hash of the file as it is, or would be, served.
        limit: Pictures per split in a rehearsal; None if all were used.
        labels: In the order of the outputs.
        data_sha256: Split name -> digest of its pictures, labels and votes.
        temperature: See `calibrate.fit_temperature`.
        splits: By name.
        robustness: Split name -> distortion -> accuracy, 0..1; see `training.emotion.robustness`.
    """

    weights_sha256: str
    limit: int | None
    labels: tuple[str, ...]
    data_sha256: dict[str, str]
    temperature: float
    splits: dict[str, SplitReport]
    robustness: dict[str, dict[str, float]]


def evaluate_splits(
    logits: Mapping[str, Tensor],
    splits: Mapping[str, EmotionSplit],
    sha256: str,
    limit: int | None = None,
    robustness: dict[str, dict[str, float]] | None = None,
) -> Evaluation:
    """Fit the temperature on PublicTest and report each split.

    Args:
        logits: Split name -> logits (N, K).
        splits: The same names; PublicTest is among them.
        sha256: Hash of the weights file that made the logits.
        limit: See `Evaluation`.
        robustness: The same.
    """
    temperature = fit_temperature(logits[VALIDATION_SPLIT], splits[VALIDATION_SPLIT].targets_B)
    reports = {name: report_split(logits[name], splits[name], temperature) for name in splits}
    digests = {name: split.sha256 for name, split in splits.items()}
    return Evaluation(sha256, limit, LABELS, digests, temperature, reports, robustness or {})


def report_split(logits_NK: Tensor, split: EmotionSplit, temperature: float) -> SplitReport:
    """Compare logits with the labels of a split."""
    predicted_N, targets_N = logits_NK.argmax(1), split.targets_B
    classes = list(range(len(LABELS)))
    precision, recall, f1, counts = precision_recall_fscore_support(
        targets_N.numpy(), predicted_N.numpy(), labels=classes, zero_division=0
    )
    matrix = confusion_matrix(targets_N.numpy(), predicted_N.numpy(), labels=classes)
    known_N = split.majority_B >= 0
    agreed_N = split.majority_B[known_N] == targets_N[known_N]
    ferplus_hits_N = predicted_N[known_N] == split.majority_B[known_N]
    return SplitReport(
        pictures=len(split),
        accuracy=float((predicted_N == targets_N).double().mean()),
        macro_f1=float(f1.mean()),
        per_class={
            label: ClassReport(float(precision[k]), float(recall[k]), float(f1[k]), int(counts[k]))
            for k, label in enumerate(LABELS)
        },
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        uncalibrated=report_calibration(logits_NK, targets_N, 1.0),
        calibrated=report_calibration(logits_NK, targets_N, temperature),
        ferplus_pictures=int(known_N.sum()),
        ferplus_accuracy=_share(ferplus_hits_N),
        label_agreement=_share(agreed_N),
        agreed_accuracy=_share(ferplus_hits_N[agreed_N]),
    )


def report_probabilities(probabilities_NK: npt.NDArray[np.float32], split: EmotionSplit) -> SplitReport:
    """Compare served probabilities, to which the temperature has been applied, with the labels of a split."""
    return report_split(torch.from_numpy(probabilities_NK).log(), split, temperature=1.0)


def _share(hits_N: Tensor) -> float | None:
    return float(hits_N.double().mean()) if len(hits_N) else None


def report_calibration(logits_NK: Tensor, targets_N: Tensor, temperature: float) -> Calibration:
    """Measure the probabilities softmax(logits / temperature)."""
    probabilities_NK = (logits_NK.double() / temperature).softmax(1)
    bins = reliability_bins(probabilities_NK, targets_N)
    brier = brier_score(probabilities_NK, targets_N)
    return Calibration(nll(logits_NK, targets_N, temperature), expected_calibration_error(bins), brier, bins)


def reliability_bins(probabilities_NK: Tensor, targets_N: Tensor, count: int = BIN_COUNT) -> tuple[Bin, ...]:
    """Sort pictures by their highest probability into `count` bins of equal width over 0..1."""
    confidence_N, predicted_N = probabilities_NK.max(1)
    hits_N = (predicted_N == targets_N).double()
    which_N = (confidence_N * count).ceil().long().clamp(1, count) - 1
    bins: list[Bin] = []
    for index in range(count):
        inside_N = which_N == index
        pictures = int(inside_N.sum())
        accuracy = float(hits_N[inside_N].mean()) if pictures else 0.0
        confidence = float(confidence_N[inside_N].double().mean()) if pictures else 0.0
        bins.append(Bin(index / count, (index + 1) / count, pictures, accuracy, confidence))
    return tuple(bins)


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Return the mean gap between accuracy and confidence, weighted by picture count.

    References:
        Guo et al. 2017, arXiv:1706.04599, equation 3.
    """
    total = sum(each.pictures for each in bins)
    return sum(each.pictures * abs(each.accuracy - each.confidence) for each in bins) / max(1, total)


def brier_score(probabilities_NK: Tensor, targets_N: Tensor) -> float:
    """Return the mean squared distance between probabilities and one-hot labels, 0 (perfect) to 2.

    References:
        Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
    """
    hard_NK = F.one_hot(targets_N, probabilities_NK.shape[1])
    return float((probabilities_NK - hard_NK).square().sum(1).mean())


def join(first: EmotionSplit, second: EmotionSplit) -> EmotionSplit:
    """Return both splits as one."""
    pairs = ((getattr(first, name), getattr(second, name)) for name in EmotionSplit.__annotations__)
    return EmotionSplit(*(torch.cat(pair) for pair in pairs))


def join_all(splits: Mapping[str, EmotionSplit]) -> tuple[str, EmotionSplit]:
    """Return the splits as one, after its name, such as `A+B`."""
    return "+".join(splits), reduce(join, splits.values())
