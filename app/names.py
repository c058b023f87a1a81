"""Which pictures the user means by files and folders."""

from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".gif",
        ".avif",
        ".heic",
        ".heif",
        ".jxl",
    ]
)
"""What counts as a picture in a folder; a file that is named itself is looked at whatever its name."""


def missing(paths: Sequence[Path]) -> list[Path]:
    """Return those that are not there."""
    return [path for path in paths if not path.exists()]


def pictures_of(paths: Sequence[Path], recursive: bool) -> Iterator[Path]:
    """Yield the files, and in place of each folder the pictures in it, sorted by name.

    Args:
        paths: Files and folders; what is missing or cannot be listed comes back as it is, so that reading it says why.
        recursive: Folders inside folders, too; links to folders are not followed.
    """
    for path in paths:
        if path.is_dir():
            yield from _in_folder(path, recursive)
        else:
            yield path


def _in_folder(folder: Path, recursive: bool) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        yield folder
        return
    for path in inside:
        if path.is_dir():
            if recursive and not path.is_symlink():
                yield from _in_folder(path, recursive)
        elif path.suffix.lower() in SUFFIXES:
            yield path
