"""A tiny synthetic FER2013, a tiny YOLO data set (no test here needs the real ones), and the commands in process."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.weights import LABELS
from training.cli import main
from training.emotion.data import CSV_CLASSES, EmotionSplit
from training.emotion.recipe import BEST, Recipe

PREFIX_FOLDERS = (("Training", "train"), ("PublicTest", "test"), ("PrivateTest", "test"))


def run(*arguments: object) -> int:
    """Run `python -m training` here and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    code = exit_.value.code
    assert isinstance(code, int)
    return code


def succeed(*arguments: object) -> None:
    """Run `python -m training` here, without a failure."""
    assert run(*arguments) == 0


def assert_one_error_line(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """Stderr holds one line, that of the error, with these words."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert all(word in lines[0] for word in words)


def column(values: list[object]) -> np.ndarray:
    """A cell array of one column, as Matlab writes WIDER FACE's lists."""
    cells = np.empty((len(values), 1), dtype=object)
    for row, value in enumerate(values):
        cells[row, 0] = value
    return cells


def make_split(count: int, seed: int = 0) -> EmotionSplit:
    """Pictures whose brightness tells the class, so that they can be learned in a few steps."""
    generator = torch.Generator().manual_seed(seed)
    targets_B = torch.arange(count) % len(LABELS)
    noise = torch.randint(0, 30, (count, 1, 48, 48), generator=generator)
    images_BCHW = (noise + 50 * targets_B.view(-1, 1, 1, 1)).clamp(0, 255).to(torch.uint8)
    votes_BK = torch.zeros(count, len(LABELS))
    return EmotionSplit(images_BCHW, targets_B, votes_BK, torch.full((count,), -1))


@pytest.fixture
def tiny_recipe() -> Recipe:
    return replace(
        BEST, name="tiny", epochs=3, batch_size=8, ferplus_weight=0.0, ema_decay=0.5, sizes_px=((0, 16), (1, 24))
    )


@pytest.fixture
def fer2013(tmp_path: Path) -> tuple[Path, Path]:
    """The same pictures as fer2013.csv and as a folder; two of each of the seven classes in every split."""
    generator = np.random.default_rng(0)
    folder, table = tmp_path / "fer2013", tmp_path / "fer2013.csv"
    rows = []
    for usage, part in PREFIX_FOLDERS:
        for number, label in enumerate(CSV_CLASSES):
            (folder / part / label).mkdir(parents=True, exist_ok=True)
            for copy in range(2):
                pixels = generator.integers(0, 256, (48, 48), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / label / f"{usage}_{number}{copy}.png")
                rows.append((number, " ".join(map(str, pixels.flat)), usage))
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("emotion", "pixels", "Usage"), *rows])
    return table, folder


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Four noisy pictures with one light square each, in YOLO format."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "faces"
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 100, (64, 64, 3), dtype=np.uint8)
            pixels[16:48, 16:48] = 220
            Image.fromarray(pixels).save(folder / "images" / split / f"{number}.png")
            (folder / "labels" / split / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    return folder
