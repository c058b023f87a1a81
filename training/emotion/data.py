"""FER2013 as tensors, with the FER+ votes.

The splits are the challenge's own: Training, PublicTest (validation) and PrivateTest (test).
"""

import csv
import logging
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from app.manifest import INPUT_SIZE_PX, LABELS
from app.weights import sha256_of
from training.emotion.fer2013 import (
    TEST_SPLIT,
    TRAINING_SPLIT,
    USAGES,
    VALIDATION_SPLIT,
    Row,
    find_form,
    read_folder,
    read_table,
)
from training.errors import DataError

__all__ = ["TEST_SPLIT", "TRAINING_SPLIT", "USAGES", "VALIDATION_SPLIT", "EmotionSplit", "load_fer2013"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmotionSplit:
    """One split of the five-class FER2013.

    Attributes:
        images_BCHW: uint8 gray, shape (N, 1, 48, 48).
        targets_B: int64 positions in `LABELS`, shape (N,).
        votes_BK: float FER+ votes for `LABELS`, shape (N, 5); a row of zeros if FER+ has no vote for any of the five.
        majority_B: int64 position of the FER+ majority among all ten columns; -1 if it is none of the five, a tie, or
            unknown.
    """

    images_BCHW: Tensor
    targets_B: Tensor
    votes_BK: Tensor
    majority_B: Tensor

    def __len__(self) -> int:
        return len(self.targets_B)

    def head(self, count: int) -> "EmotionSplit":
        """Return `count` pictures spread evenly over the split; for rehearsals."""
        index = torch.linspace(0, len(self) - 1, min(count, len(self))).long()
        return EmotionSplit(
            self.images_BCHW[index], self.targets_B[index], self.votes_BK[index], self.majority_B[index]
        )

    @property
    def sha256(self) -> str:
        """Hex digest of pictures, labels and votes, in order."""
        return sha256_of(b"".join(each.numpy().tobytes() for each in (self.images_BCHW, self.targets_B, self.votes_BK)))

    def mirrored(self) -> "EmotionSplit":
        """Return the same pictures with left and right exchanged."""
        return replace(self, images_BCHW=self.images_BCHW.flip(-1))


def load_fer2013(path: Path, usages: tuple[str, ...] = USAGES, limit: int | None = None) -> dict[str, EmotionSplit]:
    """Read FER2013 and keep the five classes; what is left out is counted and named in the log.

    Args:
        path: The official `fer2013.csv`, Kaggle's `icml_face_data.csv`, or a folder with `train/<class>/*` and
            `test/<class>/*`; also the folder of any of these, or the one above it. Files under the challenge's names
            (`Training_*`, `PublicTest_*`, `PrivateTest_*`) are of the split that they name, others of their folder's,
            if there is a `val/`. FER+ votes come from its own `fer2013new.csv` beside the csv, row for row, or from a
            `ferplus.csv` beside `train/`, which has a column `path` and the vote columns of FER+.
        usages: The splits to read.
        limit: For rehearsals: keep this many pictures of each split; None keeps all.

    Returns:
        A split for each usage.

    Raises:
        DataError: If there is no such data, a split is empty, or the votes belong to other pictures.
    """
    rows, left_out = list[Row](), Counter[str]()
    found = find_form(path, left_out)
    if found is None and not path.is_dir():
        raise DataError(f"No FER2013 at {path}: give fer2013.csv or the folder with train/ and test/.")
    if found is not None:
        try:
            rows = list((read_folder if found.is_dir() else read_table)(found, usages, left_out))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path}: the table is not CSV in UTF-8 ({error}). Is it packed still?") from error
    splits = {usage: _stack([row for row in rows if row.usage == usage]) for usage in usages}
    for usage, split in splits.items():
        if len(split) == 0:
            raise DataError(f"FER2013 at {path} holds no {usage} pictures of {', '.join(LABELS)}.")
    if left_out:
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(left_out.items()))
        logger.warning("Left out of FER2013 at %s: %s.", found, told)
    return splits if limit is None else {usage: split.head(limit) for usage, split in splits.items()}


def _stack(rows: list[Row]) -> EmotionSplit:
    side = INPUT_SIZE_PX
    images = np.stack([row.pixels for row in rows]) if rows else np.zeros((0, side, side), np.uint8)
    return EmotionSplit(
        images_BCHW=torch.from_numpy(images).unsqueeze(1),
        targets_B=torch.tensor([LABELS.index(row.label) for row in rows], dtype=torch.int64),
        votes_BK=torch.tensor([row.votes.counts for row in rows], dtype=torch.float32).reshape(-1, len(LABELS)),
        majority_B=torch.tensor([row.votes.majority for row in rows], dtype=torch.int64),
    )
