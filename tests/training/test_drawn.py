from pathlib import Path

import torch

from app.manifest import LABELS
from tests.training.commands import succeed
from training.emotion.data import TEST_SPLIT, TRAINING_SPLIT, VALIDATION_SPLIT, load_fer2013


def test_drawn_faces_are_a_small_fer2013(tmp_path: Path, capsys) -> None:
    for folder, seed in (("first", 0), ("same", 0), ("other", 1)):
        succeed("emotion", "draw", "--out", tmp_path / folder, "--seed", seed)
    assert "400 in train/, 100 in val/, 100 in test/" in capsys.readouterr().out
    first, same, other = (load_fer2013(tmp_path / name) for name in ("first", "same", "other"))
    assert {name: len(split) for name, split in first.items()} == {
        TRAINING_SPLIT: 400, VALIDATION_SPLIT: 100, TEST_SPLIT: 100
    }  # fmt: skip
    for name, split in first.items():
        assert split.targets_B.bincount().tolist() == [len(split) // len(LABELS)] * len(LABELS)
        assert split.sha256 == same[name].sha256 != other[name].sha256
    assert first[VALIDATION_SPLIT].sha256 != first[TEST_SPLIT].sha256


def test_their_expressions_can_be_told_apart(tmp_path: Path) -> None:
    """By the nearest mean picture; by chance one in five would be right."""
    succeed("emotion", "draw", "--out", tmp_path)
    splits = load_fer2013(tmp_path)
    train_BP, val_BP = (splits[name].images_BCHW.float().flatten(1) for name in (TRAINING_SPLIT, VALIDATION_SPLIT))
    train_BP, val_BP = ((each - each.mean(1, keepdim=True)) / each.std(1, keepdim=True) for each in (train_BP, val_BP))
    targets_B = splits[TRAINING_SPLIT].targets_B
    means_KP = torch.stack([train_BP[targets_B == label].mean(0) for label in range(len(LABELS))])
    nearest_B = torch.cdist(val_BP, means_KP).argmin(1)
    assert (nearest_B == splits[VALIDATION_SPLIT].targets_B).float().mean() > 0.6
