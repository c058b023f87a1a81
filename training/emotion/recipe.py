"""The ways to train My_model, as plain values."""

from dataclasses import dataclass, replace
from typing import Literal

from training.emotion.schedule import warmup_cosine


@dataclass(frozen=True)
class Recipe:
    """All choices of one training run.

    Attributes:
        name: What the command line calls it.
        epochs: Passes over Training.
        batch_size: Pictures per step.
        optimizer: `adam`, or `adamw` (decoupled weight decay: Loshchilov, Hutter, arXiv:1711.05101).
        learning_rate: The constant rate, or the peak of the cosine schedule.
        weight_decay: Weight decay of the optimizer.
        dropout: Probability of zeroing a value after each stage of My_model.
        warmup_epochs: Linear warm-up of the cosine schedule; None keeps the rate constant.
        augmentation: `report`: flip and rotation of 10 degrees; `strong` and `degrading`: see `augment`.
        ferplus_weight: Share of the FER+ vote distribution in the target, 0..1; the rest is the FER2013 label.
        teacher_weight: Share of the teachers' probabilities in the target, 0..1; the rest is the blend of label and
            votes.
        ema_decay: Decay per step of the weights' exponential moving average, which is then evaluated and kept; None for
            the plain weights.
        keep: Which epoch's weights are kept: the `best` by accuracy on PublicTest, or the `last` so far.
        sizes_px: (first epoch, side of the training pictures), ascending: starting with small pictures costs less.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float
    dropout: float
    warmup_epochs: int | None
    augmentation: Literal["report", "strong", "degrading"]
    ferplus_weight: float
    ema_decay: float | None
    sizes_px: tuple[tuple[int, int], ...]
    keep: Literal["best", "last"] = "best"
    teacher_weight: float = 0.0

    def size_px(self, epoch: int) -> int:
        """Return the side of the training pictures in an epoch (from 0)."""
        return next(size for first, size in reversed(self.sizes_px) if epoch >= first)


REPORT = Recipe(
    name="report",
    epochs=45,
    batch_size=64,
    optimizer="adam",
    learning_rate=0.001,
    weight_decay=0.0,
    dropout=0.2,
    warmup_epochs=None,
    augmentation="report",
    ferplus_weight=0.0,
    ema_decay=None,
    sizes_px=((0, 48),),
)

BEST = Recipe(
    name="best",
    epochs=60,
    batch_size=128,
    optimizer="adamw",
    learning_rate=0.0015,
    weight_decay=0.05,
    dropout=0.1,
    warmup_epochs=1,
    augmentation="strong",
    ferplus_weight=0.2,
    ema_decay=0.998,
    sizes_px=((0, 32), (32, 40), (46, 48)),
)

REFINE = replace(
    BEST,
    name="refine",
    epochs=8,
    learning_rate=0.0005,
    dropout=0.2,
    augmentation="degrading",
    ferplus_weight=0.35,
    sizes_px=((0, 48),),
    keep="last",
)
"""Continues from finished weights (`--pretrained`), so that blurred, small and compressed faces cost less. The gain
shows in the distortions, not in the plain accuracy, which stays the same and so does not choose the epoch."""

DISTIL = replace(
    REFINE,
    name="distil",
    epochs=28,
    learning_rate=0.001,
    teacher_weight=0.5,
)
"""Continues from refined weights, with half of the target from trained My_models (`--teacher`): their mean errs less
than each of them, and less than single labels do."""

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (REPORT, BEST, REFINE, DISTIL)}


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the rate at a step (from 0): constant, or see `warmup_cosine`."""
    if recipe.warmup_epochs is None:
        return recipe.learning_rate
    warmup_steps = recipe.warmup_epochs * steps_per_epoch
    return warmup_cosine(recipe.learning_rate, step, warmup_steps, recipe.epochs * steps_per_epoch)
