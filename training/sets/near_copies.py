"""Near copies across train and val: the same photo in another crop, size or compression.

Shape letters: N train pictures, M val pictures, D values of a vector.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from training.errors import RunError
from training.files import read_json, write_json
from training.sets.loading import FaceSet
from training.sets.pictures import Gray

INNER = 0.6
"""Share of the side around the centre that is compared: the face without hair and surroundings."""

DETAIL_PX = 16
THRESHOLD = 0.94
"""Correlation from which two inner faces are taken for one photo: by eye, all but a few are above it, and below 0.92
every second pair is of two photos."""

CHUNK = 2048


@dataclass(frozen=True)
class NearCopy:
    """One pair: their sets, the names of the pictures, and their correlation, -1..1."""

    train_set: str
    train: str
    val_set: str
    val: str
    correlation: float

    def __str__(self) -> str:
        return f"{self.correlation:.3f}: {self.train_set} train {self.train}, {self.val_set} val {self.val}"


def near_copies(train: Sequence[FaceSet], val: Sequence[FaceSet], threshold: float = THRESHOLD) -> list[NearCopy]:
    """Compare every val picture with every train picture, of all sets, also mirrored.

    Args:
        train: The sets' train parts.
        val: The sets' val parts.
        threshold: Lowest correlation.

    Returns:
        For each val picture that has one its closest near copy, the closest pair first.
    """
    seen_ND = np.concatenate([inner_faces(each) for each in train])
    names = [(each.plan.name, name) for each in train for name in each.names]
    pairs: list[NearCopy] = []
    for each in val:
        faces_MD, mirrored_MD = inner_faces(each), inner_faces(each, mirror=True)
        for start in range(0, len(each), CHUNK):
            ours = slice(start, start + CHUNK)
            best_M, where_M = _closest(seen_ND, faces_MD[ours], mirrored_MD[ours])
            for row in np.flatnonzero(best_M >= threshold):
                seen = names[int(where_M[row])]
                pairs.append(NearCopy(*seen, each.plan.name, each.names[start + row], float(best_M[row])))
    return sorted(pairs, key=lambda pair: -pair.correlation)


def summary(pairs: Sequence[NearCopy]) -> list[str]:
    """Return a line for each pair of sets that share photos, the most first."""
    counts = Counter((pair.val_set, pair.train_set) for pair in pairs)
    return [f"{count} of {val}'s val also in {train}'s train" for (val, train), count in counts.most_common()]


def write_near_copies(pairs: Sequence[NearCopy], path: Path) -> None:
    """Write the pairs as JSON."""
    write_json({"pairs": [asdict(pair) for pair in pairs]}, path)


def read_left_out(path: Path) -> set[tuple[str, str]]:
    """Return set and name of every train picture that the pairs in a file name.

    Raises:
        RunError: If the file holds no pairs.
    """
    try:
        return {(pair["train_set"], pair["train"]) for pair in read_json(path)["pairs"]}
    except (KeyError, TypeError) as error:
        raise RunError(f"{path} does not hold the pairs that `sets check --out` writes.") from error


def without(each: FaceSet, left_out: set[tuple[str, str]]) -> FaceSet:
    """Return a train part without some pictures."""
    kept = [at for at, name in enumerate(each.names) if (each.plan.name, name) not in left_out]
    if len(kept) == len(each):
        return each
    index = torch.tensor(kept)
    return replace(
        each,
        images_NHW=each.images_NHW[kept],
        targets_N=each.targets_N[index],
        labels_NK=each.labels_NK[index],
        names=tuple(each.names[at] for at in kept),
    )


def inner_faces(each: FaceSet, mirror: bool = False) -> npt.NDArray[np.float32]:
    """Return each picture's inner face as a vector of mean 0 and length 1, so that products are correlations."""
    vectors_ND = np.stack([_vector(picture, each.plan.zoom, mirror) for picture in each.images_NHW])
    vectors_ND -= vectors_ND.mean(1, keepdims=True)
    lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / np.maximum(lengths_N1, 1e-6), dtype=np.float32)


def _vector(picture: Gray, zoom: float, mirror: bool) -> npt.NDArray[np.float32]:
    side = picture.shape[0]
    half = max(1.0, side * INNER / zoom / 2)
    low, high = round(side / 2 - half), round(side / 2 + half)
    inner = picture[max(0, low) : high, max(0, low) : high]
    small = cv2.resize(inner[:, ::-1] if mirror else inner, (DETAIL_PX, DETAIL_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32).ravel()


def _closest(
    seen_ND: npt.NDArray[np.float32], *views_MD: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return for each row the highest correlation with any seen face, in any view, and where."""
    count = len(views_MD[0])
    best_M, where_M = np.full(count, -1, np.float32), np.zeros(count, np.int64)
    for start in range(0, len(seen_ND), CHUNK):
        for view_MD in views_MD:
            products_MN = view_MD @ seen_ND[start : start + CHUNK].T
            at_M = products_MN.argmax(1)
            highest_M = products_MN[np.arange(count), at_M]
            better_M = highest_M > best_M
            best_M[better_M], where_M[better_M] = highest_M[better_M], at_M[better_M] + start
    return best_M, where_M
