"""All figures of the training package; each one reads what a run wrote and computes nothing new."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator, PercentFormatter

DPI = 130
TRAIN_COLOUR, VAL_COLOUR, THIRD_COLOUR = "tab:blue", "tab:orange", "tab:green"
EMOTION_CURVES = (
    ("train", TRAIN_COLOUR, "Training, augmented", "the recipe's targets"),
    ("val", VAL_COLOUR, "PublicTest", "labels"),
)
"""Name in the CSV's columns, colour, split, and the targets of the loss."""


def plot_emotion_history(history_csv: Path, png: Path, title: str, kept_epoch: int) -> None:
    """Draw loss and accuracy over the epochs of history.csv, counted from 1, and mark the one that was kept.

    The legend says what the two losses are measured against: see `training.emotion.history`.
    """
    columns = _read_columns(history_csv)
    kept = list(columns["epoch"]).index(kept_epoch)
    with _figure(png, 1, 2, (11, 4.2), title) as (loss_axes, accuracy_axes):
        for name, colour, split, targets in EMOTION_CURVES:
            lines = {"color": colour, "marker": "."}
            loss_axes.plot(columns["epoch"], columns[f"{name}_loss"], label=f"{split}: {targets}", **lines)
            accuracy_axes.plot(columns["epoch"], columns[f"{name}_accuracy"], label=f"{split}: labels", **lines)
        epoch, accuracy = columns["epoch"][kept], columns["val_accuracy"][kept]
        accuracy_axes.scatter([epoch], [accuracy], s=70, facecolors="none", edgecolors="black", zorder=3,
                              label=f"kept: epoch {epoch:.0f}, {accuracy:.1%}")  # fmt: skip
        _label(loss_axes, "Loss", "epoch", "cross-entropy (nats)")
        _label(accuracy_axes, "Accuracy", "epoch", "pictures right (%)")
        accuracy_axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))


def plot_confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str], png: Path, title: str) -> None:
    """Draw a confusion matrix: rows true, columns predicted, cells as percent of the row and as picture counts."""
    counts = np.array(matrix)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    with _figure(png, 1, 1, (6.2, 5.4), title) as (axes,):
        image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        for (row, column), share in np.ndenumerate(shares):
            text = f"{share:.1%}\n{counts[row, column]}"
            axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.55 else "black")
        axes.set_xticks(range(len(labels)), labels)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_xlabel("predicted emotion")
        axes.set_ylabel("true emotion")
        bar = axes.figure.colorbar(image, ax=axes, format=PercentFormatter(1.0, symbol=None))
        bar.set_label("pictures of the true emotion (%)")


def plot_reliability(before: Mapping[str, Any], after: Mapping[str, Any], png: Path, title: str) -> None:
    """Draw accuracy against confidence before and after temperature scaling, with the share of pictures below.

    Args:
        before: `Calibration` of the plain softmax, as in evaluation.json.
        after: The same with the temperature.
        png: Where to write.
        title: Title of the whole figure.

    References:
        Guo et al. 2017, arXiv:1706.04599, figure 4.
    """
    with _figure(png, 2, 2, (10, 6.4), title, height_ratios=(3, 1)) as all_axes:
        columns = ((before, "Before", all_axes[0], all_axes[2]), (after, "After", all_axes[1], all_axes[3]))
        for calibration, name, axes, share_axes in columns:
            bins = calibration["bins"]
            middles = [(each["low"] + each["high"]) / 2 for each in bins]
            width = bins[0]["high"] - bins[0]["low"]
            total = sum(each["pictures"] for each in bins)
            axes.bar(middles, [each["accuracy"] for each in bins], width, edgecolor="white", label="accuracy")
            filled = [each for each in bins if each["pictures"]]
            confidences = [each["confidence"] for each in filled]
            axes.plot(confidences, [each["accuracy"] for each in filled], "o", color="black", markersize=4,
                      label="bin's mean confidence")  # fmt: skip
            axes.plot([0, 1], [0, 1], "--", color="gray", label="perfect")
            _label(
                axes, f"{name}: ECE {calibration['ece']:.2%}, NLL {calibration['nll']:.3f} nats", None, "accuracy (%)"
            )
            share_axes.bar(middles, [each["pictures"] / total for each in bins], width, edgecolor="white")
            _label(share_axes, None, "confidence (%)", "pictures (%)")
            for each in (axes, share_axes):
                each.set_xlim(0, 1)
                each.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))
                each.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))


def plot_detector_history(results_csv: Path, png: Path, title: str) -> None:
    """Draw ultralytics' results.csv: three losses, precision and recall, and mean average precision per epoch."""
    columns = _read_columns(results_csv)
    epochs = columns["epoch"]
    with _figure(png, 2, 3, (13, 7), title) as all_axes:
        for axes, (name, what) in zip(
            all_axes, (("box_loss", "Box loss"), ("cls_loss", "Class loss"), ("dfl_loss", "Distribution focal loss"))
        , strict=False):  # fmt: skip
            axes.plot(epochs, columns[f"train/{name}"], color=TRAIN_COLOUR, marker=".", label="train")
            axes.plot(epochs, columns[f"val/{name}"], color=VAL_COLOUR, marker=".", label="val")
            _label(axes, what, "epoch", "loss (weighted, no unit)")
        for axes, name, what in zip(all_axes[3:5], ("precision", "recall"), ("Precision", "Recall"), strict=True):
            axes.plot(epochs, columns[f"metrics/{name}(B)"], color=VAL_COLOUR, marker=".", label="val")
            _label(axes, what, "epoch", f"{name} at the best F1 (%)")
        for name, colour in (("mAP50", VAL_COLOUR), ("mAP50-95", THIRD_COLOUR)):
            all_axes[5].plot(epochs, columns[f"metrics/{name}(B)"], color=colour, marker=".", label=f"val {name}")
        _label(all_axes[5], "Mean average precision", "epoch", "AP (%)")
        for axes in all_axes[3:]:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))


def plot_precision_recall(curve_csv: Path, png: Path, title: str) -> None:
    """Draw precision over recall, and both over the score threshold, from the evaluation's curves.csv."""
    columns = _read_columns(curve_csv)
    with _figure(png, 1, 2, (11, 4.6), title) as (pr_axes, score_axes):
        pr_axes.plot(columns["at"], columns["precision_at_recall"], color=TRAIN_COLOUR, label="val, IoU 0.5")
        _label(pr_axes, "Precision over recall", "recall (%)", "precision (%)")
        score_axes.plot(columns["at"], columns["precision_at_score"], color=TRAIN_COLOUR, label="precision")
        score_axes.plot(columns["at"], columns["recall_at_score"], color=VAL_COLOUR, label="recall")
        _label(score_axes, "Choice of the score threshold", "score threshold", "share (%)")
        pr_axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))
        for axes in (pr_axes, score_axes):
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=None))


@contextmanager
def _figure(
    png: Path, rows: int, columns: int, size_in: tuple[float, float], title: str,
    height_ratios: tuple[float, ...] | None = None,
) -> Iterator[list[Any]]:  # fmt: skip
    """Yield the axes, row by row; write the PNG at the end."""
    figure, axes = plt.subplots(
        rows, columns, figsize=size_in, squeeze=False, layout="constrained", height_ratios=height_ratios
    )
    figure.suptitle(title)
    try:
        yield list(axes.flat)
        png.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(png, dpi=DPI)
    finally:
        plt.close(figure)


def _label(axes: Any, title: str | None, x_label: str | None, y_label: str) -> None:
    """Set the title and the axis labels, and show grid and legend."""
    if title is not None:
        axes.set_title(title)
    if x_label is not None:
        axes.set_xlabel(x_label)
    if x_label == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(y_label)
    axes.grid(visible=True, alpha=0.3)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[1]:
        axes.legend()


def _read_columns(path: Path) -> dict[str, np.ndarray]:
    """Return the CSV's columns as floats; names are stripped of the padding that ultralytics once wrote."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name.strip(): np.array([float(row[name]) for row in rows]) for name in rows[0]}
