"""Files that are there whole or not at all, whatever ends the program or the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file under another name beside `path`, and give it that name once it is whole and on the disk.

    Raises:
        OSError: If it cannot be written; then nothing has changed.
    """
    unfinished = path.with_name(f"_{path.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            yield file
            to_disk(file)
        replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def replace(old: Path, new: Path) -> None:
    """Rename a file that is on the disk, and have the new name there, too."""
    old.replace(new)
    folder = os.open(new.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def to_disk(file: IO[bytes]) -> None:
    """Wait until what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())
