"""My_model's training targets: FER2013's labels, blended with the FER+ votes and with teachers' probabilities."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from app.manifest import LABELS
from training.deployed import fill_from_payload, read_payload
from training.emotion.data import EmotionSplit
from training.emotion.network import MY_MODEL, make_network
from training.emotion.predict import predict_logits
from training.emotion.recipe import Recipe
from training.errors import DataError, RunError


def check_votes(recipe: Recipe, train: EmotionSplit) -> None:
    """Refuse data without the FER+ votes that a recipe blends in.

    Raises:
        DataError: If there are none.
    """
    if recipe.ferplus_weight > 0 and not train.votes_BK.any():
        raise DataError(
            f"Recipe {recipe.name} blends in FER+ votes, and the data has none: put FER+'s "
            "fer2013new.csv beside fer2013.csv, or a ferplus.csv into the folder."
        )


def check_teachers(recipe: Recipe, teachers: tuple[Path, ...]) -> None:
    """Refuse a recipe without the teachers that it needs, and teachers that it does not use.

    Raises:
        RunError: If the two do not match.
    """
    if recipe.teacher_weight > 0 and not teachers:
        raise RunError(f"Recipe {recipe.name} learns from teachers: give --teacher FILE, once for each.")
    if recipe.teacher_weight == 0 and teachers:
        raise RunError(f"Recipe {recipe.name} uses no teachers: leave --teacher out, or take another recipe.")


def soft_targets(split: EmotionSplit, ferplus_weight: float) -> Tensor:
    """Blend the FER2013 label with the FER+ votes.

    Args:
        split: N pictures.
        ferplus_weight: Share of the vote distribution over our five labels, 0..1. Where FER+ has no vote for any of
            the five, the label alone counts.

    Returns:
        Probabilities, float, shape (N, 5); rows sum to 1.
    """
    hard_BK = F.one_hot(split.targets_B, len(LABELS)).float()
    count_B1 = split.votes_BK.sum(1, keepdim=True)
    share_BK = torch.where(count_B1 > 0, split.votes_BK / count_B1.clamp(min=1), hard_BK)
    return (1 - ferplus_weight) * hard_BK + ferplus_weight * share_BK


def teacher_probabilities(teachers: tuple[Path, ...], split: EmotionSplit, device: torch.device, bf16: bool) -> Tensor:
    """Predict the pictures and their mirror images with trained My_models.

    Args:
        teachers: Their weights, at least one file.
        split: N pictures.
        device: Where to compute.
        bf16: Compute in bfloat16 autocast.

    Returns:
        The mean of their probabilities, float32, shape (N, 5), on the CPU; rows sum to 1.

    Raises:
        RunError: If a file does not contain My_model weights.

    References:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531, section 2, at
        temperature 1; for teachers of the same architecture Furlanello et al., "Born-Again Neural Networks",
        arXiv:1805.04770, section 3.
    """
    answers_BK: list[Tensor] = []
    for path in teachers:
        teacher = make_network(MY_MODEL)
        fill_from_payload(teacher, read_payload(path), f"No teacher: {path}")
        teacher = teacher.to(device).to(memory_format=torch.channels_last)
        views = (split, split.mirrored())
        answers_BK += [predict_logits(teacher, view, device, bf16).softmax(1) for view in views]
    return torch.stack(answers_BK).mean(0)
