from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from PIL import Image

from app.manifest import LABELS
from training import plots
from training.emotion.evaluate import report_calibration
from training.emotion.history import EpochRow, write_history


def is_picture(png: Path) -> bool:
    with Image.open(png) as image:
        return image.width > 500 and len(set(image.convert("L").tobytes())) > 10


def test_emotion_history(tmp_path: Path) -> None:
    rows = [EpochRow(n, 2 / n, 0.2 * n, 2.1 / n, 0.19 * n, 0.001, 48, 1.0) for n in range(1, 5)]
    write_history(rows, tmp_path / "history.csv")
    plots.plot_emotion_history(tmp_path / "history.csv", tmp_path / "sub" / "curves.png", "tiny", 1)
    assert is_picture(tmp_path / "sub" / "curves.png")


def test_confusion(tmp_path: Path) -> None:
    matrix = [[(3 * row + column) % 7 for column in range(5)] for row in range(4)] + [[0] * 5]
    plots.plot_confusion(matrix, LABELS, tmp_path / "confusion.png", "tiny")
    assert is_picture(tmp_path / "confusion.png")


def test_reliability(tmp_path: Path) -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(50, 5), torch.randint(0, 5, (50,))
    before, after = (asdict(report_calibration(logits, targets, temperature)) for temperature in (1.0, 2.0))
    plots.plot_reliability(before, after, tmp_path / "reliability.png", "tiny")
    assert is_picture(tmp_path / "reliability.png")


@pytest.mark.parametrize("padding", ["", "   "])
def test_detector_history(tmp_path: Path, padding: str) -> None:
    losses = [f"{split}/{name}_loss" for split in ("train", "val") for name in ("box", "cls", "dfl")]
    metrics = [f"metrics/{name}(B)" for name in ("precision", "recall", "mAP50", "mAP50-95")]
    head = ",".join(padding + name for name in ("epoch", *losses, *metrics))
    rows = [",".join(str(value) for value in (n, *([2 / n] * 6), *([0.2 * n] * 4))) for n in range(1, 4)]
    (tmp_path / "results.csv").write_text("\n".join((head, *rows)) + "\n")
    plots.plot_detector_history(tmp_path / "results.csv", tmp_path / "curves.png", "tiny")
    assert is_picture(tmp_path / "curves.png")


def test_precision_recall(tmp_path: Path) -> None:
    rows = [f"{n / 10},{1 - n / 20},{n / 10},{1 - n / 10}" for n in range(11)]
    head = "at,precision_at_recall,precision_at_score,recall_at_score"
    (tmp_path / "curves.csv").write_text("\n".join((head, *rows)) + "\n")
    plots.plot_precision_recall(tmp_path / "curves.csv", tmp_path / "pr.png", "tiny")
    assert is_picture(tmp_path / "pr.png")
