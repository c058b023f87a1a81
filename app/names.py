"""Which pictures the user means by files and folders."""

import os
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


def is_picture(name: str) -> bool:
    """Whether a file in a folder or archive counts as a picture, by its name."""
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - names in archives are no paths here


def shown(name: str) -> str:
    """Return a name that can be written as UTF-8: what is not text in it stands as hexadecimal."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _in_folder(folder: Path, recursive: bool) -> Iterator[Path]:
    try:
        inside = [(folder, iter(_listed(folder, recursive)))]
    except OSError:
        yield folder
        return
    while inside:
        parent, names = inside[-1]
        name = next(names, None)
        if name is None:
            inside.pop()
            continue
        path = parent / name
        if not name.endswith(os.sep):
            yield path
            continue
        try:
            inside.append((path, iter(_listed(path, recursive))))
        except OSError:
            yield path


def _listed(folder: Path, folders: bool) -> list[str]:
    """Return the names of pictures in a folder, and of the folders, which end in a separator, sorted together."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_folder(entry):
                if folders and not entry.is_symlink():
                    names.append(entry.name + os.sep)
            elif is_picture(entry.name):
                names.append(entry.name)
    return sorted(names, key=lambda name: name.removesuffix(os.sep))


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
