"""The pictures and labels of sets, in memory. Shape letters: N pictures, C channels (one, gray), H, W, K classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.manifest import LABELS
from training.emotion.data import TEST_SPLIT, TRAINING_SPLIT, VALIDATION_SPLIT, load_fer2013
from training.emotion.targets import soft_targets
from training.errors import DataError, RunError
from training.gender.utkface import utkface_files
from training.sets.pictures import Gray, read_boxes, read_square
from training.sets.plan import RunPlan, SetPlan

T = TypeVar("T")
Part = Literal["train", "val", "test"]

FERPLUS_WEIGHT = 0.35
UNKNOWN = -1
FER2013_PARTS: dict[Part, str] = {"train": TRAINING_SPLIT, "val": VALIDATION_SPLIT, "test": TEST_SPLIT}


@dataclass(frozen=True)
class FaceSet:
    """One part of one set, in memory.

    Attributes:
        plan: Its description.
        images_NHW: uint8 gray, 64 px or, for FER2013, 48 px a side.
        targets_N: int64 positions in the run's labels; -1 for faces without a label.
        labels_NK: The labels as probabilities; for FER2013 blended with FER+'s votes; zeros without a label.
        names: What to call each picture in a message.
    """

    plan: SetPlan
    images_NHW: Gray
    targets_N: Tensor
    labels_NK: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images_NHW)

    def spread(self, count: int) -> "FaceSet":
        """Return at most so many pictures, spread evenly."""
        at = np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)
        names = tuple(self.names[index] for index in at)
        return FaceSet(self.plan, self.images_NHW[at], self.targets_N[at], self.labels_NK[at], names)

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels that occur, as positions; (-1,) for a set without labels."""
        return tuple(int(label) for label in self.targets_N.unique())

    @property
    def digest(self) -> str:
        """Hex digest of pictures and labels, in order."""
        return sha256(self.images_NHW.tobytes() + self.targets_N.numpy().tobytes()).hexdigest()


def load_set(each: SetPlan, plan: RunPlan, root: Path, part: Part, limit: int | None = None) -> FaceSet:
    """Read one part of a set; FER2013's val is PublicTest, its test PrivateTest.

    Args:
        each: What to read.
        plan: Whose labels.
        root: The folder of all data.
        part: `train`, `val` or `test`, which few sets have.
        limit: For rehearsals: so many pictures, spread over the set.

    Raises:
        DataError: If the part is missing or empty, or a file is not a picture as the form asks for.
    """
    folder = root / each.path
    if each.form == "fer2013":
        return _load_fer2013(each, plan.labels, folder, part, limit)
    if each.form == "boxes":
        found = [(name, face, UNKNOWN) for name, face in read_boxes(folder, part, limit)]
    else:
        files = spread(list_files(each, plan, folder / part), limit)
        found = [(str(file.relative_to(folder / part)), read_square(file), label) for file, label in files]
    if not found:
        named = f" in folders named {', '.join(plan.labels)}" if each.form == "folders" else ""
        raise DataError(f"Set {each.name}: no faces in {folder}, part {part}{named}.")
    targets_N = torch.tensor([label for _, _, label in found])
    labels_NK = F.one_hot(targets_N.clamp(min=0), len(plan.labels)).float() * (targets_N >= 0)[:, None]
    return FaceSet(each, np.stack([face for _, face, _ in found]), targets_N, labels_NK, tuple(row[0] for row in found))


def load_parts(
    plan: RunPlan, root: Path, part: Part, limit: int | None = None, all_sets: bool = False
) -> list[FaceSet]:
    """Read one part of the sets with labels, or of all."""
    return [load_set(each, plan, root, part, limit) for each in (plan.sets if all_sets else plan.labelled)]


def _load_fer2013(each: SetPlan, labels: Sequence[str], folder: Path, part: Part, limit: int | None) -> FaceSet:
    if tuple(labels) != LABELS:
        raise RunError(f"Set {each.name}: FER2013 has the labels {', '.join(LABELS)}, in this order.")
    usage = FER2013_PARTS[part]
    split = load_fer2013(folder, (usage,), limit)[usage]
    names = tuple(f"{usage} {number}" for number in range(len(split)))
    labels_NK = soft_targets(split, FERPLUS_WEIGHT)
    return FaceSet(each, split.images_BCHW[:, 0].numpy(), split.targets_B, labels_NK, names)


def _in_class_folders(folder: Path, labels: Sequence[str]) -> list[tuple[Path, int]]:
    return [(file, k) for k, label in enumerate(labels) for file in sorted((folder / label).glob("[!.]*"))]


def _in_one_folder(folder: Path, _labels: Sequence[str]) -> list[tuple[Path, int]]:
    return [(file, UNKNOWN) for file in sorted(folder.glob("[!.]*"))]


_FILES: dict[str, Callable[[Path, Sequence[str]], list[tuple[Path, int]]]] = {
    "folders": _in_class_folders,
    "utkface": utkface_files,
    "pictures": _in_one_folder,
}


def list_files(each: SetPlan, plan: RunPlan, folder: Path) -> list[tuple[Path, int]]:
    """Return a part's files, one face each, with the position of their label, or -1.

    Raises:
        RunError: If the set's form has no such files.
    """
    if each.form not in _FILES:
        raise RunError(f"Set {each.name}: the form {each.form} has no files of one face each.")
    return _FILES[each.form](folder, plan.labels)


def spread(files: list[T], limit: int | None) -> list[T]:
    """Return `limit` of them, spread evenly."""
    if limit is None or limit >= len(files):
        return files
    return [files[at] for at in np.linspace(0, len(files) - 1, limit).astype(int)]
