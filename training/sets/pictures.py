"""Reading the pictures of sets: gray squares of 64 px. Shape letters: N pictures, H, W."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.errors import DataError

Gray = npt.NDArray[np.uint8]

SIDE_PX = 64
"""Side to which pictures are resampled."""

SMALLEST_PX = 40
"""Smallest side of a box that is cropped: less shows no expression."""

SURROUNDINGS = 1.25
"""Side of a crop beside the longer side of its box: training then shifts and shrinks without inventing pixels."""


def read_gray(file: Path) -> Gray:
    """Read a picture as gray, uint8, shape (H, W).

    Raises:
        DataError: If it is not a picture.
    """
    picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise DataError(f"{file} is not a picture that can be read.")
    return np.asarray(picture, dtype=np.uint8)


def read_square(file: Path) -> Gray:
    """Read a square picture as gray, uint8, 64 px a side.

    Raises:
        DataError: If it is not a picture, or not square.
    """
    picture = read_gray(file)
    height, width = picture.shape
    if height != width:
        raise DataError(f"{file} is {width}x{height}: faces must be cropped to squares.")
    return resample(picture)


def resample(picture: npt.NDArray[Any]) -> Gray:
    """Bring a gray picture to 64 px a side, without aliasing."""
    if picture.shape == (SIDE_PX, SIDE_PX):
        return np.asarray(picture, dtype=np.uint8)
    how = cv2.INTER_AREA if min(picture.shape) > SIDE_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=how), dtype=np.uint8)


def read_boxes(folder: Path, part: str, limit: int | None = None) -> list[tuple[str, Gray]]:
    """Crop the faces of a set in YOLO format whose boxes measure at least 40 px.

    Args:
        folder: With `images/<part>/` and `labels/<part>/`.
        part: `train` or `val`.
        limit: For rehearsals: of so many pictures.

    Returns:
        For each face a name, which is the file and the box's line, and the crop, with surroundings.

    Raises:
        DataError: If a picture or a line of a label file cannot be read.
    """
    faces: list[tuple[str, Gray]] = []
    for file in sorted((folder / "images" / part).glob("[!.]*"))[:limit]:
        lines = folder / "labels" / part / f"{file.stem}.txt"
        boxes = _read_lines(lines) if lines.is_file() else []
        if not boxes:
            continue
        picture = read_gray(file)
        height, width = picture.shape
        for number, (x, y, box_width, box_height) in enumerate(boxes):
            if min(box_width * width, box_height * height) >= SMALLEST_PX:
                side = SURROUNDINGS * max(box_width * width, box_height * height)
                faces.append((f"{file.name} {number}", crop(picture, x * width, y * height, side)))
    return faces


def crop(picture: Gray, centre_x: float, centre_y: float, side: float) -> Gray:
    """Cut a square around a point, in pixels, and bring it to 64 px; beyond the edge the border repeats."""
    whole = max(1, round(side))
    left, top = round(centre_x - side / 2), round(centre_y - side / 2)
    rows = np.clip(np.arange(top, top + whole), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(left, left + whole), 0, picture.shape[1] - 1)
    return resample(picture[rows[:, None], columns])


def read_textures(root: Path, pattern: str) -> Gray:
    """Read pictures without faces, squeezed to squares: uint8, shape (N, 64, 64); N is 0 without a pattern.

    Raises:
        DataError: If the pattern finds none, or one of them is not a picture.
    """
    files = sorted(root.glob(pattern)) if pattern else []
    if pattern and not files:
        raise DataError(f"No pictures without faces at {root / pattern}.")
    empty = np.zeros((0, SIDE_PX, SIDE_PX), np.uint8)
    return np.concatenate([empty, *(resample(read_gray(file))[None] for file in files)])


def _read_lines(path: Path) -> list[tuple[float, float, float, float]]:
    """Return centre x, centre y, width, height of each box, as shares of the picture."""
    boxes: list[tuple[float, float, float, float]] = []
    for line in path.read_text().splitlines():
        try:
            _, x, y, width, height = (float(value) for value in line.split())
        except ValueError as error:
            raise DataError(f"{path}: {line!r} is not a class and a box.") from error
        boxes.append((x, y, width, height))
    return boxes
