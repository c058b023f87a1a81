"""The detector's data set: YOLO format with one class, `face`."""

import hashlib
import math
from pathlib import Path

import numpy as np
import yaml
from ultralytics.data import utils as ultralytics_data
from ultralytics.data.utils import IMG_FORMATS

from training.errors import DataError

SPLITS: tuple[str, ...] = ("train", "val")
LABELS: tuple[str, ...] = ("face",)


def check_data(data_dir: Path, splits: tuple[str, ...] = SPLITS) -> None:
    """Check the folder before ultralytics reads it, to say clearly what is wrong.

    Args:
        data_dir: Contains images/<split>/* and labels/<split>/*.txt; a label file has a line `0 cx cy w h` per face, as
            shares of the picture's sides; a picture without faces may lack the file.
        splits: The splits that are needed.

    Raises:
        DataError: If a folder is missing or empty, no label file belongs to a picture, or a line is not of that form.
    """
    if not data_dir.is_dir():
        raise DataError(f"No data set at {data_dir}: give the folder with images/ and labels/.")
    for split in splits:
        images, labels = data_dir / "images" / split, data_dir / "labels" / split
        if not images.is_dir():
            raise DataError(f"{data_dir} is not in YOLO format: {images} is missing.")
        if not split_pictures(data_dir, split):
            raise DataError(f"{images} holds no pictures.")
        files = sorted(labels.glob("*.txt"))
        if not files:
            raise DataError(f"{data_dir} is not in YOLO format: {labels} holds no label files.")
        if not {file.stem for file in files} & {picture.stem for picture in split_pictures(data_dir, split)}:
            raise DataError(f"No label file in {labels} is named as a picture in {images}, such as 1.txt for 1.jpg.")
        for file in files:
            _check_labels(file)


def _check_labels(file: Path) -> None:
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
        if line.strip() and not _is_face(line.split()):
            raise DataError(f"{file}, line {number}: {line!r} is not `0 cx cy w h` with shares of 0 to 1.")


def _is_face(fields: list[str]) -> bool:
    try:
        values = [float(field) for field in fields]
    except ValueError:
        return False
    return len(values) == 5 and values[0] == 0 and all(math.isfinite(v) and 0 <= v <= 1 for v in values[1:])


def split_pictures(data_dir: Path, split: str) -> list[Path]:
    """Return the split's picture files, sorted by name."""
    return picture_files(data_dir / "images" / split)


def picture_files(folder: Path) -> list[Path]:
    """Return a folder's picture files, sorted by name.

    Raises:
        DataError: If there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"No folder {folder}: give one with pictures.")
    return sorted(file for file in folder.iterdir() if file.suffix[1:].lower() in IMG_FORMATS)


def data_sha256(data_dir: Path, splits: tuple[str, ...] = SPLITS) -> str:
    """Return a hex digest of the names, contents and labels of all pictures in the splits; reads all files."""
    digest = hashlib.sha256()
    for split in splits:
        for picture in split_pictures(data_dir, split):
            labels = data_dir / "labels" / split / f"{picture.stem}.txt"
            digest.update(f"{split}/{picture.name}".encode())
            for content in (picture.read_bytes(), labels.read_bytes() if labels.is_file() else b""):
                digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def read_faces(
    data_dir: Path, split: str, stem: str, width: int, height: int
) -> list[tuple[float, float, float, float]]:
    """Return a picture's labelled faces as left, top, width and height in its pixels; none if it has no label file."""
    path = data_dir / "labels" / split / f"{stem}.txt"
    if not path.is_file():
        return []
    shares = np.array([line.split() for line in path.read_text().splitlines() if line.strip()], float).reshape(-1, 5)
    centre_x, centre_y, wide, high = (shares[:, 1:] * [width, height, width, height]).T
    return [tuple(row) for row in np.stack([centre_x - wide / 2, centre_y - high / 2, wide, high], axis=1).tolist()]


def write_data_yaml(data_dir: Path, run_dir: Path) -> Path:
    """Write the data set's description with an absolute path, which ultralytics needs."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / "data.yaml"
    description = {
        "path": str(data_dir.resolve()),
        "train": "images/train",
        "val": "images/val",
        "names": dict(enumerate(LABELS)),
    }
    path.write_text(yaml.safe_dump(description))
    return path


def skip_font_download() -> None:
    """Keep ultralytics from downloading a font when it reads a data set; only its plots, which are off, need it."""
    ultralytics_data.check_font = lambda *_: None
