"""From names to bytes, in order; archives stay open while their pictures are read."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path

from app.batch.archives import members
from app.batch.sources import Name
from app.batch.stores import Stores, is_address
from app.errors import BadPayload
from app.looking import read_bounded

Read = Callable[[], bytes]
"""Returns a picture's bytes, or raises what is wrong with it."""


def payloads(names: Iterable[Name], max_bytes: int) -> Iterator[tuple[Name, Read]]:
    """Yield each name with a function that reads it, once, in any thread.

    Files and objects are read when that is called; what lies in an archive has been read by then, since an archive has
    one reader.

    Args:
        names: In the order in which they were frozen.
        max_bytes: Largest picture.
    """
    stores = Stores()
    for archive, inside in groupby(names, key=lambda name: None if name.at is None else name.path):
        if archive is None:
            yield from ((name, partial(_read, stores, name.path, max_bytes)) for name in inside)
        else:
            yield from _in_archive(Path(archive), inside, max_bytes)


def _read(stores: Stores, path: str, max_bytes: int) -> bytes:
    return stores.read(path, max_bytes) if is_address(path) else read_file(Path(path), max_bytes)


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a plain file.

    Raises:
        PayloadTooLarge: If it has more than `max_bytes`.
        OSError: If it cannot be read or is something else, such as a pipe, which nobody may ever write to.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # raises why it could not be listed
    if not stat.S_ISREG(mode):
        raise OSError(0, "is not a plain file")
    return read_bounded(path, max_bytes)


def _in_archive(path: Path, names: Iterable[Name], max_bytes: int) -> Iterator[tuple[Name, Read]]:
    inside = members(path, max_bytes)
    for name in names:
        found = next((each for each in inside if each.at >= (name.at or 0)), None)
        if found is None or (found.at, found.name) != (name.at, name.member):
            yield name, partial(_refuse, BadPayload("The archive has changed, or is damaged before this picture."))
            continue
        try:
            payload = found.read()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this picture's row
            yield name, partial(_refuse, error)
        else:
            yield name, partial(bytes, payload)


def _refuse(error: Exception) -> bytes:
    raise error
