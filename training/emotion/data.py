"""FER2013 in the two forms in which it circulates, and the FER+ votes beside it.

The splits are the challenge's own: Training, PublicTest (validation) and PrivateTest (test).
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.manifest import INPUT_SIZE_PX, LABELS
from app.weights import sha256_of
from training.errors import DataError

TRAINING_SPLIT, VALIDATION_SPLIT, TEST_SPLIT = "Training", "PublicTest", "PrivateTest"
USAGES: tuple[str, ...] = (TRAINING_SPLIT, VALIDATION_SPLIT, TEST_SPLIT)

CSV_CLASSES: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Meaning of the numbers 0..6 in the `emotion` column, from the challenge's data page."""

FERPLUS_COLUMNS: dict[str, str] = {
    "angry": "anger",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}
"""The FER+ column for each of our labels (Barsoum et al. 2016, arXiv:1608.01041)."""

FERPLUS_VOTES: tuple[str, ...] = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""All vote columns, ten annotators together; NF: no face."""


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


@dataclass(frozen=True)
class _Votes:
    """FER+ data of one picture: votes for our labels, and the position of the majority, or -1."""

    counts: tuple[float, ...] = (0.0,) * len(LABELS)
    majority: int = -1


@dataclass(frozen=True)
class _Row:
    usage: str
    label: str
    pixels: np.ndarray
    votes: _Votes


def load_fer2013(path: Path, usages: tuple[str, ...] = USAGES, limit: int | None = None) -> dict[str, EmotionSplit]:
    """Read FER2013 and keep the five classes.

    Args:
        path: The official `fer2013.csv` or its folder, or a folder with `train/<class>/*` and `test/<class>/*` under
            the challenge's file names (`Training_*`, `PublicTest_*`, `PrivateTest_*`). FER+ votes come from its own
            `fer2013new.csv` beside the csv, row for row, or from a `ferplus.csv` in the folder, which has a column
            `path` and the vote columns of FER+.
        usages: The splits to read.
        limit: For rehearsals: keep this many pictures of each split; None keeps all.

    Returns:
        A split for each usage.

    Raises:
        DataError: If there is no such data, a split is empty, or the votes belong to other pictures.
    """
    table = path / "fer2013.csv" if path.is_dir() else path
    try:
        if table.is_file():
            rows = _read_csv(table, usages)
        elif path.is_dir():
            rows = _read_folder(path, usages)
        else:
            raise DataError(f"No FER2013 at {path}: give fer2013.csv or the folder with train/ and test/.")
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: the table is not CSV in UTF-8 ({error}). Is it packed still?") from error
    splits = {usage: _stack([row for row in rows if row.usage == usage]) for usage in usages}
    for usage, split in splits.items():
        if len(split) == 0:
            raise DataError(f"FER2013 at {path} holds no {usage} pictures of {', '.join(LABELS)}.")
    return splits if limit is None else {usage: split.head(limit) for usage, split in splits.items()}


def _read_csv(path: Path, usages: tuple[str, ...]) -> list[_Row]:
    ferplus = path.with_name("fer2013new.csv")
    votes = _read_votes_in_order(ferplus) if ferplus.is_file() else None
    rows: list[_Row] = []
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if not {"emotion", "pixels", "Usage"} <= set(reader.fieldnames or ()):
            raise DataError(f"{path} is not fer2013.csv: its columns must be emotion, pixels and Usage.")
        for record in reader:
            usage, row_votes = record["Usage"], _Votes()
            if votes is not None:
                voted_usage, row_votes = next(votes, ("no", row_votes))
                if voted_usage != usage:
                    ours = usage or "one without Usage"
                    raise DataError(
                        f"{path}, line {reader.line_num}: {ferplus.name} has {voted_usage} picture there, not {ours}."
                    )
            try:
                label = dict(enumerate(CSV_CLASSES))[int(record["emotion"])]
                pixels = np.array(record["pixels"].split(), dtype=np.uint8)
            except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
                raise DataError(f"{path}, line {reader.line_num}: not an emotion 0..6 and pixels 0..255.") from error
            if usage not in USAGES:
                found, known = f"Usage {usage!r}" if usage else "no Usage", f"{', '.join(USAGES[:-1])} or {USAGES[-1]}"
                raise DataError(f"{path}, line {reader.line_num}: {found}; expected {known}.")
            if label not in LABELS or usage not in usages:
                continue
            if pixels.size != INPUT_SIZE_PX**2:
                raise DataError(f"{path}, line {reader.line_num}: {pixels.size} pixels, not {INPUT_SIZE_PX**2}.")
            square = pixels.reshape(INPUT_SIZE_PX, INPUT_SIZE_PX)
            rows.append(_Row(usage, label, square, row_votes))
    if votes is not None and next(votes, None) is not None:
        raise DataError(f"{ferplus} has more pictures than {path}: they are not of the same set.")
    return rows


def _read_folder(path: Path, usages: tuple[str, ...]) -> list[_Row]:
    votes = _read_ferplus(path / "ferplus.csv")
    rows: list[_Row] = []
    for folder in ("train", "test"):
        for label in LABELS:
            for file in sorted((path / folder / label).glob("[!.]*")):
                usage = file.name.split("_")[0]
                if usage not in USAGES:
                    raise DataError(f"{file} does not say its split: names begin with {', '.join(USAGES)}.")
                if usage not in usages:
                    continue
                pixels = _read_gray(file)
                key = file.relative_to(path).as_posix()
                rows.append(_Row(usage, label, pixels, votes.get(key, _Votes())))
    return rows


def _read_gray(file: Path) -> np.ndarray:
    """Return uint8 (48, 48)."""
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("L"))
    except OSError as error:
        raise DataError(f"{file} is not a picture that can be read.") from error
    if pixels.shape != (INPUT_SIZE_PX, INPUT_SIZE_PX):
        raise DataError(f"{file} is {pixels.shape[1]}x{pixels.shape[0]}, not {INPUT_SIZE_PX}x{INPUT_SIZE_PX}.")
    return pixels


def _read_ferplus(path: Path) -> dict[str, _Votes]:
    """Return the votes by picture path; none if the file is missing."""
    if not path.is_file():
        return {}
    return {record["path"]: _votes(record, path) for record in _records(path, ("path", *FERPLUS_VOTES))}


def _read_votes_in_order(path: Path) -> Iterator[tuple[str, _Votes]]:
    """Yield usage and votes of each picture, in the order of fer2013.csv."""
    for record in _records(path, ("Usage", *FERPLUS_VOTES)):
        yield record["Usage"], _votes(record, path)


def _records(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise DataError(f"{path} is not a table of FER+ votes: it has no column {', '.join(missing)}.")
        yield from reader


def _votes(record: dict[str, str], path: Path) -> _Votes:
    try:
        counts = {name: float(record[name]) for name in FERPLUS_VOTES}
    except (TypeError, ValueError) as error:  # TypeError: a line with too few values
        raise DataError(f"{path}: {record} does not hold a number of votes in every column.") from error
    winners = [name for name, count in counts.items() if count == max(counts.values())]
    columns = list(FERPLUS_COLUMNS.values())
    majority = columns.index(winners[0]) if len(winners) == 1 and winners[0] in columns else -1
    return _Votes(tuple(counts[FERPLUS_COLUMNS[label]] for label in LABELS), majority)


def _stack(rows: list[_Row]) -> EmotionSplit:
    side = INPUT_SIZE_PX
    images = np.stack([row.pixels for row in rows]) if rows else np.zeros((0, side, side), np.uint8)
    return EmotionSplit(
        images_BCHW=torch.from_numpy(images).unsqueeze(1),
        targets_B=torch.tensor([LABELS.index(row.label) for row in rows], dtype=torch.int64),
        votes_BK=torch.tensor([row.votes.counts for row in rows], dtype=torch.float32).reshape(-1, len(LABELS)),
        majority_B=torch.tensor([row.votes.majority for row in rows], dtype=torch.int64),
    )
