"""One training by two processes on the CPU, started as torchrun starts them."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.one_step import weights_after_a_step
from tests.training.splits import make_split
from training.emotion.distributed import ALONE, Group
from training.emotion.recipe import Recipe
from training.emotion.train import Trainer
from training.errors import RunError

ROOT = Path(__file__).resolve().parents[2]


def test_every_item_is_in_one_share_and_shares_are_equal() -> None:
    batch = torch.arange(11)
    shares = [Group(rank, 3).share(batch) for rank in range(3)]
    assert [len(share) for share in shares] == [3, 3, 3]
    assert sorted(torch.cat(shares).tolist()) == list(range(9))
    assert Group().share(batch).tolist() == batch.tolist()


def test_processes_that_found_different_checkpoints_do_not_train(
    tmp_path: Path, tiny_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(values: list[object], value: object) -> None:
        values[:] = [value, 5]

    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    split = make_split(16)
    with pytest.raises(RunError, match="folder that all machines share"):
        Trainer(tiny_recipe, split, split, tmp_path, torch.device("cpu"), bf16=False, group=Group(1, 2))


@pytest.mark.slow
def test_two_processes_make_the_step_that_one_makes(tmp_path: Path) -> None:
    """Without the mean of the gradients over the processes each would go its own way."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training.one_step"]
    processes = [
        subprocess.Popen([*command, str(rank), "2", tmp_path], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    try:
        alone = weights_after_a_step(ALONE, tmp_path / "alone")
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
    finally:
        for process in processes:
            process.kill()
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    torch.testing.assert_close(first, alone, atol=1e-6, rtol=1e-5)


def write_fer2013(path: Path) -> None:
    """Sixty learnable pictures per split."""
    classes = (0, 3, 4, 5, 6)  # angry, happy, sad, surprise, neutral as the file counts them
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("emotion", "pixels", "Usage"))
        for seed, usage in enumerate(("Training", "PublicTest", "PrivateTest")):
            split = make_split(60, seed)
            for image, target in zip(split.images_BCHW.numpy(), split.targets_B.tolist(), strict=True):
                rows.writerow((classes[target], " ".join(map(str, image.flat)), usage))


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv")
    train = ("-m", "training", "emotion", "train", "--data", tmp_path / "fer2013.csv", "--recipe", "report")
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    accuracies = {}
    for name, arguments in {"one": train, "two": (*launch, "-m", "--", *train[1:])}.items():
        folder = tmp_path / name
        command = [sys.executable, *arguments, "--run", folder, "--epochs", "6", "--device", "cpu"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("Kept epoch") == 1
        rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
        assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 7)]
        accuracies[name] = max(float(row["val_accuracy"]) for row in rows)
        losses = [float(row["train_loss"]) for row in rows]
        assert losses[-1] < losses[0] / 2
    assert np.ptp(list(accuracies.values())) <= 0.2, accuracies
