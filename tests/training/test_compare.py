import csv
from pathlib import Path

import pytest
import torch

from tests.training.commands import assert_one_error_line, run
from tests.training.splits import make_split
from training.emotion.recipe import Recipe
from training.emotion.train import Trainer


def train(folder: Path, recipe: Recipe, backbone: str) -> Path:
    split = make_split(16)
    Trainer(recipe, split, split, folder, torch.device("cpu"), backbone=backbone).fit(until_epoch=2)
    return folder


def test_runs_stand_side_by_side(tmp_path: Path, tiny_recipe: Recipe) -> None:
    runs = [train(tmp_path / name, tiny_recipe, name) for name in ("my_model", "resnet18")]
    options = [word for folder in runs for word in ("--run", folder)]
    assert run("emotion", "compare", *options, "--out", tmp_path / "out", "--device", "cpu") == 0
    with (tmp_path / "out" / "comparison.csv").open(newline="") as file:
        ours, other = csv.DictReader(file)
    assert (ours["backbone"], other["backbone"]) == ("my_model", "resnet18")
    assert 4_800_000 < int(ours["parameters"]) < 5_100_000
    assert 11_000_000 < int(other["parameters"]) < 11_300_000
    for row, folder in zip((ours, other), runs, strict=True):
        assert (row["recipe"], row["epochs"]) == ("tiny", "2")
        assert float(row["ms_per_face"]) > 0
        with (folder / "history.csv").open(newline="") as file:
            best = max(csv.DictReader(file), key=lambda epoch: float(epoch["val_accuracy"]))
        assert (row["kept_epoch"], row["val_accuracy"]) == (best["epoch"], best["val_accuracy"])


def test_what_is_no_run_is_one_line(tmp_path: Path, tiny_recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("emotion", "compare", "--run", tmp_path, "--out", tmp_path / "out", "--device", "cpu") == 1
    assert_one_error_line(capsys, "train first")
    folder = train(tmp_path / "run", tiny_recipe, "my_model")
    capsys.readouterr()
    (folder / "history.csv").unlink()
    assert run("emotion", "compare", "--run", folder, "--out", tmp_path / "out", "--device", "cpu") == 1
    assert_one_error_line(capsys, "history.csv", "is not the history of a run")
