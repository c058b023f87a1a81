"""The choices of a run on several sets, as plain values."""

from dataclasses import dataclass, replace
from typing import Literal

from training.emotion.schedule import warmup_cosine


@dataclass(frozen=True)
class WideRecipe:
    """All choices but the sets.

    Attributes:
        name: What the command line calls it.
        network: `my_model`, or `mobilenet`, the teacher.
        size_px: Side of the network's input.
        early_px: Side of the training pictures at first: small ones cost less.
        early_share: Share of the steps with these.
        steps: Length of the run; the rate falls to zero over it.
        batch_size: Pictures a step.
        learning_rate: Peak rate of the convolutions.
        head_factor: The head's and the norms' rate beside it.
        weight_decay: Of AdamW, for convolutions and the head's matrix.
        dropout: See the network.
        ema_decay: Decay a step of the weights' moving average, which is evaluated and kept.
        warmup_steps: Steps of linear growth to the peak rate.
        label_weight: Share of the label in the target where a teacher gives the rest; times the set's trust.
    """

    name: str
    network: Literal["my_model", "mobilenet"]
    size_px: int
    steps: int
    batch_size: int
    learning_rate: float
    head_factor: float
    weight_decay: float
    dropout: float
    ema_decay: float
    warmup_steps: int
    label_weight: float = 1.0
    early_px: int | None = None
    early_share: float = 0.0

    def side_px(self, step: int) -> int:
        """Return the side of the training pictures at a step (from 0)."""
        early = self.early_px is not None and step < self.early_share * self.steps
        return self.early_px if early and self.early_px else self.size_px

    def rate(self, step: int) -> float:
        """Return the rate at a step (from 0); see `warmup_cosine`."""
        return warmup_cosine(self.learning_rate, step, self.warmup_steps, self.steps)


TEACHER = WideRecipe(
    name="teacher",
    network="mobilenet",
    size_px=96,
    steps=1750,
    batch_size=96,
    learning_rate=8e-4,
    head_factor=3.0,
    weight_decay=0.03,
    dropout=0.3,
    ema_decay=0.998,
    warmup_steps=150,
)
"""MobileNet-v1 from layers pretrained on faces, on labels alone."""

TEACHER_AGAIN = replace(TEACHER, name="teacher-again", learning_rate=4e-4, warmup_steps=50, label_weight=0.6)
"""The same from the teacher before at half the rate; the soft labels of its students give the rest of the target."""

WIDE = WideRecipe(
    name="wide",
    network="my_model",
    size_px=48,
    steps=3600,
    batch_size=128,
    learning_rate=8e-4,
    head_factor=1.0,
    weight_decay=0.05,
    dropout=0.1,
    ema_decay=0.998,
    warmup_steps=100,
    label_weight=0.5,
    early_px=40,
    early_share=0.6,
)
"""My_model from served weights, on labels and a teacher's probabilities."""

FINISH = replace(WIDE, name="finish", steps=1800, learning_rate=4e-4, warmup_steps=50, early_px=None, early_share=0.0)
"""The same from a blend of earlier runs, at half the rate and full size throughout."""

GENDER = WideRecipe(
    name="gender",
    network="my_model",
    size_px=48,
    steps=1800,
    batch_size=128,
    learning_rate=8e-4,
    head_factor=3.0,
    weight_decay=0.05,
    dropout=0.2,
    ema_decay=0.998,
    warmup_steps=100,
    early_px=40,
    early_share=0.5,
)
"""My_model with two outputs, from the layers that tell emotions, on labels alone."""

WIDE_RECIPES: dict[str, WideRecipe] = {recipe.name: recipe for recipe in (TEACHER, TEACHER_AGAIN, WIDE, FINISH, GENDER)}
