"""FER2013's pictures in the forms in which people have it: one table, or folders of pictures."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from app.manifest import INPUT_SIZE_PX, LABELS
from training.emotion.columns import records
from training.emotion.ferplus import Votes, votes_by_path, votes_in_order
from training.errors import DataError

TRAINING_SPLIT, VALIDATION_SPLIT, TEST_SPLIT = "Training", "PublicTest", "PrivateTest"
USAGES: tuple[str, ...] = (TRAINING_SPLIT, VALIDATION_SPLIT, TEST_SPLIT)

CSV_CLASSES: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Meaning of the numbers 0..6 in the `emotion` column, from the challenge's data page."""

TABLES = ("fer2013.csv", "icml_face_data.csv")
"""As the challenge and as Kaggle name it."""

SPLIT_FOLDERS = {
    "train": TRAINING_SPLIT, "training": TRAINING_SPLIT,
    "val": VALIDATION_SPLIT, "valid": VALIDATION_SPLIT, "validation": VALIDATION_SPLIT, "publictest": VALIDATION_SPLIT,
    "test": TEST_SPLIT, "privatetest": TEST_SPLIT,
}  # fmt: skip
"""Folders in lower case. `test` is the challenge's test split only beside one of validation: else it holds both."""

OF_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")
"""What Windows and macOS leave behind, besides hidden files."""


@dataclass(frozen=True)
class Row:
    """One picture: uint8 gray, shape (48, 48)."""

    usage: str
    label: str
    pixels: np.ndarray
    votes: Votes


def find_form(path: Path, left_out: Counter[str]) -> Path | None:
    """Return the table, or the folder with train/ and test/, at a path or one level below; None if there is neither.

    Args:
        path: Any.
        left_out: Counts what is not read, by what it is.

    Raises:
        DataError: If there are several below.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        return None
    if found := _form_in(path):
        return found
    below = [found for each in _entries(path, left_out) if each.is_dir() and (found := _form_in(each))]
    if len(below) > 1:
        raise DataError(f"{path} holds several FER2013s: give one of {', '.join(map(str, below))}.")
    return below[0] if below else None


def read_table(path: Path, usages: tuple[str, ...], left_out: Counter[str]) -> Iterator[Row]:
    """Yield the pictures of our labels, with the votes of a `fer2013new.csv` beside the table.

    Args:
        path: The table.
        usages: The splits to read.
        left_out: As in `find_form`.

    Raises:
        DataError: If a line is wrong, or the votes belong to other pictures.
    """
    ferplus = path.with_name("fer2013new.csv")
    votes = votes_in_order(ferplus) if ferplus.is_file() else None
    for line, record in records(path, ("emotion", "pixels", "Usage"), "fer2013.csv"):
        usage, row_votes = record["Usage"], Votes()
        if votes is not None:
            voted_usage, row_votes = next(votes, ("no", row_votes))
            if voted_usage != usage:
                ours = usage or "one without Usage"
                raise DataError(f"{path}, line {line}: {ferplus.name} has {voted_usage} picture there, not {ours}.")
        label, pixels = _parsed(record, f"{path}, line {line}")
        if usage not in USAGES:
            found, known = f"Usage {usage!r}" if usage else "no Usage", f"{', '.join(USAGES[:-1])} or {USAGES[-1]}"
            raise DataError(f"{path}, line {line}: {found}; expected {known}.")
        if usage not in usages:
            continue
        if label not in LABELS:
            left_out[label] += 1
            continue
        if pixels.size != INPUT_SIZE_PX**2:
            raise DataError(f"{path}, line {line}: {pixels.size} pixels, not {INPUT_SIZE_PX**2}.")
        yield Row(usage, label, pixels.reshape(INPUT_SIZE_PX, INPUT_SIZE_PX), row_votes)
    if votes is not None and next(votes, None) is not None:
        raise DataError(f"{ferplus} has more pictures than {path}: they are not of the same set.")


def read_folder(path: Path, usages: tuple[str, ...], left_out: Counter[str]) -> Iterator[Row]:
    """Yield the pictures of our labels below train/, perhaps val/, and test/; arguments and errors as `read_table`."""
    votes = votes_by_path(path / "ferplus.csv")
    _entries(path, left_out)
    splits = _split_folders(path)
    with_validation = VALIDATION_SPLIT in splits.values()
    for folder, usual in splits.items():
        for label, file in _pictures(folder, left_out):
            usage = file.name.split("_")[0]
            if usage not in USAGES:
                if not with_validation:
                    raise DataError(
                        f"{file} does not say its split: names begin with {', '.join(USAGES)}, or val/ lies beside "
                        "train/ and test/."
                    )
                usage = usual
            if usage not in usages:
                continue
            if label not in LABELS:
                left_out[label] += 1
                continue
            key = file.relative_to(path).as_posix().casefold()
            yield Row(usage, label, _read_gray(file), votes.get(key, Votes()))


def _form_in(folder: Path) -> Path | None:
    tables = [folder / name for name in TABLES if (folder / name).is_file()]
    return tables[0] if tables else folder if _split_folders(folder) else None


def _split_folders(path: Path) -> dict[Path, str]:
    names = {each: each.name.casefold() for each in _entries(path) if each.is_dir()}
    found = {each: SPLIT_FOLDERS[name] for each, name in names.items() if name in SPLIT_FOLDERS}
    return dict(sorted(found.items(), key=lambda pair: USAGES.index(pair[1])))


def _pictures(split: Path, left_out: Counter[str]) -> Iterator[tuple[str, Path]]:
    folders: list[tuple[int, Path]] = []
    for each in _entries(split, left_out):
        if each.is_dir() and each.name.casefold() in CSV_CLASSES:
            folders.append((CSV_CLASSES.index(each.name.casefold()), each))
        else:
            left_out[f"in {split.name}/{each.name}"] += len(_entries(each)) if each.is_dir() else 1
    for number, folder in sorted(folders):
        yield from ((CSV_CLASSES[number], file) for file in _entries(folder, left_out))


def _entries(folder: Path, left_out: Counter[str] | None = None) -> list[Path]:
    """Return what lies in a folder, sorted, without what systems leave behind."""
    found = sorted(folder.iterdir())
    kept = [each for each in found if not each.name.startswith(".") and each.name.casefold() not in OF_SYSTEMS]
    if left_out is not None:
        left_out.update(each.name for each in found if each not in kept)
    return kept


def _parsed(record: dict[str, str | None], where: str) -> tuple[str, np.ndarray]:
    try:
        label = dict(enumerate(CSV_CLASSES))[int(record["emotion"] or "")]
        pixels = (record["pixels"] or "no pixels").split()
        return label, np.array(pixels, dtype=np.uint8)
    except (ValueError, KeyError, OverflowError) as error:
        raise DataError(f"{where}: not an emotion 0..6 and pixels 0..255.") from error


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
