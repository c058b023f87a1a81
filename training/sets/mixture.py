"""Batches from several sets: each set its share, each class of a set equally often.

Shape letters: N pictures, B batch, C channels (one, gray), H, W, K classes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from app.runtimes.torch.my_model import normalize_faces
from training.errors import RunError
from training.sets.augment import Draws, WideAugmentation, fill_black
from training.sets.loading import FaceSet
from training.sets.pictures import Gray

ABSENT = 1 / 3
"""A set without a class has it this often, beside a class that it holds: its logits are shifted by the logarithm of
that, so the set hardly pushes the missing class down everywhere.

References:
    Menon et al., "Long-tail learning via logit adjustment", arXiv:2007.07314, section 4.2, with this prior.
"""


@dataclass(frozen=True)
class Batch:
    """One batch of a training step.

    Attributes:
        x_BCHW: Normalised to -1..1.
        labels_BK: Labels as probabilities; zeros where there is none.
        soft_BK: A teacher's probabilities, or equal ones without a teacher.
        trust_B: Weight of the label, 0..1; the rest is that of the soft target.
        prior_BK: Logarithm of how often each class occurs in the picture's set, added to the logits for the label.
    """

    x_BCHW: Tensor
    labels_BK: Tensor
    soft_BK: Tensor
    trust_B: Tensor
    prior_BK: Tensor


class Mixture:
    """Draws batches from sets.

    Args:
        sets: Each with its plan.
        batch_size: B.
        soft: For each set a teacher's probabilities (N, K), or None for all of them.
        label_weight: Share of the label in the target where there are soft labels, times the set's trust.
        textures: Pictures without faces, shape (N, H, W).
        augmentation: What happens to each picture.
    """

    def __init__(
        self,
        sets: Sequence[FaceSet],
        batch_size: int,
        soft: Sequence[Tensor] | None = None,
        label_weight: float = 1.0,
        textures: Gray | None = None,
        augmentation: WideAugmentation | None = None,
    ) -> None:
        self.sets = tuple(sets)
        self.counts = shares_to_counts([each.plan.share for each in sets], batch_size)
        self.textures = np.zeros((0, 64, 64), np.uint8) if textures is None else textures
        self.augment = augmentation or WideAugmentation()
        equal = [torch.full(each.labels_NK.shape, 1 / each.labels_NK.shape[1]) for each in sets]
        self.soft = equal if soft is None else list(soft)
        self.label_weight = 1.0 if soft is None else label_weight
        self.members = [_by_class(each, soft_NK) for each, soft_NK in zip(self.sets, self.soft, strict=True)]
        self.priors = [log_prior(each.classes, each.labels_NK.shape[1]) for each in sets]

    def draw(self, draws: Draws, size_px: int) -> Batch:
        """Return one batch of pictures of this side; the same generator state gives the same batch."""
        views: list[Gray] = []
        picked: list[tuple[int, int]] = []
        for index, (each, count) in enumerate(zip(self.sets, self.counts, strict=True)):
            for at in self._pick(index, count, draws):
                views.append(self._view(each, at, size_px, draws))
                picked.append((index, at))
        x_BCHW = normalize_faces(torch.from_numpy(np.stack(views))[:, None])
        known_B = torch.tensor([bool(self.sets[index].targets_N[at] >= 0) for index, at in picked])
        trust_B = torch.tensor([self.sets[index].plan.trust * self.label_weight for index, _ in picked])
        return Batch(
            x_BCHW,
            torch.stack([self.sets[index].labels_NK[at] for index, at in picked]),
            torch.stack([self.soft[index][at] for index, at in picked]),
            torch.where(known_B, trust_B, torch.zeros(len(picked))),
            torch.stack([self.priors[index] for index, _ in picked]),
        )

    def _pick(self, index: int, count: int, draws: Draws) -> list[int]:
        """Draw pictures of a set: a class by chance, all alike, then a picture of it."""
        members = self.members[index]
        chosen = [members[int(draws.integers(len(members)))] for _ in range(count)]
        return [int(each[int(draws.integers(len(each)))]) for each in chosen]

    def _view(self, each: FaceSet, at: int, size_px: int, draws: Draws) -> Gray:
        picture = each.images_NHW[at]
        if each.plan.fill_black:
            picture = fill_black(picture, self.textures, draws)
        return self.augment(picture, each.plan.zoom, size_px, draws)


def shares_to_counts(shares: Sequence[float], total: int) -> list[int]:
    """Split a batch by shares, at least one picture each, each count as near to its share as that allows.

    Raises:
        RunError: If the batch has fewer pictures than there are shares.
    """
    if total < len(shares):
        raise RunError(f"A batch of {total} cannot hold {len(shares)} sets.")
    exact = [share * total / sum(shares) for share in shares]
    counts = [max(1, math.floor(each)) for each in exact]
    while (missing := total - sum(counts)) != 0:
        step = 1 if missing > 0 else -1
        movable = [index for index, count in enumerate(counts) if count + step >= 1]
        counts[max(movable, key=lambda index: step * (exact[index] - counts[index]))] += step
    return counts


def log_prior(classes: Sequence[int], count: int) -> Tensor:
    """Return log shares of `count` classes when those of a set are drawn equally; see `ABSENT`; shape (K,)."""
    present = set(classes) & set(range(count)) or set(range(count))
    weights_K = torch.tensor([1.0 if label in present else ABSENT for label in range(count)])
    return (weights_K / weights_K.sum()).log()


def _by_class(each: FaceSet, soft_NK: Tensor) -> list[npt.NDArray[np.int64]]:
    """Return the positions of each class's pictures; without labels, the teacher's likeliest class counts."""
    class_N = torch.where(each.targets_N >= 0, each.targets_N, soft_NK.argmax(1)).numpy()
    return [np.flatnonzero(class_N == label) for label in np.unique(class_N)]
