"""A tiny recipe, a tiny made-up FER2013 and a tiny YOLO data set: no test here needs the real ones."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.manifest import LABELS
from tests.training.commands import succeed
from tests.training.networks import ABOUT, export, my_model, yolov8n
from tests.training.splits import make_split
from training.emotion.data import EmotionSplit
from training.emotion.export import EmotionCandidate, candidate_of_run
from training.emotion.fer2013 import CSV_CLASSES
from training.emotion.recipe import BEST, Recipe

PREFIX_FOLDERS = (("Training", "train"), ("PublicTest", "test"), ("PrivateTest", "test"))


def mostly(label: str) -> EmotionSplit:
    """Ten pictures, seven of them with this label."""
    split = make_split(10)
    split.targets_B[:6] = LABELS.index(label)  # and one of the other four
    return split


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


def draw_faces(folder: Path) -> Path:
    """Four noisy pictures with one light square each, in YOLO format."""
    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for number in range(4):
            pixels = generator.integers(0, 100, (64, 64, 3), dtype=np.uint8)
            pixels[16:48, 16:48] = 220
            Image.fromarray(pixels).save(folder / "images" / split / f"{number}.png")
            (folder / "labels" / split / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    return folder


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    return draw_faces(tmp_path / "faces")


@pytest.fixture(scope="session")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> EmotionCandidate:
    """An untrained My_model, read from a run's folder."""
    folder = tmp_path_factory.mktemp("run")
    weights = my_model().to(memory_format=torch.channels_last).state_dict()
    torch.save({"weights": weights, "labels": list(LABELS), **ABOUT}, folder / "kept.pt")
    return candidate_of_run(folder)


@pytest.fixture(scope="session")
def exported_emotion(tmp_path_factory: pytest.TempPathFactory, candidate: EmotionCandidate) -> Path:
    """A weights folder as the export leaves it; only to be read."""
    folder = tmp_path_factory.mktemp("exported")
    export(candidate, mostly("neutral"), folder, folder / "weights")
    return folder / "weights"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ultralytics' file of an untrained YOLOv8n that finds faces everywhere."""
    path = tmp_path_factory.mktemp("checkpoint") / "theirs.pt"
    torch.save({"model": yolov8n(), "train_args": {}}, path)
    return path


@pytest.fixture(scope="session")
def imported_detector(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A weights folder as the import leaves it; only to be read."""
    folder = tmp_path_factory.mktemp("imported")
    pictures = draw_faces(folder / "faces") / "images" / "val"
    options = ("--trust", "--pictures", pictures, "--imgsz", 64, "--score-threshold", 0.3)
    succeed("detector", "import", checkpoint, *options, "--weights-dir", folder / "weights")
    return folder / "weights"
