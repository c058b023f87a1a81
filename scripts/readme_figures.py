#!/usr/bin/env python3
"""Draws docs/figures.png for the README: whether My_model is as right as it is sure, and what it confuses.

    .venv/bin/python scripts/readme_figures.py

Reads the figures that `training sets evaluate` left in docs/training-runs/ for these weights. Needs the extra `train`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import PercentFormatter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.manifest import LABELS, load_manifest  # noqa: E402 - found only through the path above

SETS = {"rafdb": "RAF-DB", "fer2013": "FER2013", "affectnet_web": "web photos", "affectnet_masked": "all else black"}
LEAST_PICTURES = 15
"""Of a point of the curves: with fewer, chance shows."""


def find_figures() -> dict[str, Any]:
    """Return the figures by set of the weights in `weights/`."""
    sha256 = load_manifest(ROOT / "weights").emotion.sha256
    for path in sorted((ROOT / "docs" / "training-runs").glob("*/evaluation-by-set.json")):
        figures: dict[str, Any] = json.loads(path.read_text())
        if figures["weights_sha256"] == sha256:
            return figures["sets"]
    raise SystemExit(f"No evaluation-by-set.json below docs/training-runs/ is of the weights {sha256[:12]}.")


def draw_curves(axes: Any, sets: dict[str, Any]) -> None:
    """Draw accuracy over confidence of each set."""
    axes.plot([0.2, 1], [0.2, 1], color="0.75", linewidth=1)
    for name, title in SETS.items():
        bins = [each for each in sets[name]["calibration"]["bins"] if each["pictures"] >= LEAST_PICTURES]
        points = [(each["confidence"], each["accuracy"]) for each in bins]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3.5, linewidth=1.5, label=title)
    axes.set(xlim=(0.2, 1), ylim=(0.2, 1), xlabel="confidence of the answer", ylabel="right answers", aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title("Said and right")
    axes.legend(frameon=False, loc="lower right")


def draw_confusion(axes: Any, sets: dict[str, Any]) -> None:
    """Draw the mean of the sets' confusion matrices, each row a label."""
    matrices = [np.array(sets[name]["confusion"], float) for name in SETS]
    totals = [matrix.sum(axis=1, keepdims=True) for matrix in matrices]
    present = sum((total > 0).astype(float) for total in totals)
    shares = sum(matrix / total.clip(min=1) for matrix, total in zip(matrices, totals, strict=True)) / present
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    for (row, column), share in np.ndenumerate(shares):
        axes.text(column, row, f"{share:.0%}", ha="center", va="center", color="white" if share > 0.5 else "0.2")
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_yticks(range(len(LABELS)), LABELS)
    axes.set(xlabel="what Mien says", ylabel="what the label says")
    axes.set_title("Mean of the four sets")
    axes.tick_params(length=0)


def main() -> None:
    """Write the figure."""
    sets = find_figures()
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
    draw_curves(left, sets)
    draw_confusion(right, sets)
    figure.savefig(ROOT / "docs" / "figures.png", dpi=120)


if __name__ == "__main__":
    main()
