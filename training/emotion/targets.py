"""What My_model is asked to answer: FER2013's labels, blended with the FER+ votes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from app.vision.my_model import LABELS
from training.emotion.data import EmotionSplit
from training.emotion.recipe import Recipe
from training.errors import DataError


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
